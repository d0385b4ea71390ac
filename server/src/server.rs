//! A server: started from a configuration, served on a listener, in another
//! application, or over any transport.

use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use axum::Router;
use farside_protocol::Transport;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use crate::auth::{Owners, Token, TokenError, TokensFileError};
use crate::config::{ByteSize, Config, ConfigError};
use crate::connection::{self, Connections};
use crate::core::{Core, shutting_down};
use crate::evaluators::{Evaluators, NoEvaluator};
use crate::giving_back::GivingBack;
use crate::listener::listen;
use crate::machine;
use crate::meter::Meter;
use crate::sandbox::{Capacity, Sandbox, SandboxError};
use crate::session::{Selections, Sessions};
use crate::storage::{self, FolderLock, Modules, StorageError, Values};
use crate::tls::{Certificate, CertificateError};
use crate::turns::Turns;
use crate::websocket;

/// How often leases, tokens and the process's memory are looked at.
const CARE_EVERY: Duration = Duration::from_millis(500);

/// How often a draining server looks whether its calls have finished.
const DRAIN_EVERY: Duration = Duration::from_millis(10);

/// How long a closing server waits for its clients to read why.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A running server. Cloning is cheap; the server ends with
/// [`shutdown`](Server::shutdown) or when the last clone is dropped.
#[derive(Clone)]
pub struct Server {
    core: Arc<Core>,
    stop: CancellationToken,
    token_path: PathBuf,
    compiler: Arc<str>,
    certificate: Option<Arc<Certificate>>,
}

/// Why a server could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting is out of its range.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The data folder can't be made.
    #[error("the data folder {} can't be used", folder.display())]
    DataFolder {
        /// Which one.
        folder: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Other accounts could put files of their own into the data folder.
    #[error("the data folder {} is open to other accounts (mode {mode:04o})", folder.display())]
    OpenFolder {
        /// Which one.
        folder: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The token can't be made or read.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The file of tokens is wrong.
    #[error(transparent)]
    Tokens(#[from] TokensFileError),
    /// The storage can't be opened.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The sandbox can't be set up.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The certificate or its key can't be used.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// A file of the setting `evaluator` is none.
    #[error(transparent)]
    Evaluator(#[from] NoEvaluator),
}

impl StartError {
    /// What to do about it, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            StartError::Config(error) => error.hint(),
            StartError::DataFolder { source, .. } => Some(
                match source.kind() {
                    io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
                        "a file is in its way; choose another folder with --data"
                    }
                    io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                        "free some space, or choose a folder on another disk with --data"
                    }
                    _ => "choose a folder that this account can write to with --data",
                }
                .to_owned(),
            ),
            StartError::OpenFolder { folder, .. } => Some(format!(
                "choose a folder of this account's own with --data, such as {}; `chmod go-w {}` \
                 closes one that is meant to be it",
                folder.join("farside").display(),
                folder.display()
            )),
            StartError::Token(error) => error.hint(),
            StartError::Tokens(error) => error.hint(),
            StartError::Certificate(error) => error.hint(),
            StartError::Storage(error) => error.hint().map(str::to_owned),
            StartError::Sandbox(SandboxError::Compiler { .. }) => Some(
                "set `compiler` to the path of the farside program, or leave it out".to_owned(),
            ),
            StartError::Evaluator(_) => Some(
                "an evaluator is a guest module with the functions eval and execute; \
                 `cargo xtask guests` builds them in Farside's checkout"
                    .to_owned(),
            ),
            StartError::Sandbox(_) => {
                Some("a lower limits.instances or limits.session_memory needs less".to_owned())
            }
        }
    }
}

impl Server {
    /// Opens the data folder, makes the token at the first start, and sets up the
    /// sandbox. Nothing is listened on yet.
    ///
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When the data folder, the token, the storage or the sandbox is not to be
    /// had; [`StartError::hint`] says what to do.
    pub async fn start(config: Config) -> Result<Server, StartError> {
        config.check()?;
        config.check_listening()?;
        let data = config.data.clone();
        let files = (config.tls_certificate.path(), config.tls_key.path());
        let certificate = match files {
            (Some(certificate), Some(key)) => Some(Arc::new(Certificate::open(certificate, key)?)),
            _ => None,
        };
        own_folder(&data)?;
        let lock = FolderLock::take(&data)?;
        let space = Meter::new(config.limits.data_bytes);
        let allowed = machine::allowed_memory(config.limits.process_memory);
        let memory = Meter::of_setting("limits.process_memory", allowed);
        let storage = storage::open(&config.storage, &data, &space).await?;
        let token = Token::open(&data)?;
        let sandbox = Sandbox::start(&config, &data.join("compiled"), space)?;
        let evaluators = Arc::new(Evaluators::find(&config)?);
        let config = Arc::new(config);
        let (of_owners, now) = (Arc::clone(&config), SystemTime::now());
        let owners = Owners::open(&data, of_owners, token, Arc::clone(&memory), now)?;
        let sessions = Sessions::new(config.limits.sessions);
        let core = Arc::new(Core {
            config,
            owners,
            sandbox,
            memory,
            memory_at_start: machine::own_memory().map_or(0, ByteSize::bytes),
            giving_back: Mutex::new(GivingBack::new()),
            modules: Modules::open(Arc::clone(&storage)).await?,
            values: Values::open(storage).await?,
            evaluators,
            sessions,
            selections: Selections::new(),
            connections: Connections::default(),
            runtime: Handle::current(),
            turns: Turns::default(),
            _lock: lock,
        });
        core.prepare_evaluators().await;
        let compiler = core.sandbox.catalog.compiler().look().await.into();
        let token_path = data.join("token");
        let stop = CancellationToken::new();
        let server = Server { core, stop, token_path, compiler, certificate };
        server.spawn_caretaker();
        Ok(server)
    }

    /// What its connections share, for tests of the parts.
    #[cfg(test)]
    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }

    fn spawn_caretaker(&self) {
        let core = Arc::downgrade(&self.core);
        let stop = self.stop.clone();
        tokio::spawn(async move {
            while stop.run_until_cancelled(tokio::time::sleep(CARE_EVERY)).await.is_some() {
                let Some(core) = core.upgrade() else { return };
                core.care().await;
            }
        });
    }

    /// What this machine can hold, and what bounds it.
    #[must_use]
    pub fn capacity(&self) -> &Capacity {
        &self.core.sandbox.capacity
    }

    /// Where clients' modules are compiled: `in a child process`, and with which walls
    /// around it, or in this one.
    #[must_use]
    pub fn compiler(&self) -> &str {
        &self.compiler
    }

    /// Whether [`serve`](Server::serve) speaks TLS.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.certificate.is_some()
    }

    /// The languages that sessions can evaluate, with the files that do it.
    pub fn evaluators(&self) -> impl Iterator<Item = (&str, &Path)> {
        self.core.evaluators.files()
    }

    /// The file that holds the token.
    #[must_use]
    pub fn token_path(&self) -> &Path {
        &self.token_path
    }

    /// The token, for clients in the same process.
    #[must_use]
    pub fn token(&self) -> &str {
        self.core.owners.token().reveal()
    }

    /// The server as a part of an application: mounts under any path.
    pub fn router(&self) -> Router {
        websocket::router(Arc::clone(&self.core))
    }

    /// Serves one client over any transport, to its end.
    pub async fn accept<T: Transport>(&self, transport: T) {
        connection::serve(Arc::clone(&self.core), transport, None).await;
    }

    /// Serves a listener until `shutdown` is ready, then drains: calls that have
    /// been taken may finish within the configured grace.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) {
        let handshake_timeout = self.core.config.handshake_timeout;
        tokio::select! {
            () = listen(listener, self.router(), self.certificate.clone(), handshake_timeout) => {}
            () = shutdown => {}
        }
        self.shutdown().await;
    }

    /// Retires, drains and ends: from now on no calls, values, modules or sessions
    /// are taken; calls that have been taken may finish and their clients read the
    /// results within the configured grace; then all sessions are closed.
    pub async fn shutdown(&self) {
        self.core.sessions.retire(&shutting_down());
        let pending = self.core.sessions.pending();
        if pending > 0 {
            tracing::info!(pending, "waiting for calls to finish");
        }
        // What is not done by then is cut off.
        let _ = tokio::time::timeout(self.core.config.shutdown_grace, self.drained()).await;
        self.core.sessions.close_all(&shutting_down());
        self.core.connections.refuse_all(&shutting_down());
        self.stop.cancel();
        // What a client does not read now it will not read later.
        let _ = tokio::time::timeout(LAST_WORDS, self.core.connections.ended()).await;
        self.core.values.flush().await;
    }

    /// Waits until what was taken has been answered and the answers have been sent.
    async fn drained(&self) {
        // Answers first: none is added once nothing is pending.
        while self.core.sessions.pending() > 0 || !self.core.connections.are_sent() {
            tokio::time::sleep(DRAIN_EVERY).await;
        }
    }
}

/// A server as an axum router that mounts under any path of an application.
///
/// # Errors
/// As [`Server::start`].
pub async fn router(config: Config) -> Result<Router, StartError> {
    Ok(Server::start(config).await?.router())
}

/// Makes the data folder, or takes one that is there and that only this account can
/// write to. What others may read in it has permissions of its own.
fn own_folder(folder: &Path) -> Result<(), StartError> {
    let unusable = |source| StartError::DataFolder { folder: folder.to_owned(), source };
    storage::make_folder(folder).map_err(unusable)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;

        let mode = std::fs::metadata(folder).map_err(unusable)?.permissions().mode() & 0o7777;
        if mode & 0o022 != 0 {
            return Err(StartError::OpenFolder { folder: folder.to_owned(), mode });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::fs;

    use super::*;

    /// An error as a person reads it; `DATA` stands for the folder.
    fn told(folder: &Path, error: &StartError) -> String {
        let source = error.source().map_or_else(String::new, |source| format!(": {source}"));
        let hint = error.hint().unwrap_or_default();
        format!("{error}{source}\nhint: {hint}").replace(&folder.display().to_string(), "DATA")
    }

    #[cfg(unix)]
    #[test]
    fn a_new_data_folder_is_closed_and_an_old_one_stays_as_it_is() {
        use std::os::unix::fs::PermissionsExt;

        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("data");
        let mode = || fs::metadata(&folder).unwrap().permissions().mode() & 0o7777;
        let set = |mode| fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).unwrap();
        own_folder(&folder).unwrap();
        assert_eq!(mode(), 0o700);
        set(0o755);
        own_folder(&folder).unwrap();
        assert_eq!(mode(), 0o755);
        set(0o1777);
        let error = own_folder(&folder).unwrap_err();
        assert_eq!(mode(), 0o1777);
        insta::assert_snapshot!(told(&folder, &error), @"
        the data folder DATA is open to other accounts (mode 1777)
        hint: choose a folder of this account's own with --data, such as DATA/farside; `chmod go-w DATA` closes one that is meant to be it
        ");
    }

    #[test]
    fn a_file_is_no_data_folder_and_has_none_below_it() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for folder in [file.path().to_owned(), file.path().join("data")] {
            let error = own_folder(&folder).unwrap_err();
            assert_eq!(
                error.hint().unwrap(),
                "a file is in its way; choose another folder with --data"
            );
        }
    }

    #[test]
    fn each_reason_against_a_data_folder_has_its_advice() {
        let lines = [
            io::ErrorKind::PermissionDenied,
            io::ErrorKind::ReadOnlyFilesystem,
            io::ErrorKind::StorageFull,
            io::ErrorKind::QuotaExceeded,
            io::ErrorKind::NotADirectory,
        ]
        .map(|kind| {
            let folder = PathBuf::from("DATA");
            told(Path::new("DATA"), &StartError::DataFolder { folder, source: kind.into() })
        });
        insta::assert_snapshot!(lines.join("\n"), @"
        the data folder DATA can't be used: permission denied
        hint: choose a folder that this account can write to with --data
        the data folder DATA can't be used: read-only filesystem or storage medium
        hint: choose a folder that this account can write to with --data
        the data folder DATA can't be used: no storage space
        hint: free some space, or choose a folder on another disk with --data
        the data folder DATA can't be used: quota exceeded
        hint: free some space, or choose a folder on another disk with --data
        the data folder DATA can't be used: not a directory
        hint: a file is in its way; choose another folder with --data
        ");
    }
}
