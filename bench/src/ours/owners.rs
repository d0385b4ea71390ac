//! A quiet owner's calls while another owner burns all the processor time it can get.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use farside::{Client, ConnectError, Far, Function, Session};

use crate::cores::Place;
use crate::latency::Cadence;
use crate::row::Spec;
use crate::runner::Runner;
use crate::samples::{Samples, percentile};
use crate::server::{DataFolder, Server};
use crate::stage::Stage;
use crate::target::Target;
use crate::unit::Unit;

const GROUP: &str = "owners";

/// Sessions of the noisy owner, each in an endless loop.
const LOOPS: usize = 200;

/// Calls of a run at least, so that its p99 is not the slowest one.
const CALLS: usize = 500;

/// Fewer of those that take long.
const LONG_CALLS: usize = 30;

/// How long a server may take to read a new token.
const SEEN: Duration = Duration::from_secs(10);

/// What the noise may add to a small call's p99, in microseconds: two turns of the others
/// on each core, and one to be woken in.
const ADDED: f64 = 10_000.0;

pub(crate) async fn measure(runner: &mut Runner, stage: &Stage) -> Result<()> {
    let small =
        |share: &str| format!("quiet owner beside {LOOPS} loops of another, 2 cores: {share}");
    let long = format!("call of 5 ms beside {LOOPS} loops of another owner, 2 cores");
    if !runner.wants_any(GROUP, &[&small("p50"), &small("p99"), &long]) || !stage.cores.are_apart()
    {
        return Ok(());
    }
    let data = DataFolder::new()?;
    let server = Server::start(&stage.cores, Place::Anywhere, &data, &[])?;
    let quiet = owner(&server, &data, "quiet").await?;
    let noisy = owner(&server, &data, "noisy").await?;
    let session = quiet.session().await?;
    let module = session.upload(server.guest("workload")).await?;
    let (square, burn) = (module.function("square")?, module.function("burn")?);
    let time = runner.plan().pick(Duration::from_secs(2), Duration::from_millis(300));

    let (ours, alone) = runner
        .alternate(
            async || {
                let noise = Noise::start(&noisy, &server).await?;
                let took = small_calls(&square, time).await?;
                noise.stop().await;
                Ok(took)
            },
            async || small_calls(&square, time).await,
        )
        .await?;
    let share = |runs: &[Vec<f64>], share| -> Vec<f64> {
        runs.iter().map(|run| percentile(&mut run.clone(), share)).collect()
    };
    let limit = Samples::new(share(&alone, 0.99))?.map(|p99| ADDED + 2.0 * p99)?;
    let spec = Spec::lower(GROUP, small("p99"), Unit::Micros)
        .target(Target::ratio_at_most(1.0))
        .note("small calls back to back by one owner; the loops are sessions of another");
    runner.add(spec, Samples::new(share(&ours, 0.99))?, Some(("10 ms + 2 x p99 alone", limit)))?;
    let spec = Spec::lower(GROUP, small("p50"), Unit::Micros).note("the same calls");
    let median = Samples::new(share(&alone, 0.5))?;
    runner.add(spec, Samples::new(share(&ours, 0.5))?, Some(("alone", median)))?;

    let (ours, alone) = runner
        .alternate(
            async || {
                let noise = Noise::start(&noisy, &server).await?;
                let took = long_calls(&burn).await?;
                noise.stop().await;
                Ok(took)
            },
            async || long_calls(&burn).await,
        )
        .await?;
    let spec = Spec::lower(GROUP, long, Unit::Micros)
        .target(Target::ratio_at_most(4.0))
        .note("guest threads go round the owners, one tick each, so that it has half of a core");
    runner.add(spec, Samples::new(ours)?, Some(("alone", Samples::new(alone)?)))
}

/// Another owner of the server, as a client.
async fn owner(server: &Server, data: &DataFolder, name: &str) -> Result<Client> {
    let mut command = Command::new(server.program()?);
    command.args(["token", "new", name, "--data"]).arg(data.path());
    let made = command.output().context("cannot make a token")?;
    ensure!(made.status.success(), "no token: {}", String::from_utf8_lossy(&made.stderr));
    let token = String::from_utf8(made.stdout)?;
    let until = Instant::now() + SEEN;
    loop {
        match Client::builder().url(server.url()).token(token.trim()).connect().await {
            Ok(client) => return Ok(client),
            Err(ConnectError::WrongToken { .. }) if Instant::now() < until => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Sessions in endless loops; dropping it stops them.
struct Noise {
    loops: Vec<(Far<()>, Session)>,
}

impl Noise {
    async fn start(noisy: &Client, server: &Server) -> Result<Noise> {
        let mut loops = Vec::new();
        for _ in 0..LOOPS {
            let session = noisy.session().await?;
            let module = session.upload(server.guest("workload")).await?;
            let spins = module.function("spin")?.fresh().call(());
            session.flush().await?;
            loops.push((spins, session));
        }
        Ok(Noise { loops })
    }

    async fn stop(self) {
        for (spins, _) in &self.loops {
            spins.cancel();
        }
        for (spins, session) in self.loops {
            // It fails as it should: it was cancelled.
            let _ = spins.get_raw(None).await;
            let _ = session.close().await;
        }
    }
}

async fn small_calls(square: &Function, time: Duration) -> Result<Vec<f64>> {
    let call = async || {
        let squared: i64 = square.value((12,)).await?;
        ensure!(squared == 144, "a wrong square: {squared}");
        Ok(())
    };
    Cadence::Awake.measure_at_least(CALLS, time, call).await
}

/// The median of calls that compute for some milliseconds.
async fn long_calls(burn: &Function) -> Result<f64> {
    let mut took = Vec::new();
    for _ in 0..LONG_CALLS {
        let begun = Instant::now();
        let _: u64 = burn.value((BURNT,)).await?;
        took.push(begun.elapsed().as_secs_f64() * 1e6);
    }
    Ok(percentile(&mut took, 0.5))
}

/// Steps that take some five milliseconds.
const BURNT: u64 = 4_000_000;
