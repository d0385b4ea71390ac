//! `cargo xtask deny`: known vulnerabilities, licenses and sources of all that is built
//! in, by cargo-deny.

mod database;
#[cfg(test)]
mod listed;
mod refresh;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::Setup;
use crate::workspace::{self, Workspace};
use database::Database;

/// The release of cargo-deny that is installed.
const VERSION: &str = "0.20.2";

/// The workspaces that are looked at.
const MANIFESTS: [&str; 3] = ["Cargo.toml", "evaluators/Cargo.toml", "fuzz/Cargo.toml"];

#[derive(Args)]
pub(crate) struct Deny {
    #[command(flatten)]
    setup: Setup,
    /// Make the kept advisories anew from a clone of the RustSec database
    #[arg(long, value_name = "CLONE")]
    refresh: Option<PathBuf>,
}

impl Deny {
    pub(crate) fn run(&self, workspace: &Workspace) -> Result<()> {
        match &self.refresh {
            Some(clone) => refresh::refresh(workspace, clone),
            None => check(workspace, self.setup),
        }
    }
}

/// Whether cargo-deny is there, or may be installed.
pub(crate) fn is_possible(workspace: &Workspace, setup: Setup) -> bool {
    setup.install || find(workspace).is_some()
}

/// What to say where it is not.
pub(crate) const HOW: &str = "there is no cargo-deny; --install builds it, or \
                              `cargo install --locked cargo-deny`";

/// Checks all workspaces.
pub(crate) fn check(workspace: &Workspace, setup: Setup) -> Result<()> {
    let program = match find(workspace) {
        Some(program) => program,
        None if setup.install => install(workspace)?,
        None => bail!("{HOW}"),
    };
    let database = Database::find(workspace)?;
    println!("advisories: {database}");
    let config = database.config(workspace)?;
    for manifest in MANIFESTS {
        let mut deny = workspace.command(&program);
        deny.args(["--manifest-path", manifest, "--locked", "--config"]).arg(&config);
        // How each crate came in would be told of, too.
        deny.args(["check", "--hide-inclusion-graph"]);
        deny.args(["advisories", "bans", "licenses", "sources"]);
        database.redirect(&mut deny);
        workspace::run(&mut deny)?;
    }
    Ok(())
}

/// The cargo-deny of the machine, or the one that was installed here.
fn find(workspace: &Workspace) -> Option<PathBuf> {
    let own = own(workspace);
    [own, PathBuf::from("cargo-deny")].into_iter().find(|program| runs(workspace, program))
}

fn own(workspace: &Workspace) -> PathBuf {
    workspace.target().join("tools/bin/cargo-deny")
}

fn runs(workspace: &Workspace, program: &Path) -> bool {
    workspace::output(workspace.command(program).arg("--version")).is_ok()
}

/// Builds it into the target folder, where it stays from one run to the next.
fn install(workspace: &Workspace) -> Result<PathBuf> {
    let root = workspace.target().join("tools");
    let mut cargo = workspace.cargo("install");
    cargo.args(["--locked", "cargo-deny", "--version", VERSION, "--root"]).arg(&root);
    cargo.env("CARGO_TARGET_DIR", root.join("target"));
    // It runs for a second; optimizing it across crates takes many minutes.
    for (setting, value) in [("LTO", "off"), ("CODEGEN_UNITS", "16"), ("OPT_LEVEL", "1")] {
        cargo.env(format!("CARGO_PROFILE_RELEASE_{setting}"), value);
    }
    workspace::run(&mut cargo).context("cargo-deny can't be built")?;
    Ok(own(workspace))
}
