//! A connection: one link, from its greeting to its end.
//!
//! One task reads and writes; short calls run on it too, so that a call and its
//! answer take no hop between threads. What bounds a connection's life: its
//! client, a broken message, the end of its session, or the server's shutdown.

mod activity;
mod greeting;
mod link;
mod outbox;
mod table;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use farside_protocol::codec::DecodeError;
use farside_protocol::{ErrorCode, Failure, Reply, Request, Seq, SessionId, Transport, caps};
use futures_util::{SinkExt, StreamExt};

pub(crate) use activity::{Activity, Patience as LinkPatience};
pub(crate) use outbox::Outbox;
pub(crate) use table::Connections;

use crate::auth::Owner;
use crate::core::Core;
use crate::session::{Asker, Opening, Patience, Session};
use greeting::Greeting;
use link::{Event, Looks, Pace, next_event};
use table::Entry;

/// After so many messages of a frame, and after each that looks for a part of a value, it
/// is seen whether others wait for too long.
const LOOKS_AT_CLOCK: usize = 4;

/// How long a client has to read why its connection ends, and to close its side.
const FAREWELL: Duration = Duration::from_secs(1);

/// Serves one link to its end. One whose activity is counted is given up when it stalls.
pub(crate) async fn serve<T: Transport>(
    core: Arc<Core>,
    mut link: T,
    activity: Option<Arc<Activity>>,
) {
    let mut connection = Connection::new(core, activity);
    let greeting = tokio::time::timeout(
        connection.core.config.handshake_timeout,
        connection.run(&mut link, true),
    );
    match greeting.await {
        Ok(()) => connection.run(&mut link, false).await,
        Err(_) => {
            let seconds = connection.core.config.handshake_timeout;
            let message = format!("no greeting came within {seconds:?}");
            connection.refuse(Failure::new(ErrorCode::BadRequest, message));
            connection.run(&mut link, false).await;
        }
    }
    drop(connection);
    let _ = tokio::time::timeout(FAREWELL, close(link)).await;
}

/// Closes a link, then reads to its end: were a socket with unread bytes dropped,
/// the system would take back the last reply.
async fn close<T: Transport>(mut link: T) {
    let _ = link.close().await;
    while let Some(Ok(_)) = link.next().await {}
}

struct Connection {
    core: Arc<Core>,
    outbox: Arc<Outbox>,
    entry: Entry,
    stage: Stage,
    pace: Pace,
    /// Messages of a frame that wait until the client has read more answers.
    rest: Option<Messages>,
    /// The frame has had its time: others are to have theirs before the rest of it.
    yields: bool,
    /// The client was told why its connection ends: nothing more is taken.
    refused: bool,
    ended: bool,
}

/// Messages of a frame.
type Messages = Box<dyn Iterator<Item = Result<Request, DecodeError>> + Send>;

/// A session to come.
type Waiting = Pin<Box<dyn Future<Output = Result<Arc<Session>, Failure>> + Send>>;

/// How far a connection has come.
enum Stage {
    Unknown,
    Greeted {
        next: Seq,
        owner: Arc<Owner>,
    },
    /// It waits for a session. One frame is read meanwhile, and kept: so it is seen when
    /// the client leaves.
    Opening {
        session: Waiting,
        lease: Option<Duration>,
    },
    Attached {
        session: Arc<Session>,
        asker: Asker,
    },
}

impl Connection {
    fn new(core: Arc<Core>, activity: Option<Arc<Activity>>) -> Connection {
        let outbox = Arc::new(Outbox::new(core.runtime.clone()));
        let entry = core.connections.enter(&outbox, activity);
        let (stage, pace) = (Stage::Unknown, Pace::new());
        let (yields, refused, ended) = (false, false, false);
        Connection { core, outbox, entry, stage, pace, rest: None, yields, refused, ended }
    }

    /// Reads and writes until the end, or until the client has said who it is.
    async fn run<T: Transport>(&mut self, link: &mut T, until_greeted: bool) {
        while !self.ended && (!until_greeted || matches!(self.stage, Stage::Unknown)) {
            if std::mem::take(&mut self.yields) {
                tokio::task::yield_now().await;
            }
            let looks = match (&self.stage, &self.rest) {
                (Stage::Opening { .. }, Some(_)) => Looks::Away,
                (_, Some(_)) => Looks::ForRoom,
                (_, None) => Looks::ForFrames,
            };
            let next = |context: &mut Context<'_>| {
                if let Stage::Opening { session, .. } = &mut self.stage
                    && let Poll::Ready(opened) = session.as_mut().poll(context)
                {
                    return Poll::Ready(Event::Opened(opened));
                }
                if self.outbox.is_given_up() {
                    return Poll::Ready(Event::Gone);
                }
                let event = next_event(link, &self.outbox, &mut self.pace, looks, context);
                if event.is_pending() && self.pace.unsent_since.is_some() {
                    self.outbox.wakes_when_given_up(context.waker());
                }
                if event.is_pending()
                    && let Stage::Attached { session, .. } = &self.stage
                {
                    session.rest();
                }
                event
            };
            let taken = match std::future::poll_fn(next).await {
                Event::Frame(_) if self.refused => Ok(()),
                Event::Frame(frame) => self.take_frame(frame),
                Event::Room => self.take_rest(),
                Event::Opened(opened) => self.opened(opened),
                Event::Broken(error) if is_clients(&error) && !self.refused => {
                    let message = format!("what came can't be read: {error}");
                    Err(Failure::new(ErrorCode::BadRequest, message))
                }
                Event::Broken(error) => {
                    tracing::debug!(%error, "a connection broke");
                    self.ended = true;
                    Ok(())
                }
                Event::Gone | Event::End => {
                    self.ended = true;
                    Ok(())
                }
            };
            if let Err(failure) = taken {
                self.refuse(failure);
            }
        }
    }

    fn refuse(&mut self, failure: Failure) {
        tracing::debug!(%failure, "a connection is refused");
        self.outbox.refuse(failure);
        self.rest = None;
        self.refused = true;
    }

    fn take_frame(&mut self, frame: Bytes) -> Result<(), Failure> {
        if frame.len() > caps::FRAME_BYTES {
            let message =
                format!("a frame of {} bytes; {} are allowed", frame.len(), caps::FRAME_BYTES);
            return Err(Failure::new(ErrorCode::BadRequest, message));
        }
        let mut messages = Request::decode_frame(frame).peekable();
        let waits = matches!(self.stage, Stage::Opening { .. });
        if (waits || !self.take_messages(&mut messages)?) && messages.peek().is_some() {
            self.rest = Some(Box::new(messages));
        }
        Ok(())
    }

    fn take_rest(&mut self) -> Result<(), Failure> {
        if let Some(mut rest) = self.rest.take()
            && !self.take_messages(&mut rest)?
        {
            self.rest = Some(rest);
        }
        Ok(())
    }

    /// Takes messages while there is room for answers, and for a tick; true if these
    /// were all.
    fn take_messages(
        &mut self,
        messages: &mut impl Iterator<Item = Result<Request, DecodeError>>,
    ) -> Result<bool, Failure> {
        let mut patience = Patience::one_tick(self.pace.now);
        for (place, request) in messages.enumerate() {
            let request = request.map_err(|error| {
                Failure::new(ErrorCode::BadRequest, format!("a message can't be read: {error}"))
            })?;
            let seeks =
                matches!(request, Request::Select { .. } | Request::Get { path: Some(_), .. });
            self.take(request, &mut patience)?;
            if self.outbox.is_full() || matches!(self.stage, Stage::Opening { .. }) {
                return Ok(false);
            }
            let looks = seeks || place % LOOKS_AT_CLOCK == LOOKS_AT_CLOCK - 1;
            if looks && patience.is_over() {
                self.yields = true;
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn take(&mut self, request: Request, patience: &mut Patience) -> Result<(), Failure> {
        match (&mut self.stage, request) {
            (Stage::Unknown, request) => {
                let (admission, welcome) = Greeting::of(request)?.check(&self.core)?;
                self.entry.admitted(&admission);
                // From here on the caretaker ends it; until now nobody did.
                if let Some(failure) = self.core.owners.refusal(&admission, SystemTime::now()) {
                    return Err(failure);
                }
                self.outbox.send(welcome);
                self.stage = Stage::Greeted { next: Seq::FIRST, owner: admission.owner };
                Ok(())
            }
            (Stage::Greeted { owner, .. }, Request::Attach { session, lease_ms }) => {
                match greeting::find_or_open(&self.core, owner, session, lease_ms)? {
                    (Opening::Now(session), lease) => self.attach(session, lease),
                    (Opening::Later(session), lease) => {
                        self.stage = Stage::Opening { session, lease };
                        Ok(())
                    }
                }
            }
            (stage, Request::Sessions { seq }) => {
                if let Some(owner) = stage.admits(seq)? {
                    greeting::list_sessions(&self.core, &owner, &self.outbox, seq);
                }
                Ok(())
            }
            (stage, Request::CloseSession { seq, session }) => {
                if let Some(owner) = stage.admits(seq)? {
                    let own = stage.session();
                    close_session(&self.core, &owner, &self.outbox, seq, session.or(own));
                }
                Ok(())
            }
            (Stage::Attached { session, asker }, request) => {
                session.handle(asker, request, self.pace.now, patience)
            }
            // Nothing is taken until it is there.
            (Stage::Opening { .. }, request) => {
                let message = format!("{} came before the session was there", request.name());
                Err(Failure::new(ErrorCode::BadRequest, message))
            }
            (Stage::Greeted { .. }, Request::Hello { .. }) => {
                Err(Failure::new(ErrorCode::BadRequest, "Hello has no place here"))
            }
            (Stage::Greeted { .. }, request) => {
                let message = format!("{} needs a session; attach first", request.name());
                Err(Failure::new(ErrorCode::BadRequest, message))
            }
        }
    }
}

impl Connection {
    /// The session that the client waited for is there, or will not be.
    fn opened(&mut self, opened: Result<Arc<Session>, Failure>) -> Result<(), Failure> {
        let before = std::mem::replace(&mut self.stage, Stage::Unknown);
        match before {
            Stage::Opening { lease, .. } if !self.refused => self.attach(opened?, lease),
            // Nobody has its key.
            _ => opened.map(|session| self.core.sessions.discard(&session)),
        }
    }

    fn attach(&mut self, session: Arc<Session>, lease: Option<Duration>) -> Result<(), Failure> {
        let (asker, reply) = session.attach(&self.outbox, lease)?;
        self.outbox.send(reply);
        self.stage = Stage::Attached { session, asker };
        Ok(())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Stage::Attached { session, asker } = &self.stage {
            session.detach(asker.writer);
        }
    }
}

impl Stage {
    /// Who sends a numbered message, if it is the next one of this connection.
    fn admits(&mut self, seq: Seq) -> Result<Option<Arc<Owner>>, Failure> {
        match self {
            Stage::Attached { session, asker } => {
                Ok(session.is_next(asker, seq)?.then(|| Arc::clone(session.owner())))
            }
            Stage::Greeted { next, owner } if *next == seq => {
                *next = seq.next();
                Ok(Some(Arc::clone(owner)))
            }
            _ => Err(Failure::new(ErrorCode::BadRequest, "a message's number is out of order")),
        }
    }

    fn session(&self) -> Option<SessionId> {
        match self {
            Stage::Attached { session, .. } => Some(session.id()),
            _ => None,
        }
    }
}

/// Whether a link failed by what the client sent, so that it can be told.
fn is_clients(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::InvalidData
}

fn close_session(
    core: &Core,
    owner: &Owner,
    outbox: &Outbox,
    seq: Seq,
    session: Option<SessionId>,
) {
    let Some(id) = session else {
        let failure = Failure::new(ErrorCode::BadRequest, "say which session is to be closed");
        return outbox.send(Reply::Failed { seq, failure });
    };
    // Before the session goes, and with it perhaps this connection.
    match core.sessions.remove(id, owner) {
        Ok(session) => {
            outbox.send(Reply::Done { seq });
            session.close(Failure::new(ErrorCode::SessionExpired, "the session was closed"));
        }
        Err(failure) => outbox.send(Reply::Failed { seq, failure }),
    }
}
