//! Caps on every size, depth, count and duration that a peer may name.
//!
//! They bound what is decoded at all, before any configured limit is looked at;
//! a server's own limits are lower or equal. Each is checked before anything is
//! allocated by it.

use std::time::Duration;

/// Largest frame, in bytes. A frame is read whole before its messages are.
pub const FRAME_BYTES: usize = 256 * 1024;

/// Most messages in a frame. Small ones are gathered into frames of 64 KiB, which hold
/// fewer of any kind.
pub const MESSAGES_IN_FRAME: usize = 16 * 1024;

/// Largest payload that rides inside a message; a larger one is a transfer.
pub const INLINE_BYTES: usize = 64 * 1024;

/// Largest piece of a transfer in one [`Chunk`](crate::Request::Chunk).
pub const CHUNK_BYTES: usize = 64 * 1024;

/// Bytes of a transfer that may be sent before the receiver grants more.
pub const TRANSFER_CREDIT: u64 = 256 * 1024;

/// Largest value, in bytes, whatever a server is configured to.
pub const VALUE_BYTES: u64 = 4 << 30;

/// Deepest nesting of a value; also the deepest chain of causes is far below it.
pub const VALUE_DEPTH: usize = 128;

/// Causes kept in one failure; a longer chain is cut in the middle.
pub const CAUSE_DEPTH: usize = 16;

/// Calls within calls: how deep a guest may call a guest that calls a guest.
pub const NESTING: usize = 16;

/// Frames kept in a guest backtrace.
pub const BACKTRACE_FRAMES: usize = 64;

/// Bytes kept of a frame of a guest backtrace.
pub const BACKTRACE_FRAME_BYTES: usize = 512;

/// Bytes kept of a failure's message, and of its hint.
pub const FAILURE_TEXT_BYTES: usize = 4096;

/// Bytes of a failure's message for a peer who does not read what it is told.
pub const FAILURE_BRIEF_BYTES: usize = 256;

/// Most bytes of a failure with all its causes; one without causes always fits.
pub const FAILURE_BYTES: usize = FRAME_BYTES / 2;

/// Longest name of a module, function or session, in bytes.
pub const NAME_BYTES: usize = 256;

/// Longest path text of a `get` or `select`, in bytes.
pub const PATH_BYTES: usize = 4096;

/// Most steps in a path.
pub const PATH_STEPS: usize = 64;

/// Most bytes that a selection copies together, because they lie apart.
pub const SCATTERED_BYTES: u64 = 256 << 20;

/// Longest token, in bytes.
pub const TOKEN_BYTES: usize = 1024;

/// Most references in one `wait` or `release`.
pub const REFS_IN_MESSAGE: usize = 16 * 1024;

/// Most calls of a writer that are cancelled before they come.
pub const CANCELS_AHEAD: usize = 1024;

/// Most transfers of a connection that are under way in one direction.
pub const TRANSFERS: usize = 4096;

/// Longest duration that a peer may ask for; a longer one is clamped to it.
pub const DURATION: Duration = Duration::from_secs(30 * 24 * 3600);

/// Most functions in a manifest.
pub const FUNCTIONS: usize = 10_000;

/// Largest manifest, in bytes.
pub const MANIFEST_BYTES: usize = 4 << 20;

/// A peer's milliseconds as a duration, clamped to [`DURATION`].
#[must_use]
pub fn duration_from_ms(ms: u64) -> Duration {
    Duration::from_millis(ms).min(DURATION)
}
