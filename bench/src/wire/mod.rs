//! Lean clients: no more than the wire needs, to see what a server can do.

mod echo;
mod lean;
mod socket;

pub(crate) use echo::Echo;
pub(crate) use lean::{BATCH, Framing, Lean};
