//! A count of bytes that many share, against one limit: the memory of the
//! process, the space in its data folder.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use crate::config::ByteSize;

/// Bytes in use, and how many there may be.
#[derive(Debug)]
pub(crate) struct Meter {
    used: AtomicU64,
    limit: u64,
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
}

impl Meter {
    pub(crate) fn new(limit: ByteSize) -> Arc<Meter> {
        Arc::new(Meter { used: AtomicU64::new(0), limit: limit.bytes() })
    }

    /// Bytes in use.
    #[cfg(test)]
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
        self.used.fetch_add(bytes, Ordering::Relaxed);
        Charge { meter: Arc::clone(self), bytes }
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
        let Meter { used, limit } = &*self.meter;
        let grown = used.try_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            used.checked_add(bytes).filter(|sum| sum <= limit)
        });
        let size = ByteSize::new;
        grown.map_err(|used| Exceeded {
            asked: size(bytes),
            used: size(used),
            limit: size(*limit),
        })?;
        self.bytes += bytes;
        Ok(())
    }

    /// What is counted.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Counts more that is in use already, beyond the limit if need be.
    pub(crate) fn add(&mut self, bytes: u64) {
        self.meter.used.fetch_add(bytes, Ordering::Relaxed);
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
        self.meter.used.fetch_sub(bytes, Ordering::Relaxed);
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
