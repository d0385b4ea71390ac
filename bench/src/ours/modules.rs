//! From a module's bytes to its first answer.

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use farside::Session;
use wasmtime::Engine;

use crate::code::unknown_module;
use crate::cores::Place;
use crate::latency::{Cadence, micros};
use crate::plan::Plan;
use crate::row::Spec;
use crate::runner::Runner;
use crate::samples::{Samples, percentile};
use crate::server::{DataFolder, Server};
use crate::stage::Stage;
use crate::target::Target;
use crate::unit::Unit;
use crate::wasm;
use crate::wire::Echo;

const GROUP: &str = "modules";

/// Bytes of the small and of the large module.
const SMALL: usize = 100 << 10;
const LARGE: usize = 5 << 20;

/// What a known module may take beyond a round trip, in microseconds.
const KNOWN: f64 = 100.0;

/// Uploads timed in a run.
const UPLOADS: usize = 20;

pub(crate) async fn measure(runner: &mut Runner, stage: &Stage) -> Result<()> {
    let engine = wasm::engine()?;
    unknown(runner, stage, &engine, "100 KiB", SMALL).await?;
    match runner.plan() {
        Plan::Full => unknown(runner, stage, &engine, "5 MiB", LARGE).await?,
        Plan::Quick => {
            runner.skip("first call of an unknown 5 MiB module", "it takes too long to be quick");
        }
    }
    known(runner, stage, Cadence::Awake).await?;
    known(runner, stage, Cadence::Idle).await?;
    restart(runner, stage).await
}

/// Uploads a module and calls its `square`.
async fn first_call(session: &Session, code: Bytes) -> Result<()> {
    let module = session.uploader(code).send().await?;
    let squared: i64 = module.function("square")?.value((12,)).await?;
    ensure!(squared == 144, "a wrong square: {squared}");
    Ok(())
}

async fn unknown(
    runner: &mut Runner,
    stage: &Stage,
    engine: &Engine,
    size: &str,
    bytes: usize,
) -> Result<()> {
    let spec = Spec::lower(GROUP, format!("first call of an unknown module, {size}"), Unit::Micros)
        .note("upload, validation, compilation on the server's core, instantiation, call")
        .note("beside it wasmtime compiles the like in process, on the client's core");
    runner
        .pair(
            spec,
            async || {
                let session = stage.server.client().await?.session().await?;
                let code = unknown_module(bytes);
                let begun = Instant::now();
                first_call(&session, code).await?;
                Ok(micros(begun.elapsed()))
            },
            "compilation in process",
            async || {
                let code = unknown_module(bytes);
                let begun = Instant::now();
                // Its error is not a standard one.
                wasmtime::Module::new(engine, &code).ok().context("it does not compile")?;
                Ok(micros(begun.elapsed()))
            },
        )
        .await
}

/// The upload of a module that the server has, into a session that has it not.
async fn known(runner: &mut Runner, stage: &Stage, cadence: Cadence) -> Result<()> {
    let _state = cadence.enter(&stage.cores)?;
    let client = stage.server.client().await?;
    let code = unknown_module(SMALL);
    first_call(&client.session().await?, code.clone()).await?;
    let mut echo = Echo::connect(stage.echo.address()).await?;
    let frame = Bytes::from(vec![7; 64]);
    let time = runner.plan().run_time();
    let name = format!("upload of a known 100 KiB module, {}", cadence.name());
    let spec = Spec::lower(GROUP, name, Unit::Micros)
        .target(Target::ratio_at_most(1.0))
        .note(cadence.note())
        .note("a new session each time; the client's hashing of the bytes included");
    runner
        .pair(
            spec,
            async || {
                let mut took = Vec::new();
                for _ in 0..UPLOADS {
                    let session = client.session().await?;
                    cadence.rest().await;
                    let begun = Instant::now();
                    let module = session.uploader(code.clone()).send().await?;
                    took.push(micros(begun.elapsed()));
                    ensure!(module.known(), "bytes were sent");
                    session.close().await?;
                }
                Ok(percentile(&mut took, 0.5))
            },
            "echo's round trip + 100 us",
            async || {
                let trip = cadence.median(time, async || echo.round_trip(&frame).await).await?;
                Ok(trip + KNOWN)
            },
        )
        .await
}

/// The first calls of the examples' modules on a server that was started again.
async fn restart(runner: &mut Runner, stage: &Stage) -> Result<()> {
    let name = "first call after a restart, slowest example";
    if !runner.wants(GROUP, name) {
        return Ok(());
    }
    let data = DataFolder::new()?;
    let mut cold = Vec::new();
    let mut again = Vec::new();
    for _ in 0..runner.plan().runs() {
        let empty = DataFolder::new()?;
        cold.push(slowest_example(stage, &empty).await?);
        slowest_example(stage, &data).await?;
        again.push(slowest_example(stage, &data).await?);
    }
    let spec = Spec::lower(GROUP, name, Unit::Micros)
        .target(Target::at_most(5_000.0))
        .note("upload of the known module, then its first call, in a new session of a new process")
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
    server.stop()?;
    Ok(slowest)
}
