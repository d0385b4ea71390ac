//! A session, and what is done with it as a whole.

use std::sync::Arc;

use farside_protocol::{Failure, RefId, Request, ResumeKey, Seq, SessionId, WriterId};

use crate::ask::{Answer, Attached};
use crate::connect_error::ConnectError;
use crate::disconnected::Disconnected;
use crate::far::Far;
use crate::function::Function;
use crate::link::{Connection, Link};
use crate::logs::LogLines;
use crate::wire::WireCounts;

/// A client's state on the server: modules with their instances, and references.
/// Cheap to clone.
///
/// It outlives its connection by its lease: join it again with
/// [`Client::attach`](crate::Client::attach), its [`id`](Session::id) and
/// [`key`](Session::key). Dropping the last handle, those that [`Far`]s hold
/// included, sends what is queued and closes the connection, not the session.
#[derive(Clone, Debug)]
pub struct Session {
    shared: Arc<Shared>,
    /// That of `eval`, where it is not Python.
    pub(crate) language: Option<Arc<str>>,
}

#[derive(Debug)]
struct Shared {
    connection: Connection,
    attached: Attached,
}

impl Session {
    pub(crate) fn new(connection: Connection, attached: Attached) -> Session {
        Session { shared: Arc::new(Shared { connection, attached }), language: None }
    }

    pub(crate) fn link(&self) -> &Link {
        &self.shared.connection
    }

    /// The session's public name.
    #[must_use]
    pub fn id(&self) -> SessionId {
        self.shared.attached.session
    }

    /// The secret that lets a client join it.
    #[must_use]
    pub fn key(&self) -> ResumeKey {
        self.shared.attached.key
    }

    /// This connection's number among the session's writers.
    #[must_use]
    pub fn writer(&self) -> WriterId {
        self.shared.attached.writer
    }

    /// How long the session outlives its last connection.
    #[must_use]
    pub fn lease(&self) -> std::time::Duration {
        farside_protocol::caps::duration_from_ms(self.shared.attached.lease_ms)
    }

    /// A reference that exists already. It is borrowed: dropping it does not
    /// release it.
    pub fn far<T>(&self, id: RefId) -> Far<T> {
        Far::borrowed(self.clone(), id)
    }

    /// A function by its name, `module.function`, or `function` while that is
    /// unique in the session. Arguments are checked by the server alone; a
    /// function from [`Module::function`](crate::Module::function) knows its
    /// parameters.
    #[must_use]
    pub fn function(&self, name: &str) -> Function {
        Function::named(self.clone(), name)
    }

    /// Waits until a call made now would be sent rather than queued: the way to
    /// make very many calls without a queue that grows.
    ///
    /// # Errors
    /// When the connection is lost.
    pub async fn ready(&self) -> Result<(), Arc<Disconnected>> {
        self.link().ready().await
    }

    /// Waits until the server has taken all that was sent so far, large values
    /// to their last byte: calls run and values are kept from then on, whatever
    /// becomes of the connection. One round trip.
    ///
    /// # Errors
    /// When the connection is lost before.
    pub async fn flush(&self) -> Result<(), Arc<Disconnected>> {
        self.link().transferred().await?;
        // Whatever the answer is, the server has come so far.
        let nothing = |seq| Request::Wait { seq, refs: Vec::new(), count: 0, timeout_ms: Some(0) };
        self.link().ask(nothing).await.map(drop)
    }

    /// Gives up references, without waiting.
    pub fn release(&self, refs: &[RefId]) {
        self.link().release(refs);
    }

    /// Stops the call that shall fill a reference, without waiting: a pending one
    /// never runs, a running one is stopped, a finished one is left alone.
    pub fn cancel(&self, of: RefId) {
        let own = Seq::new(of.counter()).filter(|_| of.writer() == self.writer());
        self.link().cancel(of, own);
    }

    /// The lines that the session's guests log from now on.
    #[must_use]
    pub fn logs(&self) -> LogLines {
        LogLines::new(self.link().subscribe())
    }

    /// What crossed this session's connection so far.
    #[must_use]
    pub fn wire(&self) -> WireCounts {
        self.link().wire()
    }

    /// Ends the session and frees all that it holds; references into it are gone.
    ///
    /// # Errors
    /// When the connection is lost before the server has said that it is done.
    pub async fn close(self) -> Result<(), SessionError> {
        let closed = self.link().ask(|seq| Request::CloseSession { seq, session: None }).await;
        self.link().close();
        match closed {
            Ok(Answer::Done) => Ok(()),
            Ok(other) => Err(SessionError::Failed(other.into_failure())),
            Err(reason) => Err(SessionError::Disconnected(reason)),
        }
    }
}

/// Why a session was not opened, joined, listed or closed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The server says why.
    #[error(transparent)]
    Failed(Failure),
    /// The client has one transport, and it is in use.
    #[error("this client has one connection, and a session uses it")]
    OneSession,
    /// The session needed a new connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The server did not answer in time.
    #[error("the server did not answer within {after:?}")]
    Timeout {
        /// The time it had.
        after: std::time::Duration,
    },
    /// The answer is of another form than this client knows.
    #[error("the server's list of sessions is unreadable")]
    Unreadable {
        /// How.
        #[source]
        source: rmp_serde::decode::Error,
    },
    /// The connection was lost.
    #[error("the connection is lost")]
    Disconnected(#[source] Arc<Disconnected>),
}

impl SessionError {
    /// What the server said, if it was the server.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            SessionError::Failed(failure) => Some(failure),
            _ => None,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            SessionError::Failed(failure) => failure.hint.clone(),
            SessionError::Connect(error) => error.hint(),
            SessionError::Disconnected(reason) => reason.hint().map(str::to_owned),
            SessionError::OneSession => {
                Some("give each session a transport and a client of its own".to_owned())
            }
            SessionError::Timeout { .. } => Some("try again, or with a longer timeout".to_owned()),
            SessionError::Unreadable { .. } => Some(
                "client and server may be of different versions: compare `farside version`"
                    .to_owned(),
            ),
        }
    }
}
