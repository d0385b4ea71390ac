//! A guest that fails hurts itself alone, and says why.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use farside::{ErrorCode, Failure, Far, Module};
use serde::Deserialize;

use crate::Stage;
use crate::measure::{count, time};

/// How long the endless loop may run.
const DEADLINE: Duration = Duration::from_millis(500);

/// The error value of `hello.fail`.
#[derive(Deserialize)]
struct Refusal {
    reason: String,
}

pub(crate) async fn show(stage: &Stage) -> Result<()> {
    panic_and_renew(stage).await?;
    endless_loop(stage).await
}

async fn panic_and_renew(stage: &Stage) -> Result<()> {
    let page = &stage.page;
    page.title("A panic poisons its instance, until it is renewed");

    let session = stage.client.session().await?;
    let hello = session.upload(stage.guest("hello")).await?;

    let trap = failure(hello.call("boom", ("the demo asked for it",))).await?;
    ensure!(trap.code == ErrorCode::Trap, "a panic is reported as {}", trap.code);
    ensure!(trap.message.contains("the demo asked for it"), "the message: {}", trap.message);
    let names = trap.backtrace.join("\n");
    ensure!(names.contains("inner") && names.contains("outer"), "the backtrace: {names}");
    page.row("hello.boom panics", &said(&trap));
    for frame in &trap.backtrace {
        page.more(&format!("  at {frame}"));
    }

    let poisoned = failure(hello.call("boom", ("again",))).await?;
    ensure!(poisoned.code == ErrorCode::Poisoned, "the next call fails as {}", poisoned.code);
    ensure!(poisoned.root().code == ErrorCode::Trap, "the first cause is lost");
    page.row("the next call", &said(&poisoned));
    page.more(&format!("  because: {}", said(poisoned.root())));
    if let Some(hint) = &poisoned.hint {
        page.more(&format!("  hint: {hint}"));
    }

    hello.renew().await?;
    page.row("renew", "a fresh instance");
    for attempt in ["first", "second"] {
        own_error(&hello, attempt).await?;
    }
    page.row("hello.fail, twice", "its own error both times: that does not poison");
    session.close().await?;
    Ok(())
}

/// `hello.fail` gives the error value that it was told to.
async fn own_error(hello: &Module, reason: &str) -> Result<()> {
    match hello.call::<()>("fail", (reason,)).get().await {
        Ok(()) => bail!("`fail` succeeded"),
        Err(error) => {
            let refusal = error.guest_error::<Refusal>();
            let refusal = refusal.with_context(|| format!("no error value came: {error}"))?;
            ensure!(refusal.reason == reason, "the error value says {}", refusal.reason);
            Ok(())
        }
    }
}

async fn endless_loop(stage: &Stage) -> Result<()> {
    let page = &stage.page;
    page.title("An endless loop ends at its deadline; others go on meanwhile");

    let looping = stage.client.session().await?;
    let spin = looping.upload(stage.guest("hello")).await?.function("spin")?.timeout(DEADLINE);
    let other = stage.client.session().await?;
    let logbook = other.upload(stage.guest("logbook")).await?;
    let add = logbook.function("add")?;

    let start = Instant::now();
    let mut stopped = std::pin::pin!(async {
        let failure = failure(spin.call(())).await?;
        anyhow::Ok((failure, start.elapsed()))
    });
    let (mut calls, mut longest) = (0, Duration::ZERO);
    let (failure, took) = loop {
        let call = async {
            let start = Instant::now();
            let number: u64 = add.value(("meanwhile",)).await?;
            anyhow::Ok((number, start.elapsed()))
        };
        tokio::select! {
            stopped = &mut stopped => break stopped?,
            answer = call => {
                let (number, took) = answer?;
                calls += 1;
                ensure!(number == calls, "call {calls} of the other session gave {number}");
                longest = longest.max(took);
            }
        }
    };
    ensure!(failure.code == ErrorCode::DeadlineExceeded, "the loop ended as {}", failure.code);
    ensure!(took >= DEADLINE, "the loop was stopped after {took:?}");
    ensure!(calls > 0, "the other session had to wait");
    page.row(
        &format!("hello.spin, timeout {}", time(DEADLINE)),
        &format!("stopped after {}: {}", time(took), said(&failure)),
    );
    page.row(
        "the other session meanwhile",
        &format!("{}, the longest took {}", count(calls, "call"), time(longest)),
    );
    looping.close().await?;
    other.close().await?;
    Ok(())
}

/// What broke a reference that has to be broken.
async fn failure(call: Far<()>) -> Result<Failure> {
    match call.get().await {
        Ok(()) => bail!("a call that has to fail did not"),
        Err(error) => match error.failure() {
            Some(failure) => Ok(failure.clone()),
            None => Err(error.into()),
        },
    }
}

fn said(failure: &Failure) -> String {
    format!("{}: {}", failure.code, failure.message)
}
