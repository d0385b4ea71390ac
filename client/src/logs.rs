//! Lines that a session's guests log.

use farside_protocol::{LogLevel, RefId};
use tokio::sync::broadcast;

/// Lines that a slow reader may be behind before it loses the oldest.
const LINES: usize = 16 * 1024;

/// A line that a guest logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// The reference of the call that logged it.
    pub of: RefId,
    /// How grave.
    pub level: LogLevel,
    /// The line.
    pub text: String,
}

/// The lines that a session's guests log from now on, from
/// [`Session::logs`](crate::Session::logs). It holds 16,384 of them; a reader that
/// is further behind loses the oldest. While nobody reads, lines become events of
/// `tracing` with the target `farside::guest`.
#[derive(Debug)]
pub struct LogLines {
    receiver: Option<broadcast::Receiver<LogLine>>,
    missed: u64,
}

impl LogLines {
    pub(crate) fn new(receiver: Option<broadcast::Receiver<LogLine>>) -> LogLines {
        LogLines { receiver, missed: 0 }
    }

    /// The next line; none once the connection has ended.
    pub async fn next(&mut self) -> Option<LogLine> {
        loop {
            match self.receiver.as_mut()?.recv().await {
                Ok(line) => return Some(line),
                Err(broadcast::error::RecvError::Lagged(missed)) => self.missed += missed,
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }

    /// How many lines were lost because this reader was too slow.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.missed
    }
}

pub(crate) fn channel() -> broadcast::Sender<LogLine> {
    broadcast::Sender::new(LINES)
}

/// Gives a line to those who read, or to the program's own log.
pub(crate) fn deliver(readers: Option<&broadcast::Sender<LogLine>>, line: LogLine) {
    let unread = match readers {
        Some(readers) => readers.send(line).err().map(|error| error.0),
        None => Some(line),
    };
    let Some(LogLine { of, level, text }) = unread else { return };
    match level {
        LogLevel::Error => tracing::error!(target: "farside::guest", %of, "{text}"),
        LogLevel::Warn => tracing::warn!(target: "farside::guest", %of, "{text}"),
        LogLevel::Info => tracing::info!(target: "farside::guest", %of, "{text}"),
        LogLevel::Debug => tracing::debug!(target: "farside::guest", %of, "{text}"),
    }
}
