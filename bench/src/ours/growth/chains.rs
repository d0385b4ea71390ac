//! What a chain of dependent calls costs as it gets longer.

use std::time::Instant;

use anyhow::Result;

use super::{GROUP, decades};
use crate::cores::Place;
use crate::growth::{Growth, Pace};
use crate::latency::{Cadence, micros};
use crate::ours::sum_of_ones;
use crate::runner::Runner;
use crate::samples::Samples;
use crate::server::{DataFolder, Server};
use crate::stage::Stage;
use crate::unit::Unit;

const TIME: &str = "a chain of so many dependent calls and its value";
const MEMORY: &str = "server's peak for a chain of so many dependent calls";

/// Chains whose peak is far above what the server has in reserve.
const LONG: [usize; 3] = [10_000, 30_000, 100_000];

/// Beyond the defaults of 10,000 calls and 100,000 references, so that the longest chain is
/// never held up.
const FLAGS: [&str; 4] =
    ["--limits-session-pending-calls", "200000", "--limits-session-refs", "200000"];

pub(crate) async fn measure(runner: &mut Runner, stage: &Stage) -> Result<()> {
    if !runner.wants_any(GROUP, &[TIME, MEMORY]) {
        return Ok(());
    }
    let _state = Cadence::Awake.enter(&stage.cores)?;
    let data = DataFolder::new()?;
    let server = Server::start(&stage.cores, Place::Server, &data, &FLAGS)?;
    let (session, module) = server.session().await?;
    sum_of_ones(&module, 1).await?;
    let empty = server.process().resident()?;
    let mut time = Vec::new();
    for length in decades(10_000) {
        let mut runs = Vec::new();
        for _ in 0..runner.plan().runs() {
            let begun = Instant::now();
            sum_of_ones(&module, i64::try_from(length)?).await?;
            runs.push(micros(begun.elapsed()));
        }
        time.push((length as f64, Samples::new(runs)?.median));
    }
    let mut memory = Vec::new();
    for length in LONG {
        server.process().forget_peak()?;
        sum_of_ones(&module, i64::try_from(length)?).await?;
        let peak = server.process().peak()?.saturating_sub(empty);
        memory.push((length as f64, peak as f64));
    }
    let fit = |name, unit, points| Growth::fit(GROUP, name, "calls", unit, Pace::Linear, points);
    runner.add_growth(fit(TIME, Unit::Micros, time)?.note(FLAGS.join(" ")));
    let note = format!("VmHWM beyond VmRSS after the first call; {}", FLAGS.join(" "));
    runner.add_growth(fit(MEMORY, Unit::Bytes, memory)?.note(note));
    session.close().await?;
    Ok(())
}
