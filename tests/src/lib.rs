//! What the end-to-end tests stand on: a real server process, real guests, and the
//! real command line in an account of its own; and the corpus of hostile modules and
//! clients, which the test `hostile` and the soak run.
//!
//! Nothing here is built by a test: `cargo xtask test` builds it before, and a test
//! that misses a program or a guest says so.

mod built;
pub mod bystander;
#[path = "../hostile/corpus/mod.rs"]
pub mod corpus;
pub mod echo;
pub mod gate;
mod log;
mod normal;
pub mod peer;
mod process;
pub mod sdk;
mod server;
mod shell;

pub use built::{evaluator, evaluator_turn, example, guest, guests, program};
pub use process::Process;
pub use server::{Exit, Server, ServerBuilder};
pub use shell::{Ran, Shell};
