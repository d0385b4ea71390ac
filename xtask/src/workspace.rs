//! Where the workspace lies, and how commands are run in it.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// The checkout and its target folder.
pub(crate) struct Workspace {
    root: PathBuf,
    binaries: PathBuf,
}

impl Workspace {
    /// The workspace that this program was built from. The target folder is the one
    /// that this program lies in, so every way to choose it is respected.
    pub(crate) fn here() -> Result<Workspace> {
        // Without the slash at its end.
        let root = Path::new(env!("FARSIDE_CHECKOUT")).components().collect();
        let program = env::current_exe().context("cannot tell where this program lies")?;
        let binaries = program.parent().context("this program lies in no folder")?.to_owned();
        Ok(Workspace { root, binaries })
    }

    /// The checkout's top folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A program of the workspace, built in the dev profile.
    pub(crate) fn binary(&self, name: &str) -> PathBuf {
        self.binaries.join(name).with_extension(env::consts::EXE_EXTENSION)
    }

    /// The folder above those of the profiles.
    pub(crate) fn target(&self) -> &Path {
        self.binaries.parent().unwrap_or(&self.binaries)
    }

    /// The cargo that runs this program, in the top folder, for this target folder.
    pub(crate) fn cargo(&self, command: &str) -> Command {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let mut cargo = self.command(cargo);
        cargo.arg(command);
        cargo
    }

    /// Any program, in the top folder. It does not see what cargo told this program
    /// of xtask's own package: build scripts that look at it would run anew.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root).env("CARGO_TARGET_DIR", self.target());
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
                command.env_remove(&name);
            }
        }
        command
    }
}

/// Runs a command to its end; an error says which command failed.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start `{}`", line(command)))?;
    if !status.success() {
        bail!("`{}` failed: {status}", line(command));
    }
    Ok(())
}

/// What a quiet command prints, without the space around it.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot start `{}`", line(command)))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        bail!("`{}` failed: {}: {said}", line(command), output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// A command as one would type it.
pub(crate) fn line(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut line = program.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}
