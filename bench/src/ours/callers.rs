//! A thousand sessions that call: now and then, and as fast as they can.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bytes::Bytes;
use farside::Function;
use futures_util::future::try_join_all;
use rand::RngExt as _;

use super::small::request_size;
use crate::crowd::Crowd;
use crate::latency::micros;
use crate::rate::{self, Rate};
use crate::row::Spec;
use crate::runner::Runner;
use crate::samples::{Samples, percentile};
use crate::stage::Stage;
use crate::unit::Unit;
use crate::wire::Echo;

const GROUP: &str = "sessions";

/// Sessions that call.
const CALLERS: usize = 1_000;

/// Between two calls of one that calls at random, at most; on average half of it.
const THOUGHT: Duration = Duration::from_millis(200);

const SHARES: [(&str, f64); 3] = [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)];

pub(crate) async fn measure(runner: &mut Runner, stage: &Stage) -> Result<()> {
    let random = format!("{CALLERS} sessions calling at random");
    let saturated = format!("{CALLERS} sessions calling at once");
    let titles = ["calls"].into_iter().chain(SHARES.map(|(title, _)| title));
    let wants_random =
        titles.map(|title| format!("{random}: {title}")).any(|name| runner.wants(GROUP, &name));
    let wants_saturated = runner.wants(GROUP, &saturated);
    if !wants_random && !wants_saturated {
        return Ok(());
    }
    let mut crowd = Crowd::start(&stage.cores).await?;
    crowd.grow(CALLERS).await?;
    let (session, module) = stage.server.session().await?;
    let square = module.function("square")?;
    let frame = request_size(&session, async || call(&square).await).await?;
    let mut echoes = Vec::new();
    for _ in 0..CALLERS {
        echoes.push(Echo::connect(stage.echo.address()).await?);
    }
    if wants_random {
        at_random(runner, &random, &crowd, &mut echoes, &frame).await?;
    }
    if wants_saturated {
        at_once(runner, stage, saturated, &crowd, &mut echoes, &frame).await?;
    }
    session.close().await?;
    Ok(())
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

/// Every session calls now and then; on either side the same thread waits for all.
async fn at_random(
    runner: &mut Runner,
    name: &str,
    crowd: &Crowd,
    echoes: &mut [Echo],
    frame: &Bytes,
) -> Result<()> {
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
                    .map(|echo| think_and_call(time, async || echo.round_trip(frame).await));
                Ok(try_join_all(calls).await?.concat())
            },
        )
        .await?;
    let note = "each calls after 0 to 200 ms, evenly distributed; beside it as many echoes";
    let beside = "bare echo, as many";
    let rates = |runs: &[Vec<f64>]| {
        Samples::new(runs.iter().map(|run| run.len() as f64 / time.as_secs_f64()).collect())
    };
    let spec = Spec::higher(GROUP, format!("{name}: calls"), Unit::PerSecond)
        .note(note)
        .note("the thought bounds the rate, unless the server does");
    runner.add(spec, rates(&ours)?, Some((beside, rates(&theirs)?)))?;
    for (title, share) in SHARES {
        let shares = |runs: &[Vec<f64>]| {
            Samples::new(runs.iter().map(|run| percentile(&mut run.clone(), share)).collect())
        };
        let spec = Spec::lower(GROUP, format!("{name}: {title}"), Unit::Micros)
            .note(note)
            .note("all callers share one thread: part of a delay is the client's own");
        runner.add(spec, shares(&ours)?, Some((beside, shares(&theirs)?)))?;
    }
    Ok(())
}

/// All sessions call as fast as they get answers.
async fn at_once(
    runner: &mut Runner,
    stage: &Stage,
    name: String,
    crowd: &Crowd,
    echoes: &mut [Echo],
    frame: &Bytes,
) -> Result<()> {
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
                        .map(|echo| again_and_again(time, async || echo.round_trip(frame).await));
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
