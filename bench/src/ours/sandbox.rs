//! What the server spends on a warm and on a fresh call, beside the same function
//! called in this process.

use std::hint::black_box;
use std::time::Instant;

use anyhow::{Result, ensure};
use farside::Function;

use crate::cores::Place;
use crate::latency::micros;
use crate::rate::{self, Rate};
use crate::row::Spec;
use crate::runner::Runner;
use crate::samples::Samples;
use crate::server::{DataFolder, Server};
use crate::stage::Stage;
use crate::target::Target;
use crate::unit::Unit;
use crate::wasm::Wasm;
use crate::wire::{Framing, Lean};

const GROUP: &str = "sandbox";

/// Calls under way at once.
const WINDOW: usize = 512;

pub(crate) async fn measure(runner: &mut Runner, stage: &Stage) -> Result<()> {
    let (session, module) = stage.server.session().await?;
    let wasm = Wasm::load(&stage.server.guest("workload"), module.manifest())?;
    warm(runner, stage, &wasm).await?;
    instantiate(runner, &wasm).await?;
    fresh(runner, stage, &wasm).await?;
    two_cores(runner, stage).await?;
    metered(runner, stage).await?;
    session.close().await?;
    Ok(())
}

/// Repeats something so many times; gives the microseconds that each took.
async fn each(count: u32, mut work: impl AsyncFnMut() -> Result<()>) -> Result<f64> {
    let begun = Instant::now();
    for _ in 0..count {
        black_box(work().await?);
    }
    Ok(micros(begun.elapsed()) / f64::from(count))
}

async fn calls(server: &Server, lean: &mut Lean, runner: &Runner) -> Result<Rate> {
    let time = runner.plan().run_time();
    let run = async || lean.pipeline(Framing::Batched, WINDOW, time).await;
    Rate::measure(server.process(), run).await
}

async fn warm(runner: &mut Runner, stage: &Stage, wasm: &Wasm) -> Result<()> {
    let (warm, entry) = ("warm call, server time", "in process: call on a fiber");
    if !runner.wants_any(GROUP, &[warm, entry]) {
        return Ok(());
    }
    let count = runner.plan().pick(500_000, 50_000);
    let mut lean = Lean::connect(&stage.server).await?;
    let mut instance = wasm.instantiate()?;
    let (ours, in_process) = runner
        .alternate(
            async || calls(&stage.server, &mut lean, runner).await,
            async || {
                let on_fiber = each(count, async || wasm.call_async(&mut instance).await).await?;
                Ok((on_fiber, each(count, async || wasm.call(&mut instance)).await?))
            },
        )
        .await?;
    let (on_fiber, direct): (Vec<_>, Vec<_>) = in_process.into_iter().unzip();
    let (on_fiber, direct) = (Samples::new(on_fiber)?, Samples::new(direct)?);
    let spec = Spec::lower(GROUP, warm, Unit::Micros)
        .note("processor time of the server's process for each call of a batched pipeline")
        .note("in process: arguments written, entry called on a fiber, answer read");
    let ours = rate::server_micros(&ours)?;
    runner.add(spec, ours, Some(("in process, on a fiber", on_fiber.clone())))?;
    let spec = Spec::lower(GROUP, entry, Unit::Micros)
        .note("both in process: what an asynchronous entry into a guest costs");
    runner.add(spec, on_fiber, Some(("in process, without fiber", direct)))
}

/// The limit of a fresh call: no more than a store and an instance.
async fn instantiate(runner: &mut Runner, wasm: &Wasm) -> Result<()> {
    let count = runner.plan().pick(50_000, 5_000);
    let spec = Spec::lower(GROUP, "in process: instantiation on a fiber", Unit::Micros)
        .note("both in process: store made, instantiated through InstancePre, dropped");
    runner
        .pair(
            spec,
            async || each(count, async || wasm.instantiate_async().await.map(drop)).await,
            "in process, without fiber",
            async || each(count, async || wasm.instantiate().map(drop)).await,
        )
        .await
}

async fn fresh(runner: &mut Runner, stage: &Stage, wasm: &Wasm) -> Result<()> {
    let (more_name, rate_name) = ("fresh call over a warm one, server time", "fresh calls, 1 core");
    if !runner.wants_any(GROUP, &[more_name, rate_name]) {
        return Ok(());
    }
    let count = runner.plan().pick(50_000, 5_000);
    let mut warm = Lean::connect(&stage.server).await?;
    let mut fresh = Lean::connect(&stage.server).await?.fresh();
    let mut instance = wasm.instantiate()?;
    let (ours, in_process) = runner
        .alternate(
            async || {
                let warm = calls(&stage.server, &mut warm, runner).await?;
                Ok((warm, calls(&stage.server, &mut fresh, runner).await?))
            },
            async || {
                let warm = each(count, async || wasm.call_async(&mut instance).await).await?;
                let fresh = each(count, async || {
                    let mut instance = wasm.instantiate_async().await?;
                    wasm.call_async(&mut instance).await
                });
                Ok((warm, fresh.await?))
            },
        )
        .await?;
    let more = ours.iter().map(|(warm, fresh)| fresh.server_micros - warm.server_micros);
    let more_in_process = in_process.iter().map(|(warm, fresh)| fresh - warm);
    let spec = Spec::lower(GROUP, more_name, Unit::Micros)
        .target(Target::at_most(10.0))
        .note(
            "difference of the processor times of the server's process for each call, in \
             pipelines that differ in nothing else; 1 core",
        )
        .note("in process: store made, instantiated on a fiber, called, dropped");
    let beside = ("in process", Samples::new(more_in_process.collect())?);
    runner.add(spec, Samples::new(more.collect())?, Some(beside))?;

    let (warm, fresh): (Vec<_>, Vec<_>) = ours.into_iter().unzip();
    let spec = Spec::higher(GROUP, rate_name, Unit::PerSecond)
        .note(format!("lean client, {WINDOW} calls under way"))
        .note(rate::busy(&fresh)?);
    let beside = ("warm calls, same pipeline", rate::per_second(&warm)?);
    runner.add(spec, rate::per_second(&fresh)?, Some(beside))
}

/// The server on all cores, which it shares with the client.
async fn two_cores(runner: &mut Runner, stage: &Stage) -> Result<()> {
    let name = "fresh calls, 2 cores";
    if !runner.wants(GROUP, name) {
        return Ok(());
    }
    if !stage.cores.are_apart() {
        runner.skip(name, "there is one core");
        return Ok(());
    }
    let data = DataFolder::new()?;
    let server = Server::start(&stage.cores, Place::Anywhere, &data, &[])?;
    let (session, _) = server.session().await?;
    let mut both = Lean::connect(&server).await?.fresh();
    let mut one = Lean::connect(&stage.server).await?.fresh();
    let (ours, single) = runner
        .alternate(
            async || calls(&server, &mut both, runner).await,
            async || calls(&stage.server, &mut one, runner).await,
        )
        .await?;
    let spec = Spec::higher(GROUP, name, Unit::PerSecond)
        .note("the server may run on all cores and shares one with the client, so that less than twice the rate of one core is left for it")
        .note(rate::busy(&ours)?);
    let beside = ("fresh calls, 1 core", rate::per_second(&single)?);
    runner.add(spec, rate::per_second(&ours)?, Some(beside))?;
    session.close().await?;
    Ok(())
}

/// A module that goes round a loop so many times.
const LOOP: &str = r#"(module
    (func (export "work") (param i64) (result i64)
        (local $n i64)
        (loop $again
            (local.set $n (i64.add (local.get $n) (i64.const 1)))
            (br_if $again (i64.lt_u (local.get $n) (local.get 0))))
        (local.get $n)))"#;

/// Times that it does.
const ROUNDS: i64 = 1_000_000;

/// What counting fuel costs where there is nothing but instructions.
async fn metered(runner: &mut Runner, stage: &Stage) -> Result<()> {
    let name = "call that computes, metered";
    if !runner.wants(GROUP, name) {
        return Ok(());
    }
    let (session, _) = stage.server.session().await?;
    let source = || session.uploader(LOOP.as_bytes().to_vec());
    let metered = source().name("metered").metered().send().await?.function("work")?;
    let standard = source().name("standard").send().await?.function("work")?;
    let count = runner.plan().pick(500, 50);
    let work = async |function: &Function| {
        each(count, async || {
            let rounds: i64 = function.value((ROUNDS,)).await?;
            ensure!(rounds == ROUNDS, "a wrong number of rounds: {rounds}");
            Ok(())
        })
        .await
    };
    let spec = Spec::lower(GROUP, name, Unit::Micros)
        .note(format!("{ROUNDS} rounds of a loop of five instructions, one call after the other"));
    runner
        .pair(spec, async || work(&metered).await, "not metered", async || work(&standard).await)
        .await?;
    session.close().await?;
    Ok(())
}
