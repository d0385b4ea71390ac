//! `cargo xtask fuzz`: runs fuzz targets for a long time. Those that need no server are
//! led by libFuzzer where there are a nightly toolchain and cargo-fuzz; the others, and
//! without these all, by mutations of the corpus, which stable Rust can do.

use std::env;
use std::fs;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use clap::Args;

use crate::Setup;
use crate::guests;
use crate::workspace::{self, Workspace};

#[derive(Args)]
pub(crate) struct Fuzz {
    #[command(flatten)]
    setup: Setup,
    /// The target; all, one after the other, if none is named
    target: Option<String>,
    /// For how long, each
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    minutes: u64,
    /// Mutate on stable Rust, even if libFuzzer is there
    #[arg(long)]
    stable: bool,
}

/// The targets that libFuzzer can lead; they have a program each in `fuzz/led`.
const LED: [&str; 5] = ["request", "reply", "select", "manifest", "arguments"];

impl Fuzz {
    /// Gives as an exit code whether nothing was found.
    pub(crate) fn run(&self, workspace: &Workspace) -> Result<ExitCode> {
        let led = match &self.target {
            _ if self.stable || !has_libfuzzer(workspace) => Vec::new(),
            Some(target) => LED.into_iter().filter(|led| led == target).collect(),
            None => LED.to_vec(),
        };
        let mut found = false;
        for target in &led {
            found |= !run(&mut self.led(workspace, target)?)?;
        }
        if self.target.is_none() || led.is_empty() {
            guests::build(workspace, self.setup)?;
            let mut build = workspace.cargo("build");
            workspace::run(build.args(["--release", "--workspace", "--bin", "farside"]))?;
            // A workspace of its own: see its manifest.
            let mut build = workspace.cargo("build");
            build.args(["--release", "--manifest-path", "fuzz/Cargo.toml"]);
            workspace::run(build.arg("--target-dir").arg(workspace.target()))?;
            found |= !run(&mut self.mutated(workspace, &led))?;
        }
        Ok(if found { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    fn led(&self, workspace: &Workspace, target: &str) -> Result<Command> {
        let mut fuzz = nightly(workspace);
        fuzz.args(["run", "--fuzz-dir", "fuzz", "--features", "libfuzzer", "--target-dir"]);
        fuzz.arg(workspace.target().join("fuzz")).arg(target);
        // What is found new is kept in the target folder, not in the corpus.
        let found = workspace.target().join("fuzz-found").join(target);
        fs::create_dir_all(&found).with_context(|| format!("cannot make {}", found.display()))?;
        fuzz.arg(found);
        fuzz.arg(format!("fuzz/corpus/{target}"));
        let seconds = self.minutes * 60;
        fuzz.args(["--", &format!("-max_total_time={seconds}"), "-print_final_stats=1"]);
        Ok(fuzz)
    }

    fn mutated(&self, workspace: &Workspace, led: &[&str]) -> Command {
        let fuzz = workspace.target().join("release").join("farside-fuzz");
        let mut fuzz = workspace.command(fuzz.with_extension(env::consts::EXE_EXTENSION));
        fuzz.args(["--minutes", &self.minutes.to_string()]).args(&self.target);
        for target in led {
            fuzz.args(["--except", target]);
        }
        fuzz
    }
}

/// Runs a fuzzer; false if it found something.
fn run(command: &mut Command) -> Result<bool> {
    let line = workspace::line(command);
    Ok(command.status().with_context(|| format!("cannot start `{line}`"))?.success())
}

/// `cargo fuzz` of the nightly toolchain.
fn nightly(workspace: &Workspace) -> Command {
    let mut fuzz = workspace.command("rustup");
    fuzz.args(["run", "nightly", "cargo", "fuzz"]);
    fuzz
}

fn has_libfuzzer(workspace: &Workspace) -> bool {
    workspace::output(nightly(workspace).arg("--version")).is_ok()
}
