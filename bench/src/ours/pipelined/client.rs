//! The same by the Rust client, which batches what its callers have ready.

use std::time::{Duration, Instant};

use anyhow::Result;
use farside::{Function, Session};
use futures_util::future::try_join_all;

use super::{GROUP, MANY, WINDOW, call_all};
use crate::ours::small::request_size;
use crate::rate::{self, Rate};
use crate::row::Spec;
use crate::runner::Runner;
use crate::stage::Stage;
use crate::target::Target;
use crate::unit::Unit;
use crate::wire::{Echo, Framing, Lean};

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

/// The Rust client on one connection, against the lean one without batches, and
/// against the echo.
pub(super) async fn one(
    runner: &mut Runner,
    stage: &Stage,
    session: &Session,
    square: &Function,
) -> Result<()> {
    let name = "1 connection, Rust client, batched by it";
    let echo_name = format!("{name}, against the echo");
    if !runner.wants_any(GROUP, &[name, &echo_name]) {
        return Ok(());
    }
    let mut lean = [Lean::connect(&stage.server).await?];
    let mut echo = Echo::connect(stage.echo.address()).await?;
    let frame = request_size(session, async || {
        let _: i64 = square.value((1_234_567,)).await?;
        Ok(())
    });
    let frame = frame.await?;
    let time = runner.plan().run_time();
    let server = stage.server.process();
    let (ours, beside) = runner
        .alternate(
            async || {
                let run = async || call_from_tasks(square, WINDOW, time).await;
                Rate::measure(server, run).await
            },
            async || {
                let run = async || call_all(&mut lean, Framing::Single, time).await;
                let single = Rate::measure(server, run).await?;
                let run = async || echo.pipeline(&frame, WINDOW, time).await;
                Ok((single, Rate::measure(&stage.echo, run).await?))
            },
        )
        .await?;
    let (single, echoes): (Vec<_>, Vec<_>) = beside.into_iter().unzip();
    let tasks = format!("{WINDOW} tasks, each of which waits for its value");
    let spec = Spec::higher(GROUP, name, Unit::PerSecond)
        .target(Target::ratio_at_least(1.0))
        .note(&tasks)
        .note("the lean client's rows show what the server could do")
        .note(rate::busy(&ours)?);
    let beside = ("farside, one in a frame", rate::per_second(&single)?);
    runner.add(spec, rate::per_second(&ours)?, Some(beside))?;
    let spec = Spec::higher(GROUP, echo_name, Unit::PerSecond)
        .note(tasks)
        .note(format!("the echo's frames have {} bytes, a message each", frame.len()));
    let beside = ("bare echo, frames", rate::per_second(&echoes)?);
    runner.add(spec, rate::per_second(&ours)?, Some(beside))
}

/// Rust clients on many connections, against one.
pub(super) async fn many(runner: &mut Runner, stage: &Stage) -> Result<()> {
    let name = format!("{MANY} connections, Rust client, batched by it");
    if !runner.wants(GROUP, &name) {
        return Ok(());
    }
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
    let spec = Spec::higher(GROUP, name, Unit::PerSecond)
        .note(format!("{} tasks on each connection", WINDOW / MANY))
        .note(rate::busy(&ours)?);
    let beside = ("1 connection, Rust client", rate::per_second(&one)?);
    runner.add(spec, rate::per_second(&ours)?, Some(beside))
}
