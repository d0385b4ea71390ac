//! What passes over a link, and when a link is given up: the client has gone without a
//! word, does not end what it began to send, or does not read.
//!
//! The link counts; the server's caretaker looks at all links' counts every now and then,
//! so that no connection needs a timer of its own. Sessions outlive this as they outlive
//! any end of a connection.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::config::Config;

/// Counts of one link.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    /// Bytes that came.
    read: AtomicU64,
    /// Bytes that went.
    written: AtomicU64,
    /// Bytes that had come when the last message was whole.
    whole: AtomicU64,
    /// Whether anything waits to be sent.
    unsent: AtomicBool,
}

impl Activity {
    pub(crate) fn read_some(&self, bytes: usize) {
        self.read.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn wrote_some(&self, bytes: usize) {
        self.written.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// A message is whole.
    pub(crate) fn took_message(&self) {
        self.whole.store(self.read.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    pub(crate) fn set_unsent(&self, unsent: bool) {
        self.unsent.store(unsent, Ordering::Relaxed);
    }
}

/// How long a link may stand still.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// Without a sign of life.
    idle: Duration,
    /// Within a message.
    frame: Duration,
    /// Without reading.
    send: Duration,
}

impl Patience {
    pub(crate) fn of(config: &Config) -> Patience {
        Patience {
            idle: config.idle_timeout,
            frame: config.frame_timeout,
            send: config.send_timeout,
        }
    }
}

/// What is to be done with a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Nothing,
    /// See whether the client is there.
    Probe,
    GiveUp(Stall),
}

/// Why a link is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stall {
    Idle(Duration),
    Frame(Duration),
    Send(Duration),
}

impl fmt::Display for Stall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stall::Idle(time) => write!(f, "the client gave no sign of life for {time:?}"),
            Stall::Frame(time) => write!(f, "a message did not come whole within {time:?}"),
            Stall::Send(time) => write!(f, "the client read nothing for {time:?}"),
        }
    }
}

/// What was seen of a link when it was last looked at.
#[derive(Debug)]
pub(super) struct Watch {
    read: u64,
    /// Since when nothing came.
    silent_since: Instant,
    probed: bool,
    whole: u64,
    /// Since when a message has been coming.
    partial_since: Option<Instant>,
    written: u64,
    /// Since when nothing went that should.
    stuck_since: Option<Instant>,
}

impl Watch {
    pub(super) fn new(now: Instant) -> Watch {
        Watch {
            read: 0,
            silent_since: now,
            probed: false,
            whole: 0,
            partial_since: None,
            written: 0,
            stuck_since: None,
        }
    }

    /// Looks at a link again.
    pub(super) fn look(
        &mut self,
        activity: &Activity,
        patience: &Patience,
        now: Instant,
    ) -> Verdict {
        let [read, written, whole] = [&activity.read, &activity.written, &activity.whole]
            .map(|count| count.load(Ordering::Relaxed));
        let unsent = activity.unsent.load(Ordering::Relaxed);
        let passed = |since: Instant| now.saturating_duration_since(since);

        let goes_on = written != self.written;
        self.written = written;
        self.stuck_since = match self.stuck_since {
            _ if !unsent => None,
            Some(since) if !goes_on => Some(since),
            _ => Some(now),
        };
        if self.stuck_since.is_some_and(|since| passed(since) >= patience.send) {
            return Verdict::GiveUp(Stall::Send(patience.send));
        }

        // A client that is not read from, because it does not read, can't send on.
        let is_partial = read != whole && whole == self.whole && !unsent;
        self.whole = whole;
        self.partial_since = is_partial.then(|| self.partial_since.unwrap_or(now));
        if self.partial_since.is_some_and(|since| passed(since) >= patience.frame) {
            return Verdict::GiveUp(Stall::Frame(patience.frame));
        }

        if read != self.read || unsent {
            (self.read, self.silent_since, self.probed) = (read, now, false);
            return Verdict::Nothing;
        }
        let silent = passed(self.silent_since);
        if silent >= patience.idle {
            return Verdict::GiveUp(Stall::Idle(patience.idle));
        }
        if silent >= patience.idle / 2 && !self.probed {
            self.probed = true;
            return Verdict::Probe;
        }
        Verdict::Nothing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience {
        idle: Duration::from_secs(60),
        frame: Duration::from_secs(10),
        send: Duration::from_secs(20),
    };

    /// A link that is looked at every second.
    struct Link {
        activity: Activity,
        watch: Watch,
        now: Instant,
    }

    impl Link {
        fn new() -> Link {
            let now = Instant::now();
            Link { activity: Activity::default(), watch: Watch::new(now), now }
        }

        fn look(&mut self) -> Verdict {
            self.now += Duration::from_secs(1);
            self.watch.look(&self.activity, &PATIENCE, self.now)
        }

        /// The second in which something is to be done, and that.
        fn until_verdict(&mut self, mut meanwhile: impl FnMut(&Activity)) -> (u64, Verdict) {
            for second in 1..1000 {
                meanwhile(&self.activity);
                match self.look() {
                    Verdict::Nothing => {}
                    verdict => return (second, verdict),
                }
            }
            (1000, Verdict::Nothing)
        }
    }

    fn message(activity: &Activity) {
        activity.read_some(10);
        activity.took_message();
    }

    #[test]
    fn a_silent_client_is_asked_then_given_up() {
        let mut link = Link::new();
        message(&link.activity);
        assert_eq!(link.look(), Verdict::Nothing);
        assert_eq!(link.until_verdict(|_| ()), (30, Verdict::Probe));
        // It answers, and is silent again.
        message(&link.activity);
        assert_eq!(link.look(), Verdict::Nothing);
        assert_eq!(link.until_verdict(|_| ()), (30, Verdict::Probe));
        let given_up = Verdict::GiveUp(Stall::Idle(PATIENCE.idle));
        assert_eq!(link.until_verdict(|_| ()), (30, given_up));
    }

    #[test]
    fn a_message_comes_whole_in_time_or_not_at_all() {
        let mut link = Link::new();
        let drips = |activity: &Activity| activity.read_some(1);
        let given_up = Verdict::GiveUp(Stall::Frame(PATIENCE.frame));
        assert_eq!(link.until_verdict(drips), (11, given_up));
        let mut link = Link::new();
        let mut second = 0;
        let slow = |activity: &Activity| {
            second += 1;
            activity.read_some(1);
            if second % 9 == 0 {
                activity.took_message();
            }
        };
        assert_eq!(link.until_verdict(slow).1, Verdict::Nothing);
    }

    #[test]
    fn a_client_that_does_not_read_is_given_up() {
        let mut link = Link::new();
        link.activity.set_unsent(true);
        // It sends on, which nobody reads then.
        link.activity.read_some(5);
        let given_up = Verdict::GiveUp(Stall::Send(PATIENCE.send));
        assert_eq!(link.until_verdict(|_| ()), (21, given_up));
        let mut link = Link::new();
        link.activity.set_unsent(true);
        let reads = |activity: &Activity| activity.wrote_some(1);
        assert_eq!(link.until_verdict(reads).1, Verdict::Nothing);
    }
}
