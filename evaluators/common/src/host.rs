//! Randomness and time, which come from the server.
//!
//! Before the instance is awake there are none: what is asked for then would be shared
//! by all sessions that start from the image. It gets zeros.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, UNIX_EPOCH};

static AWAKE: AtomicBool = AtomicBool::new(false);

/// From here on the server is asked.
pub fn wake() {
    AWAKE.store(true, Ordering::Relaxed);
}

/// Random bytes.
pub fn random(bytes: &mut [u8]) {
    if AWAKE.load(Ordering::Relaxed) {
        farside_guest::random::fill(bytes);
    } else {
        bytes.fill(0);
    }
}

/// The time since 1970.
#[must_use]
pub fn now() -> Duration {
    if AWAKE.load(Ordering::Relaxed) {
        farside_guest::clock::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    } else {
        Duration::ZERO
    }
}

/// The backend that `.cargo/config.toml` chooses.
#[cfg(target_arch = "wasm32")]
#[expect(unsafe_code, reason = "getrandom finds its backend by name, and passes an address")]
mod backend {
    use std::slice;

    use getrandom::Error;

    /// # Safety
    /// `address` is that of a block of `len` bytes which nobody else uses.
    #[unsafe(no_mangle)]
    unsafe extern "Rust" fn __getrandom_v03_custom(
        address: *mut u8,
        len: usize,
    ) -> Result<(), Error> {
        // SAFETY: the caller vouches for the block, which need not be initialized to
        // be filled with zeros.
        let bytes = unsafe {
            address.write_bytes(0, len);
            slice::from_raw_parts_mut(address, len)
        };
        super::random(bytes);
        Ok(())
    }
}
