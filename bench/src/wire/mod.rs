//! Lean clients: no more than the wire needs, to see what a server can do.

mod echo;
mod socket;

pub(crate) use echo::Echo;
