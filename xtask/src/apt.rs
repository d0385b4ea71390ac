//! Debian's package manager, which is used only where that was allowed.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::workspace::{self, Workspace};

const APT_GET: &str = "/usr/bin/apt-get";

/// Whether this machine has it.
pub(crate) fn is_there() -> bool {
    Path::new(APT_GET).exists()
}

/// Installs packages.
pub(crate) fn install(workspace: &Workspace, packages: &[&str]) -> Result<()> {
    for command in commands(packages) {
        eprintln!("running `{}`", command.join(" "));
        workspace::run(workspace.command(&command[0]).args(&command[1..]))?;
    }
    Ok(())
}

/// The commands that [`install`] runs, for people to run them.
pub(crate) fn lines(packages: &[&str]) -> String {
    commands(packages).map(|command| format!("    {}\n", command.join(" "))).concat()
}

fn commands(packages: &[&str]) -> [Vec<String>; 2] {
    let update = ["apt-get", "update"].as_slice();
    let install = ["apt-get", "install", "--yes", "--no-install-recommends"].as_slice();
    let sudo = if is_root() { [].as_slice() } else { ["sudo"].as_slice() };
    [[sudo, update].concat(), [sudo, install, packages].concat()]
        .map(|command| command.into_iter().map(str::to_owned).collect())
}

fn is_root() -> bool {
    workspace::output(Command::new("id").arg("-u")).is_ok_and(|user| user == "0")
}
