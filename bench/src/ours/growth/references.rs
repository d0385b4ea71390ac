//! What a call, a put and a release cost, and the memory, as a session holds more and
//! more references.

use std::time::Instant;

use anyhow::Result;
use farside::{Far, RefId, Session};
use farside_protocol::caps;

use super::{GROUP, decades};
use crate::cores::Place;
use crate::growth::{Growth, Pace};
use crate::latency::{Cadence, micros};
use crate::rate::{self, Rate};
use crate::runner::Runner;
use crate::samples::Samples;
use crate::server::{DataFolder, Server};
use crate::stage::Stage;
use crate::unit::Unit;

const PUTS: &str = "put of so many small values";
const LATENCY: &str = "call's round trip with so many references";
const SERVER: &str = "server time of a call with so many references";
const MEMORY: &str = "server's memory for so many references";
const RELEASE: &str = "release of so many references";

/// Beyond the default of 100,000.
const FLAGS: [&str; 4] =
    ["--limits-session-refs", "2000000", "--limits-session-kept-bytes", "1GiB"];

/// Puts between two waits, so that the client's queue stays short.
const PUTS_AT_ONCE: usize = 10_000;

/// The least number of references whose time and memory can be measured.
const LEAST: usize = 100;

/// Calls of one run.
const CALLS: u64 = 500;

pub(crate) async fn measure(runner: &mut Runner, stage: &Stage) -> Result<()> {
    if ![PUTS, LATENCY, SERVER, MEMORY, RELEASE].iter().any(|name| runner.wants(GROUP, name)) {
        return Ok(());
    }
    let _state = Cadence::Awake.enter(&stage.cores)?;
    let data = DataFolder::new()?;
    let server = Server::start(&stage.cores, Place::Server, &data, &FLAGS)?;
    let (mut puts, mut latency, mut time) = (Vec::new(), Vec::new(), Vec::new());
    let (mut memory, mut release) = (Vec::new(), Vec::new());
    for count in decades(runner.plan().pick(1_000_000, 100_000)) {
        let size = count as f64;
        let (session, module) = server.session().await?;
        let square = module.function("square")?;
        let call = async || {
            let _: i64 = square.value((12,)).await?;
            anyhow::Ok(())
        };
        call().await?;
        let empty = server.process().resident()?;
        let begun = Instant::now();
        let refs = put(&session, count).await?;
        let took = micros(begun.elapsed());
        let held = server.process().resident()?.saturating_sub(empty);

        let (mut rates, mut medians) = (Vec::new(), Vec::new());
        for _ in 0..runner.plan().runs() {
            let run = async || {
                for _ in 0..CALLS {
                    call().await?;
                }
                Ok(CALLS)
            };
            let rate = Rate::measure(server.process(), run).await?;
            medians.push(1e6 / rate.per_second);
            rates.push(rate);
        }
        latency.push((size, Samples::new(medians)?.median));
        time.push((size, rate::server_micros(&rates)?.median));

        let begun = Instant::now();
        refs.chunks(caps::REFS_IN_MESSAGE).for_each(|refs| session.release(refs));
        session.flush().await?;
        if count >= LEAST {
            puts.push((size, took));
            release.push((size, micros(begun.elapsed())));
            memory.push((size, (held as f64).max(1.0)));
        }
        session.close().await?;
    }
    let flags = FLAGS.join(" ");
    let fit = |name, unit, pace, points| {
        let growth = Growth::fit(GROUP, name, "references", unit, pace, points)?;
        anyhow::Ok(growth.note(format!("values of one byte to five; {flags}")))
    };
    runner.add_growth(fit(LATENCY, Unit::Micros, Pace::Constant, latency)?);
    runner.add_growth(fit(SERVER, Unit::Micros, Pace::Constant, time)?);
    runner.add_growth(fit(PUTS, Unit::Micros, Pace::Linear, puts)?);
    runner.add_growth(fit(RELEASE, Unit::Micros, Pace::Linear, release)?);
    runner.add_growth(fit(MEMORY, Unit::Bytes, Pace::Linear, memory)?);
    Ok(())
}

/// Keeps so many small values.
async fn put(session: &Session, count: usize) -> Result<Vec<RefId>> {
    let mut refs = Vec::with_capacity(count);
    while refs.len() < count {
        let room = PUTS_AT_ONCE.min(count - refs.len());
        let begin = refs.len();
        refs.extend((begin..begin + room).map(|number| {
            let far: Far<usize> = session.put(&number);
            far.keep()
        }));
        session.flush().await?;
    }
    Ok(refs)
}
