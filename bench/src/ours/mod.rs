//! Farside's own rows, each beside its physical limit.

mod allocations;
mod burners;
mod callers;
mod chain;
mod evaluators;
mod growth;
mod idle;
mod large;
mod memory;
mod modules;
mod opening;
mod owners;
mod pipelined;
mod restart;
mod sandbox;
mod small;
mod tls;
mod unpinned;
mod walls;

pub(crate) use chain::sum_of_ones;
pub(crate) use large::{byte_string, keep};
pub(crate) use pipelined::call_from_tasks;

use crate::runner::Runner;
use crate::stage::Stage;

/// Measures every group. One that fails is reported, and the others go on.
pub(crate) async fn measure(runner: &mut Runner, stage: &Stage) {
    let small = small::measure(runner, stage).await;
    runner.settle("small calls", small);
    let chain = chain::measure(runner, stage).await;
    runner.settle("chains", chain);
    let pipelined = pipelined::measure(runner, stage).await;
    runner.settle("pipelined calls", pipelined);
    let unpinned = unpinned::measure(runner, stage).await;
    runner.settle("unpinned calls", unpinned);
    let sandbox = sandbox::measure(runner, stage).await;
    runner.settle("the sandbox", sandbox);
    let large = large::measure(runner, stage).await;
    runner.settle("large values", large);
    let memory = memory::measure(runner, stage).await;
    runner.settle("memory", memory);
    let modules = modules::measure(runner, stage).await;
    runner.settle("modules", modules);
    let walls = walls::measure(runner, stage).await;
    runner.settle("walls", walls);
    let tls = tls::measure(runner, stage).await;
    runner.settle("TLS", tls);
    let restart = restart::measure(runner, stage).await;
    runner.settle("first calls after a restart", restart);
    let opening = opening::measure(runner, stage).await;
    runner.settle("opening sessions", opening);
    let callers = callers::measure(runner, stage).await;
    runner.settle("sessions that call", callers);
    let idle = idle::measure(runner, stage).await;
    runner.settle("idle sessions", idle);
    let burners = burners::measure(runner, stage).await;
    runner.settle("burners", burners);
    let owners = owners::measure(runner, stage).await;
    runner.settle("owners", owners);
    let allocations = allocations::measure(runner, stage).await;
    runner.settle("allocations", allocations);
    let evaluators = evaluators::measure(runner, stage).await;
    runner.settle("evaluators", evaluators);
    growth::measure(runner, stage).await;
}
