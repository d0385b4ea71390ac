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

/// Beyond the default of 10,000, so that the longest chain is never held up.
const FLAGS: [&str; 2] = ["--limits-session-pending-calls", "100000"];

pub(crate) async fn measure(runner: &mut Runner, stage: &Stage) -> Result<()> {
    if !runner.wants(GROUP, TIME) {
        return Ok(());
    }
    let _state = Cadence::Awake.enter(&stage.cores)?;
    let data = DataFolder::new()?;
    let server = Server::start(&stage.cores, Place::Server, &data, &FLAGS)?;
    let (session, module) = server.session().await?;
    let mut points = Vec::new();
    for length in decades(10_000) {
        let mut runs = Vec::new();
        for _ in 0..runner.plan().runs() {
            let begun = Instant::now();
            sum_of_ones(&module, i64::try_from(length)?).await?;
            runs.push(micros(begun.elapsed()));
        }
        points.push((length as f64, Samples::new(runs)?.median));
    }
    let growth = Growth::fit(GROUP, TIME, "calls", Unit::Micros, Pace::Linear, points)?;
    runner.add_growth(growth.note(FLAGS.join(" ")));
    session.close().await?;
    Ok(())
}
