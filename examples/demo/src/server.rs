//! The server process of the demo.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::descriptors;

/// How long a server may take until it listens.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running `farside serve` on a free port with a temporary data folder. Both end
/// with this guard.
pub(crate) struct Server {
    process: Child,
    log: Log,
    url: String,
    folder: TempDir,
}

/// What the server has written to stderr so far.
#[derive(Clone, Default)]
pub(crate) struct Log {
    lines: Arc<Mutex<String>>,
}

impl Server {
    pub(crate) fn start(program: &Path) -> Result<Server> {
        descriptors::raise_limit();
        let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
        let mut command = Command::new(program);
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data(&folder));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("FARSIDE_") {
                command.env_remove(name);
            }
        }
        let mut process =
            command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
        let stderr = process.stderr.take().context("the server has no stderr")?;
        let (log, listening) = Log::collect(stderr);
        let mut server = Server { process, log, url: String::new(), folder };
        match listening.recv_timeout(PATIENCE) {
            Ok(url) => server.url = url,
            Err(_) => bail!("the server does not listen; it said:\n{}", server.log.text()),
        }
        Ok(server)
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn log(&self) -> Log {
        self.log.clone()
    }

    pub(crate) fn data(&self) -> PathBuf {
        data(&self.folder)
    }

    /// The token that the server made at its first start.
    pub(crate) fn token(&self) -> Result<String> {
        let file = self.data().join("token");
        let token = fs::read_to_string(&file)
            .with_context(|| format!("cannot read the token in {}", file.display()))?;
        Ok(token.trim().to_owned())
    }

    /// Bytes of memory that the process holds, where the system tells it (Linux).
    pub(crate) fn resident(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
        Some(kib * 1024)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing left to end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Log {
    pub(crate) fn text(&self) -> String {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Collects what a server writes, and tells the URL that it says it listens on.
    fn collect(stderr: ChildStderr) -> (Log, Receiver<String>) {
        let log = Log::default();
        let (sender, listening) = mpsc::channel();
        let writer = log.clone();
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if let Some((_, url)) = line.split_once("listening on ") {
                    let url = url.split_whitespace().next().unwrap_or_default();
                    // Only the first one is waited for.
                    let _ = sender.send(url.to_owned());
                }
                let mut lines = writer.lines.lock().unwrap_or_else(PoisonError::into_inner);
                lines.push_str(&line);
                lines.push('\n');
            }
        });
        (log, listening)
    }
}

fn data(folder: &TempDir) -> PathBuf {
    folder.path().join("data")
}
