//! Source text evaluated in a session: the first value, further ones, work, and memory.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bytes::Bytes;
use farside::{ErrorCode, Language, Session};

use crate::cores::Place;
use crate::crowd::FLAGS;
use crate::latency::{Cadence, micros};
use crate::peers::run;
use crate::row::Spec;
use crate::runner::Runner;
use crate::samples::Samples;
use crate::server::{DataFolder, Server};
use crate::stage::Stage;
use crate::target::Target;
use crate::unit::Unit;
use crate::wire::Echo;

const GROUP: &str = "evaluators";

/// A language, and what runs it natively.
struct Tongue {
    name: &'static str,
    /// Microseconds that a first value may take beyond a bare round trip.
    first: f64,
    /// What defines `fib`.
    fib: &'static str,
    /// The command whose last argument is a program that calls it, printing the value.
    native: [&'static str; 2],
    print: &'static str,
}

const TONGUES: [Tongue; 2] = [
    Tongue {
        name: "python",
        first: 1000.0,
        fib: "def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)\n",
        native: ["python3", "-c"],
        print: "print(fib(25))",
    },
    Tongue {
        name: "javascript",
        first: 300.0,
        fib: "function fib(n) { return n < 2 ? n : fib(n - 1) + fib(n - 2) }\n",
        native: ["node", "-e"],
        print: "console.log(fib(25))",
    },
];

/// Bytes of a small evaluation's request, which the echo sends back.
const REQUEST: usize = 32;

/// How long an evaluator that is not compiled yet may take for it.
const COMPILING: Duration = Duration::from_secs(300);

pub(crate) async fn measure(runner: &mut Runner, stage: &Stage) -> Result<()> {
    for tongue in &TONGUES {
        let session = stage.server.client().await?.session().await?;
        if !is_there(&session.language(tongue.name)).await? {
            runner.skip(tongue.name, "its evaluator is not built");
            continue;
        }
        first(runner, stage, tongue).await?;
        further(runner, stage, tongue).await?;
        work(runner, stage, tongue).await?;
        memory(runner, stage, tongue).await?;
        session.close().await?;
    }
    Ok(())
}

/// Waits until a language can be evaluated; false if the server does not have it.
async fn is_there(language: &Language) -> Result<bool> {
    let Err(error) = tokio::time::timeout(COMPILING, language.ready()).await? else {
        return Ok(true);
    };
    match error.failure().map(|failure| failure.code) {
        Some(ErrorCode::NotFound) => Ok(false),
        _ => Err(error.into()),
    }
}

async fn sum(language: &Language) -> Result<()> {
    let sum: i64 = language.eval("2 + 3").get().await?;
    ensure!(sum == 5, "a wrong sum: {sum}");
    Ok(())
}

/// From a connected client to the first value of a new session.
async fn first(runner: &mut Runner, stage: &Stage, tongue: &Tongue) -> Result<()> {
    let Tongue { name, first, .. } = tongue;
    let mut echo = Echo::connect(stage.echo.address()).await?;
    let frame = Bytes::from(vec![7; REQUEST]);
    let client = stage.server.client().await?;
    let time = runner.plan().run_time();
    let cadence = Cadence::Awake;
    let _state = cadence.enter(&stage.cores)?;
    let spec = Spec::lower(GROUP, format!("{name}: a new session's first value"), Unit::Micros)
        .target(Target::ratio_at_most(1.0))
        .note(cadence.note())
        .note("a session is opened and 2 + 3 evaluated; closing is off the clock")
        .note(format!("beside it, a bare echo's round trip and {first:.0} us"));
    let open = async || {
        let session = client.session().await?;
        sum(&session.language(name)).await?;
        Ok(session)
    };
    let close = async |session: Session| Ok(session.close().await?);
    runner
        .pair(
            spec,
            async || cadence.median_then(time, open, close).await,
            "round trip + allowance",
            async || {
                let trip = cadence.median(time, async || echo.round_trip(&frame).await).await?;
                Ok(trip + first)
            },
        )
        .await
}

/// Further values of the same session.
async fn further(runner: &mut Runner, stage: &Stage, tongue: &Tongue) -> Result<()> {
    let session = stage.server.client().await?.session().await?;
    let language = session.language(tongue.name);
    sum(&language).await?;
    let mut echo = Echo::connect(stage.echo.address()).await?;
    let frame = Bytes::from(vec![7; REQUEST]);
    let time = runner.plan().run_time();
    let cadence = Cadence::Awake;
    let _state = cadence.enter(&stage.cores)?;
    let spec = Spec::lower(GROUP, format!("{}: a further value", tongue.name), Unit::Micros)
        .target(Target::at_most(60.0))
        .note(cadence.note())
        .note(
            "2 + 3; the variables are kept after each evaluation, behind its answer, for the case \
             that the next one has to be undone",
        );
    runner
        .pair(
            spec,
            async || cadence.median(time, async || sum(&language).await).await,
            "bare echo",
            async || cadence.median(time, async || echo.round_trip(&frame).await).await,
        )
        .await?;
    session.close().await?;
    Ok(())
}

/// Work that takes long, beside the usual interpreter's process.
async fn work(runner: &mut Runner, stage: &Stage, tongue: &Tongue) -> Result<()> {
    let Tongue { name, fib, native: [program, flag], print, .. } = tongue;
    let session = stage.server.client().await?.session().await?;
    let language = session.language(name);
    language.execute(fib).get().await?;
    let spec = Spec::lower(GROUP, format!("{name}: fib(25)"), Unit::Micros)
        .note("a recursive function of the session, called once")
        .note(format!("beside it: {program} with the same program, its start included"));
    let source = format!("{fib}{print}");
    runner
        .pair(
            spec,
            async || {
                let begun = Instant::now();
                let value: i64 = language.eval("fib(25)").get().await?;
                ensure!(value == 75_025, "a wrong number: {value}");
                Ok(micros(begun.elapsed()))
            },
            program,
            async || {
                let begun = Instant::now();
                let printed = run(Command::new(program).args([*flag, source.as_str()]))?;
                ensure!(printed.stdout == b"75025\n", "{program} gave a wrong number");
                Ok(micros(begun.elapsed()))
            },
        )
        .await?;
    session.close().await?;
    Ok(())
}

/// What very many sessions hold that have each evaluated something.
async fn memory(runner: &mut Runner, stage: &Stage, tongue: &Tongue) -> Result<()> {
    let count = runner.plan().pick(1_000, 100);
    let name = format!("{}: {count} sessions, memory for each", tongue.name);
    if !runner.wants(GROUP, &name) {
        return Ok(());
    }
    let mut each = Vec::new();
    for _ in 0..runner.plan().pick(3, 1) {
        let data = DataFolder::new()?;
        let server = Server::start(&stage.cores, Place::Server, &data, &FLAGS)?;
        let client = server.client().await?;
        let mut sessions = Vec::new();
        let mut first = 0;
        for number in 0..count {
            let session = client.session().await?;
            session.language(tongue.name).execute("x = 42").get().await?;
            sessions.push(session);
            if number == 0 {
                first = server.process().private()?;
            }
        }
        let held = server.process().private()?.saturating_sub(first);
        each.push(held as f64 / (count - 1) as f64);
    }
    let spec = Spec::lower(GROUP, name, Unit::Bytes)
        .note("RssAnon beyond that with one session, without the image that all share; each has set a variable")
        .note(FLAGS.join(" "));
    runner.add(spec, Samples::new(each)?, None)
}
