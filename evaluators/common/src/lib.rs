//! What the evaluators share: how a request ends, how values are read and written,
//! where output goes, and how running code is interrupted.

pub mod array;
mod error;
mod evaluator;
mod host;
mod interrupt;
mod output;
mod source;
pub mod value;

pub use error::EvalError;
pub use evaluator::{Evaluator, Script, Wanted};
pub use host::{now, random, wake};
pub use interrupt::Interrupt;
pub use output::Lines;
pub use source::Sources;

/// The file name of source that comes without one.
pub const DEFAULT_NAME: &str = "<eval>";
