//! Places at equal distances in a sequence: what slices of slices come down to.

use crate::value::path::Slice;

/// `count` places, `step` apart, the first of which is `start`. All of them lie in
/// the sequence; with fewer than two, the step is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) start: u64,
    pub(super) step: i128,
    pub(super) count: u64,
}

impl Run {
    pub(super) fn whole(len: u64) -> Run {
        Run { start: 0, step: 1, count: len }
    }

    /// The place in the sequence of the run's `nth`, which must be one of it.
    pub(super) fn place(&self, nth: u64) -> u64 {
        (i128::from(self.start) + i128::from(nth) * self.step) as u64
    }

    /// The place in the sequence of an index into the run, from the end where it
    /// is negative.
    pub(super) fn index(&self, index: i128) -> Option<u64> {
        let count = i128::from(self.count);
        let nth = if index < 0 { index + count } else { index };
        (0..count).contains(&nth).then(|| self.place(nth as u64))
    }

    /// The part of the run that a slice takes, with Python's meaning.
    pub(super) fn slice(&self, slice: &Slice) -> Run {
        let (len, step) = (i128::from(self.count), slice.step.get());
        let (least, most) = if step > 0 { (0, len) } else { (-1, len - 1) };
        let bound = |bound: Option<i128>, missing: i128| match bound {
            Some(place) if place < 0 => (place + len).clamp(least, most),
            Some(place) => place.clamp(least, most),
            None => missing,
        };
        let (first, behind_last) = if step > 0 { (least, most) } else { (most, least) };
        let (start, end) = (bound(slice.start, first), bound(slice.end, behind_last));
        let distance = if step > 0 { end - start } else { start - end };
        if distance <= 0 {
            return Run::whole(0);
        }
        let count = 1 + (distance - 1) / step.abs();
        let step = if count == 1 { 1 } else { step * self.step };
        Run { start: self.place(start as u64), step, count: count as u64 }
    }
}
