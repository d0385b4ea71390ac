//! `cargo xtask soak`: builds a server as it ships, and keeps it busy for a long time.

use std::env;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;

use crate::Setup;
use crate::guests;
use crate::workspace::{self, Workspace};

#[derive(Args)]
pub(crate) struct Soak {
    #[command(flatten)]
    setup: Setup,
    /// Arguments of the soak: `--minutes 30`, `--sessions 2000`, `--at-once 40`, `--seed 1`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

impl Soak {
    /// Gives the verdict as an exit code.
    pub(crate) fn run(&self, workspace: &Workspace) -> Result<ExitCode> {
        guests::build(workspace, self.setup)?;
        let mut build = workspace.cargo("build");
        build.args(["--release", "--workspace", "--bin", "farside", "--bin", "farside-soak"]);
        workspace::run(&mut build)?;

        let soak = workspace.target().join("release").join("farside-soak");
        let mut soak = workspace.command(soak.with_extension(env::consts::EXE_EXTENSION));
        let status = soak.args(&self.arguments).status().context("cannot start the soak")?;
        Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
