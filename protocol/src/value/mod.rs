//! Values: MessagePack from end to end, looked at without being decoded.
//!
//! Extension types: [`REFERENCE`] is a reference inside an argument, eight bytes
//! big-endian; [`array::EXTENSION`](crate::array::EXTENSION) is an n-dimensional
//! array; [`BIG_INTEGER`] is an integer for which MessagePack has no number, in two's
//! complement, big-endian; [`OBJECT`] is what an evaluator keeps; timestamps are MessagePack's own (-1).

#[cfg(feature = "wire")]
mod check;
#[cfg(feature = "wire")]
mod far;
mod head;
#[cfg(feature = "wire")]
pub mod items;
#[cfg(feature = "wire")]
mod nearest;
mod object;
#[cfg(feature = "wire")]
pub mod path;
#[cfg(feature = "wire")]
mod scan;
#[cfg(feature = "wire")]
mod select;

pub use head::{Head, Kind};
pub use object::{OBJECT_BYTES, Object};
#[cfg(feature = "wire")]
pub use {
    check::{ArgumentError, check_arguments},
    far::FarArg,
    nearest::nearest,
    path::{Path, PathError},
    scan::{RefSite, ScanError, Scanned, scan},
    select::{Blocks, Piece, SelectError, Selection, Source, select, select_within},
};

/// The MessagePack extension type of a reference inside a value.
pub const REFERENCE: i8 = 1;

/// The MessagePack extension type of an integer beyond 64 bits: its bytes are the
/// number in two's complement, big-endian, and as few as hold it. An integer that fits
/// into MessagePack's own is one of those.
pub const BIG_INTEGER: i8 = 3;

/// The MessagePack extension type of an [`Object`]. An evaluator's result may be one,
/// and nothing else may hold one.
pub const OBJECT: i8 = 4;
