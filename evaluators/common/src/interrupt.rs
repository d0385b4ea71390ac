//! The request to stop what runs.

use std::sync::atomic::{AtomicU8, Ordering};

/// A byte in memory that the server sets to anything but 0 to stop running code. The
/// interpreter looks at it while it runs.
#[derive(Clone, Copy, Debug)]
pub struct Interrupt(&'static AtomicU8);

impl Interrupt {
    /// The request that stands in a byte.
    #[must_use]
    pub const fn at(byte: &'static AtomicU8) -> Interrupt {
        Interrupt(byte)
    }

    /// Where the byte lies.
    #[must_use]
    pub fn address(self) -> u32 {
        self.0.as_ptr().expose_provenance() as u32
    }

    /// Whether the server asked.
    #[must_use]
    pub fn is_requested(self) -> bool {
        self.0.load(Ordering::Relaxed) != 0
    }

    /// Takes the request away; gives whether there was one.
    pub fn clear(self) -> bool {
        let requested = self.is_requested();
        self.0.store(0, Ordering::Relaxed);
        requested
    }
}
