//! `farside-fuzz`: runs targets for a long time by mutations of the corpus, which needs
//! nothing but stable Rust. An input that makes a target panic is made smaller and kept in
//! the corpus, where the tests find it.

use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use farside_fuzz::{Mutator, Rig, Target, keep, kept, minimize};

/// Run fuzz targets on stable Rust
#[derive(Parser)]
#[command(name = "farside-fuzz")]
struct Options {
    /// The target; all, one after the other, if none is named
    target: Option<String>,
    /// For how long, each
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    minutes: u64,
    /// Targets to leave out
    #[arg(long)]
    except: Vec<String>,
    /// Inputs are drawn from this; another one each time, unless it is given
    #[arg(long)]
    seed: Option<u64>,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs what is asked for; false if something was found.
fn run(options: &Options) -> Result<bool> {
    let is_meant = |target: &Target| match &options.target {
        Some(name) => target.name() == name,
        None => !options.except.iter().any(|name| target.name() == name),
    };
    let targets: Vec<Target> = Target::ALL.into_iter().filter(is_meant).collect();
    if targets.is_empty() {
        let names: Vec<&str> = Target::ALL.into_iter().map(Target::name).collect();
        bail!("there is no such target; they are {}", names.join(", "));
    }
    let rig = match targets.iter().any(|target| target.needs_rig()) {
        true => Some(Rig::start()?),
        false => None,
    };
    let seed = options.seed.unwrap_or_else(rand::random);
    let mut is_good = true;
    for target in targets {
        let time = Duration::from_secs(60 * options.minutes);
        is_good &= fuzz(target, rig.as_ref(), time, seed)?;
    }
    Ok(is_good)
}

fn fuzz(target: Target, rig: Option<&Rig>, time: Duration, seed: u64) -> Result<bool> {
    let name = target.name();
    let corpus = kept(target).with_context(|| format!("cannot read the corpus of {name}"))?;
    println!("{name}: {} inputs are kept, seed {seed}", corpus.len());
    let mut inputs = corpus.clone().into_iter();
    let mut mutator = Mutator::new(corpus, seed);
    let (begun, mut executions) = (Instant::now(), 0_u64);
    while begun.elapsed() < time {
        let input = inputs.next().unwrap_or_else(|| mutator.next_input());
        executions += 1;
        if panics(target, rig, &input) {
            let least = silently(|| minimize(&input, |input| panics(target, rig, input)));
            let file = keep(target, &least).context("cannot keep what was found")?;
            println!("{name}: FOUND after {executions} executions: {}", file.display());
            return Ok(false);
        }
    }
    println!("{name}: {executions} executions in {:.0} s", begun.elapsed().as_secs_f64());
    Ok(true)
}

fn panics(target: Target, rig: Option<&Rig>, input: &[u8]) -> bool {
    panic::catch_unwind(AssertUnwindSafe(|| target.run(rig, input))).is_err()
}

/// Does something of which panics are not reported.
fn silently<T>(act: impl FnOnce() -> T) -> T {
    let reports = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let done = act();
    panic::set_hook(reports);
    done
}
