//! Compiling a client's module, contained: in a child process with an empty
//! environment, limits on its CPU time and its memory, and [`walls`] around it that keep
//! it from files, network, other processes and all system calls that compiling does not
//! take. What exhausts or crashes the compiler, or a guest that describes or prepares
//! itself, costs that one module and nothing else. The child's output is code that this
//! process runs, so the child is trusted as much as this program is.
//!
//! [`work`] is what is done there: look, check imports, validate, describe, prepare,
//! compile. [`Compiler`] has it done, owners in turn, by children that a [`pool`] starts
//! ahead of need; [`run_if_compiler`] is the child's side, and [`probe`] what tries the
//! walls.

mod child;
mod compiler;
mod describe;
mod ended;
mod guest;
mod order;
mod pool;
mod prepare;
mod probe;
mod program;
mod walls;
mod work;

pub use child::run_if_compiler;
pub(crate) use compiler::Compiler;
pub(crate) use order::{Birth, Product};
pub(super) use order::{Ceilings, Order};
