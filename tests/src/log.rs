//! What a process writes to stderr, line by line, while it runs.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// How long a line, or the end, may take to come, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process's log so far. It is read to its end, so the process never waits for it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    lines: Mutex<Lines>,
    more: Condvar,
}

#[derive(Debug, Default)]
struct Lines {
    text: Vec<String>,
    ended: bool,
}

impl Log {
    pub(crate) fn collect(from: impl Read + Send + 'static) -> Log {
        let log = Log::default();
        let writer = log.clone();
        thread::spawn(move || {
            for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                writer.change(|lines| lines.text.push(line));
            }
            writer.change(|lines| lines.ended = true);
        });
        log
    }

    /// Everything so far.
    pub(crate) fn text(&self) -> String {
        self.lines().text.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
    }

    /// What `find` makes of the first line that it knows; none when the log ends
    /// before, or nothing comes for too long.
    pub(crate) fn wait_for<T>(&self, find: impl Fn(&str) -> Option<T>) -> Option<T> {
        let found = |lines: &Lines| lines.text.iter().find_map(|line| find(line));
        let lines = self.wait_while(|lines| found(lines).is_none() && !lines.ended);
        found(&lines)
    }

    /// Waits for the log's end, which comes with the process's; false when it does
    /// not come.
    pub(crate) fn wait_for_end(&self) -> bool {
        self.wait_while(|lines| !lines.ended).ended
    }

    fn wait_while(&self, unfinished: impl Fn(&Lines) -> bool) -> MutexGuard<'_, Lines> {
        let Shared { more, .. } = &*self.shared;
        let waited = more.wait_timeout_while(self.lines(), PATIENCE, |lines| unfinished(lines));
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn change(&self, change: impl FnOnce(&mut Lines)) {
        change(&mut self.lines());
        self.shared.more.notify_all();
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.shared.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
