//! Small calls one after the other without waiting for answers.

mod client;

use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use futures_util::future::try_join_all;

use crate::rate::{self, Rate};
use crate::row::Spec;
use crate::runner::Runner;
use crate::stage::Stage;
use crate::target::Target;
use crate::unit::Unit;
use crate::wire::{BATCH, Echo, Framing, Lean};

pub(crate) use client::call_from_tasks;

const GROUP: &str = "pipelined";

/// Calls under way at once, over all connections.
const WINDOW: usize = 1024;

/// The same where frames are batched, which would else be few at once.
const BATCHED_WINDOW: usize = 4096;

/// Connections of the rows that have several.
const MANY: usize = 16;

pub(crate) async fn measure(runner: &mut Runner, stage: &Stage) -> Result<()> {
    // The lean client uploads nothing: the server must know the module.
    let (session, module) = stage.server.session().await?;
    single(runner, stage, 1).await?;
    batched(runner, stage, 1).await?;
    client::one(runner, stage, &session, &module.function("square")?).await?;
    single(runner, stage, MANY).await?;
    batched(runner, stage, MANY).await?;
    client::many(runner, stage).await?;
    session.close().await?;
    Ok(())
}

fn connections(count: usize) -> String {
    if count == 1 { "1 connection".to_owned() } else { format!("{count} connections") }
}

/// Lean clients and echoes, in the same number.
struct Pairs {
    lean: Vec<Lean>,
    echo: Vec<Echo>,
    request: usize,
}

impl Pairs {
    async fn connect(stage: &Stage, count: usize) -> Result<Pairs> {
        let mut pairs = Pairs { lean: Vec::new(), echo: Vec::new(), request: 0 };
        for _ in 0..count {
            let lean = Lean::connect(&stage.server).await?;
            pairs.request = lean.request_bytes();
            pairs.lean.push(lean);
            pairs.echo.push(Echo::connect(stage.echo.address()).await?);
        }
        Ok(pairs)
    }
}

/// How the server put its replies into frames, for a note.
fn gathered(lean: &[Lean]) -> String {
    let (mut frames, mut values) = (0, 0);
    for received in lean.iter().map(Lean::received) {
        frames += received.frames;
        values += received.values;
    }
    let mean = values as f64 / f64::max(frames as f64, 1.0);
    format!("the server's frames held {mean:.1} values on average")
}

async fn call_all(lean: &mut [Lean], framing: Framing, time: Duration) -> Result<u64> {
    let window = match framing {
        Framing::Single => WINDOW,
        Framing::Batched => BATCHED_WINDOW,
    };
    let window = window / lean.len();
    let runs = lean.iter_mut().map(|lean| lean.pipeline(framing, window, time));
    Ok(try_join_all(runs).await?.into_iter().sum())
}

async fn echo_all(echo: &mut [Echo], frame: &Bytes, window: usize, time: Duration) -> Result<u64> {
    let window = window / echo.len();
    let runs = echo.iter_mut().map(|echo| echo.pipeline(frame, window, time));
    Ok(try_join_all(runs).await?.into_iter().sum())
}

/// One message in a frame, against the echo's frames.
async fn single(runner: &mut Runner, stage: &Stage, count: usize) -> Result<()> {
    let name = format!("{}, one message in a frame", connections(count));
    let time_name = format!("{name}: server time");
    if !runner.wants_any(GROUP, &[&name, &time_name]) {
        return Ok(());
    }
    let Pairs { mut lean, mut echo, request } = Pairs::connect(stage, count).await?;
    let frame = Bytes::from(vec![7; request]);
    let time = runner.plan().run_time();
    let (ours, echoes) = runner
        .alternate(
            async || {
                let run = async || call_all(&mut lean, Framing::Single, time).await;
                Rate::measure(stage.server.process(), run).await
            },
            async || {
                let run = async || echo_all(&mut echo, &frame, WINDOW, time).await;
                Rate::measure(&stage.echo, run).await
            },
        )
        .await?;
    let mut spec = Spec::higher(GROUP, name, Unit::PerSecond)
        .note(format!("lean client, {WINDOW} calls under way; frames of {} bytes", frame.len()))
        .note(gathered(&lean))
        .note(rate::busy(&ours)?);
    if count == 1 {
        spec = spec.target(Target::ratio_at_least(0.45));
    }
    let beside = ("bare echo, frames", rate::per_second(&echoes)?);
    runner.add(spec, rate::per_second(&ours)?, Some(beside))?;
    let spec = Spec::lower(GROUP, time_name, Unit::Micros)
        .note("processor time of the server's process for each call");
    let beside = ("bare echo, per frame", rate::server_micros(&echoes)?);
    runner.add(spec, rate::server_micros(&ours)?, Some(beside))
}

/// Frames of many messages, against an echo of such frames, counted as messages, and
/// against one message in a frame.
async fn batched(runner: &mut Runner, stage: &Stage, count: usize) -> Result<()> {
    let name = format!("{}, {BATCH} messages in a frame", connections(count));
    let time_name = format!("{name}: server time");
    let single_name = format!("{}, batched against single frames", connections(count));
    if !runner.wants_any(GROUP, &[&name, &time_name, &single_name]) {
        return Ok(());
    }
    let Pairs { mut lean, mut echo, request } = Pairs::connect(stage, count).await?;
    let frame = Bytes::from(vec![7; request * BATCH]);
    let time = runner.plan().run_time();
    let (ours, echoes) = runner
        .alternate(
            async || {
                let run = async || call_all(&mut lean, Framing::Batched, time).await;
                let batched = Rate::measure(stage.server.process(), run).await?;
                let run = async || call_all(&mut lean, Framing::Single, time).await;
                Ok((batched, Rate::measure(stage.server.process(), run).await?))
            },
            async || {
                let run = async || {
                    let window = BATCHED_WINDOW / BATCH;
                    Ok(echo_all(&mut echo, &frame, window, time).await? * BATCH as u64)
                };
                Rate::measure(&stage.echo, run).await
            },
        )
        .await?;
    let (ours, single): (Vec<_>, Vec<_>) = ours.into_iter().unzip();
    let spec = Spec::higher(GROUP, name, Unit::PerSecond)
        .note(format!("lean client, {BATCHED_WINDOW} calls under way"))
        .note(format!("the echo's frames have {} bytes and count {BATCH} times", frame.len()))
        .note(rate::busy(&ours)?);
    let beside = ("bare echo, batched", rate::per_second(&echoes)?);
    runner.add(spec, rate::per_second(&ours)?, Some(beside))?;
    let spec = Spec::lower(GROUP, time_name, Unit::Micros)
        .note("processor time of the server's process for each call");
    let beside = ("bare echo, per message", rate::server_micros(&echoes)?);
    runner.add(spec, rate::server_micros(&ours)?, Some(beside))?;

    let mut spec = Spec::higher(GROUP, single_name, Unit::PerSecond)
        .note(format!("lean client; {BATCHED_WINDOW} and {WINDOW} calls under way"));
    if count == 1 {
        spec = spec.target(Target::ratio_at_least(1.0));
    }
    let beside = ("farside, one in a frame", rate::per_second(&single)?);
    runner.add(spec, rate::per_second(&ours)?, Some(beside))
}
