//! An instance's state as bytes: its linear memories and mutable globals.
//!
//! wasmtime shows only what a module exports, so every module is compiled with its
//! memories and mutable globals exported under a reserved prefix ([`reveal`]). At a
//! quiescent point, with no guest frame on the stack, an [`Image`] is taken of them.
//! [`bake`] makes a module of it, whose instances begin where that one stood.
//!
//! A [`Checkpoint`] keeps only what differs from a new instance, to go back to. A
//! [`Pristine`] is what a new one is like, to make one of an old one.
//!
//! Tables are not captured: a module that changes its tables at run time, or that
//! drops segments, has an obstacle instead of an image.

mod bake;
mod capture;
mod checkpoint;
mod faults;
mod pages;
mod pristine;
mod reveal;
mod state;
#[cfg(test)]
mod tests;

use wasmparser::BinaryReaderError;

pub(super) use bake::bake;
pub(super) use capture::Image;
pub(super) use checkpoint::Checkpoint;
pub(super) use faults::watch;
pub(super) use pristine::Pristine;
pub(super) use reveal::{Revealed, reveal};
pub(super) use state::State;

/// How the names of exports begin that are the host's.
pub(super) const RESERVED: &str = "farside:";

/// The export of the memory of that number.
fn memory_name(number: u32) -> String {
    format!("{RESERVED}memory:{number}")
}

/// The export of the mutable global of that number.
fn global_name(number: u32) -> String {
    format!("{RESERVED}global:{number}")
}

/// Why a module can't be rewritten.
#[derive(Debug, thiserror::Error)]
pub(super) enum ImageError {
    /// Its bytes can't be read.
    #[error(transparent)]
    Unreadable(#[from] BinaryReaderError),
    /// It uses a name that is the host's.
    #[error("it exports {name:?}, and names that begin with {RESERVED:?} are reserved")]
    Reserved {
        /// The name.
        name: String,
    },
    /// A memory or global that was revealed is not there.
    #[error("{name} is not to be had")]
    Hidden {
        /// The export.
        name: String,
    },
}

/// Where sections stand in a module; that of a number not listed has no fixed place.
const ORDER: [u8; 13] = [1, 2, 3, 4, 5, 13, 6, EXPORT, 8, 9, 12, 10, DATA];

const MEMORY: u8 = 5;
const GLOBAL: u8 = 6;
const EXPORT: u8 = 7;
const START: u8 = 8;
const DATA_COUNT: u8 = 12;
const DATA: u8 = 11;

/// Whether a section stands behind the place of another one.
fn is_behind(section: u8, other: u8) -> bool {
    let place = |id| ORDER.iter().position(|it| *it == id);
    place(section).is_some_and(|at| place(other).is_some_and(|of| at > of))
}
