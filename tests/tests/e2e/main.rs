//! End-to-end tests: one binary, a module for each subject.
#![expect(
    clippy::unwrap_used,
    reason = "a test may panic, in its functions too; that is how it fails"
)]

mod demo;
mod echo;
mod gate;
mod ordering;
mod peer;
mod readme;
mod refs;
mod sessions;
mod smoke;
mod storage;
mod transfers;
mod transports;
mod wire;
