//! `cargo xtask guests`: the example guests and the evaluators, as WebAssembly.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use crate::Setup;
use crate::evaluators;
use crate::wasm_target::{self, WASM_TARGET};
use crate::workspace::{self, Workspace};

/// The profile of the workspace's manifest that guests are built in.
const PROFILE: &str = "guest";

/// The folder that [`build`] leaves the guests in, as `NAME.wasm`.
pub(crate) fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target().join(WASM_TARGET).join(PROFILE)
}

/// Builds every guest and evaluator, after making sure that this machine can.
pub(crate) fn build(workspace: &Workspace, setup: Setup) -> Result<()> {
    let toolchain = wasm_target::set_up(workspace, setup)?;
    let mut cargo = toolchain.cargo_build(workspace);
    cargo.args(["--target", WASM_TARGET, "--profile", PROFILE]);
    for package in packages(workspace)? {
        cargo.args(["--package", &package]);
    }
    workspace::run(&mut cargo)?;
    evaluators::build(workspace, setup, &toolchain)
}

/// The bench's own guest.
const WORKLOAD: &str = "workload";

/// The guests' packages: that of the bench, and the examples, which have the names of
/// their folders.
fn packages(workspace: &Workspace) -> Result<Vec<String>> {
    let folder = workspace.root().join("examples/guests");
    let entries =
        fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut packages = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.path().join("Cargo.toml").exists() {
            packages.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    ensure!(!packages.is_empty(), "there is no guest in {}", folder.display());
    packages.push(WORKLOAD.to_owned());
    packages.sort_unstable();
    Ok(packages)
}
