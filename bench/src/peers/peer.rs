//! A system beside which Farside is measured: its server and its client.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::cores::{Cores, Place};
use crate::driver::{Driver, Task};
use crate::process::Process;
use crate::target::Target;

/// What is known of a peer before it runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    /// Its name for people.
    pub(crate) name: &'static str,
    /// How it is used and set up.
    pub(crate) note: &'static str,
    /// Calls under way at once, with which it does best.
    pub(crate) window: usize,
    /// What is promised of the time of one call.
    pub(crate) sequential: Option<Target>,
    /// What is promised of the rate of pipelined calls.
    pub(crate) pipelined: Option<Target>,
    /// What is promised of the rate of bytes.
    pub(crate) array: Option<Target>,
    /// Whether its arrays take too long for a quick run.
    pub(crate) slow_array: bool,
}

/// A running peer, which ends with this guard.
#[derive(Debug)]
pub(crate) struct Peer {
    // Dropped in this order: a client that loses its server would complain.
    driver: Driver,
    _server: Process,
    _folder: TempDir,
}

impl Peer {
    /// Starts a peer's server and client, which are one program in two roles.
    pub(crate) fn start(cores: &Cores, program: impl Fn() -> Command) -> Result<Peer> {
        let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
        let mut server = program();
        server.arg("serve").current_dir(&folder);
        let server = Process::start(cores, Place::Server, &mut server)?;
        let mut driver = program();
        driver.args(["drive", server.address()]).current_dir(&folder);
        let driver = Driver::start(cores, Place::Client, &mut driver)?;
        Ok(Peer { driver, _server: server, _folder: folder })
    }

    /// Its version.
    pub(crate) fn version(&self) -> &str {
        self.driver.version()
    }

    /// Lets its client measure for some time; gives the figure.
    pub(crate) fn measure(&mut self, task: Task, time: Duration) -> Result<f64> {
        self.driver.measure(task, time)
    }
}
