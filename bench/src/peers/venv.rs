//! Python with the peers' packages, in a folder of its own.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, bail};

/// The folder of the scripts and of the list of packages.
const SCRIPTS: &str = concat!(env!("FARSIDE_CHECKOUT"), "bench/python");

/// The file that says which packages were installed.
const INSTALLED: &str = "requirements.txt";

/// A virtual environment with all packages.
#[derive(Debug)]
pub(crate) struct Venv {
    python: PathBuf,
    version: String,
}

impl Venv {
    /// Makes it beside the build's profiles, or takes the one of an earlier run.
    pub(crate) fn make() -> Result<Venv> {
        let program = env::current_exe().context("cannot tell where this program lies")?;
        let target = program.ancestors().nth(2).context("this program lies in no build")?;
        let folder = target.join("bench-venv");
        let wanted = Path::new(SCRIPTS).join("requirements.txt");
        let packages = fs::read_to_string(&wanted)
            .with_context(|| format!("cannot read {}", wanted.display()))?;
        let python = folder.join("bin/python");
        let installed = fs::read_to_string(folder.join(INSTALLED)).ok();
        if installed.as_ref() != Some(&packages) {
            println!("  installing the peers in Python ..");
            run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
            let mut pip = Command::new(&python);
            pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
            run(pip.args(["--retries", "1", "--requirement"]).arg(&wanted))?;
            fs::write(folder.join(INSTALLED), packages)
                .with_context(|| format!("cannot write to {}", folder.display()))?;
        }
        let output = run(Command::new(&python).arg("--version"))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let version = text.trim().trim_start_matches("Python ").to_owned();
        Ok(Venv { python, version })
    }

    /// The version of Python.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// A command that runs a script of the bench.
    pub(crate) fn script(&self, file: &str) -> Command {
        let mut command = Command::new(&self.python);
        // -B: it leaves nothing behind in the folder of the scripts.
        command.arg("-B").arg(Path::new(SCRIPTS).join(file));
        command
    }
}

/// Runs a command to its end; it must not fail.
pub(crate) fn run(command: &mut Command) -> Result<Output> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("cannot start {name}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{name} failed: {}", said.trim().lines().last().unwrap_or("it said nothing"));
    }
    Ok(output)
}
