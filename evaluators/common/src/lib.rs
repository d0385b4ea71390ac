//! What the evaluators share: what they export, how a request ends, how values are read
//! and written, which objects are kept, where output goes, and how running code is
//! interrupted.

pub mod array;
mod error;
mod evaluator;
mod host;
mod interrupt;
mod objects;
mod output;
mod source;
pub mod value;

pub use error::EvalError;
pub use evaluator::{Evaluator, Script, Wanted};
pub use host::{now, random, wake};
pub use interrupt::Interrupt;
pub use objects::Objects;
pub use output::Lines;
pub use source::Sources;

/// The file name of source that comes without one.
pub const DEFAULT_NAME: &str = "<eval>";
