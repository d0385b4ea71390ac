//! Values: MessagePack from end to end, looked at without being decoded.
//!
//! Extension types: [`REFERENCE`] is a reference inside an argument, eight bytes
//! big-endian; [`array::EXTENSION`](crate::array::EXTENSION) is an n-dimensional
//! array; timestamps are MessagePack's own (-1).

mod check;
mod far;
mod head;
mod nearest;
pub mod path;
mod scan;
mod select;

pub use check::{ArgumentError, check_arguments};
pub use far::FarArg;
pub use head::{Head, Kind};
pub use nearest::nearest;
pub use path::{Path, PathError};
pub use scan::{RefSite, ScanError, Scanned, scan};
pub use select::{Blocks, Piece, SelectError, Selection, Source, select};

/// The MessagePack extension type of a reference inside a value.
pub const REFERENCE: i8 = 1;
