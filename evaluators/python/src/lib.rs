//! Evaluates Python: RustPython in the session's own sandbox.
//!
//! It is a guest module like any other. Its global variables live as long as the
//! instance.

mod array;
mod convert;
mod failure;
mod interpreter;
mod native;

evaluator_common::evaluator!(interpreter::Python);
