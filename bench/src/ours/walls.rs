//! The walls around compilers: what raising each takes, and what it is worth to have a
//! compiler that has raised them before it is needed.

use std::fs;
use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::code::unknown_module;
use crate::cores::Place;
use crate::latency::micros;
use crate::row::Spec;
use crate::runner::Runner;
use crate::samples::{Samples, percentile};
use crate::server::program;
use crate::stage::Stage;
use crate::unit::Unit;

const GROUP: &str = "walls";

/// Processes started in a run.
const STARTS: usize = 50;

/// Modules compiled in a run.
const UPLOADS: usize = 10;

/// Bytes of a module that is compiled in no time: the first function of all unknown modules,
/// and one that makes it unknown.
const SMALL: usize = 64;

/// Compilers that a server has ready.
const IDLE: usize = 2;

/// How long compilers have to become ready again.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) async fn measure(runner: &mut Runner, stage: &Stage) -> Result<()> {
    starts(runner, stage).await?;
    uploads(runner, stage).await
}

/// Starts processes like compilers, with all walls and with none.
async fn starts(runner: &mut Runner, stage: &Stage) -> Result<()> {
    const START: &str = "start of a compiler, to its order";
    const NAMES: [&str; 5] = ["descriptors", "privileges", "resources", "files", "syscalls"];
    let rows = NAMES.map(|wall| format!("raising the wall: {wall}"));
    let wanted: Vec<&str> = rows.iter().map(String::as_str).chain([START]).collect();
    if !runner.wants_any(GROUP, &wanted) {
        return Ok(());
    }
    let (with, without) = runner
        .alternate(async || starts_of(stage, "all"), async || starts_of(stage, "none"))
        .await?;
    let median = |runs: &[Run]| Samples::new(runs.iter().map(|run| run.start).collect());
    let spec = Spec::lower(GROUP, START, Unit::Micros)
        .note("a process that raises its walls and ends: what an upload saves where one is ready");
    runner.add(spec, median(&with)?, Some(("without walls", median(&without)?)))?;
    for (wall, name) in NAMES.into_iter().zip(rows) {
        let of_runs: Vec<f64> = with.iter().filter_map(|run| run.raising(wall)).collect();
        if of_runs.len() < with.len() {
            runner.skip(&name, "the kernel has no such wall");
            continue;
        }
        let spec = Spec::lower(GROUP, name, Unit::Micros).note("as the process itself says");
        let spec = match wall {
            "files" => spec.note("those around network and signals are raised with it"),
            _ => spec,
        };
        runner.add(spec, Samples::new(of_runs)?, None)?;
    }
    Ok(())
}

/// Medians of processes that were started one after the other.
struct Run {
    start: f64,
    walls: Vec<(String, f64)>,
}

impl Run {
    fn raising(&self, wall: &str) -> Option<f64> {
        self.walls.iter().find(|(name, _)| name == wall).map(|(_, took)| *took)
    }
}

fn starts_of(stage: &Stage, walls: &str) -> Result<Run> {
    let mut starts = Vec::new();
    let mut said: Vec<(String, Vec<f64>)> = Vec::new();
    for _ in 0..STARTS {
        let begun = Instant::now();
        let mut command = Command::new(program()?);
        command.args(["compile-for-farside", "probe"]).env_clear();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child: Child = stage.cores.spawn(Place::Server, &mut command)?;
        let order = format!("{walls} nothing");
        let stdin = child.stdin.take().context("a compiler has no standard input")?;
        { stdin }.write_all(order.as_bytes()).context("a compiler does not listen")?;
        let output = child.wait_with_output().context("a compiler does not end")?;
        starts.push(micros(begun.elapsed()));
        ensure!(output.status.success(), "a compiler failed: {}", output.status);
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            let took = line.strip_suffix(" us").and_then(|line| line.split_once(": "));
            let Some((wall, took)) = took else { continue };
            let took: f64 = took.parse().context("a wall took no time")?;
            match said.iter_mut().find(|(name, _)| name == wall) {
                Some((_, all)) => all.push(took),
                None => said.push((wall.to_owned(), vec![took])),
            }
        }
    }
    let walls = said.into_iter().map(|(wall, mut all)| (wall, percentile(&mut all, 0.5))).collect();
    Ok(Run { start: percentile(&mut starts, 0.5), walls })
}

/// Compiles small modules, with a compiler ready and with none.
async fn uploads(runner: &mut Runner, stage: &Stage) -> Result<()> {
    let spec = Spec::lower(GROUP, "upload of an unknown module of two functions", Unit::Micros)
        .note("compiled behind all walls, by a process that was started ahead of need")
        .note("beside it those that are ready are ended before, off the clock");
    runner
        .pair(
            spec,
            async || upload(stage, true).await,
            "with no compiler ready",
            async || upload(stage, false).await,
        )
        .await
}

async fn upload(stage: &Stage, ready: bool) -> Result<f64> {
    let server = &stage.server;
    let session = server.client().await?.session().await?;
    let mut uploads = Vec::new();
    for _ in 0..UPLOADS {
        let compilers = compilers(server.process().id()).await?;
        if !ready {
            for pid in compilers {
                let pid = Pid::from_raw(pid).context("a process has a number")?;
                kill_process(pid, Signal::KILL).context("cannot end a compiler")?;
                until_ended(pid).await?;
            }
        }
        let code = unknown_module(SMALL);
        let begun = Instant::now();
        session.uploader(code).send().await?;
        uploads.push(micros(begun.elapsed()));
    }
    session.close().await?;
    Ok(percentile(&mut uploads, 0.5))
}

/// The compilers of a server that are ready, once all are: they sleep in a read.
async fn compilers(server: u32) -> Result<Vec<i32>> {
    let begun = Instant::now();
    loop {
        let mut found = Vec::new();
        for task in fs::read_dir(format!("/proc/{server}/task"))? {
            let list = fs::read_to_string(task?.path().join("children")).unwrap_or_default();
            let pids = list.split_whitespace().filter_map(|pid| pid.parse::<i32>().ok());
            found.extend(pids.filter(|pid| is_ready(*pid)));
        }
        if found.len() == IDLE {
            return Ok(found);
        }
        ensure!(begun.elapsed() < PATIENCE, "a server has no compilers ready");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Whether a process sleeps, and has no thread but one.
fn is_ready(pid: i32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status.contains("State:\tS")
        && status.contains("Threads:\t1\n")
        && status.contains("Seccomp:\t2")
}

/// Waits until a process that was ended is no more, or only waits to be missed.
async fn until_ended(pid: Pid) -> Result<()> {
    let begun = Instant::now();
    let path = format!("/proc/{}/status", pid.as_raw_nonzero());
    while fs::read_to_string(&path).is_ok_and(|status| !status.contains("State:\tZ")) {
        ensure!(begun.elapsed() < PATIENCE, "a compiler does not end");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}
