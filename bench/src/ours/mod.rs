//! Farside's own rows, each beside its physical limit.

mod small;

use crate::runner::Runner;
use crate::stage::Stage;

/// Measures every group. One that fails is reported, and the others go on.
pub(crate) async fn measure(runner: &mut Runner, stage: &Stage) {
    let small = small::measure(runner, stage).await;
    runner.settle("small calls", small);
}
