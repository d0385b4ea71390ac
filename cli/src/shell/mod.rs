//! What the command keeps and reads on the machine that it runs on.

pub(crate) mod address;
pub(crate) mod duration;
pub(crate) mod negative;
pub(crate) mod reference;
pub(crate) mod state;
pub(crate) mod stop;
pub(crate) mod token;
