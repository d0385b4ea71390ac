//! Farside beside other systems, which do the same without a sandbox: RPC in Rust and
//! in Python, and new processes of interpreters.
//!
//! A peer has a server process on the servers' core and a client process on the
//! clients' core; its client measures as ours does. Peers are set up as is best for
//! them; what they do in one message counts as often as it was asked for.

mod ours;
mod peer;
mod python;
mod rows;
mod rust;
mod startup;
mod venv;

pub(crate) use venv::run;

use crate::runner::Runner;
use crate::stage::Stage;

/// Measures every peer. One that fails is reported, and the others go on.
pub(crate) async fn measure(runner: &mut Runner, stage: &Stage) {
    rust::measure(runner, stage).await;
    python::measure(runner, stage).await;
    startup::measure(runner, stage).await;
}
