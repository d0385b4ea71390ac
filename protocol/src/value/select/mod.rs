//! Taking a part of a value from where its bytes lie, without decoding them.
//!
//! A selection is a list of pieces: ranges of the source and the few new bytes
//! between them. Big byte strings and arrays on the way are skipped, not read.
//! The time is linear in the bytes of lists and maps that the path goes through,
//! for each of its steps that maps. Source bytes are not trusted: what is no
//! well-formed value is [`SelectError::Damaged`], and no count in it allocates.
//! A part of a well-formed value is a well-formed value.

mod emit;
mod error;
mod reader;
mod run;
mod selection;
mod source;
mod view;
mod walk;

use super::path::Path;
use crate::caps;
use walk::Walk;

pub use error::SelectError;
pub use selection::{Piece, Selection};
pub use source::{Blocks, Source};
pub(super) use view::number;

/// The part of `source`'s value that `path` names.
///
/// ```
/// use farside_protocol::value::select;
/// let list: &[u8] = &[0x93, 1, 2, 3];
/// let part = select(list, &"[1:]".parse().unwrap()).unwrap();
/// assert_eq!(part.assemble(list), [0x92, 2, 3]);
/// ```
///
/// # Errors
/// Which step failed and what was there; or the source can't be read.
pub fn select<S: Source>(source: S, path: &Path) -> Result<Selection, SelectError<S::Error>> {
    select_within(source, path, caps::SCATTERED_BYTES)
}

/// The same, with another bound than [`caps::SCATTERED_BYTES`] on the bytes that are
/// copied together, and so on the time that it takes beside that of reading.
///
/// # Errors
/// As [`select`].
pub fn select_within<S: Source>(
    source: S,
    path: &Path,
    scattered: u64,
) -> Result<Selection, SelectError<S::Error>> {
    Walk::new(source, scattered).select(path)
}
