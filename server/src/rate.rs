//! How much may be used within a period.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A bucket that holds so much, and loses as much in each period. Once it is full it is
/// shut until half of it is free, so that who goes on then can do something.
#[derive(Debug)]
pub(crate) struct Rate {
    begun: Instant,
    /// In nanoseconds, as all times here.
    period: u64,
    per_period: AtomicU64,
    /// When the bucket will be empty, since it was made.
    empty_at: AtomicU64,
    /// Until when it is shut, since then.
    shut_until: AtomicU64,
}

impl Rate {
    /// A rate of so much in each period.
    pub(crate) fn new(per_period: u64, period: Duration, now: Instant) -> Rate {
        Rate {
            begun: now,
            period: nanos(period),
            per_period: AtomicU64::new(per_period.max(1)),
            empty_at: AtomicU64::new(0),
            shut_until: AtomicU64::new(0),
        }
    }

    pub(crate) fn per_period(&self) -> u64 {
        self.per_period.load(Ordering::Relaxed)
    }

    /// Another rate from now on.
    pub(crate) fn set_per_period(&self, per_period: u64) {
        self.per_period.store(per_period.max(1), Ordering::Relaxed);
    }

    /// Counts what was used by `now`.
    pub(crate) fn charge(&self, amount: u64, now: Instant) {
        let now = self.since_begun(now);
        let losing = u128::from(amount) * u128::from(self.period) / u128::from(self.per_period());
        let losing = u64::try_from(losing).unwrap_or(u64::MAX);
        let after = |empty_at: u64| empty_at.max(now).saturating_add(losing);
        let before = self.empty_at.update(Ordering::Relaxed, Ordering::Relaxed, after);
        let empty_at = after(before);
        if empty_at - now >= self.period {
            self.shut_until.fetch_max(empty_at - self.period / 2, Ordering::Relaxed);
        }
    }

    /// For how long it will be shut, if it is.
    pub(crate) fn shut_for(&self, now: Instant) -> Option<Duration> {
        let shut_until = self.shut_until.load(Ordering::Relaxed);
        if shut_until == 0 {
            return None;
        }
        let left = shut_until.checked_sub(self.since_begun(now)).filter(|left| *left > 0)?;
        Some(Duration::from_nanos(left))
    }

    fn since_begun(&self, now: Instant) -> u64 {
        nanos(now.saturating_duration_since(self.begun))
    }
}

/// A time in nanoseconds; the longest one there is if it is longer.
pub(crate) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
