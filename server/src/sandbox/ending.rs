//! How a guest that runs too long is brought to its end without losing its instance:
//! first it is asked by a byte in its memory, then it is made to trap, and its instance
//! put back into the state that it had before. What can do neither is dropped.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use farside_protocol::Failure;

/// CPU time that a guest has to end by itself once it is asked to. Interpreters look at
/// the byte every few thousand instructions.
const GRACE: Duration = Duration::from_millis(200);

/// The same in time, for guests that have little of the processor.
const PATIENCE: Duration = Duration::from_secs(2);

/// What can be done with a guest.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Means {
    /// It looks at its byte.
    pub(crate) interrupt: bool,
    /// Its instance was kept as it was before.
    pub(crate) roll_back: bool,
}

impl Means {
    fn bits(self) -> u8 {
        u8::from(self.interrupt) | u8::from(self.roll_back) << 1
    }
}

/// What is done with it now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Demand {
    Nothing = 0,
    Interrupt = 1,
    Trap = 2,
}

/// The end of one call, shared by who decides it and by the guest's store.
#[derive(Debug, Default)]
pub(crate) struct Ending {
    means: AtomicU8,
    demand: AtomicU8,
    why: OnceLock<Failure>,
    /// When it was first demanded, and the CPU time that was used by then.
    since: Mutex<Option<(Instant, Duration)>>,
}

impl Ending {
    /// Says what can be done, before the guest runs.
    pub(crate) fn offer(&self, means: Means) {
        self.means.store(means.bits(), Ordering::Relaxed);
    }

    /// Demands the end, more strictly the longer it takes. False when there is nothing
    /// left but to drop the guest.
    pub(crate) fn press(&self, why: &Failure, cpu_used: Duration, now: Instant) -> bool {
        let _ = self.why.set(why.clone());
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        let (begun, used) = *since.get_or_insert((now, cpu_used));
        let spent = cpu_used.saturating_sub(used);
        let waited = now.saturating_duration_since(begun);
        let within = |times| spent < GRACE * times && waited < PATIENCE * times;
        let means = self.means.load(Ordering::Relaxed);
        let can = |it: Means| means & it.bits() != 0;
        let demand = if can(Means { interrupt: true, roll_back: false }) && within(1) {
            Demand::Interrupt
        } else if can(Means { interrupt: false, roll_back: true }) && within(4) {
            Demand::Trap
        } else {
            return false;
        };
        self.demand.store(demand as u8, Ordering::Relaxed);
        true
    }

    /// What is demanded.
    pub(crate) fn demand(&self) -> Demand {
        match self.demand.load(Ordering::Relaxed) {
            0 => Demand::Nothing,
            1 => Demand::Interrupt,
            _ => Demand::Trap,
        }
    }

    /// Why the end was demanded, if it was.
    pub(crate) fn why(&self) -> Option<&Failure> {
        self.why.get()
    }
}

#[cfg(test)]
mod tests {
    use farside_protocol::ErrorCode;

    use super::*;

    #[test]
    fn the_end_is_demanded_more_and_more_strictly() {
        let why = Failure::new(ErrorCode::DeadlineExceeded, "late");
        let begun = Instant::now();
        let check = |means, steps: &[(u64, u64, Option<Demand>)]| {
            let ending = Ending::default();
            ending.offer(means);
            assert_eq!(ending.demand(), Demand::Nothing);
            for (cpu, waited, expected) in steps {
                let now = begun + Duration::from_millis(*waited);
                let goes_on = ending.press(&why, Duration::from_millis(1000 + cpu), now);
                assert_eq!(goes_on.then(|| ending.demand()), *expected, "{means:?} {cpu} {waited}");
            }
            assert_eq!(ending.why(), Some(&why));
        };
        let (asked, trapped) = (Some(Demand::Interrupt), Some(Demand::Trap));
        let both = Means { interrupt: true, roll_back: true };
        check(both, &[(0, 0, asked), (199, 300, asked), (200, 301, trapped), (900, 400, None)]);
        check(both, &[(0, 0, asked), (1, 2000, trapped), (2, 8000, None)]);
        check(Means { interrupt: true, roll_back: false }, &[(0, 0, asked), (300, 301, None)]);
        check(Means { interrupt: false, roll_back: true }, &[(0, 0, trapped), (900, 900, None)]);
        check(Means::default(), &[(0, 0, None)]);
    }
}
