//! The Farside server under test: the program that ships, with a configuration that
//! the rows state.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use farside::{Client, Module, Session};
use tempfile::TempDir;

use crate::cores::{Cores, Place};
use crate::process::Process;

/// How long a session outlives its connection here: the rows before leave nothing to
/// those after.
const LEASE: Duration = Duration::from_secs(1);

/// A running `farside serve` on a free port, with a data folder of its own.
#[derive(Debug)]
pub(crate) struct Server {
    process: Process,
    token: String,
    guests: PathBuf,
}

/// A data folder that ends with this guard, for servers one after the other.
#[derive(Debug)]
pub(crate) struct DataFolder {
    folder: TempDir,
}

impl DataFolder {
    /// Where it lies.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// An empty one.
    pub(crate) fn new() -> Result<DataFolder> {
        Ok(DataFolder { folder: tempfile::tempdir().context("cannot make a temporary folder")? })
    }

    /// The files of compiled code that a server keeps in it: their sizes, and when
    /// they were written. Compiling again would write them again.
    pub(crate) fn compiled(&self) -> Result<BTreeMap<OsString, (u64, SystemTime)>> {
        let mut files = BTreeMap::new();
        let folder = self.path().join("compiled");
        for file in fs::read_dir(folder).context("cannot list the compiled code")? {
            let file = file?;
            let about = file.metadata()?;
            files.insert(file.file_name(), (about.len(), about.modified()?));
        }
        Ok(files)
    }
}

impl Server {
    /// Starts a server with flags in addition to the defaults.
    pub(crate) fn start(
        cores: &Cores,
        place: Place,
        data: &DataFolder,
        flags: &[&str],
    ) -> Result<Server> {
        let built = built()?;
        let mut command = Command::new(program()?);
        command.args(["serve", "--listen", "127.0.0.1:0", "--log", "warn,farside_server=info"]);
        command.arg("--data").arg(data.folder.path()).args(flags);
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("FARSIDE_") {
                command.env_remove(name);
            }
        }
        let process = Process::start(cores, place, &mut command)?;
        let token = fs::read_to_string(data.folder.path().join("token"))
            .context("cannot read the server's token")?;
        let guests = built.parent().unwrap_or(&built).join("wasm32-unknown-unknown/guest");
        Ok(Server { process, token: token.trim().to_owned(), guests })
    }

    /// The program that it runs.
    pub(crate) fn program(&self) -> Result<PathBuf> {
        Ok(built()?.join("farside"))
    }

    /// The `ws://` address.
    pub(crate) fn url(&self) -> &str {
        self.process.address()
    }

    /// The owner's token.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// The process, for its memory and its time.
    pub(crate) fn process(&self) -> &Process {
        &self.process
    }

    /// Ends it in an orderly way.
    pub(crate) fn stop(self) -> Result<()> {
        self.process.stop()
    }

    /// A connected client.
    pub(crate) async fn client(&self) -> Result<Client> {
        let builder = Client::builder().url(self.url()).token(&self.token).lease(LEASE);
        Ok(builder.connect().await?)
    }

    /// A session of its own, with the bench's guest in it.
    pub(crate) async fn session(&self) -> Result<(Session, Module)> {
        let session = self.client().await?.session().await?;
        let module = session.upload(self.guest("workload")).await?;
        Ok((session, module))
    }

    /// A guest of this workspace, as WebAssembly.
    pub(crate) fn guest(&self, name: &str) -> PathBuf {
        self.guests.join(name).with_extension("wasm")
    }
}

/// The program of servers, and of their compilers.
pub(crate) fn program() -> Result<PathBuf> {
    Ok(built()?.join("farside"))
}

/// The folder that this program and the server were built into.
fn built() -> Result<PathBuf> {
    let program = env::current_exe().context("cannot tell where this program lies")?;
    let folder = program.parent().context("this program lies in no folder")?;
    Ok(Path::to_owned(folder))
}
