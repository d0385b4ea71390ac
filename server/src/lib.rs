//! The Farside server as a library: accept, connection, session, sandbox, storage.

mod auth;
pub mod config;
mod connection;
mod core;
mod cpu;
mod evaluators;
mod failures;
mod fair_queue;
mod giving_back;
mod listener;
mod machine;
mod meter;
mod rate;
mod sandbox;
mod server;
mod session;
pub mod storage;
mod tls;
mod turns;
mod versions;
mod watched;
mod websocket;

pub use auth::{
    Digest, Permission, Permissions, Token, TokenError, TokenRecord, TokensFile, TokensFileError,
    UnknownPermission, local_token,
};
pub use machine::keep_little_freed;
pub use sandbox::{Capacity, SandboxError, run_if_compiler};
pub use server::{Server, StartError, router};
pub use tls::CertificateError;
pub use versions::{Versions, versions};
