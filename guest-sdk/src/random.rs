//! Random bytes from the server, for guests whose policy grants them.

use crate::imports;

/// Fills a buffer with random bytes, fit for keys.
///
/// A module that uses this can be uploaded only where the policy grants
/// randomness. Off the wasm target the bytes are for tests only.
pub fn fill(bytes: &mut [u8]) {
    imports::random(bytes);
}
