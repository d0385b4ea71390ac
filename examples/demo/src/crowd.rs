//! A thousand sessions at once, each with state of its own.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use farside::Session;
use futures_util::future::try_join_all;

use crate::Stage;
use crate::isolation::Entry;
use crate::measure::{bytes, count, grouped, time};

const SESSIONS: u64 = 1_000;
const CALLS: u64 = 100;

pub(crate) async fn show(stage: &Stage) -> Result<()> {
    let page = &stage.page;
    page.title("A thousand sessions at once, each with a hundred calls");

    let before = stage.server.resident();
    let start = Instant::now();
    let open = (0..SESSIONS).map(|_| stage.client.session());
    let sessions = try_join_all(open).await?;
    page.row(&count(SESSIONS, "session"), &format!("opened in {}", time(start.elapsed())));

    let start = Instant::now();
    try_join_all((0..).zip(&sessions).map(|(number, session)| keep_log(stage, number, session)))
        .await?;
    let took = start.elapsed();
    let calls = SESSIONS * CALLS;
    let rate = calls as f64 / took.as_secs_f64();
    page.row(
        &count(calls, "call"),
        &format!("every answer right, in {}: {} a second", time(took), grouped(rate as u64)),
    );

    match before.zip(stage.server.resident()) {
        Some((before, after)) => {
            let each = after.saturating_sub(before) / SESSIONS;
            page.row(
                "memory of the server",
                &format!(
                    "{} before, {} now: {} a session",
                    bytes(before),
                    bytes(after),
                    bytes(each)
                ),
            );
        }
        None => page.row("memory of the server", "not told on this system"),
    }
    try_join_all(sessions.into_iter().map(Session::close)).await?;
    Ok(())
}

/// Writes a hundred lines into a session's logbook and checks every number that comes
/// back, then that the last lines are its own.
async fn keep_log(stage: &Stage, number: u64, session: &Session) -> Result<()> {
    let logbook = session.upload(stage.guest("logbook")).await?;
    let add = logbook.function("add")?;
    let line = format!("session {number}");
    for expected in 1..=CALLS {
        let given: u64 = add.value((&line,)).await.with_context(|| line.clone())?;
        ensure!(given == expected, "{line}: call {expected} gave {given}");
    }
    let last: Vec<Entry> = logbook.function("last")?.value((CALLS,)).await?;
    ensure!(last.len() as u64 == CALLS, "{line}: {} lines", last.len());
    for (expected, entry) in (1..).zip(&last) {
        ensure!(entry.number == expected && entry.line == line, "{line}: found `{}`", entry.line);
    }
    Ok(())
}
