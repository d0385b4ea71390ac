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

/// The least number of references whose time can be measured.
const LEAST: usize = 1_000;

/// The least number whose memory is more than what the server has in reserve.
const LEAST_MEMORY: usize = 10_000;

/// Calls of one run.
const CALLS: u64 = 500;

pub(crate) async fn measure(runner: &mut Runner, stage: &Stage) -> Result<()> {
    if !runner.wants_any(GROUP, &[PUTS, LATENCY, SERVER, MEMORY, RELEASE]) {
        return Ok(());
    }
    let _state = Cadence::Awake.enter(&stage.cores)?;
    let (mut puts, mut release, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    let (mut latency, mut time) = (Vec::new(), Vec::new());
    for count in decades(runner.plan().pick(1_000_000, 100_000)) {
        let size = count as f64;
        // A server that held more before would not have to grow.
        let data = DataFolder::new()?;
        let server = Server::start(&stage.cores, Place::Server, &data, &FLAGS)?;
        let (session, module) = server.session().await?;
        let square = module.function("square")?;
        let _: i64 = square.value((12,)).await?;
        let before = server.process().resident()?;
        put(&session, count).await?;
        let held = server.process().resident()?.saturating_sub(before);
        if count >= LEAST_MEMORY {
            memory.push((size, held as f64));
        }
        let mut rates = Vec::new();
        for _ in 0..runner.plan().runs() {
            let run = async || {
                for _ in 0..CALLS {
                    let _: i64 = square.value((12,)).await?;
                }
                Ok(CALLS)
            };
            rates.push(Rate::measure(server.process(), run).await?);
        }
        latency.push((size, 1e6 / rate::per_second(&rates)?.median));
        time.push((size, rate::server_micros(&rates)?.median));
        session.close().await?;
        if count >= LEAST {
            let (put, released) = come_and_go(runner, &server, count).await?;
            puts.push((size, put));
            release.push((size, released));
        }
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

/// Keeps so many small values and gives them up again, several times; gives the
/// microseconds that either took.
async fn come_and_go(runner: &Runner, server: &Server, count: usize) -> Result<(f64, f64)> {
    let (mut puts, mut releases) = (Vec::new(), Vec::new());
    for _ in 0..runner.plan().runs() {
        let session = server.client().await?.session().await?;
        let begun = Instant::now();
        let refs = put(&session, count).await?;
        puts.push(micros(begun.elapsed()));
        let begun = Instant::now();
        refs.chunks(caps::REFS_IN_MESSAGE).for_each(|refs| session.release(refs));
        session.flush().await?;
        releases.push(micros(begun.elapsed()));
        session.close().await?;
    }
    Ok((Samples::new(puts)?.median, Samples::new(releases)?.median))
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
