//! The targets that need no server: what reads bytes, and nothing else.

mod arguments;
mod manifest;
mod messages;
#[path = "../../../protocol/tests/protocol/model.rs"]
#[expect(
    dead_code,
    clippy::expect_used,
    reason = "it is what the protocol's own tests compare with; of them it makes values, too"
)]
mod model;
mod node;
mod select;

pub use arguments::arguments;
pub use manifest::manifest;
pub use messages::{reply, request};
pub use select::select;
