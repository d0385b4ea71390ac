//! What guests log, as lines on standard error.

use std::convert::Infallible;
use std::future::{pending, ready};

use farside::{LogLevel, LogLine, LogLines, Session, WriterId};
use serde_json::json;
use tokio::task::unconstrained;

use crate::output::note;
use crate::show::plain::plain;

/// The lines of the calls that this connection makes; other writers of the session
/// print theirs themselves.
pub(crate) struct GuestLog {
    lines: LogLines,
    writer: WriterId,
    as_json: bool,
}

impl GuestLog {
    /// The log from now on, as text or as JSON.
    pub(crate) fn of(session: &Session, as_json: bool) -> GuestLog {
        GuestLog { lines: session.logs(), writer: session.writer(), as_json }
    }

    /// Prints lines as they come, for as long as it is polled.
    pub(crate) async fn follow(&mut self) -> Infallible {
        while let Some(line) = self.lines.next().await {
            self.print(&line);
        }
        pending().await
    }

    /// Prints the lines that have come and not been printed.
    pub(crate) async fn finish(mut self) {
        loop {
            let line = tokio::select! {
                biased;
                // Without tokio's budget, which would end the lines early.
                line = unconstrained(self.lines.next()) => line,
                () = ready(()) => break,
            };
            match line {
                Some(line) => self.print(&line),
                None => break,
            }
        }
        match self.lines.missed() {
            0 => {}
            lost if self.as_json => note(json!({ "log_lines_lost": lost })),
            lost => note(format_args!("note: {lost} lines of the guest's log are lost")),
        }
    }

    fn print(&self, line: &LogLine) {
        if line.of.writer() != self.writer {
            return;
        }
        let level = match line.level {
            LogLevel::Error => "error",
            LogLevel::Warn => "warn",
            LogLevel::Info => "info",
            LogLevel::Debug => "debug",
        };
        match self.as_json {
            true => note(json!({ "log": line.text, "level": level, "of": line.of.to_string() })),
            false => note(format_args!("[{level}] {}", plain(&line.text))),
        }
    }
}
