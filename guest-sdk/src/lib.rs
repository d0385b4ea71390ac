//! What the author of a Farside guest uses.
//!
//! A guest is a Rust library of crate type `cdylib`, built for
//! `wasm32-unknown-unknown`. Each function with [`#[function]`](function) can be
//! called by clients of the module:
//!
//! ```
//! /// The square of a number.
//! #[farside_guest::function(pure)]
//! fn square(n: i64) -> i64 {
//!     n * n
//! }
//! ```
//!
//! An instance of the module lives as long as the client's session, and so does
//! what it keeps in statics and `thread_local!`s. A panic ends the instance; a
//! function that can fail returns a `Result` instead.
//!
//! The crate also builds off the wasm target, so that a guest's own tests run as
//! any others do.

mod call;
pub mod clock;
mod decode;
mod describe;
mod entry;
mod imports;
pub mod log;
mod panic;
pub mod random;
mod returns;
mod trace;

pub use farside_guest_macros::function;
pub use farside_protocol::array::{Array, Element};
pub use serde;
pub use serde_bytes::ByteBuf as Bytes;

/// What the macros' output calls. No part of the crate's interface.
#[doc(hidden)]
pub mod glue {
    pub use crate::call::{Call, Failed};
    pub use crate::describe::Function;
    pub use crate::entry::{call, describe};
    pub use crate::returns::{ReturnsResult, ReturnsValue};
    pub use crate::trace::{Traced, Type, Untraced};
}
