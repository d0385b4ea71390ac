//! Small calls where nothing is bound to a core: the server has a thread for each core
//! and so has the client, as under `#[tokio::main]`. The scheduler moves both about, and
//! answers wake threads.

use anyhow::{Result, ensure};

use super::small::request_size;
use crate::caller::Caller;
use crate::cores::Place;
use crate::driver::Task;
use crate::latency::Cadence;
use crate::process::Process;
use crate::row::Spec;
use crate::runner::Runner;
use crate::server::{DataFolder, Server};
use crate::stage::Stage;
use crate::unit::Unit;

const GROUP: &str = "unpinned";

/// Calls under way at once.
const WINDOW: usize = 1024;

const NOTE: &str = "server and client on all cores, each with a thread for each; so is the echo \
                    with its client";

pub(crate) async fn measure(runner: &mut Runner, stage: &Stage) -> Result<()> {
    let sequential = |cadence: Cadence| {
        let name = format!("small call + value, {}", cadence.name());
        Spec::lower(GROUP, name, Unit::Micros).note(NOTE).note(cadence.note())
    };
    let pipelined = Spec::higher(GROUP, "small calls, pipelined", Unit::PerSecond)
        .note(NOTE)
        .note(format!("{WINDOW} tasks of the Rust client; beside it as many frames under way"));
    let cadences = [Cadence::Idle, Cadence::Awake];
    let mut specs = cadences.map(sequential).into_iter().chain([pipelined.clone()]);
    if !specs.any(|spec| runner.wants(spec.group, &spec.name)) {
        return Ok(());
    }
    let data = DataFolder::new()?;
    let server = Server::start(&stage.cores, Place::Anywhere, &data, &[])?;
    let echo = Process::start(&stage.cores, Place::Anywhere, &mut Process::role("echo")?)?;
    let (session, module) = server.session().await?;
    let square = module.function("square")?;
    let call = async || {
        let squared: i64 = square.value((1_234_567,)).await?;
        ensure!(squared == 1_524_155_677_489, "a wrong square: {squared}");
        Ok(())
    };
    let frame = request_size(&session, call).await?;
    let mut ours = Caller::of_farside(&stage.cores, &server)?;
    let mut echoes = Caller::of_echo(&stage.cores, &echo, frame.len())?;
    let time = runner.plan().run_time();
    for cadence in cadences {
        let _state = cadence.enter(&stage.cores)?;
        let task = Task::Sequential { rest: cadence.pause() };
        let (ours, echoes) =
            (async || ours.measure(task, time), async || echoes.measure(task, time));
        runner.pair(sequential(cadence), ours, "bare echo", echoes).await?;
    }
    let task = Task::Pipelined { window: WINDOW };
    let (ours, echoes) = (async || ours.measure(task, time), async || echoes.measure(task, time));
    runner.pair(pipelined, ours, "bare echo, frames", echoes).await?;
    session.close().await?;
    Ok(())
}
