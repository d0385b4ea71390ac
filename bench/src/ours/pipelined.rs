//! Small calls one after the other without waiting for answers.

use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;
use farside::Function;
use futures_util::future::try_join_all;

use crate::rate::{self, Rate};
use crate::row::Spec;
use crate::runner::Runner;
use crate::stage::Stage;
use crate::target::Target;
use crate::unit::Unit;
use crate::wire::{BATCH, Echo, Framing, Lean};

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
    client(runner, stage, module.function("square")?).await?;
    single(runner, stage, MANY).await?;
    batched(runner, stage, MANY).await?;
    clients(runner, stage).await?;
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
    let name = format!("{}, one message in a frame", connections(count));
    let mut spec = Spec::higher(GROUP, &name, Unit::PerSecond)
        .note(format!("lean client, {WINDOW} calls under way; frames of {request} bytes"))
        .note("the server gathers its replies in frames")
        .note(rate::busy(&ours)?);
    if count == 1 {
        spec = spec.target(Target::ratio_at_least(0.45));
    }
    let beside = ("bare echo, frames", rate::per_second(&echoes)?);
    runner.add(spec, rate::per_second(&ours)?, Some(beside))?;
    let spec = Spec::lower(GROUP, format!("{name}: server time"), Unit::Micros)
        .note("processor time of the server's process for each call");
    let beside = ("bare echo, per frame", rate::server_micros(&echoes)?);
    runner.add(spec, rate::server_micros(&ours)?, Some(beside))
}

/// Frames of many messages, against an echo of such frames, counted as messages.
async fn batched(runner: &mut Runner, stage: &Stage, count: usize) -> Result<()> {
    let Pairs { mut lean, mut echo, request } = Pairs::connect(stage, count).await?;
    let frame = Bytes::from(vec![7; request * BATCH]);
    let time = runner.plan().run_time();
    let (ours, echoes) = runner
        .alternate(
            async || {
                let run = async || call_all(&mut lean, Framing::Batched, time).await;
                Rate::measure(stage.server.process(), run).await
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
    let name = format!("{}, {BATCH} messages in a frame", connections(count));
    let spec = Spec::higher(GROUP, &name, Unit::PerSecond)
        .note(format!("lean client, {BATCHED_WINDOW} calls under way"))
        .note(format!("the echo's frames have {} bytes and count {BATCH} times", frame.len()))
        .note(rate::busy(&ours)?);
    let beside = ("bare echo, batched", rate::per_second(&echoes)?);
    runner.add(spec, rate::per_second(&ours)?, Some(beside))?;
    let spec = Spec::lower(GROUP, format!("{name}: server time"), Unit::Micros)
        .note("processor time of the server's process for each call");
    let beside = ("bare echo, per message", rate::server_micros(&echoes)?);
    runner.add(spec, rate::server_micros(&ours)?, Some(beside))
}

/// Calls from so many tasks at once, each of which waits for its value; gives how
/// many came.
pub(crate) async fn call_from_tasks(
    square: &Function,
    tasks: usize,
    time: Duration,
) -> Result<u64> {
    let end = Instant::now() + time;
    let tasks: Vec<_> = (0..tasks)
        .map(|_| {
            let square = square.clone();
            tokio::spawn(async move {
                let mut count = 0;
                while Instant::now() < end {
                    let _: i64 = square.value((1_234_567,)).await?;
                    count += 1;
                }
                anyhow::Ok(count)
            })
        })
        .collect();
    let mut sum = 0;
    for task in tasks {
        sum += task.await??;
    }
    Ok(sum)
}

/// The Rust client on one connection, against the lean one without batches.
async fn client(runner: &mut Runner, stage: &Stage, square: Function) -> Result<()> {
    let mut lean = [Lean::connect(&stage.server).await?];
    let time = runner.plan().run_time();
    let server = stage.server.process();
    let (ours, single) = runner
        .alternate(
            async || {
                let run = async || call_from_tasks(&square, WINDOW, time).await;
                Rate::measure(server, run).await
            },
            async || {
                let run = async || call_all(&mut lean, Framing::Single, time).await;
                Rate::measure(server, run).await
            },
        )
        .await?;
    let spec = Spec::higher(GROUP, "1 connection, Rust client, batched by it", Unit::PerSecond)
        .target(Target::ratio_at_least(1.0))
        .note(format!("{WINDOW} tasks, each of which waits for its value"))
        .note("the lean client's row above shows what the server could do")
        .note(rate::busy(&ours)?);
    let beside = ("farside, one in a frame", rate::per_second(&single)?);
    runner.add(spec, rate::per_second(&ours)?, Some(beside))
}

/// Rust clients on many connections, against one.
async fn clients(runner: &mut Runner, stage: &Stage) -> Result<()> {
    let mut squares = Vec::new();
    for _ in 0..MANY {
        squares.push(stage.server.session().await?.1.function("square")?);
    }
    let time = runner.plan().run_time();
    let server = stage.server.process();
    let (ours, one) = runner
        .alternate(
            async || {
                let run = async || {
                    let calls =
                        squares.iter().map(|square| call_from_tasks(square, WINDOW / MANY, time));
                    Ok(try_join_all(calls).await?.into_iter().sum())
                };
                Rate::measure(server, run).await
            },
            async || {
                let run = async || call_from_tasks(&squares[0], WINDOW, time).await;
                Rate::measure(server, run).await
            },
        )
        .await?;
    let name = format!("{MANY} connections, Rust client, batched by it");
    let spec = Spec::higher(GROUP, name, Unit::PerSecond)
        .note(format!("{} tasks on each connection", WINDOW / MANY))
        .note(rate::busy(&ours)?);
    let beside = ("1 connection, Rust client", rate::per_second(&one)?);
    runner.add(spec, rate::per_second(&ours)?, Some(beside))
}
