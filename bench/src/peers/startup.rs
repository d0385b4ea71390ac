//! A fresh sandbox and its first answer, beside a fresh process of an interpreter.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use farside::Session;

use super::venv::run;
use crate::cores::Place;
use crate::latency::micros;
use crate::row::Spec;
use crate::runner::Runner;
use crate::samples::percentile;
use crate::stage::Stage;
use crate::unit::Unit;

const GROUP: &str = "startup";

/// The least number of starts that a median is taken of.
const LEAST: usize = 5;

/// An interpreter that adds two numbers.
struct Interpreter {
    name: &'static str,
    /// What makes it print where it lies, past any wrapper on the path.
    whereabouts: [&'static str; 2],
    sum: [&'static str; 2],
}

const INTERPRETERS: [Interpreter; 2] = [
    Interpreter {
        name: "python3",
        whereabouts: ["-c", "import sys; print(sys.executable)"],
        sum: ["-c", "print(2+3)"],
    },
    Interpreter {
        name: "node",
        whereabouts: ["-p", "process.execPath"],
        sum: ["-e", "console.log(2+3)"],
    },
];

pub(crate) async fn measure(runner: &mut Runner, stage: &Stage) {
    for interpreter in &INTERPRETERS {
        let outcome = row(runner, stage, interpreter).await;
        runner.settle(interpreter.name, outcome);
    }
}

async fn row(runner: &mut Runner, stage: &Stage, interpreter: &Interpreter) -> Result<()> {
    let Interpreter { name, whereabouts, sum } = interpreter;
    let beside = format!("{name} {} '{}'", sum[0], sum[1]);
    let spec = Spec::lower(GROUP, format!("new session + first call, {name}"), Unit::Micros)
        .note("a new connection and session, a new instance of a known module, add(2, 3)")
        .note(format!("beside it: {beside}, a new process without a sandbox, on any core"));
    if !runner.wants(spec.group, &spec.name) {
        return Ok(());
    }
    let found = run(Command::new(name).args(whereabouts));
    let program = match found {
        Ok(found) => String::from_utf8_lossy(&found.stdout).trim().to_owned(),
        Err(error) => {
            runner.skip(name, format!("{error:#}"));
            return Ok(());
        }
    };
    let version = run(Command::new(&program).arg("--version"))?;
    runner.version(name, String::from_utf8_lossy(&version.stdout).trim());
    let time = runner.plan().run_time();
    runner
        .pair(
            spec,
            async || {
                let close = async |session: Session| Ok(session.close().await?);
                median(time, async || first_call(stage).await, close).await
            },
            &beside,
            async || {
                let start = async || {
                    stage.cores.bind(Place::Anywhere)?;
                    let output = run(Command::new(&program).args(sum));
                    stage.cores.bind(Place::Client)?;
                    ensure!(output?.stdout == b"5\n", "{name} gave a wrong sum");
                    Ok(())
                };
                median(time, start, async |()| Ok(())).await
            },
        )
        .await
}

/// Everything from connecting to the first value.
async fn first_call(stage: &Stage) -> Result<Session> {
    let (session, module) = stage.server.session().await?;
    let sum: i64 = module.function("add")?.value((2, 3)).await?;
    ensure!(sum == 5, "a wrong sum: {sum}");
    Ok(session)
}

/// The median of things done one after the other for some time, in microseconds. What is
/// done with each after it is off the clock.
async fn median<T>(
    time: Duration,
    mut work: impl AsyncFnMut() -> Result<T>,
    mut then: impl AsyncFnMut(T) -> Result<()>,
) -> Result<f64> {
    let mut took = Vec::new();
    let end = Instant::now() + time;
    while took.len() < LEAST || Instant::now() < end {
        let begun = Instant::now();
        let done = work().await?;
        took.push(micros(begun.elapsed()));
        then(done).await?;
    }
    Ok(percentile(&mut took, 0.5))
}
