//! The client against a peer that each test scripts: what it sends, message by
//! message, and what it makes of what it receives.

mod calls;
mod peer;
