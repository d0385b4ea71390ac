//! One instance, poisoned and renewed over and over.

use std::time::Instant;

use anyhow::{Result, ensure};
use farside::ErrorCode;

use crate::Stage;
use crate::measure::{bytes, count, time};

const TIMES: u64 = 1_000;

pub(crate) async fn show(stage: &Stage) -> Result<()> {
    let page = &stage.page;
    page.title("One instance, poisoned and renewed a thousand times");

    let session = stage.client.session().await?;
    let hello = session.upload(stage.guest("hello")).await?;
    let boom = hello.function("boom")?;
    let before = stage.server.resident();
    let start = Instant::now();
    for round in 0..TIMES {
        let ended = boom.value::<()>(("again",)).await;
        let code = ended.err().and_then(|error| error.failure().map(|failure| failure.code));
        ensure!(code == Some(ErrorCode::Trap), "panic {round} ended as {code:?}");
        hello.renew().await?;
    }
    let took = start.elapsed();
    page.row(&count(TIMES, "panic"), &format!("each renewed, in {}", time(took)));
    if let Some((before, after)) = before.zip(stage.server.resident()) {
        page.row(
            "memory of the server",
            &format!("{} before, {} now", bytes(before), bytes(after)),
        );
    }
    session.close().await?;
    Ok(())
}
