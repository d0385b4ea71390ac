//! `cargo xtask bench`: builds what is measured as it ships, and measures it.

use anyhow::Result;
use clap::Args;

use crate::Setup;
use crate::guests;
use crate::workspace::{self, Workspace};

#[derive(Args)]
pub(crate) struct Bench {
    #[command(flatten)]
    setup: Setup,
    /// Arguments of the bench, such as `--quick`; `-- --help` lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

impl Bench {
    pub(crate) fn run(&self, workspace: &Workspace) -> Result<()> {
        guests::build(workspace, self.setup)?;
        // Of the whole workspace, so that features are those of every other build.
        let mut build = workspace.cargo("build");
        build.args(["--release", "--workspace", "--bin", "farside", "--bin", "farside-bench"]);
        workspace::run(&mut build)?;
        // A workspace of its own: see its manifest.
        let mut peers = workspace.cargo("build");
        peers.args(["--release", "--manifest-path", "bench/peers/Cargo.toml"]);
        workspace::run(peers.arg("--target-dir").arg(workspace.target()))?;

        let bench = workspace.target().join("release").join("farside-bench");
        let mut bench = workspace.command(bench.with_extension(std::env::consts::EXE_EXTENSION));
        workspace::run(bench.arg("run").args(&self.arguments))
    }
}
