//! Hostile modules and clients, each with the outcome that is promised of it. They run
//! against a server that serves others too; what those see of it is the runner's matter.
//!
//! A case is run once, in a session or a connection of its own, and says in a few words
//! what came of it: `Trap`, `refused: InvalidModule`, `[1,2]`, steps parted by commas.
#![expect(
    clippy::unwrap_used,
    reason = "a case may panic, in its helpers too; that is one more outcome, and never promised"
)]

mod case;
mod clients;
mod modules;
mod raw;

pub use case::{Case, Kind};

use crate::server::{Server, ServerBuilder};

/// A server as it is by default, but for limits that make cases short.
#[must_use]
pub fn server() -> ServerBuilder {
    Server::builder()
        .flag("--limits-call-cpu", "500ms")
        .flag("--limits-call-deadline", "5s")
        .flag("--limits-compile-cpu", "3s")
        .flag("--limits-compile-memory", "512MiB")
        .flag("--limits-init-cpu", "1s")
        .flag("--handshake-timeout", "2s")
}

/// Every case, modules first.
#[must_use]
pub fn all() -> Vec<Case> {
    let mut cases = modules::all();
    cases.extend(clients::all());
    cases
}
