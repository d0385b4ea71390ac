//! Calls on results that do not exist yet.

use anyhow::{Result, ensure};
use farside::{Far, GetError, Module};

use crate::Stage;
use crate::measure::{bytes, count, measure, time};

pub(crate) async fn show(stage: &Stage) -> Result<()> {
    let page = &stage.page;
    page.title("A chain: each call takes the result of the one before it");

    let session = stage.client.session().await?;
    let hello = session.upload(stage.guest("hello")).await?;
    for length in [1, 10, 100] {
        let chain = measure(&session, sum_of_ones(&hello, length)).await;
        let sum = chain.value?;
        ensure!(sum == length, "the chain of {length} calls gave {sum}");
        let trips = chain.wire.round_trips;
        ensure!(trips == 1, "the chain of {length} calls took {trips} round trips");
        page.row(
            &count(length.unsigned_abs(), "dependent call"),
            &format!(
                "{}, {} out, {} back, {}",
                count(trips, "round trip"),
                bytes(chain.wire.bytes_sent),
                bytes(chain.wire.bytes_received),
                time(chain.took)
            ),
        );
    }
    session.close().await?;
    Ok(())
}

/// 0 + 1 + 1 .., every sum by a call of its own.
async fn sum_of_ones(hello: &Module, length: i64) -> Result<i64, GetError> {
    let mut sum: Far<i64> = hello.call("add", (0, 1));
    for _ in 1..length {
        sum = hello.call("add", (&sum, 1));
    }
    sum.get().await
}
