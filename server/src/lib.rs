//! The Farside server as a library: accept, connection, session, sandbox, storage.

mod auth;
pub mod config;
mod connection;
mod core;
mod cpu;
mod evaluators;
mod failures;
mod listener;
mod machine;
mod meter;
mod sandbox;
mod server;
mod session;
pub mod storage;
mod turns;
mod versions;
mod websocket;

pub use auth::{Token, TokenError, local_token};
pub use sandbox::{Capacity, SandboxError, run_if_compiler};
pub use server::{Server, StartError, router};
pub use versions::{Versions, versions};
