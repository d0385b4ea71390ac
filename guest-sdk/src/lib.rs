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

/// Makes a function callable by clients of the module.
///
/// Parameters are any types that serde deserializes, the result any type that it
/// serializes. A `Result` gives its `Err` to the caller as the function's own
/// error. A parameter of type `Option` may be left out of a call.
///
/// ```
/// use farside_guest::Array;
/// use serde::{Deserialize, Serialize};
///
/// /// There is nothing to take the mean of.
/// #[derive(Serialize, Deserialize)]
/// struct Empty;
///
/// /// The mean of many numbers, weighted if weights are given.
/// #[farside_guest::function(pure)]
/// fn mean(data: Array<f64>, weights: Option<Array<f64>>) -> Result<f64, Empty> {
///     # let _ = weights;
///     match data.data() {
///         [] => Err(Empty),
///         data => Ok(data.iter().sum::<f64>() / data.len() as f64),
///     }
/// }
/// ```
///
/// `pure` declares that the result depends on the arguments alone and that
/// nothing outlives the call. Each call then has a store of its own, and calls run
/// in parallel.
///
/// Clients are shown the function's name, its doc comment, and its parameters with
/// their types, which are found without another derive: by what their
/// `Deserialize` asks for. So a result's type is shown if it is `Deserialize`, too.
///
/// Arguments own their values; only `&str` and `&[u8]` may be borrowed, from the
/// bytes of the call. What cannot cross the wire is a compile error at its type:
///
/// ```compile_fail,E0277
/// struct Opaque;
///
/// #[farside_guest::function]
/// fn take(opaque: Opaque) {
///     # let _ = opaque;
/// }
/// ```
///
/// ```compile_fail,E0277
/// struct Opaque;
///
/// #[farside_guest::function]
/// fn give() -> Result<(), Opaque> {
///     Err(Opaque)
/// }
/// ```
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
