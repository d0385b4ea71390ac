//! Values: MessagePack from end to end, looked at without being decoded.
//!
//! Extension types: [`REFERENCE`] is a reference inside an argument, eight bytes
//! big-endian; [`array::EXTENSION`](crate::array::EXTENSION) is an n-dimensional
//! array; timestamps are MessagePack's own (-1).

mod check;
mod far;
mod head;
mod scan;

pub use check::{ArgumentError, check_arguments};
pub use far::FarArg;
pub use head::{Head, Kind};
pub use scan::{RefSite, ScanError, Scanned, scan};

/// The MessagePack extension type of a reference inside a value.
pub const REFERENCE: i8 = 1;
