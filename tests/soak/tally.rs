//! What was asked and answered so far.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Wrong answers that are told in words; of the others there is a count.
const TOLD: usize = 20;

/// Counts of all clients.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    sessions: AtomicU64,
    answers: AtomicU64,
    hostile: AtomicU64,
    uploads: AtomicU64,
    killed: AtomicU64,
    died: AtomicU64,
    wrong: AtomicU64,
    stuck: AtomicU64,
    longest: AtomicU64,
    /// The first of what was wrong.
    words: Mutex<Vec<String>>,
}

/// What there is one more of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    Session,
    Hostile,
    Upload,
    Killed,
    Died,
}

impl Tally {
    pub(crate) fn count(&self, event: Event) {
        let counter = match event {
            Event::Session => &self.sessions,
            Event::Hostile => &self.hostile,
            Event::Upload => &self.uploads,
            Event::Killed => &self.killed,
            Event::Died => &self.died,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// A right answer, which took so long.
    pub(crate) fn right(&self, took: Duration) {
        self.answers.fetch_add(1, Ordering::Relaxed);
        self.longest.fetch_max(took.as_millis() as u64, Ordering::Relaxed);
    }

    /// An answer that is not what it must be.
    pub(crate) fn wrong(&self, what: String) {
        self.wrong.fetch_add(1, Ordering::Relaxed);
        self.tell(what);
    }

    /// An answer that did not come.
    pub(crate) fn stuck(&self, what: String) {
        self.stuck.fetch_add(1, Ordering::Relaxed);
        self.tell(what);
    }

    fn tell(&self, what: String) {
        let mut words = self.words.lock().unwrap_or_else(PoisonError::into_inner);
        if words.len() < TOLD {
            println!("WRONG: {what}");
            words.push(what);
        }
    }

    /// Whether every answer came and was right.
    pub(crate) fn is_good(&self) -> bool {
        [&self.wrong, &self.stuck].iter().all(|count| count.load(Ordering::Relaxed) == 0)
    }

    pub(crate) fn line(&self) -> String {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        format!(
            "{} sessions, {} hostile, {} answers, {} wrong, {} never came, longest {} ms",
            of(&self.sessions),
            of(&self.hostile),
            of(&self.answers),
            of(&self.wrong),
            of(&self.stuck),
            of(&self.longest),
        )
    }

    pub(crate) fn summary(&self) -> String {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        format!(
            "{}; {} modules uploaded, {} sessions killed, {} clients gone in the midst",
            self.line(),
            of(&self.uploads),
            of(&self.killed),
            of(&self.died),
        )
    }
}
