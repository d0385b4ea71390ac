//! The client against a peer that each test scripts: what it sends, message by
//! message, and what it makes of what it receives.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test may panic; that is how it fails"
)]

mod arguments;
mod calls;
mod codec;
mod connecting;
mod credit;
mod ends;
mod errors;
mod peer;
mod releases;
mod transfers;
mod uploads;
