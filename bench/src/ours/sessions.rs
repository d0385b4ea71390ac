//! Sessions: opening one, many that are idle, many that call, and some that burn.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bytes::Bytes;
use farside::Function;
use futures_util::future::try_join_all;
use rand::RngExt as _;

use crate::crowd::{Crowd, FLAGS};
use crate::latency::{Cadence, micros};
use crate::rate::{self, Rate};
use crate::row::Spec;
use crate::runner::Runner;
use crate::samples::{Samples, percentile};
use crate::stage::Stage;
use crate::target::Target;
use crate::unit::Unit;
use crate::wire::Echo;

const GROUP: &str = "sessions";

/// Sessions that call at random.
const CALLERS: usize = 1_000;

/// Between two calls of one of them, at most; on average half of it.
const THOUGHT: Duration = Duration::from_millis(200);

/// Round trips that a first call takes: hello, attach, upload, call.
const ROUND_TRIPS: usize = 4;

/// Bytes of memory for ten thousand idle sessions.
const GIBIBYTE: f64 = 1_073_741_824.0;

pub(crate) async fn measure(runner: &mut Runner, stage: &Stage) -> Result<()> {
    open(runner, stage).await?;
    crowd(runner, stage).await
}

async fn open(runner: &mut Runner, stage: &Stage) -> Result<()> {
    let (_session, module) = stage.server.session().await?;
    let code = Bytes::from(std::fs::read(stage.server.guest("workload"))?);
    let frame = Bytes::from(vec![7; 64]);
    let time = runner.plan().run_time();
    for cadence in [Cadence::Idle, Cadence::Awake] {
        let _state = cadence.enter(&stage.cores)?;
        let name = format!("connect, open, first call, {}", cadence.name());
        let spec = Spec::lower(GROUP, name, Unit::Micros)
            .note(cadence.note())
            .note(format!(
                "the module of {} KiB is known; beside it, connecting and {ROUND_TRIPS} round trips",
                code.len() / 1024
            ))
            .note(format!("the client hashes the module each time, {}", module.hash().short()));
        runner
            .pair(
                spec,
                async || {
                    let open = async || {
                        let session = stage.server.client().await?.session().await?;
                        let module = session.uploader(code.clone()).send().await?;
                        let squared: i64 = module.function("square")?.value((12,)).await?;
                        ensure!(squared == 144, "a wrong square: {squared}");
                        session.close().await?;
                        Ok(())
                    };
                    cadence.median(time, open).await
                },
                "bare echo",
                async || {
                    let open = async || {
                        let mut echo = Echo::connect(stage.echo.address()).await?;
                        for _ in 0..ROUND_TRIPS {
                            echo.round_trip(&frame).await?;
                        }
                        Ok(())
                    };
                    cadence.median(time, open).await
                },
            )
            .await?;
    }
    Ok(())
}

/// A server that fills up: first with those who call, then with those who are idle.
async fn crowd(runner: &mut Runner, stage: &Stage) -> Result<()> {
    let idle = runner.plan().pick(10_000, 1_000);
    let memory = format!("{idle} idle sessions: server's memory in all");
    let busy = format!("one busy session among {idle}: p99, awake");
    if !runner.wants(GROUP, &memory)
        && !runner.wants(GROUP, &busy)
        && !runner.wants(GROUP, "calling at random")
    {
        return Ok(());
    }
    let mut crowd = Crowd::start(&stage.cores).await?;
    crowd.grow(1).await?;
    let before = crowd.server.process().resident()?;
    crowd.grow(CALLERS).await?;
    at_random(runner, stage, &crowd).await?;
    saturated(runner, stage, &crowd).await?;

    crowd.grow(idle).await?;
    let now = crowd.server.process().resident()?;
    let flags = FLAGS.join(" ");
    let spec = Spec::lower(GROUP, memory, Unit::Bytes)
        .target(Target::at_most(GIBIBYTE * idle as f64 / 10_000.0))
        .note("VmRSS; each session has a connection and an instance that has called")
        .note(&flags);
    runner.add(spec, Samples::new(vec![now as f64])?, None)?;
    let spec = Spec::lower(GROUP, format!("{idle} idle sessions: for each"), Unit::Bytes)
        .note("what the first one does not hold already");
    let each = now.saturating_sub(before) as f64 / (idle - 1) as f64;
    runner.add(spec, Samples::new(vec![each])?, None)?;

    let cadence = Cadence::Awake;
    let _state = cadence.enter(&stage.cores)?;
    let (_session, module) = stage.server.session().await?;
    let alone = module.function("square")?;
    let time = runner.plan().run_time();
    let spec = Spec::lower(GROUP, busy, Unit::Micros)
        .target(Target::ratio_at_most(2.0))
        .note(cadence.note())
        .note(flags);
    let among = &crowd.members()[0].square;
    runner
        .pair(
            spec,
            async || p99(cadence, time, among).await,
            "alone on a server",
            async || p99(cadence, time, &alone).await,
        )
        .await
}

async fn p99(cadence: Cadence, time: Duration, square: &Function) -> Result<f64> {
    Ok(percentile(&mut cadence.measure(time, async || call(square).await).await?, 0.99))
}

async fn call(square: &Function) -> Result<()> {
    let squared: i64 = square.value((12,)).await?;
    ensure!(squared == 144, "a wrong square: {squared}");
    Ok(())
}

/// Thinks and calls, again and again; gives the microseconds of each call.
async fn think_and_call(
    time: Duration,
    mut call: impl AsyncFnMut() -> Result<()>,
) -> Result<Vec<f64>> {
    let end = Instant::now() + time;
    let mut took = Vec::new();
    loop {
        let thought = THOUGHT.mul_f64(rand::rng().random());
        tokio::time::sleep(thought).await;
        if Instant::now() > end {
            return Ok(took);
        }
        let begun = Instant::now();
        call().await?;
        took.push(micros(begun.elapsed()));
    }
}

const SHARES: [(&str, f64); 3] = [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)];

async fn at_random(runner: &mut Runner, stage: &Stage, crowd: &Crowd) -> Result<()> {
    let name = format!("{CALLERS} sessions calling at random");
    if !runner.wants(GROUP, &name)
        && SHARES.iter().all(|(share, _)| !runner.wants(GROUP, &format!("{name}: {share}")))
    {
        return Ok(());
    }
    let mut echoes = connect(stage).await?;
    let frame = Bytes::from(vec![7; 32]);
    let time = runner.plan().pick(Duration::from_secs(3), Duration::from_millis(300));
    let (ours, theirs) = runner
        .alternate(
            async || {
                let members = crowd.members().iter();
                let calls =
                    members.map(|member| think_and_call(time, async || call(&member.square).await));
                Ok(try_join_all(calls).await?.concat())
            },
            async || {
                let calls = echoes
                    .iter_mut()
                    .map(|echo| think_and_call(time, async || echo.round_trip(&frame).await));
                Ok(try_join_all(calls).await?.concat())
            },
        )
        .await?;
    let rate =
        ours.iter().map(Vec::len).sum::<usize>() as f64 / (ours.len() as f64 * time.as_secs_f64());
    for (title, share) in SHARES {
        let spec = Spec::lower(GROUP, format!("{name}: {title}"), Unit::Micros)
            .note("each calls after 0 to 200 ms, evenly distributed; beside it as many echoes")
            .note(format!("{} calls in all", Unit::PerSecond.show(rate)))
            .note("all callers share one thread: part of a delay is the client's own");
        let shares = |runs: &[Vec<f64>]| {
            Samples::new(runs.iter().map(|run| percentile(&mut run.clone(), share)).collect())
        };
        runner.add(spec, shares(&ours)?, Some(("bare echo", shares(&theirs)?)))?;
    }
    Ok(())
}

async fn connect(stage: &Stage) -> Result<Vec<Echo>> {
    let mut echoes = Vec::new();
    for _ in 0..CALLERS {
        echoes.push(Echo::connect(stage.echo.address()).await?);
    }
    Ok(echoes)
}

/// All sessions call as fast as they get answers.
async fn saturated(runner: &mut Runner, stage: &Stage, crowd: &Crowd) -> Result<()> {
    let name = format!("{CALLERS} sessions calling at once");
    if !runner.wants(GROUP, &name) {
        return Ok(());
    }
    let mut echoes = connect(stage).await?;
    let frame = Bytes::from(vec![7; 32]);
    let time = runner.plan().run_time();
    let (ours, theirs) = runner
        .alternate(
            async || {
                let run = async || {
                    let calls = crowd
                        .members()
                        .iter()
                        .map(|member| again_and_again(time, async || call(&member.square).await));
                    Ok(try_join_all(calls).await?.into_iter().sum())
                };
                Rate::measure(crowd.server.process(), run).await
            },
            async || {
                let run = async || {
                    let calls = echoes
                        .iter_mut()
                        .map(|echo| again_and_again(time, async || echo.round_trip(&frame).await));
                    Ok(try_join_all(calls).await?.into_iter().sum())
                };
                Rate::measure(&stage.echo, run).await
            },
        )
        .await?;
    let spec = Spec::higher(GROUP, name, Unit::PerSecond)
        .note("each waits for its value and calls again; Rust client, one thread")
        .note(rate::busy(&ours)?);
    let beside = ("bare echo, as many", rate::per_second(&theirs)?);
    runner.add(spec, rate::per_second(&ours)?, Some(beside))
}

async fn again_and_again(time: Duration, mut call: impl AsyncFnMut() -> Result<()>) -> Result<u64> {
    let end = Instant::now() + time;
    let mut count = 0;
    while Instant::now() < end {
        call().await?;
        count += 1;
    }
    Ok(count)
}
