//! The server's clock, for guests whose policy grants it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::imports;

/// The time of day on the server.
///
/// A module that uses this can be uploaded only where the policy grants the
/// clock. (`SystemTime::now` panics in a guest.)
#[must_use]
pub fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(u64::try_from(imports::clock()).unwrap_or(0))
}
