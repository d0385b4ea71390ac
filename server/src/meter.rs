//! A count of bytes that many share, against one limit: the memory of the
//! process, an owner's share of it, the space in its data folder.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use crate::config::ByteSize;

/// Bytes in use, and how many there may be.
#[derive(Debug)]
pub(crate) struct Meter {
    used: AtomicU64,
    limit: AtomicU64,
    /// The setting that the limit is of.
    setting: &'static str,
    /// What all of it counts for as well.
    whole: Option<Arc<Meter>>,
    /// Bytes that the system was last seen to count, which may be more than are in use:
    /// what is too small to be counted adds up.
    seen: AtomicU64,
}

/// More than a meter's limit was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exceeded {
    /// What was to be added.
    pub(crate) asked: ByteSize,
    /// What is in use.
    pub(crate) used: ByteSize,
    /// What may be in use.
    pub(crate) limit: ByteSize,
    /// The setting that says so.
    pub(crate) setting: &'static str,
}

impl Meter {
    pub(crate) fn new(limit: ByteSize) -> Arc<Meter> {
        Arc::new(Meter::part_of(None, "the limit", limit))
    }

    /// With the limit that a setting says.
    pub(crate) fn of_setting(setting: &'static str, limit: ByteSize) -> Arc<Meter> {
        Arc::new(Meter::part_of(None, setting, limit))
    }

    /// With a limit of its own within that of another meter.
    pub(crate) fn within(whole: &Arc<Meter>, setting: &'static str, limit: ByteSize) -> Arc<Meter> {
        Arc::new(Meter::part_of(Some(Arc::clone(whole)), setting, limit))
    }

    fn part_of(whole: Option<Arc<Meter>>, setting: &'static str, limit: ByteSize) -> Meter {
        let (used, seen, limit) = (AtomicU64::new(0), AtomicU64::new(0), limit.bytes());
        Meter { used, limit: AtomicU64::new(limit), setting, whole, seen }
    }

    /// Another limit from now on; what is in use stays.
    pub(crate) fn set_limit(&self, limit: ByteSize) {
        self.limit.store(limit.bytes(), Ordering::Relaxed);
    }

    /// What the system says is in use. If that is more than is counted, it counts.
    pub(crate) fn saw(&self, bytes: u64) {
        self.seen.store(bytes, Ordering::Relaxed);
    }

    /// Whether the system says that more is in use than may be.
    pub(crate) fn is_overfull(&self) -> bool {
        self.seen.load(Ordering::Relaxed) > self.limit.load(Ordering::Relaxed)
    }

    /// Bytes in use.
    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Counts bytes in use until the charge is dropped.
    ///
    /// # Errors
    /// When they would pass the limit.
    pub(crate) fn charge(self: &Arc<Self>, bytes: u64) -> Result<Charge, Exceeded> {
        let mut charge = Charge { meter: Arc::clone(self), bytes: 0 };
        charge.grow(bytes).map(|()| charge)
    }

    /// Counts bytes that are in use already, beyond the limit if need be.
    pub(crate) fn count(self: &Arc<Self>, bytes: u64) -> Charge {
        self.add(bytes);
        Charge { meter: Arc::clone(self), bytes }
    }

    fn try_add(&self, bytes: u64) -> Result<(), Exceeded> {
        let (limit, seen) = (self.limit.load(Ordering::Relaxed), self.seen.load(Ordering::Relaxed));
        let fits = |used: u64| used.max(seen).checked_add(bytes).is_some_and(|sum| sum <= limit);
        let added = self.used.try_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            used.checked_add(bytes).filter(|_| fits(used))
        });
        let size = ByteSize::new;
        added.map_err(|used| Exceeded {
            asked: size(bytes),
            used: size(used.max(seen)),
            limit: size(limit),
            setting: self.setting,
        })?;
        match &self.whole {
            Some(whole) => whole.try_add(bytes).inspect_err(|_| {
                self.used.fetch_sub(bytes, Ordering::Relaxed);
            }),
            None => Ok(()),
        }
    }

    fn add(&self, bytes: u64) {
        self.used.fetch_add(bytes, Ordering::Relaxed);
        if let Some(whole) = &self.whole {
            whole.add(bytes);
        }
    }

    fn subtract(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
        if let Some(whole) = &self.whole {
            whole.subtract(bytes);
        }
    }
}

/// Bytes that are counted as in use until this is dropped.
#[derive(Debug)]
pub(crate) struct Charge {
    meter: Arc<Meter>,
    bytes: u64,
}

impl Charge {
    /// Counts more.
    ///
    /// # Errors
    /// When they would pass the limit; the charge stays as it was.
    pub(crate) fn grow(&mut self, bytes: u64) -> Result<(), Exceeded> {
        self.meter.try_add(bytes)?;
        self.bytes += bytes;
        Ok(())
    }

    /// What is counted.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Counts more that is in use already, beyond the limit if need be.
    pub(crate) fn add(&mut self, bytes: u64) {
        self.meter.add(bytes);
        self.bytes += bytes;
    }

    /// Whether so much more may be in use.
    ///
    /// # Errors
    /// When it would pass the limit.
    pub(crate) fn has_room(&self, bytes: u64) -> Result<(), Exceeded> {
        self.meter.charge(bytes).map(drop)
    }

    /// Gives some of it back.
    pub(crate) fn shrink(&mut self, bytes: u64) {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        self.meter.subtract(bytes);
    }

    /// The bytes that were charged for, which are counted as long as anything holds
    /// them or a part of them.
    pub(crate) fn hold(self, bytes: impl AsRef<[u8]> + Send + 'static) -> Bytes {
        Bytes::from_owner(Held { bytes, _charge: self })
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.shrink(self.bytes);
    }
}

/// Bytes in memory and their charge.
struct Held<B> {
    bytes: B,
    _charge: Charge,
}

impl<B: AsRef<[u8]>> AsRef<[u8]> for Held<B> {
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_the_limit_nothing_is_added() {
        let meter = Meter::new(ByteSize::new(10));
        let mut charge = meter.charge(6).unwrap();
        let exceeded = meter.charge(5).unwrap_err();
        assert_eq!((exceeded.asked, exceeded.used), (ByteSize::new(5), ByteSize::new(6)));
        assert!(charge.grow(u64::MAX).is_err());
        charge.grow(4).unwrap();
        assert_eq!(meter.used(), 10);
        charge.shrink(3);
        assert_eq!(meter.used(), 7);
        drop(charge);
        assert_eq!(meter.used(), 0);
    }

    #[test]
    fn what_is_there_already_counts_beyond_the_limit() {
        let meter = Meter::new(ByteSize::new(10));
        let there = meter.count(15);
        assert!(meter.charge(0).is_err());
        drop(there);
        assert!(meter.charge(10).is_ok());
    }

    #[test]
    fn a_part_counts_for_the_whole() {
        let whole = Meter::of_setting("limits.all", ByteSize::new(10));
        let part = Meter::within(&whole, "limits.some", ByteSize::new(6));
        let charge = part.charge(4).unwrap();
        assert_eq!((part.used(), whole.used()), (4, 4));
        assert_eq!(part.charge(3).unwrap_err().setting, "limits.some");
        let others = whole.charge(5).unwrap();
        assert_eq!(part.charge(2).unwrap_err().setting, "limits.all");
        assert_eq!((part.used(), whole.used()), (4, 9));
        drop((charge, others));
        assert_eq!((part.used(), whole.used()), (0, 0));
        part.set_limit(ByteSize::new(8));
        assert!(part.charge(8).is_ok());
    }

    #[test]
    fn what_the_system_counts_beyond_what_is_counted_here_leaves_less() {
        let meter = Meter::new(ByteSize::new(10));
        let _charge = meter.charge(2).unwrap();
        meter.saw(9);
        assert_eq!(meter.charge(2).unwrap_err().used, ByteSize::new(9));
        assert!(!meter.is_overfull());
        meter.saw(11);
        assert!(meter.is_overfull());
        meter.saw(3);
        assert!(meter.charge(7).is_ok());
    }

    #[test]
    fn bytes_count_until_their_last_part_is_dropped() {
        let meter = Meter::new(ByteSize::new(10));
        let bytes = meter.charge(8).unwrap().hold(b"12345678");
        let part = bytes.slice(2..4);
        drop(bytes);
        assert_eq!(part, "34");
        assert_eq!(meter.used(), 8);
        assert!(meter.charge(3).is_err());
        drop(part);
        assert_eq!(meter.used(), 0);
    }
}
