//! What a value costs to keep and to fetch, in time and in memory, as it gets larger.

use std::time::Instant;

use anyhow::Result;

use super::GROUP;
use crate::cores::Place;
use crate::growth::{Growth, Pace};
use crate::latency::micros;
use crate::ours::{byte_string, keep};
use crate::runner::Runner;
use crate::samples::Samples;
use crate::server::{DataFolder, Server};
use crate::stage::Stage;
use crate::unit::Unit;

const TIME: &str = "put and get of a value of so many bytes";
const MEMORY: &str = "server's peak for a value of so many bytes";

/// Beyond the defaults, which end at 256 MiB with what is around the bytes.
const FLAGS: [&str; 4] = ["--limits-value-bytes", "512MiB", "--limits-session-kept-bytes", "1GiB"];

/// From here on the peak is that of the value.
const LEAST: usize = 1 << 20;

pub(crate) async fn measure(runner: &mut Runner, stage: &Stage) -> Result<()> {
    if !runner.wants_any(GROUP, &[TIME, MEMORY]) {
        return Ok(());
    }
    let most = runner.plan().pick(256 << 20, 64 << 20);
    let sizes = std::iter::successors(Some(1_usize << 10), |size| Some(size * 4));
    let (mut time, mut memory) = (Vec::new(), Vec::new());
    for bytes in sizes.take_while(|bytes| *bytes <= most) {
        let data = DataFolder::new()?;
        let server = Server::start(&stage.cores, Place::Server, &data, &FLAGS)?;
        let session = server.client().await?.session().await?;
        let value = byte_string(bytes)?;
        server.process().forget_peak()?;
        let empty = server.process().resident()?;
        let mut runs = Vec::new();
        for _ in 0..runner.plan().runs() {
            server.process().quiet().await?;
            let begun = Instant::now();
            let far = keep(&session, &value).await?;
            far.get_raw(None).await?;
            runs.push(micros(begun.elapsed()));
        }
        time.push((bytes as f64, Samples::new(runs)?.median));
        if bytes >= LEAST {
            let peak = server.process().peak()?.saturating_sub(empty);
            memory.push((bytes as f64, (peak as f64).max(1.0)));
        }
        session.close().await?;
    }
    let flags = FLAGS.join(" ");
    let fit = |name, unit, points| {
        let growth = Growth::fit(GROUP, name, "bytes", unit, Pace::Linear, points)?;
        anyhow::Ok(growth.note(&flags))
    };
    runner.add_growth(fit(TIME, Unit::Micros, time)?);
    runner.add_growth(fit(MEMORY, Unit::Bytes, memory)?);
    Ok(())
}
