//! Random bytes from the server, for guests whose policy grants them.

use crate::imports;

/// Bytes that the server gives at once.
const AT_ONCE: usize = 64 * 1024;

/// Fills a buffer with random bytes, fit for keys.
///
/// A module that uses this can be uploaded only where the policy grants
/// randomness. Off the wasm target the bytes are for tests only.
pub fn fill(bytes: &mut [u8]) {
    bytes.chunks_mut(AT_ONCE).for_each(imports::random);
}
