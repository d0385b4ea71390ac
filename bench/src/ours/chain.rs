//! Calls on results that do not exist yet.

use anyhow::{Result, ensure};
use farside::{Far, Module};

use crate::latency::Cadence;
use crate::row::Spec;
use crate::runner::Runner;
use crate::samples::Samples;
use crate::stage::Stage;
use crate::target::Target;
use crate::unit::Unit;

const GROUP: &str = "chain";
const LENGTH: i64 = 100;

pub(crate) async fn measure(runner: &mut Runner, stage: &Stage) -> Result<()> {
    let (session, module) = stage.server.session().await?;
    let add = module.function("add")?;
    let time = runner.plan().run_time();
    for cadence in [Cadence::Idle, Cadence::Awake] {
        let _state = cadence.enter(&stage.cores)?;
        let name = format!("{LENGTH} dependent calls + get, {}", cadence.name());
        let mut spec = Spec::lower(GROUP, name, Unit::Micros).note(cadence.note());
        if cadence == Cadence::Idle {
            spec = spec.target(Target::ratio_at_most(2.0));
        }
        let one = async || {
            let sum: i64 = add.value((0, 1)).await?;
            ensure!(sum == 1, "a wrong sum: {sum}");
            Ok(())
        };
        runner
            .pair(
                spec,
                async || cadence.median(time, async || sum_of_ones(&module, LENGTH).await).await,
                "one call + value",
                async || cadence.median(time, one).await,
            )
            .await?;
    }
    let before = session.wire().round_trips;
    sum_of_ones(&module, LENGTH).await?;
    let trips = (session.wire().round_trips - before) as f64;
    let spec =
        Spec::lower(GROUP, format!("{LENGTH} dependent calls + get: round trips"), Unit::Count)
            .target(Target::at_most(1.0))
            .note("counted on the wire, once");
    runner.add(spec, Samples::new(vec![trips])?, None)?;
    session.close().await?;
    Ok(())
}

/// 0 + 1 + 1 .., every sum by a call of its own.
pub(crate) async fn sum_of_ones(module: &Module, length: i64) -> Result<()> {
    let mut sum: Far<i64> = module.call("add", (0, 1));
    for _ in 1..length {
        sum = module.call("add", (&sum, 1));
    }
    let sum = sum.get().await?;
    ensure!(sum == length, "a chain of {length} gave {sum}");
    Ok(())
}
