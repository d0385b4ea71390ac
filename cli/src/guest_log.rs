//! What guests log, as lines on standard error, or as the output of what is evaluated.

use std::convert::Infallible;
use std::future::{pending, ready};

use farside::{LogLevel, LogLine, LogLines, Session, WriterId};
use serde_json::json;
use tokio::task::unconstrained;

use crate::output::{note, print};
use crate::show::plain::plain;

/// The lines of the calls that this connection makes; other writers of the session
/// print theirs themselves.
pub(crate) struct GuestLog {
    lines: LogLines,
    writer: WriterId,
    form: Form,
}

/// What becomes of a line.
#[derive(Clone, Copy)]
enum Form {
    /// Text on standard error, with the level.
    Labelled,
    /// JSON on standard error.
    Json,
    /// Text alone, on standard output what an evaluator's standard output is.
    Output,
}

impl GuestLog {
    /// The log from now on, as text or as JSON.
    pub(crate) fn of(session: &Session, as_json: bool) -> GuestLog {
        GuestLog::new(session, if as_json { Form::Json } else { Form::Labelled })
    }

    /// The log from now on, as the output of a program that is evaluated.
    pub(crate) fn as_output(session: &Session) -> GuestLog {
        GuestLog::new(session, Form::Output)
    }

    fn new(session: &Session, form: Form) -> GuestLog {
        GuestLog { lines: session.logs(), writer: session.writer(), form }
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
        match (self.lines.missed(), self.form) {
            (0, _) => {}
            (lost, Form::Json) => note(json!({ "log_lines_lost": lost })),
            (lost, _) => note(format_args!("note: {lost} lines of the guest's log are lost")),
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
        match self.form {
            Form::Json => {
                note(json!({ "log": line.text, "level": level, "of": line.of.to_string() }));
            }
            Form::Labelled => note(format_args!("[{level}] {}", plain(&line.text))),
            // Whoever reads it may have gone; the result's own line tells that.
            Form::Output if line.level == LogLevel::Info => drop(print(plain(&line.text))),
            Form::Output => note(plain(&line.text)),
        }
    }
}
