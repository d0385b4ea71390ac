//! The rows of one peer.

use std::process::Command;

use anyhow::Result;

use super::ours::Ours;
use super::peer::{Kind, Peer};
use crate::driver::Task;
use crate::latency::Cadence;
use crate::plan::Plan;
use crate::row::Spec;
use crate::runner::Runner;
use crate::stage::Stage;
use crate::target::Target;
use crate::unit::Unit;

/// Bytes of the array that goes there and back.
const ARRAY: usize = 8 << 20;

/// Measures the rows of a peer, as far as they are asked for.
pub(crate) async fn measure(
    runner: &mut Runner,
    stage: &Stage,
    group: &'static str,
    kind: &Kind,
    cadences: &[Cadence],
    program: impl Fn() -> Command,
) -> Result<()> {
    if !wanted(runner, group, kind, cadences) {
        return Ok(());
    }
    let rows = Rows { group, kind };
    let mut peer = Peer::start(&stage.cores, program)?;
    runner.version(kind.name, peer.version());
    let ours = Ours::connect(stage).await?;
    let time = runner.plan().run_time();
    for cadence in cadences {
        let _state = cadence.enter(&stage.cores)?;
        let task = Task::Sequential { rest: cadence.pause() };
        runner
            .pair(
                rows.sequential(*cadence),
                async || cadence.median(time, async || ours.square().await).await,
                kind.name,
                async || peer.measure(task, time),
            )
            .await?;
    }
    let task = Task::Pipelined { window: kind.window };
    runner
        .pair(
            rows.pipelined(),
            async || ours.squares(time).await,
            kind.name,
            async || peer.measure(task, time),
        )
        .await?;
    let array = rows.array();
    if kind.slow_array && runner.plan() == Plan::Quick && runner.wants(group, &array.name) {
        runner.skip(&array.name, "it takes too long for a quick run");
        return ours.close().await;
    }
    let task = Task::Array { bytes: ARRAY };
    runner
        .pair(
            array,
            async || Ok(both_ways(ours.array(ARRAY, time).await?)),
            kind.name,
            async || Ok(both_ways(peer.measure(task, time)?)),
        )
        .await?;
    ours.close().await
}

/// Whether a row of a peer is asked for.
pub(crate) fn wanted(
    runner: &Runner,
    group: &'static str,
    kind: &Kind,
    cadences: &[Cadence],
) -> bool {
    let rows = Rows { group, kind };
    let sequential = cadences.iter().map(|cadence| rows.sequential(*cadence));
    let mut all = sequential.chain([rows.pipelined(), rows.array()]);
    all.any(|spec| runner.wants(spec.group, &spec.name))
}

struct Rows<'a> {
    group: &'static str,
    kind: &'a Kind,
}

impl Rows<'_> {
    fn sequential(&self, cadence: Cadence) -> Spec {
        let name = format!("{}: small call + value, {}", self.kind.name, cadence.name());
        let spec = Spec::lower(self.group, name, Unit::Micros).note("square(i64)");
        self.finish(spec.note(cadence.note()), self.kind.sequential)
    }

    fn pipelined(&self) -> Spec {
        let name = format!("{}: small calls, pipelined", self.kind.name);
        let spec = Spec::higher(self.group, name, Unit::PerSecond)
            .note("square(i64), by the Rust client on one connection, 1,024 under way")
            .note(format!("the peer's on one connection, {} under way", self.kind.window));
        self.finish(spec, self.kind.pipelined)
    }

    fn array(&self) -> Spec {
        let name = format!("{}: 8 MiB f64 array, there and back", self.kind.name);
        let spec = Spec::higher(self.group, name, Unit::MegabytesPerSecond)
            .note("bytes in both directions are counted")
            .note("ours goes through a guest, with encoding and decoding; the peer's are bytes");
        self.finish(spec, self.kind.array)
    }

    fn finish(&self, spec: Spec, target: Option<Target>) -> Spec {
        let spec = if self.kind.note.is_empty() { spec } else { spec.note(self.kind.note) };
        match target {
            Some(target) => spec.target(target),
            None => spec,
        }
    }
}

/// Millions of bytes in a second, of the microseconds of a way there and back.
fn both_ways(micros: f64) -> f64 {
    (2 * ARRAY) as f64 / micros
}
