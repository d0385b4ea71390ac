//! What a call costs, and the memory, as there are more and more sessions.

use std::time::Instant;

use anyhow::Result;

use super::{GROUP, decades};
use crate::crowd::{Crowd, FLAGS};
use crate::growth::{Growth, Pace};
use crate::latency::{Cadence, micros};
use crate::rate::{self, Rate};
use crate::runner::Runner;
use crate::samples::{Samples, percentile};
use crate::stage::Stage;
use crate::unit::Unit;

const LATENCY: &str = "call's round trip with so many sessions, in turns";
const SERVER: &str = "server time of a call with so many sessions, in turns";
const MEMORY: &str = "server's memory for so many sessions";

/// Calls of one run, at least.
const CALLS: usize = 1_000;

pub(crate) async fn measure(runner: &mut Runner, stage: &Stage) -> Result<()> {
    if !runner.wants_any(GROUP, &[LATENCY, SERVER, MEMORY]) {
        return Ok(());
    }
    let _state = Cadence::Awake.enter(&stage.cores)?;
    let mut crowd = Crowd::start(&stage.cores).await?;
    // What the first session brings is no growth.
    crowd.grow(1).await?;
    let empty = crowd.server.process().resident()?;
    let (mut latency, mut server, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    for count in decades(runner.plan().pick(10_000, 1_000)) {
        crowd.grow(count).await?;
        let held = crowd.server.process().resident()?.saturating_sub(empty);
        let size = count as f64;
        if count > 1 {
            memory.push((size, held as f64));
        }
        let (mut rates, mut medians) = (Vec::new(), Vec::new());
        for _ in 0..runner.plan().runs() {
            let mut took = Vec::new();
            let rate = Rate::measure(crowd.server.process(), async || {
                took = in_turns(&crowd).await?;
                Ok(took.len() as u64)
            });
            rates.push(rate.await?);
            medians.push(percentile(&mut took, 0.5));
        }
        latency.push((size, Samples::new(medians)?.median));
        server.push((size, rate::server_micros(&rates)?.median));
    }
    let flags = FLAGS.join(" ");
    let note = format!("one call after the other, each in the next session; {flags}");
    let fit = |name, unit, pace, points| Growth::fit(GROUP, name, "sessions", unit, pace, points);
    runner.add_growth(fit(LATENCY, Unit::Micros, Pace::Constant, latency)?.note(&note));
    runner.add_growth(fit(SERVER, Unit::Micros, Pace::Constant, server)?.note(note));
    let note = format!("VmRSS beyond that with one session; {flags}");
    runner.add_growth(fit(MEMORY, Unit::Bytes, Pace::Linear, memory)?.note(note));
    Ok(())
}

/// Calls in one session after the other; gives the microseconds of each call.
async fn in_turns(crowd: &Crowd) -> Result<Vec<f64>> {
    let members = crowd.members();
    let mut took = Vec::new();
    for member in members.iter().cycle().take(members.len().max(CALLS)) {
        let begun = Instant::now();
        let _: i64 = member.square.value((12,)).await?;
        took.push(micros(begun.elapsed()));
    }
    Ok(took)
}
