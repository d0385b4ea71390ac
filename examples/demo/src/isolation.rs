//! What a guest keeps is seen by its own session only.

use anyhow::{Result, ensure};
use farside::{Module, Session};
use serde::Deserialize;

use crate::Stage;

/// One line of the logbook guest.
#[derive(Deserialize)]
pub(crate) struct Entry {
    pub(crate) number: u64,
    pub(crate) line: String,
}

pub(crate) async fn show(stage: &Stage) -> Result<()> {
    let page = &stage.page;
    page.title("State stays in its session");

    let (anna, annas) = open(stage).await?;
    let (bert, berts) = open(stage).await?;
    for line in ["Anna casts off", "Anna sees land"] {
        annas.call::<u64>("add", (line,)).get().await?;
    }
    berts.call::<u64>("add", ("Bert stays in port",)).get().await?;
    check(stage, "Anna's session", &annas, &["Anna casts off", "Anna sees land"]).await?;
    check(stage, "Bert's session", &berts, &["Bert stays in port"]).await?;

    let again = stage.client.attach(anna.id(), anna.key()).await?;
    let hers = again.module("logbook").await?;
    check(stage, "Anna's, over another connection", &hers, &["Anna casts off", "Anna sees land"])
        .await?;
    anna.close().await?;
    bert.close().await?;
    Ok(())
}

async fn open(stage: &Stage) -> Result<(Session, Module)> {
    let session = stage.client.session().await?;
    let logbook = session.upload(stage.guest("logbook")).await?;
    Ok((session, logbook))
}

async fn check(stage: &Stage, name: &str, logbook: &Module, expected: &[&str]) -> Result<()> {
    let entries: Vec<Entry> = logbook.call("last", (10,)).get().await?;
    let lines: Vec<&str> = entries.iter().map(|entry| entry.line.as_str()).collect();
    ensure!(lines == expected, "{name} has the lines {lines:?}");
    stage.page.row(name, &lines.join("; "));
    Ok(())
}
