//! The command line, run in an account of its own.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fmt;
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;

use tempfile::TempDir;

use crate::built;
use crate::normal::Normal;

/// An account at a command line: a home folder, where it also works, and environment
/// variables. Nothing of the account that runs the tests is seen.
#[derive(Debug)]
pub struct Shell {
    home: TempDir,
    variables: BTreeMap<OsString, OsString>,
    normal: Normal,
}

/// What became of a run. Paths, ports, the token, session ids and module hashes are
/// replaced by names like `[home]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// What it wrote to stdout.
    pub stdout: String,
    /// What it wrote to stderr.
    pub stderr: String,
    /// The exit code; none when a signal ended the process.
    pub code: Option<i32>,
}

impl Shell {
    /// An account that is told of no server.
    #[must_use]
    pub fn away() -> Shell {
        Shell::new(Normal::of_guests())
    }

    /// An account whose output gets these names, and one for its home.
    pub(crate) fn new(mut normal: Normal) -> Shell {
        let home = tempfile::tempdir()
            .unwrap_or_else(|error| panic!("cannot make a temporary folder: {error}"));
        normal.name_path(home.path(), "[home]");
        Shell { home, variables: BTreeMap::new(), normal }
    }

    /// The home folder; it is also the one that programs are run in.
    #[must_use]
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The same account with an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Shell {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// The same account without an environment variable.
    #[must_use]
    pub fn env_remove(mut self, name: &str) -> Shell {
        self.variables.remove(&OsString::from(name));
        self
    }

    /// `farside` with these arguments, to be run in this account.
    ///
    /// # Panics
    /// When the program is not built.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(built::program("farside"));
        isolate(&mut command, self.home());
        command.current_dir(self.home()).envs(&self.variables).args(arguments);
        command
    }

    /// Runs `farside` with these arguments and nothing to read.
    ///
    /// # Panics
    /// When the program does not start.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with_input(arguments, b"")
    }

    /// Runs `farside` with these arguments, and this to read from stdin.
    ///
    /// # Panics
    /// When the program does not start.
    pub fn run_with_input(&self, arguments: &[&str], input: &[u8]) -> Ran {
        let output = output(&mut self.command(arguments), input)
            .unwrap_or_else(|error| panic!("cannot run farside: {error}"));
        Ran {
            stdout: self.normal.apply(&String::from_utf8_lossy(&output.stdout)),
            stderr: self.normal.apply(&String::from_utf8_lossy(&output.stderr)),
            code: output.status.code(),
        }
    }
}

fn output(command: &mut Command, input: &[u8]) -> io::Result<Output> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn()?;
    let stdin = process.stdin.take();
    thread::scope(|scope| {
        scope.spawn(|| {
            // A program that does not read all of it may end before it is written.
            let _ = stdin.map(|mut stdin| stdin.write_all(input));
        });
        process.wait_with_output()
    })
}

/// For snapshots: stdout; then, where there is any, stderr and a code other than 0.
impl fmt::Display for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.stdout)?;
        if !self.stderr.is_empty() {
            write!(f, "--- stderr\n{}", self.stderr)?;
        }
        match self.code {
            Some(0) => Ok(()),
            Some(code) => write!(f, "--- exit code {code}"),
            None => write!(f, "--- ended by a signal"),
        }
    }
}

/// Hides the environment of the test from a program, and gives it another home.
pub(crate) fn isolate(command: &mut Command, home: &Path) {
    command.env_clear();
    for name in ["PATH", "SystemRoot", "TMPDIR"] {
        if let Some(value) = env::var_os(name) {
            command.env(name, value);
        }
    }
    command.env("HOME", home);
    for (name, folder) in [
        ("XDG_CONFIG_HOME", "config"),
        ("XDG_DATA_HOME", "share"),
        ("XDG_STATE_HOME", "state"),
        ("XDG_CACHE_HOME", "cache"),
        ("XDG_RUNTIME_DIR", "run"),
    ] {
        command.env(name, home.join(folder));
    }
}
