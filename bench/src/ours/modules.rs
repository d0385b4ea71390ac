//! From a module's bytes to its first answer.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use farside::{ModuleSource, Session};
use wasmtime::Engine;

use super::small::request_size;
use crate::code::unknown_module;
use crate::latency::{Cadence, micros};
use crate::plan::Plan;
use crate::row::Spec;
use crate::runner::Runner;
use crate::samples::{Samples, percentile};
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

/// How long a file has to be as it is before the client trusts that it does not change.
const SETTLED: Duration = Duration::from_secs(4);

/// What is said and promised of a module in a file, and of one that is given as bytes.
const FILE: (&str, Option<Target>) = (
    "a new session each time, opened off the clock; of a file that the client has read before and \
     that did not change, so that it is not hashed again",
    Some(Target::ratio_at_most(1.0)),
);
const BYTES: (&str, Option<Target>) = (
    "a new session each time, opened off the clock; the client's hashing of the bytes included",
    None,
);

/// Uploads timed in a run.
const UPLOADS: usize = 20;

pub(crate) async fn measure(runner: &mut Runner, stage: &Stage) -> Result<()> {
    let engine = wasm::engine()?;
    let folder = tempfile::tempdir()?;
    unknown(runner, stage, &engine, "100 KiB", SMALL).await?;
    every_known(runner, stage, folder.path(), "100 KiB", SMALL).await?;
    if runner.plan() == Plan::Quick {
        runner.skip("modules of 5 MiB", "they take too long to compile for a quick run");
        return Ok(());
    }
    unknown(runner, stage, &engine, "5 MiB", LARGE).await?;
    every_known(runner, stage, folder.path(), "5 MiB", LARGE).await
}

/// A module that the server has, in all ways in which a client may have it.
async fn every_known(
    runner: &mut Runner,
    stage: &Stage,
    folder: &Path,
    size: &str,
    bytes: usize,
) -> Result<()> {
    let from_bytes = format!("{size} of bytes");
    let cases = [(size, Cadence::Idle), (size, Cadence::Awake), (&from_bytes, Cadence::Awake)];
    let wanted = cases.map(|(size, cadence)| {
        let names = names_of_known(size, cadence);
        runner.wants_any(GROUP, &[&names.0, &names.1])
    });
    if wanted == [false; 3] {
        return Ok(());
    }
    let code = unknown_module(bytes);
    let path = folder.join(format!("known-{bytes}.wasm"));
    std::fs::write(&path, &code)?;
    tokio::time::sleep(SETTLED).await;
    for cadence in [Cadence::Idle, Cadence::Awake] {
        known(runner, stage, cadence, size, &path.as_path().into(), FILE).await?;
    }
    known(runner, stage, Cadence::Awake, &from_bytes, &code.into(), BYTES).await
}

/// The names of the two rows of a known module.
fn names_of_known(size: &str, cadence: Cadence) -> (String, String) {
    let of = format!("of a known module, {size}, {}", cadence.name());
    (format!("upload {of}"), format!("first call {of}"))
}

/// Uploads a module and calls its `square`.
async fn first_call(session: &Session, code: impl Into<ModuleSource>) -> Result<()> {
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

/// The upload of a module that the server has, into a session that has it not, and
/// the first call after it.
async fn known(
    runner: &mut Runner,
    stage: &Stage,
    cadence: Cadence,
    size: &str,
    code: &ModuleSource,
    (note, target): (&str, Option<Target>),
) -> Result<()> {
    let (upload, call) = names_of_known(size, cadence);
    if !runner.wants_any(GROUP, &[&upload, &call]) {
        return Ok(());
    }
    let client = stage.server.client().await?;
    first_call(&client.session().await?, code.clone()).await?;
    let session = client.session().await?;
    let frame = request_size(&session, async || {
        session.uploader(code.clone()).send().await?;
        Ok(())
    });
    let frame = frame.await?;
    let mut echo = Echo::connect(stage.echo.address()).await?;
    let time = runner.plan().run_time();
    let _state = cadence.enter(&stage.cores)?;
    let (ours, trips) = runner
        .alternate(
            async || {
                let (mut uploads, mut calls) = (Vec::new(), Vec::new());
                for _ in 0..UPLOADS {
                    let session = client.session().await?;
                    cadence.rest().await;
                    let begun = Instant::now();
                    let module = session.uploader(code.clone()).send().await?;
                    uploads.push(micros(begun.elapsed()));
                    let squared: i64 = module.function("square")?.value((12,)).await?;
                    calls.push(micros(begun.elapsed()));
                    ensure!(module.known() && squared == 144, "bytes were sent, or a wrong square");
                    session.close().await?;
                }
                Ok((percentile(&mut uploads, 0.5), percentile(&mut calls, 0.5)))
            },
            async || cadence.median(time, async || echo.round_trip(&frame).await).await,
        )
        .await?;
    let (uploads, calls): (Vec<_>, Vec<_>) = ours.into_iter().unzip();
    let trips = Samples::new(trips)?;
    let spec = Spec::lower(GROUP, upload, Unit::Micros);
    let spec = match target {
        Some(target) => spec.target(target),
        None => spec,
    };
    let spec = spec
        .note(cadence.note())
        .note(note)
        .note(format!("the echo sends the {} bytes of the request back", frame.len()));
    let allowed = trips.map(|trip| trip + KNOWN)?;
    runner.add(spec, Samples::new(uploads)?, Some(("echo's round trip + 100 us", allowed)))?;
    let spec = Spec::lower(GROUP, call, Unit::Micros)
        .note(cadence.note())
        .note(note)
        .note("upload, instantiation, call and value");
    let trips = trips.map(|trip| 2.0 * trip)?;
    runner.add(spec, Samples::new(calls)?, Some(("2 round trips of the echo", trips)))
}
