//! One part of a test run: a command with a heading, a time and an outcome.

use std::io::{self, BufRead, BufReader, IsTerminal, Read, Write};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::counts::{Counts, Runner};
use crate::workspace;

/// What became of a part.
pub(crate) struct Part {
    name: &'static str,
    pub(crate) counts: Counts,
    took: Option<Duration>,
}

impl Part {
    /// A part that was left out.
    pub(crate) fn left_out(name: &'static str) -> Part {
        Part { name, counts: Counts::SKIPPED, took: None }
    }

    /// A part that passes or fails as a whole.
    pub(crate) fn step(name: &'static str, step: impl FnOnce() -> Result<()>) -> Part {
        Part::measure(name, || step().map(|()| Counts::PASSED))
    }

    /// A part that is one command, which passes or fails as a whole.
    pub(crate) fn command(name: &'static str, command: &mut Command) -> Part {
        Part::step(name, || workspace::run(command))
    }

    /// A part that is a test runner, whose tests are counted. A runner that fails
    /// without naming a failed test, as when a test does not compile, counts as one.
    pub(crate) fn tests(name: &'static str, runner: Runner, command: &mut Command) -> Part {
        Part::measure(name, || {
            let (success, mut counts) = run_and_count(runner, command)?;
            if !success && counts.failed == 0 {
                counts += Counts::FAILED;
            }
            Ok(counts)
        })
    }

    fn measure(name: &'static str, run: impl FnOnce() -> Result<Counts>) -> Part {
        println!("\n== {name}");
        let start = Instant::now();
        let counts = run().unwrap_or_else(|error| {
            eprintln!("error: {error:#}");
            Counts::FAILED
        });
        let took = start.elapsed();
        println!("-- {name}: {counts} in {:.1} s", took.as_secs_f64());
        Part { name, counts, took: Some(took) }
    }

    /// The part's line in the summary.
    pub(crate) fn print(&self) {
        let outcome = match self.counts {
            Counts { failed: 1.., .. } => "FAILED",
            _ if self.took.is_none() => "left out",
            _ => "passed",
        };
        let time = self.took.map(|took| format!("{:.1} s", took.as_secs_f64()));
        let time = time.unwrap_or_default();
        println!("{:<10} {outcome:<9} {time:>8}   {}", self.name, self.counts);
    }
}

/// Runs a command, shows what it prints, and counts the tests that it sums up.
fn run_and_count(runner: Runner, command: &mut Command) -> Result<(bool, Counts)> {
    if io::stderr().is_terminal() {
        command.env("CARGO_TERM_COLOR", "always");
    }
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start `{}`", workspace::line(command)))?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let counts = thread::scope(|scope| {
        let out = scope.spawn(|| show_and_count(runner, stdout, io::stdout()));
        let mut counts = show_and_count(runner, stderr, io::stderr());
        counts += out.join().unwrap_or_default();
        counts
    });
    Ok((child.wait()?.success(), counts))
}

fn show_and_count(runner: Runner, from: Option<impl Read>, mut to: impl Write) -> Counts {
    let mut counts = Counts::default();
    let Some(from) = from else { return counts };
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    while matches!(from.read_until(b'\n', &mut line), Ok(1..)) {
        // Nobody may be reading; the count is wanted all the same.
        let _ = to.write_all(&line);
        counts += Counts::of_line(runner, &String::from_utf8_lossy(&line));
        line.clear();
    }
    counts
}
