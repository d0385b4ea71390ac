//! Small calls while other sessions burn processor time.

use std::time::Duration;

use anyhow::Result;
use farside::{Far, Function, Session};

use crate::cores::Place;
use crate::latency::Cadence;
use crate::row::Spec;
use crate::runner::Runner;
use crate::samples::{Samples, percentile};
use crate::server::{DataFolder, Server};
use crate::stage::Stage;
use crate::target::Target;
use crate::unit::Unit;

const GROUP: &str = "burners";

/// Sessions that burn.
const BURNERS: usize = 4;

/// Calls of a run at least, so that its p99 is not the slowest one.
const CALLS: usize = 500;

/// What burning may add to the p99, in microseconds.
const ADDED: f64 = 10_000.0;

/// Until all burners run.
const KINDLING: Duration = Duration::from_millis(50);

pub(crate) async fn measure(runner: &mut Runner, stage: &Stage) -> Result<()> {
    beside(runner, &stage.server, "1 core").await?;
    if !stage.cores.are_apart() {
        return Ok(());
    }
    let data = DataFolder::new()?;
    let server = Server::start(&stage.cores, Place::Anywhere, &data, &[])?;
    beside(runner, &server, "2 cores").await
}

/// One burning session; its call is stopped with this guard.
struct Burner {
    flame: Far<()>,
    _session: Session,
}

impl Drop for Burner {
    fn drop(&mut self) {
        self.flame.cancel();
    }
}

async fn burn(server: &Server) -> Result<Vec<Burner>> {
    let mut burners = Vec::new();
    for _ in 0..BURNERS {
        let (session, module) = server.session().await?;
        let flame = module.function("spin")?.fresh().call(());
        session.flush().await?;
        burners.push(Burner { flame, _session: session });
    }
    tokio::time::sleep(KINDLING).await;
    Ok(burners)
}

async fn beside(runner: &mut Runner, server: &Server, cores: &str) -> Result<()> {
    let name = |share: &str| format!("small call beside burners, {cores}: {share}");
    if !runner.wants_any(GROUP, &[&name("p99"), &name("p50")]) {
        return Ok(());
    }
    let (_session, module) = server.session().await?;
    let square = module.function("square")?;
    let time = runner.plan().pick(Duration::from_secs(2), Duration::from_millis(300));
    let (ours, alone) = runner
        .alternate(
            async || {
                let burners = burn(server).await?;
                let took = took(&square, time).await?;
                for burner in &burners {
                    burner.flame.cancel();
                    // It fails as it should: it was cancelled.
                    let _ = burner.flame.get_raw(None).await;
                }
                Ok(took)
            },
            async || took(&square, time).await,
        )
        .await?;
    let share = |runs: &[Vec<f64>], share| -> Vec<f64> {
        runs.iter().map(|run| percentile(&mut run.clone(), share)).collect()
    };
    let note =
        format!("{BURNERS} sessions in an endless loop on a server of {cores}; calls back to back");
    let limit = Samples::new(share(&alone, 0.99))?.map(|p99| ADDED + 2.0 * p99)?;
    let spec = Spec::lower(GROUP, name("p99"), Unit::Micros)
        .target(Target::ratio_at_most(1.0))
        .note(&note);
    runner.add(spec, Samples::new(share(&ours, 0.99))?, Some(("10 ms + 2 x p99 alone", limit)))?;
    let spec = Spec::lower(GROUP, name("p50"), Unit::Micros).note(note);
    let median = Samples::new(share(&alone, 0.5))?;
    runner.add(spec, Samples::new(share(&ours, 0.5))?, Some(("alone", median)))
}

async fn took(square: &Function, time: Duration) -> Result<Vec<f64>> {
    let call = async || {
        let _: i64 = square.value((12,)).await?;
        Ok(())
    };
    Cadence::Awake.measure_at_least(CALLS, time, call).await
}
