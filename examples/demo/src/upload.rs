//! Modules go to the server once.

use std::fs;

use anyhow::{Result, ensure};

use crate::Stage;
use crate::measure::{bytes, count, measure, time};

/// More than the messages of an upload take, and less than any guest does.
const MESSAGES: u64 = 512;

pub(crate) async fn show(stage: &Stage) -> Result<()> {
    let page = &stage.page;
    page.title("Upload: a module is sent once, ever");

    let file = stage.guest("hello");
    let size = fs::metadata(&file)?.len();
    let session = stage.client.session().await?;
    let first = measure(&session, session.upload(&file)).await;
    let hello = first.value?;
    ensure!(!hello.known(), "the server knew a module that nobody had sent");
    ensure!(first.wire.bytes_sent >= size, "the module was not sent");
    let sent = bytes(first.wire.bytes_sent);
    page.row("hello.wasm", &format!("{} as {}..", bytes(size), hello.hash().short()));
    page.row("first upload", &format!("{sent} sent, compiled, in {}", time(first.took)));
    let names = hello.manifest().functions.iter().map(|function| function.name.as_str());
    page.row("functions found in it", &names.collect::<Vec<_>>().join(", "));
    session.close().await?;

    let session = stage.client.session().await?;
    let second = measure(&session, session.upload(&file)).await;
    ensure!(second.value?.known(), "the server has forgotten the module");
    ensure!(second.wire.bytes_sent < MESSAGES, "the module was sent again");
    ensure!(second.wire.round_trips == 1, "asking took {} round trips", second.wire.round_trips);
    let cost = count(second.wire.round_trips, "round trip");
    page.row(
        "second upload, in another session",
        &format!("0 bytes of the module sent, {cost}, {}", time(second.took)),
    );
    session.close().await?;
    Ok(())
}
