//! The first calls on a server that was started again.

use std::time::Instant;

use anyhow::{Result, ensure};
use bytes::Bytes;

use crate::cores::Place;
use crate::latency::micros;
use crate::row::Spec;
use crate::runner::Runner;
use crate::samples::Samples;
use crate::server::{DataFolder, Server};
use crate::stage::Stage;
use crate::target::Target;
use crate::unit::Unit;

const GROUP: &str = "modules";

/// The first calls of the examples' modules on a server that was started again.
pub(crate) async fn measure(runner: &mut Runner, stage: &Stage) -> Result<()> {
    let name = "first call after a restart, slowest example";
    if !runner.wants(GROUP, name) {
        return Ok(());
    }
    let (mut cold, mut again) = (Vec::new(), Vec::new());
    for _ in 0..runner.plan().runs() {
        let data = DataFolder::new()?;
        cold.push(slowest_example(stage, &data).await?);
        let compiled = data.compiled()?;
        ensure!(!compiled.is_empty(), "no compiled code was kept");
        again.push(slowest_example(stage, &data).await?);
        ensure!(data.compiled()? == compiled, "a module was compiled again");
    }
    let spec = Spec::lower(GROUP, name, Unit::Micros)
        .target(Target::at_most(5_000.0))
        .note("upload of the known module, then its first call, in a new session of a new process")
        .note("nothing is compiled: the files of compiled code stay as they are")
        .note("hello, logbook, mandelbrot, stats and text, one after the other");
    runner.add(spec, Samples::new(again)?, Some(("with an empty data folder", Samples::new(cold)?)))
}

/// Starts a server, calls each example once, and ends it; gives the longest time.
async fn slowest_example(stage: &Stage, data: &DataFolder) -> Result<f64> {
    let server = Server::start(&stage.cores, Place::Server, data, &[])?;
    let session = server.client().await?.session().await?;
    let mut slowest = 0.0_f64;
    for name in ["hello", "logbook", "mandelbrot", "stats", "text"] {
        let code = Bytes::from(std::fs::read(server.guest(name))?);
        let begun = Instant::now();
        let module = session.uploader(code).name(name).send().await?;
        let failed = match name {
            "hello" => module.function("square")?.value::<i64>((12,)).await.err(),
            "logbook" => module.function("add")?.value::<u64>(("set sail",)).await.err(),
            "mandelbrot" => {
                let render = module.call::<farside::Array<u8>>("render", (8, 8, None::<()>));
                render.get().await.err()
            }
            "stats" => module.function("mean")?.value::<f64>(([1.5, 2.5],)).await.err(),
            _ => module.call::<serde_json::Value>("count", ("to be",)).get().await.err(),
        };
        if let Some(error) = failed {
            return Err(error.into());
        }
        slowest = slowest.max(micros(begun.elapsed()));
    }
    session.close().await?;
    // Compiled code may still be on its way to the disk.
    server.process().quiet().await?;
    server.stop()?;
    Ok(slowest)
}
