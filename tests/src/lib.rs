//! What the end-to-end tests stand on: a real server process, real guests, and the
//! real command line in an account of its own.
//!
//! Nothing here is built by a test: `cargo xtask test` builds it before, and a test
//! that misses a program or a guest says so.

mod built;
mod log;
mod normal;
mod server;
mod shell;

pub use built::{evaluator, example, guest, guests, program};
pub use server::{Exit, Server, ServerBuilder};
pub use shell::{Ran, Shell};
