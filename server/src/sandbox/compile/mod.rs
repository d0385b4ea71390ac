//! Compiling a client's module, contained: in a child process with an empty
//! environment, a limit on its CPU time and one on its memory. What exhausts or
//! crashes the compiler, or a guest that describes or prepares itself, costs that one
//! module and nothing else. The child's output is code that this process runs, so the
//! child is trusted as much as this program is.
//!
//! [`work`] is what is done there: look, check imports, validate, describe, prepare,
//! compile. [`Compiler`] has it done; [`run_if_compiler`] is the child's side.

mod child;
mod compiler;
mod describe;
mod guest;
mod order;
mod prepare;
mod program;
mod work;

pub use child::run_if_compiler;
pub(crate) use compiler::Compiler;
pub(crate) use order::{Birth, Product};
pub(super) use order::{Ceilings, Order};
