//! A program's connection to a server.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use farside_protocol::outline::{self, SessionSummary};
use farside_protocol::{AttachTo, Request, ResumeKey, SessionId, Transport};

use crate::ask::Answer;
use crate::connect::{self, ClientBuilder};
use crate::connect_error::ConnectError;
use crate::disconnected::Disconnected;
use crate::link::Connection;
use crate::session::{Session, SessionError};
use crate::time::millis;

/// The server's versions, as it gave them when the client connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerVersions {
    /// The server program and its version.
    pub server: String,
    /// The protocol's version.
    pub protocol: u16,
    /// Version of the guest ABI that it runs.
    pub guest_abi: u32,
    /// Version of its data folder's format.
    pub data_format: u32,
    /// The wasmtime release that it is built with.
    pub wasmtime: String,
}

/// A server that sessions can be opened on. Cheap to clone.
///
/// Each session has a connection of its own; the client opens them as they are
/// needed, with the token it was given. It needs a tokio runtime with I/O and
/// time enabled.
#[derive(Clone, Debug)]
pub struct Client {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    settings: ClientBuilder,
    /// Whether more connections can be opened: not over a transport of the caller's.
    many: bool,
    versions: ServerVersions,
    /// A connection that is greeted and not attached to a session. A std mutex:
    /// it is held to take the connection out or put it back.
    idle: Mutex<Option<Connection>>,
}

impl Client {
    /// Connects to the server at a `ws://` URL, with the token from the
    /// environment variable `FARSIDE_TOKEN`.
    ///
    /// # Errors
    /// Why there is no connection; each variant has its own hint.
    pub async fn connect(url: &str) -> Result<Client, ConnectError> {
        Client::builder().url(url).connect().await
    }

    /// Settings of a connection, which begin with what the environment says.
    #[must_use]
    pub fn builder() -> ClientBuilder {
        ClientBuilder::from_environment()
    }

    /// Connects over a transport of one's own: memory, a Unix socket, anything.
    /// Such a client has one session at most.
    ///
    /// # Errors
    /// When the server refuses, or the transport ends.
    pub async fn over(transport: impl Transport, token: &str) -> Result<Client, ConnectError> {
        Client::builder().token(token).over(transport).await
    }

    pub(crate) fn new(
        settings: ClientBuilder,
        many: bool,
        connection: Connection,
        versions: ServerVersions,
    ) -> Client {
        let idle = Mutex::new(Some(connection));
        Client { shared: Arc::new(Shared { settings, many, versions, idle }) }
    }

    /// The versions of the server and what it stands on.
    #[must_use]
    pub fn server(&self) -> &ServerVersions {
        &self.shared.versions
    }

    /// Opens a new session.
    ///
    /// # Errors
    /// When the server refuses, or can't be reached any more.
    pub async fn session(&self) -> Result<Session, SessionError> {
        self.join(None).await
    }

    /// Joins a session that exists, as another writer of it.
    ///
    /// # Errors
    /// When there is no such session, or the key is not its own.
    pub async fn attach(&self, id: SessionId, key: ResumeKey) -> Result<Session, SessionError> {
        self.join(Some(AttachTo { session: id, key })).await
    }

    #[tracing::instrument(level = "debug", target = "farside::client", name = "attach", skip_all)]
    async fn join(&self, session: Option<AttachTo>) -> Result<Session, SessionError> {
        let attach = Request::Attach { session, lease_ms: self.shared.settings.lease.map(millis) };
        let (connection, answer) = match self.idle_connection() {
            Some(connection) => {
                let after = self.shared.settings.timeout;
                let answer = tokio::time::timeout(after, connection.join(&attach)).await;
                (connection, answer.map_err(|_| SessionError::Timeout { after })?)
            }
            None if self.shared.many => {
                connect::open_joined(&self.shared.settings, &attach).await?
            }
            None => return Err(SessionError::OneSession),
        };
        match answer.map_err(refused)? {
            Answer::Attached(attached) => Ok(Session::new(connection, *attached)),
            other => Err(SessionError::Failed(other.into_failure())),
        }
    }

    /// The sessions that this client's token owns.
    ///
    /// # Errors
    /// When the server refuses, or can't be reached any more.
    pub async fn sessions(&self) -> Result<Vec<SessionSummary>, SessionError> {
        match self.ask_idle(|seq| Request::Sessions { seq }).await? {
            Answer::Described(body) => {
                outline::decode(&body).map_err(|source| SessionError::Unreadable { source })
            }
            other => Err(SessionError::Failed(other.into_failure())),
        }
    }

    /// Ends a session and frees all that it holds, without joining it.
    ///
    /// # Errors
    /// When there is no such session, or the server can't be reached any more.
    pub async fn close_session(&self, id: SessionId) -> Result<(), SessionError> {
        match self.ask_idle(|seq| Request::CloseSession { seq, session: Some(id) }).await? {
            Answer::Done => Ok(()),
            other => Err(SessionError::Failed(other.into_failure())),
        }
    }

    async fn ask_idle(
        &self,
        make: impl FnOnce(farside_protocol::Seq) -> Request,
    ) -> Result<Answer, SessionError> {
        let connection = self.connection().await?;
        let answer = connection.ask(make).await.map_err(refused)?;
        self.idle().get_or_insert(connection);
        Ok(answer)
    }

    /// The idle connection, or another one like it.
    async fn connection(&self) -> Result<Connection, SessionError> {
        match self.idle_connection() {
            Some(connection) => Ok(connection),
            None if self.shared.many => {
                let (connection, _) = connect::open(&self.shared.settings).await?;
                Ok(connection)
            }
            None => Err(SessionError::OneSession),
        }
    }

    fn idle_connection(&self) -> Option<Connection> {
        self.idle().take().filter(|connection| !connection.is_lost())
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Option<Connection>> {
        self.shared.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A refusal answers the question; anything else that ends the connection does not.
fn refused(reason: Arc<Disconnected>) -> SessionError {
    match &*reason {
        Disconnected::Refused { failure } => SessionError::Failed(failure.clone()),
        _ => SessionError::Disconnected(reason),
    }
}

/// How long to wait for a server's first words, by default.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(10);
