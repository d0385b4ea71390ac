//! What guests log, as lines on standard error.

use std::convert::Infallible;
use std::future::{pending, ready};

use farside::{LogLevel, LogLine, LogLines, Session, WriterId};
use tokio::task::unconstrained;

use crate::output::note;
use crate::show::plain::plain;

/// The lines of the calls that this connection makes; other writers of the session
/// print theirs themselves.
pub(crate) struct GuestLog {
    lines: LogLines,
    writer: WriterId,
}

impl GuestLog {
    /// The log from now on.
    pub(crate) fn of(session: &Session) -> GuestLog {
        GuestLog { lines: session.logs(), writer: session.writer() }
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
        if self.lines.missed() > 0 {
            note(format_args!("note: {} lines of the guest's log are lost", self.lines.missed()));
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
        note(format_args!("[{level}] {}", plain(&line.text)));
    }
}
