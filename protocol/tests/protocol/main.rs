//! The wire and the values on it, from outside.
#![cfg(feature = "wire")]
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test may panic, in its functions too; that is how it fails"
)]

mod arguments;
mod array;
mod message;
mod model;
mod nearest;
mod path;
mod scan;
mod select;
mod wire;
