//! What most rows share: a server with default limits and an echo, on the servers' core.

use anyhow::Result;

use crate::cores::{Cores, Place};
use crate::process::Process;
use crate::server::{DataFolder, Server};

/// The processes that run beside the bench for all of its time.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) cores: Cores,
    /// Farside with its defaults.
    pub(crate) server: Server,
    /// The bare echo.
    pub(crate) echo: Process,
    _data: DataFolder,
}

impl Stage {
    /// Starts them.
    pub(crate) fn set(cores: Cores) -> Result<Stage> {
        let data = DataFolder::new()?;
        let server = Server::start(&cores, Place::Server, &data, &[])?;
        let echo = Process::start(&cores, Place::Server, &mut Process::role("echo")?)?;
        Ok(Stage { cores, server, echo, _data: data })
    }
}
