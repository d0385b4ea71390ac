//! `cargo xtask guests | demo | bench | test | soak | fuzz`: sets up what Farside's
//! workspace needs, builds it, shows it, measures it and tests it.
//!
//! It changes the Rust toolchain at most by `rustup target add`. It never uses sudo or
//! a system package manager unless told `--install`; without it, it prints the commands.

mod apt;
mod bench;
mod counts;
mod demo;
mod deny;
mod evaluators;
mod fuzz;
mod guests;
mod part;
mod soak;
mod test;
mod wasm_target;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use crate::workspace::Workspace;

/// Build, show and test Farside
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build the example guests and the evaluators to WebAssembly; Python takes minutes the
    /// first time
    Guests(Setup),
    /// Build everything, start a server and walk through the main job
    Demo(demo::Demo),
    /// Build for release and measure Farside beside its limits and its peers
    Bench(bench::Bench),
    /// Check formatting, lints and docs, and run every test
    Test(test::Test),
    /// Check what is built in: known vulnerabilities, licenses, sources
    Deny(deny::Deny),
    /// Build for release and keep a server busy for a long time; a hostile tenth included
    Soak(soak::Soak),
    /// Run fuzz targets for a long time
    Fuzz(fuzz::Fuzz),
}

#[derive(Args, Clone, Copy)]
struct Setup {
    /// Install what is missing with the system's package manager (and sudo, if not root)
    #[arg(long)]
    install: bool,
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode> {
    let workspace = Workspace::here()?;
    match command {
        Command::Guests(setup) => guests::build(&workspace, setup)?,
        Command::Demo(demo) => demo.run(&workspace)?,
        Command::Bench(bench) => bench.run(&workspace)?,
        Command::Deny(deny) => deny.run(&workspace)?,
        Command::Test(test) => return Ok(test.run(&workspace)),
        Command::Soak(soak) => return soak.run(&workspace),
        Command::Fuzz(fuzz) => return fuzz.run(&workspace),
    }
    Ok(ExitCode::SUCCESS)
}
