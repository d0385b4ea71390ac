//! When memory that was freed is given back to the system.
//!
//! That stops who allocates for as long as it takes, and what was given back has to be had
//! again by page faults; so it is done soon after there is something to give, and ever more
//! rarely while there is little.

/// Bytes that may be in use for a moment, or kept for use by the allocator, without being
/// counted one by one.
pub(crate) const IN_FLUX: u64 = 64 << 20;

/// What it is worth to look for, and what it is worth to look again soon for, in bytes.
const WORTH: u64 = IN_FLUX / 4;

/// The looks between two times, at least and at most.
const SOON: u32 = 10;
const SELDOM: u32 = 640;

/// What is known at a look.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    /// Bytes that nothing counts.
    pub(crate) uncounted: u64,
    /// Sessions that there are.
    pub(crate) sessions: usize,
}

/// Says at each look whether memory shall be given back.
#[derive(Debug)]
pub(crate) struct GivingBack {
    /// Looks between two times, now.
    wait: u32,
    /// Looks until the next time.
    left: u32,
    /// What was uncounted before the last time, if that was at the last look.
    before: Option<u64>,
    /// The least that was uncounted since.
    least: u64,
    sessions: usize,
}

impl GivingBack {
    pub(crate) fn new() -> GivingBack {
        GivingBack { wait: SOON, left: SOON, before: None, least: 0, sessions: 0 }
    }

    /// Looks once more; true if memory shall be given back now.
    pub(crate) fn look(&mut self, seen: Seen) -> bool {
        let Seen { uncounted, sessions } = seen;
        if let Some(before) = self.before.take() {
            self.least = uncounted;
            self.wait = match before.saturating_sub(uncounted) {
                WORTH.. => SOON,
                _ => (2 * self.wait).min(SELDOM),
            };
            self.left = self.wait;
        }
        // Sessions that have ended leave something, and so does what was counted and is not.
        if sessions < self.sessions {
            self.left = self.left.min(SOON);
        }
        self.sessions = sessions;
        self.least = self.least.min(uncounted);
        self.left = self.left.saturating_sub(1);
        let grew = uncounted.saturating_sub(self.least) > IN_FLUX;
        let is_time = grew || (self.left == 0 && uncounted > WORTH);
        if is_time {
            self.before = Some(uncounted);
        }
        is_time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    /// At which of so many looks memory is given back, when that leaves so much.
    fn times(giving: &mut GivingBack, looks: usize, level: u64, sessions: usize) -> Vec<usize> {
        let seen = Seen { uncounted: level, sessions };
        (0..looks).filter(|_| giving.look(seen)).collect()
    }

    #[test]
    fn it_is_tried_more_rarely_while_there_is_nothing_to_give() {
        let mut giving = GivingBack::new();
        let times = times(&mut giving, 4000, 60 * MIB, 5);
        let waits: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!(times[0], 9);
        assert_eq!(waits, [20, 40, 80, 160, 320, 640, 640, 640, 640, 640]);
    }

    #[test]
    fn it_is_not_tried_for_little() {
        assert!(times(&mut GivingBack::new(), 1000, WORTH, 5).is_empty());
    }

    #[test]
    fn it_is_tried_soon_after_sessions_have_ended_and_at_once_when_much_came() {
        let mut giving = GivingBack::new();
        let _ = times(&mut giving, 2000, 60 * MIB, 5);
        assert_eq!(times(&mut giving, 20, 60 * MIB, 4), [9]);
        assert_eq!(times(&mut giving, 5, 130 * MIB, 4), [0]);
    }

    #[test]
    fn what_comes_after_much_has_gone_is_new() {
        let mut giving = GivingBack::new();
        let _ = times(&mut giving, 2000, 400 * MIB, 5);
        let _ = times(&mut giving, 2, 50 * MIB, 5);
        assert_eq!(times(&mut giving, 2, 130 * MIB, 5), [0]);
    }

    #[test]
    fn it_is_tried_again_soon_while_it_gives_much() {
        let mut giving = GivingBack::new();
        let _ = times(&mut giving, 2000, 60 * MIB, 5);
        assert!(giving.look(Seen { uncounted: 400 * MIB, sessions: 5 }));
        // It gave half of it.
        assert_eq!(times(&mut giving, 12, 200 * MIB, 5), [9]);
    }
}
