//! How often guests call the host: so often in one call, and so often in a second in all
//! calls of a session.

use std::sync::Arc;
use std::time::{Duration, Instant};

use farside_protocol::{ErrorCode, Failure};

use crate::rate::Rate;

/// Calls of the host between two looks at the clock.
const GRAIN: u64 = 1024;

/// How often the guests of one session may call the host in a second.
#[derive(Debug)]
pub(crate) struct HostCallRate(Rate);

impl HostCallRate {
    pub(crate) fn new(per_second: usize, now: Instant) -> Arc<HostCallRate> {
        let per_second = per_second as u64;
        Arc::new(HostCallRate(Rate::new(per_second, Duration::from_secs(1), now)))
    }
}

/// How often one call may still call the host.
pub(crate) struct HostCalls {
    left: usize,
    /// Those that the session's rate does not know of yet.
    uncounted: u64,
    /// Whether the rate was asked.
    has_asked: bool,
    rate: Arc<HostCallRate>,
}

impl HostCalls {
    /// So often in all, and within the session's rate.
    pub(crate) fn new(most: usize, rate: Arc<HostCallRate>) -> HostCalls {
        HostCalls { left: most, uncounted: 0, has_asked: false, rate }
    }

    /// Counts one.
    ///
    /// # Errors
    /// When it was one too many; the guest ends with that.
    pub(super) fn count(&mut self) -> Result<(), TooManyHostCalls> {
        self.left = self.left.checked_sub(1).ok_or(TooManyHostCalls::InCall)?;
        self.uncounted += 1;
        if self.uncounted < GRAIN && self.has_asked {
            return Ok(());
        }
        self.has_asked = true;
        let now = Instant::now();
        self.pass_on(now);
        match self.rate.0.shut_for(now) {
            None => Ok(()),
            Some(_) => Err(TooManyHostCalls::InSecond(self.rate.0.per_period())),
        }
    }

    fn pass_on(&mut self, now: Instant) {
        self.rate.0.charge(std::mem::take(&mut self.uncounted), now);
    }
}

impl Drop for HostCalls {
    fn drop(&mut self) {
        if self.uncounted > 0 {
            self.pass_on(Instant::now());
        }
    }
}

/// Ends a guest that called the host more often than it may.
#[derive(Debug, thiserror::Error)]
pub(super) enum TooManyHostCalls {
    #[error("the guest called the host too often")]
    InCall,
    #[error("the session's guests called the host more than {0} times in a second")]
    InSecond(u64),
}

impl TooManyHostCalls {
    /// What the client is told.
    pub(super) fn failure(&self) -> Failure {
        const FOR: &str = "for its clock, random numbers, log, or functions of the session";
        let (message, hint) = match self {
            TooManyHostCalls::InCall => (
                format!("the guest called the host more often than a call may: {FOR}"),
                "do less in one call, or raise limits.call_host_calls on the server",
            ),
            TooManyHostCalls::InSecond(_) => (
                format!("{self}: {FOR}"),
                "try again in a second, ask less often, or raise limits.session_host_calls on the \
                 server",
            ),
        };
        Failure::new(ErrorCode::QuotaExceeded, message).with_hint(hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_small_calls_count_as_a_large_one() {
        let now = Instant::now();
        let rate = HostCallRate::new(10_000, now);
        let counts = |calls: usize| {
            let mut one = HostCalls::new(usize::MAX, Arc::clone(&rate));
            (0..calls).all(|_| one.count().is_ok())
        };
        for _ in 0..99 {
            assert!(counts(100));
        }
        // These are known of when they end.
        assert!(counts(100));
        assert!(!counts(1), "a call that begins now asks first");
        assert!(rate.0.shut_for(now + Duration::from_secs(2)).is_none());
    }

    #[test]
    fn a_loop_ends_soon_after_it_is_too_fast() {
        let rate = HostCallRate::new(10_000, Instant::now());
        let mut one = HostCalls::new(1_000_000, Arc::clone(&rate));
        let counted = (0..1_000_000).take_while(|_| one.count().is_ok()).count();
        // It takes less than a tenth of a second.
        assert!((10_000 - GRAIN as usize..12_000).contains(&counted), "{counted}");
    }
}
