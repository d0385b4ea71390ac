//! What the author of a Farside guest uses.
//!
//! A guest is a Rust library whose functions clients call by name. `farside new`
//! writes one that builds as it is; by hand it takes a `Cargo.toml` with
//!
//! ```toml
//! [lib]
//! crate-type = ["cdylib"]
//!
//! [dependencies]
//! farside-guest = { path = "farside/guest-sdk" } # in Farside's sources
//! serde = { version = "1", features = ["derive"] }
//! ```
//!
//! and functions with the attribute [`#[function]`](function):
//!
//! ```
//! use farside_guest::{Array, function};
//! use serde::{Deserialize, Serialize};
//!
//! /// What to make of samples.
//! #[derive(Serialize, Deserialize)]
//! enum Measure {
//!     Mean,
//!     Quantile { at: f64 },
//! }
//!
//! /// Measures samples: their mean, unless something else is asked for.
//! #[function(pure)]
//! fn measure(samples: Array<f64>, what: Option<Measure>) -> Result<f64, String> {
//!     let mut samples = samples.into_data();
//!     match what.unwrap_or(Measure::Mean) {
//!         Measure::Mean => Ok(samples.iter().sum::<f64>() / samples.len() as f64),
//!         Measure::Quantile { at } => {
//!             samples.sort_by(f64::total_cmp);
//!             let place = (at * samples.len() as f64) as usize;
//!             samples.get(place).copied().ok_or(format!("there is no quantile {at}"))
//!         }
//!     }
//! }
//! # let quantile = |at| measure(vec![4.0, 1.0, 2.0].into(), Some(Measure::Quantile { at }));
//! # assert_eq!(quantile(0.5), Ok(2.0));
//! # assert!(quantile(1.0).is_err());
//! ```
//!
//! Build, upload, call:
//!
//! ```text
//! cargo build --release --target wasm32-unknown-unknown
//! farside upload target/wasm32-unknown-unknown/release/signal.wasm
//! farside call measure '[1, 2, 4]' '{"Quantile": {"at": 0.5}}'
//! ```
//!
//! # Types
//!
//! Parameters and results are of any types that serde knows. Clients see them, and
//! the doc comments, in the module's description.
//!
//! | in Rust | for clients |
//! |---|---|
//! | `bool`, `i64`, `f64`, `char`, `String`, .. | the same; an integer is taken for a float |
//! | `Option<T>` | `T` or nil; a parameter of this type may be left out of a call |
//! | `Vec<T>`, tuples, sets | a list |
//! | `HashMap`, `BTreeMap` | a map |
//! | a struct | a map by its fields' names |
//! | an enum | a variant's name, or a map from it to what it holds |
//! | [`Bytes`], `&[u8]` | a byte string |
//! | [`Array<T>`](Array) | an n-dimensional array of numbers |
//! | [`Raw`] | anything, handed through as it is |
//!
//! A byte string and an array are one block each, which is copied. A list is decoded
//! element by element, and so is a `Vec<u8>`: take [`Bytes`] and [`Array`] for what
//! is large. A list of numbers is read as an array all the same, and an array as a
//! list of numbers, so that callers may send either.
//!
//! # Errors and panics
//!
//! A `Result` gives its `Err` to the caller as a value, such as
//! `{"TooSmall": {"least": 3}}`: derive `Serialize` for it. Its `Display` is not
//! sent. Where a text is enough, or where the error is another crate's, return
//! `Result<_, String>` and `map_err(|error| error.to_string())`.
//!
//! A panic ends the instance and with it its state: later calls fail until the
//! client renews the module. So a panic is for what is a mistake in the guest.
//!
//! # State
//!
//! An instance of the module lives as long as the client's session, and so does
//! what it keeps in statics and `thread_local!`s. It runs one call at a time, and no
//! other session sees it. A `pure` function has an instance of its own for each call.
//!
//! What takes long to prepare, such as a table, is prepared once for all sessions by
//! a function with the attribute [`#[init]`](init).
//!
//! # What a guest cannot do
//!
//! There are no files, sockets and threads. What is printed goes nowhere: use
//! [`info!`] and its like. `SystemTime::now` and `Instant::now` panic: use
//! [`clock::now`], and [`random`] for randomness, where the server grants them.
//! Functions share one namespace, whatever the Rust modules that they are in.
//!
//! # Tests
//!
//! The crate also builds off the wasm target, so that a guest's own tests run as
//! any others do; the function under the attribute stays an ordinary one.

mod call;
pub mod clock;
mod decode;
mod describe;
mod entry;
mod imports;
pub mod log;
mod panic;
pub mod random;
mod raw;
mod returns;
pub mod session;
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
/// bytes of the call. In place of an [`Array`] a call may give a list of numbers, and
/// in place of a list of numbers an array. What cannot cross the wire is a compile error at its type:
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
/// Makes a function run once, when the server first compiles the module.
///
/// What it leaves in memory is captured into an image, and every later instance of
/// the module starts from there, whatever session it is for: the place to build
/// tables, or to start an interpreter. It takes no parameters and gives no result. It
/// may log, but has no clock and no randomness, of which all sessions would share
/// what it saw: they are for [`#[wake]`](macro@wake). If it panics, the module is refused.
///
/// ```
/// use std::cell::RefCell;
///
/// thread_local! {
///     static SQUARES: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
/// }
///
/// #[farside_guest::init]
/// fn fill() {
///     SQUARES.set((0..1000).map(|n| n * n).collect());
/// }
/// ```
pub use farside_guest_macros::init;
/// Makes a function run in each new instance, before its first call.
///
/// It is for what instances must not share although they start from one image: seeds
/// and times. It takes no parameters and gives no result.
///
/// ```
/// use std::cell::Cell;
///
/// thread_local! {
///     static SEED: Cell<u64> = const { Cell::new(0) };
/// }
///
/// #[farside_guest::wake]
/// fn seed() {
///     let mut bytes = [0; 8];
///     farside_guest::random::fill(&mut bytes);
///     SEED.set(u64::from_le_bytes(bytes));
/// }
/// ```
pub use farside_guest_macros::wake;
pub use farside_protocol::array::{Array, Element};
pub use raw::Raw;
pub use serde;
pub use serde_bytes::ByteBuf as Bytes;

/// What the macros' output calls. No part of the crate's interface.
#[doc(hidden)]
pub mod glue {
    pub use crate::call::{Call, Failed};
    pub use crate::describe::Function;
    pub use crate::entry::{answer, call, describe, hook};
    pub use crate::returns::{ReturnsResult, ReturnsValue};
    pub use crate::trace::{Traced, Type, Untraced};
}
