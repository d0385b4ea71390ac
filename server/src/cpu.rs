//! CPU time that guests have used, against what a session may use in all and its owner
//! in a minute.
//!
//! Whoever runs a guest charges its session's account as it runs, and asks before a call
//! begins and at each of its ticks whether that is used up. An account lives as long as
//! its session, a rate as long as its owner's sessions. Compiling an owner's modules
//! counts for its rate. Nothing here reads a clock but the end of an account.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use farside_protocol::{ErrorCode, Failure};

use crate::rate::{Rate, nanos};

/// What one session's guests have used.
#[derive(Debug)]
pub(crate) struct CpuAccount {
    /// In nanoseconds, as all numbers here.
    used: AtomicU64,
    most: u64,
    owner: Arc<CpuRate>,
}

/// What accounts pass on to their owner's rate at once: sessions of one owner would take
/// turns at its memory with each small call.
const GRAIN: u64 = 1_000_000;

impl CpuAccount {
    /// An account of a session that may use so much in all.
    pub(crate) fn new(most: Duration, owner: Arc<CpuRate>) -> CpuAccount {
        CpuAccount { used: AtomicU64::new(0), most: nanos(most), owner }
    }

    /// Counts time that a guest has used by `now`.
    pub(crate) fn charge(&self, time: Duration, now: Instant) {
        let time = nanos(time);
        let before = self.used.fetch_add(time, Ordering::Relaxed);
        let grains = before.saturating_add(time) / GRAIN - before / GRAIN;
        if grains > 0 {
            self.owner.charge(Duration::from_nanos(grains * GRAIN), now);
        }
    }

    /// What was used so far.
    pub(crate) fn used(&self) -> Duration {
        Duration::from_nanos(self.used.load(Ordering::Relaxed))
    }

    /// Why no guest of the session may run `now`, if none may.
    pub(crate) fn is_used_up(&self, now: Instant) -> Option<Failure> {
        if self.used.load(Ordering::Relaxed) < self.most {
            return self.owner.is_used_up(now);
        }
        let most = Duration::from_nanos(self.most);
        let message = format!("the session's calls have used {most:?} of CPU time, all they may");
        Some(
            Failure::new(ErrorCode::CpuLimit, message)
                .with_hint("open another session, or raise limits.session_cpu on the server"),
        )
    }
}

impl Drop for CpuAccount {
    fn drop(&mut self) {
        // Many short sessions use as much as a long one.
        let rest = *self.used.get_mut() % GRAIN;
        self.owner.charge(Duration::from_nanos(rest), Instant::now());
    }
}

/// What is done for one owner in a minute, by its sessions and by the compiler.
#[derive(Debug)]
pub(crate) struct CpuRate(Rate);

const MINUTE: Duration = Duration::from_mins(1);

impl CpuRate {
    /// A rate of so much in each minute.
    pub(crate) fn new(per_minute: Duration, now: Instant) -> Arc<CpuRate> {
        Arc::new(CpuRate(Rate::new(nanos(per_minute), MINUTE, now)))
    }

    /// Another rate from now on.
    pub(crate) fn set_per_minute(&self, per_minute: Duration) {
        self.0.set_per_period(nanos(per_minute));
    }

    /// Counts time that was used for the owner by `now`.
    pub(crate) fn charge(&self, time: Duration, now: Instant) {
        self.0.charge(nanos(time), now);
    }

    /// Why nothing may be done for the owner `now`, if nothing may.
    pub(crate) fn is_used_up(&self, now: Instant) -> Option<Failure> {
        let left = self.0.shut_for(now)?;
        let per_minute = Duration::from_nanos(self.0.per_period());
        let message = format!(
            "the owner's sessions have used {per_minute:?} of CPU time within a minute, all they may"
        );
        let seconds = left.as_nanos().div_ceil(1_000_000_000);
        let hint =
            format!("try again in {seconds} s, or raise limits.owner_cpu_per_minute on the server");
        Some(Failure::new(ErrorCode::QuotaExceeded, message).with_hint(hint))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const HOUR: Duration = Duration::from_secs(3600);

    fn told(failure: Option<Failure>) -> String {
        failure.map_or_else(String::new, |failure| {
            format!(
                "{}: {failure}\nhint: {}",
                failure.code,
                failure.hint.as_deref().unwrap_or_default()
            )
        })
    }

    #[test]
    fn a_session_uses_so_much_in_all() {
        let now = Instant::now();
        let account = CpuAccount::new(2 * SECOND, CpuRate::new(HOUR, now));
        account.charge(SECOND, now);
        account.charge(SECOND - Duration::from_nanos(1), now);
        assert!(account.is_used_up(now).is_none());
        account.charge(Duration::from_nanos(1), now);
        assert_eq!(account.used(), 2 * SECOND);
        // Waiting does not help.
        insta::assert_snapshot!(told(account.is_used_up(now + HOUR)), @"
        CpuLimit: the session's calls have used 2s of CPU time, all they may
        hint: open another session, or raise limits.session_cpu on the server
        ");
    }

    #[test]
    fn an_owner_uses_so_much_in_a_minute() {
        let begun = Instant::now();
        let rate = CpuRate::new(6 * SECOND, begun);
        let accounts = [(); 2].map(|()| CpuAccount::new(HOUR, Arc::clone(&rate)));
        let is_shut =
            |at: Duration| accounts.each_ref().map(|it| it.is_used_up(begun + at).is_some());
        accounts[0].charge(3 * SECOND, begun);
        accounts[1].charge(2 * SECOND, begun);
        assert_eq!(is_shut(Duration::ZERO), [false; 2]);
        accounts[1].charge(SECOND, begun);
        assert_eq!(is_shut(Duration::ZERO), [true; 2], "whichever session used it");
        insta::assert_snapshot!(told(accounts[0].is_used_up(begun + Duration::from_millis(100))), @"
        QuotaExceeded: the owner's sessions have used 6s of CPU time within a minute, all they may
        hint: try again in 30 s, or raise limits.owner_cpu_per_minute on the server
        ");
        // Half of it is free again after half a minute, and as much can be used then.
        assert_eq!(is_shut(30 * SECOND - Duration::from_nanos(1)), [true; 2]);
        assert_eq!(is_shut(30 * SECOND), [false; 2]);
        accounts[0].charge(3 * SECOND - Duration::from_millis(1), begun + 30 * SECOND);
        assert_eq!(is_shut(30 * SECOND), [false; 2]);
        accounts[0].charge(Duration::from_millis(1), begun + 30 * SECOND);
        assert_eq!(is_shut(59 * SECOND), [true; 2]);
        assert_eq!(is_shut(60 * SECOND), [false; 2]);
    }

    #[test]
    fn what_is_used_steadily_is_never_too_much() {
        let begun = Instant::now();
        let rate = CpuRate::new(30 * SECOND, begun);
        let account = CpuAccount::new(HOUR, rate);
        for second in 0..600 {
            let now = begun + second * SECOND;
            account.charge(SECOND / 2, now);
            assert!(account.is_used_up(now).is_none(), "{second}");
        }
    }

    #[test]
    fn many_short_sessions_count_as_a_long_one() {
        let begun = Instant::now();
        let rate = CpuRate::new(Duration::from_millis(10), begun);
        let short = Duration::from_micros(900);
        for _ in 0..11 {
            CpuAccount::new(HOUR, Arc::clone(&rate)).charge(short, begun);
        }
        assert!(rate.is_used_up(begun).is_none());
        CpuAccount::new(HOUR, Arc::clone(&rate)).charge(short, begun);
        assert!(rate.is_used_up(begun).is_some());
    }

    #[test]
    fn no_number_is_too_large() {
        let begun = Instant::now();
        let rate = CpuRate::new(Duration::ZERO, begun);
        let account = CpuAccount::new(Duration::MAX, Arc::clone(&rate));
        account.charge(Duration::MAX, begun);
        account.charge(SECOND, begun);
        assert!(account.is_used_up(begun + HOUR).is_some());
    }
}
