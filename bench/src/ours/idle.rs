//! Very many idle sessions: what they hold, and what a busy one among them feels.

use std::process::id;
use std::time::Duration;

use anyhow::{Result, ensure};
use bytes::Bytes;
use farside::Function;

use crate::cores::Place;
use crate::crowd::{Crowd, FLAGS};
use crate::latency::Cadence;
use crate::process::Process;
use crate::row::Spec;
use crate::runner::Runner;
use crate::samples::{Samples, percentile};
use crate::stage::Stage;
use crate::target::Target;
use crate::unit::Unit;
use crate::usage::quiet;
use crate::wire::Echo;

const GROUP: &str = "sessions";

/// Bytes of memory for ten thousand idle sessions.
const GIBIBYTE: f64 = 1_073_741_824.0;

/// Calls of a run at least, so that its p99 is not the slowest one.
const CALLS: usize = 500;

pub(crate) async fn measure(runner: &mut Runner, stage: &Stage) -> Result<()> {
    let count = runner.plan().pick(10_000, 1_000);
    memory(runner, stage, count).await?;
    busy(runner, stage, count).await
}

/// What a server holds with so many sessions, beside an echo with as many connections.
async fn memory(runner: &mut Runner, stage: &Stage, count: usize) -> Result<()> {
    let all = format!("{count} idle sessions: server's memory in all");
    let each = format!("{count} idle sessions: for each");
    if !runner.wants_any(GROUP, &[&all, &each]) {
        return Ok(());
    }
    let (ours, echoes) = runner
        .alternate(
            async || {
                let mut crowd = Crowd::start(&stage.cores).await?;
                crowd.grow(1).await?;
                let first = crowd.server.process().resident()?;
                crowd.grow(count).await?;
                let held = crowd.server.process().resident()?;
                drop(crowd);
                // Until this process has closed its own ends.
                quiet(id()).await?;
                Ok(held_by(first, held, count))
            },
            async || {
                let command = &mut Process::role("echo")?;
                let server = Process::start(&stage.cores, Place::Server, command)?;
                let mut echoes = vec![used_echo(&server).await?];
                let first = server.resident()?;
                for _ in 1..count {
                    echoes.push(used_echo(&server).await?);
                }
                Ok(held_by(first, server.resident()?, count))
            },
        )
        .await?;
    let (ours, our_each): (Vec<_>, Vec<_>) = ours.into_iter().unzip();
    let (echoes, echo_each): (Vec<_>, Vec<_>) = echoes.into_iter().unzip();
    let beside = "bare echo, connections";
    let spec = Spec::lower(GROUP, all, Unit::Bytes)
        .target(Target::at_most(GIBIBYTE * count as f64 / 10_000.0))
        .note("VmRSS; each session has a connection and an instance that has called")
        .note("beside it, connections that were used once; new servers each run")
        .note(FLAGS.join(" "));
    runner.add(spec, Samples::new(ours)?, Some((beside, Samples::new(echoes)?)))?;
    let spec =
        Spec::lower(GROUP, each, Unit::Bytes).note("what the first one does not hold already");
    runner.add(spec, Samples::new(our_each)?, Some((beside, Samples::new(echo_each)?)))
}

/// A connection that has been used once, and has its buffers.
async fn used_echo(server: &Process) -> Result<Echo> {
    let mut echo = Echo::connect(server.address()).await?;
    echo.round_trip(&Bytes::from_static(&[7; 32])).await?;
    Ok(echo)
}

/// Bytes held in all, and for each but the first.
fn held_by(first: u64, all: u64, count: usize) -> (f64, f64) {
    (all as f64, all.saturating_sub(first) as f64 / (count - 1) as f64)
}

/// The p99 of one session that calls while all others are idle.
async fn busy(runner: &mut Runner, stage: &Stage, count: usize) -> Result<()> {
    let cadence = Cadence::Awake;
    let spec =
        Spec::lower(GROUP, format!("one busy session among {count}: p99, awake"), Unit::Micros)
            .target(Target::ratio_at_most(2.0))
            .note(cadence.note())
            .note(FLAGS.join(" "));
    if !runner.wants(GROUP, &spec.name) {
        return Ok(());
    }
    let mut crowd = Crowd::start(&stage.cores).await?;
    crowd.grow(count).await?;
    let _state = cadence.enter(&stage.cores)?;
    let (_session, module) = stage.server.session().await?;
    let alone = module.function("square")?;
    let time = runner.plan().run_time();
    let among = &crowd.members()[0].square;
    runner
        .pair(
            spec,
            async || p99(time, among).await,
            "alone on a server",
            async || p99(time, &alone).await,
        )
        .await
}

async fn p99(time: Duration, square: &Function) -> Result<f64> {
    let call = async || {
        let squared: i64 = square.value((12,)).await?;
        ensure!(squared == 144, "a wrong square: {squared}");
        Ok(())
    };
    Ok(percentile(&mut Cadence::Awake.measure_at_least(CALLS, time, call).await?, 0.99))
}
