//! Source text evaluated in a session: variables that last, a loop that is stopped, and a
//! function that is sent to where the data is.

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use farside::{ErrorCode, Far, GetError, Language, Session};

use crate::Stage;
use crate::measure::{bytes, count, grouped, measure, time};

/// How long the endless loop may run.
const TIMEOUT: Duration = Duration::from_millis(500);

/// How many numbers the function that is sent goes over.
const NUMBERS: u64 = 1_000_000;

pub(crate) async fn show(stage: &Stage) -> Result<()> {
    let page = &stage.page;
    page.title("Python in the session's sandbox");
    let session = stage.client.session().await?;
    if !ready(stage, &session).await? {
        return Ok(());
    }
    let python = session.language("python");

    let begun = Instant::now();
    let defined = python.execute("x = 20\ndef double(n):\n    return n * 2");
    let value: i64 = python.eval("double(x) + 2").get().await?;
    ensure!(value == 42, "a wrong value: {value}");
    defined.get().await?;
    page.row(
        "double(x) + 2",
        &format!("{value}, defined and evaluated in {}", time(begun.elapsed())),
    );

    let begun = Instant::now();
    let endless: Far<()> = python.clone().timeout(TIMEOUT).execute("while True: x += 1");
    match endless.get().await {
        Err(GetError::Failed(failure)) if failure.code == ErrorCode::DeadlineExceeded => {}
        other => bail!("the endless loop ended otherwise: {other:?}"),
    }
    let took = begun.elapsed();
    let x: i64 = python.eval("x").get().await?;
    ensure!(x > 20, "the variable is lost: {x}");
    page.row(
        "while True: x += 1, timeout 500 ms",
        &format!("stopped after {}; x is {x} now", time(took)),
    );
    go_over_numbers(stage, &session, &python).await?;
    session.close().await?;
    Ok(())
}

/// The squares of many numbers and their sum, without a number leaving the server but
/// the last one.
async fn go_over_numbers(stage: &Stage, session: &Session, python: &Language) -> Result<()> {
    let page = &stage.page;
    let numbers: Far<Vec<u64>> = python.eval(&format!("range({NUMBERS})"));
    session.wait(&[numbers.id()], 1, None).await?;
    let sum = measure(session, async {
        let square = python.teleport("def square(n):\n    return n ** 2");
        let add = python.teleport("lambda a, b: a + b");
        numbers.map::<Vec<u64>>(&square).reduce::<u64>(&add).get().await
    })
    .await;
    let value = sum.value?;
    let expected = (NUMBERS - 1) * NUMBERS * (2 * NUMBERS - 1) / 6;
    ensure!(value == expected, "a wrong sum of squares: {value}");
    let trips = sum.wire.round_trips;
    ensure!(trips == 1, "the sum of the squares took {trips} round trips");
    page.row(
        &format!("the squares of {} numbers", grouped(NUMBERS)),
        &format!("their sum is {}", grouped(value)),
    );
    page.more(&format!(
        "{}, {} out, {} back, {}",
        count(trips, "round trip"),
        bytes(sum.wire.bytes_sent),
        bytes(sum.wire.bytes_received),
        time(sum.took)
    ));
    Ok(())
}

/// Waits until Python can be evaluated; false if the server does not have it.
async fn ready(stage: &Stage, session: &Session) -> Result<bool> {
    let page = &stage.page;
    let begun = Instant::now();
    if let Err(error) = session.language("python").ready().await {
        match error.failure().map(|failure| failure.code) {
            Some(ErrorCode::NotFound) => {
                page.row("left out", "the server found no evaluator of Python");
                return Ok(false);
            }
            _ => return Err(error.into()),
        }
    }
    if begun.elapsed() > Duration::from_secs(1) {
        page.row(
            "the evaluator",
            &format!("compiled, which is done once, in {}", time(begun.elapsed())),
        );
    }
    Ok(true)
}
