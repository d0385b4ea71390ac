//! `farside-bench run`: Farside's speed, measured against its physical limits and
//! against peers, in one run on one machine. Servers and clients are separate
//! processes over loopback; this program also plays the roles of those that are not
//! Farside's own.

mod allocations;
mod caller;
mod carrier;
mod code;
mod compare;
mod cores;
mod crowd;
mod driver;
mod echo;
mod growth;
mod latency;
mod machine;
mod ours;
mod peers;
mod plan;
mod process;
mod profile;
mod rate;
mod report;
mod results;
mod row;
mod run;
mod runner;
mod samples;
mod server;
mod spin;
mod stage;
mod table;
mod target;
mod unit;
mod usage;
mod wasm;
mod wire;

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use tokio::runtime::Builder;

/// Measure Farside
#[derive(Parser)]
#[command(name = "farside-bench")]
struct Options {
    #[command(subcommand)]
    role: Role,
}

#[derive(Subcommand)]
enum Role {
    Run(run::Run),
    Allocations(allocations::Allocations),
    Caller(caller::Caller),
    Carrier(carrier::Carrier),
    /// Be the bare WebSocket echo that is Farside's limit
    Echo,
    /// Keep a core awake
    Spin,
}

fn main() -> ExitCode {
    match play(Options::parse().role) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn play(role: Role) -> Result<ExitCode> {
    match role {
        Role::Run(run) => return run.run(),
        Role::Allocations(allocations) => allocations.run()?,
        Role::Caller(caller) => on_all_cores(caller.run())?,
        Role::Carrier(carrier) => {
            let runtime = Builder::new_current_thread().enable_all().build();
            runtime.context("cannot start")?.block_on(carrier.run())?;
        }
        Role::Echo => on_all_cores(echo::serve())?,
        Role::Spin => spin::spin(),
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs a role on a runtime like that of `farside serve` and of `#[tokio::main]`: a
/// thread for each core that the process may use.
fn on_all_cores(role: impl Future<Output = Result<()>>) -> Result<()> {
    Builder::new_multi_thread().enable_all().build().context("cannot start")?.block_on(role)
}
