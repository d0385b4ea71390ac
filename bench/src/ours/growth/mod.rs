//! How costs grow with what a server holds. Nothing may cost more than in proportion
//! in all, and a small call the same, whatever else there is.

mod chains;
mod references;
mod sessions;
mod values;

use crate::runner::Runner;
use crate::stage::Stage;

/// The group of all growths.
const GROUP: &str = "growth";

/// Measures every growth. One that fails is reported, and the others go on.
pub(crate) async fn measure(runner: &mut Runner, stage: &Stage) {
    let sessions = sessions::measure(runner, stage).await;
    runner.settle("growth with sessions", sessions);
    let references = references::measure(runner, stage).await;
    runner.settle("growth with references", references);
    let values = values::measure(runner, stage).await;
    runner.settle("growth with values", values);
    let chains = chains::measure(runner, stage).await;
    runner.settle("growth with chains", chains);
}

/// Powers of ten from 1 to `most`.
fn decades(most: usize) -> Vec<usize> {
    std::iter::successors(Some(1), |size| Some(size * 10))
        .take_while(|size| *size <= most)
        .collect()
}
