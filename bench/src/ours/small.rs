//! Small things one after the other, each waiting for its answer.

use anyhow::{Result, ensure};
use bytes::Bytes;
use farside::{Far, Session};
use serde::Serialize;

use crate::latency::Cadence;
use crate::row::Spec;
use crate::runner::Runner;
use crate::stage::Stage;
use crate::target::Target;
use crate::unit::Unit;
use crate::wire::Echo;

const GROUP: &str = "sequential";

pub(crate) async fn measure(runner: &mut Runner, stage: &Stage) -> Result<()> {
    for cadence in [Cadence::Idle, Cadence::Awake] {
        let _state = cadence.enter(&stage.cores)?;
        call(runner, stage, cadence).await?;
        put_call_get(runner, stage, cadence).await?;
        order(runner, stage, cadence).await?;
    }
    Ok(())
}

/// The frame that a call's request is: what the echo sends back.
pub(crate) async fn request_size(
    session: &Session,
    call: impl AsyncFnOnce() -> Result<()>,
) -> Result<Bytes> {
    let before = session.wire().bytes_sent;
    call().await?;
    let size = session.wire().bytes_sent - before;
    Ok(Bytes::from(vec![7; usize::try_from(size)?]))
}

async fn call(runner: &mut Runner, stage: &Stage, cadence: Cadence) -> Result<()> {
    let (session, module) = stage.server.session().await?;
    let square = module.function("square")?;
    let call = async || {
        let squared: i64 = square.value((1_234_567,)).await?;
        ensure!(squared == 1_524_155_677_489, "a wrong square: {squared}");
        Ok(())
    };
    call().await?;
    let frame = request_size(&session, call).await?;
    let mut echo = Echo::connect(stage.echo.address()).await?;
    let most = match cadence {
        Cadence::Idle => 1.25,
        Cadence::Awake => 1.6,
    };
    let spec = Spec::lower(GROUP, format!("small call + value, {}", cadence.name()), Unit::Micros)
        .target(Target::ratio_at_most(most))
        .note(cadence.note())
        .note(format!("square(i64); the echo sends the {} bytes of the request back", frame.len()));
    let time = runner.plan().run_time();
    runner
        .pair(
            spec,
            async || cadence.median(time, call).await,
            "bare echo",
            async || cadence.median(time, async || echo.round_trip(&frame).await).await,
        )
        .await?;
    session.close().await?;
    Ok(())
}

async fn put_call_get(runner: &mut Runner, stage: &Stage, cadence: Cadence) -> Result<()> {
    let (session, module) = stage.server.session().await?;
    let square = module.function("square")?;
    let work = async || {
        let number: Far<i64> = session.put(&12);
        let squared = square.call::<i64>((&number,)).get().await?;
        ensure!(squared == 144, "a wrong square: {squared}");
        Ok(())
    };
    work().await?;
    let frame = request_size(&session, work).await?;
    let mut echo = Echo::connect(stage.echo.address()).await?;
    let spec = Spec::lower(GROUP, format!("put + call + get, {}", cadence.name()), Unit::Micros)
        .note(cadence.note())
        .note(format!("one frame of {} bytes, echoed beside", frame.len()));
    let time = runner.plan().run_time();
    runner
        .pair(
            spec,
            async || cadence.median(time, work).await,
            "bare echo",
            async || cadence.median(time, async || echo.round_trip(&frame).await).await,
        )
        .await?;
    session.close().await?;
    Ok(())
}

/// An order of about 1 KiB, as the guest's.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Order {
    number: u64,
    customer: String,
    paid: bool,
    lines: Vec<Line>,
}

#[derive(Clone, Debug, Serialize)]
struct Line {
    article: String,
    count: u32,
    price: f64,
}

impl Order {
    /// The one that every row sends; its total is 300.
    pub(crate) fn sample() -> Order {
        let line = |number: u32| Line {
            article: format!("article number {number:04}, blue"),
            count: number,
            price: 2.5,
        };
        let customer = "a customer with a name of some length".to_owned();
        Order { number: 1_234_567, customer, paid: true, lines: (1..16).map(line).collect() }
    }
}

async fn order(runner: &mut Runner, stage: &Stage, cadence: Cadence) -> Result<()> {
    let (session, module) = stage.server.session().await?;
    let total = module.function("total")?;
    let order = Order::sample();
    let call = async || {
        let total: f64 = total.value((&order,)).await?;
        ensure!(total == 300.0, "a wrong total: {total}");
        Ok(())
    };
    call().await?;
    let frame = request_size(&session, call).await?;
    let mut echo = Echo::connect(stage.echo.address()).await?;
    let name = format!("call with a 1 KiB struct, {}", cadence.name());
    let spec = Spec::lower(GROUP, name, Unit::Micros)
        .note(cadence.note())
        .note(format!("the echo sends the {} bytes of the request back", frame.len()));
    let time = runner.plan().run_time();
    runner
        .pair(
            spec,
            async || cadence.median(time, call).await,
            "bare echo",
            async || cadence.median(time, async || echo.round_trip(&frame).await).await,
        )
        .await?;
    session.close().await?;
    Ok(())
}
