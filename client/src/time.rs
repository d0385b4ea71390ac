//! Durations as they cross the wire.

use std::time::Duration;

use farside_protocol::caps;

/// A duration in milliseconds, rounded up, since zero of them would be another
/// thing than a little.
pub(crate) fn millis(duration: Duration) -> u64 {
    duration.min(caps::DURATION).as_nanos().div_ceil(1_000_000) as u64
}
