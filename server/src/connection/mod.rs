//! A connection: one link, from its greeting to its end.
//!
//! One task reads and writes; short calls run on it too, so that a call and its
//! answer take no hop between threads. What bounds a connection's life: its
//! client, a broken message, the end of its session, or the server's shutdown.

mod greeting;
mod outbox;
mod table;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use farside_protocol::codec::DecodeError;
use farside_protocol::{ErrorCode, Failure, Reply, Request, Seq, SessionId, Transport, caps};
use futures_util::{SinkExt, StreamExt};

pub(crate) use outbox::Outbox;
pub(crate) use table::Connections;

use crate::core::Core;
use crate::session::{Asker, Patience, Session};
use greeting::Greeting;
use outbox::Next;

/// What the link gave.
enum Event {
    Frame(Bytes),
    /// There is room for more answers to the frame that is not taken whole.
    Room,
    /// The client is gone.
    Gone,
    Broken(io::Error),
    /// The last reply is sent.
    End,
}

/// After so many messages of a frame it is seen whether others wait for too long.
const LOOKS_AT_CLOCK: usize = 4;

/// How long a client has to read why its connection ends, and to close its side.
const FAREWELL: Duration = Duration::from_secs(1);

/// Serves one link to its end.
pub(crate) async fn serve<T: Transport>(core: Arc<Core>, mut link: T) {
    let mut connection = Connection::new(core);
    let _entry = connection.core.connections.enter(&connection.outbox);
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
    stage: Stage,
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

/// How far a connection has come.
enum Stage {
    Unknown,
    Greeted { next: Seq },
    Attached { session: Arc<Session>, asker: Asker },
}

impl Connection {
    fn new(core: Arc<Core>) -> Connection {
        let outbox = Arc::new(Outbox::new(core.runtime.clone()));
        let stage = Stage::Unknown;
        Connection { core, outbox, stage, rest: None, yields: false, refused: false, ended: false }
    }

    /// Reads and writes until the end, or until the client has said who it is.
    async fn run<T: Transport>(&mut self, link: &mut T, until_greeted: bool) {
        while !self.ended && (!until_greeted || matches!(self.stage, Stage::Unknown)) {
            if std::mem::take(&mut self.yields) {
                tokio::task::yield_now().await;
            }
            let waits = self.rest.is_some();
            let next = |context: &mut Context<'_>| next_event(link, &self.outbox, waits, context);
            let taken = match std::future::poll_fn(next).await {
                Event::Frame(_) if self.refused => Ok(()),
                Event::Frame(frame) => self.take_frame(frame),
                Event::Room => self.take_rest(),
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
        let mut messages = Request::decode_frame(frame);
        if !self.take_messages(&mut messages)? {
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
        let mut patience = Patience::one_tick();
        for (place, request) in messages.enumerate() {
            let request = request.map_err(|error| {
                Failure::new(ErrorCode::BadRequest, format!("a message can't be read: {error}"))
            })?;
            self.take(request, &mut patience)?;
            if self.outbox.is_full() {
                return Ok(false);
            }
            if place % LOOKS_AT_CLOCK == LOOKS_AT_CLOCK - 1 && patience.is_over() {
                self.yields = true;
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn take(&mut self, request: Request, patience: &mut Patience) -> Result<(), Failure> {
        match (&mut self.stage, request) {
            (Stage::Unknown, request) => {
                self.outbox.send(Greeting::of(request)?.check(&self.core)?);
                self.stage = Stage::Greeted { next: Seq::FIRST };
                Ok(())
            }
            (Stage::Greeted { .. }, Request::Attach { session, lease_ms }) => {
                let (session, asker, reply) =
                    greeting::attach(&self.core, &self.outbox, session, lease_ms)?;
                self.outbox.send(reply);
                self.stage = Stage::Attached { session, asker };
                Ok(())
            }
            (stage, Request::Sessions { seq }) => {
                if stage.admits(seq)? {
                    greeting::list_sessions(&self.core, &self.outbox, seq);
                }
                Ok(())
            }
            (stage, Request::CloseSession { seq, session }) => {
                if stage.admits(seq)? {
                    let own = stage.session();
                    close_session(&self.core, &self.outbox, seq, session.or(own));
                }
                Ok(())
            }
            (Stage::Attached { session, asker }, request) => {
                session.handle(asker, request, patience)
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

impl Drop for Connection {
    fn drop(&mut self) {
        if let Stage::Attached { session, asker } = &self.stage {
            session.detach(asker.writer);
        }
    }
}

impl Stage {
    /// Whether a numbered message is the next one of this connection.
    fn admits(&mut self, seq: Seq) -> Result<bool, Failure> {
        match self {
            Stage::Attached { session, asker } => session.is_next(asker, seq),
            Stage::Greeted { next } if *next == seq => {
                *next = seq.next();
                Ok(true)
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

fn close_session(core: &Core, outbox: &Outbox, seq: Seq, session: Option<SessionId>) {
    let Some(id) = session else {
        let failure = Failure::new(ErrorCode::BadRequest, "say which session is to be closed");
        return outbox.send(Reply::Failed { seq, failure });
    };
    // Before the session goes, and with it perhaps this connection.
    match core.sessions.remove(id) {
        Ok(session) => {
            outbox.send(Reply::Done { seq });
            session.close(Failure::new(ErrorCode::SessionExpired, "the session was closed"));
        }
        Err(failure) => outbox.send(Reply::Failed { seq, failure }),
    }
}

/// Sends what there is to send and reads what there is to read, both as far as
/// they go without waiting.
fn next_event<T: Transport>(
    link: &mut T,
    outbox: &Arc<Outbox>,
    frame_waits: bool,
    context: &mut Context<'_>,
) -> Poll<Event> {
    let mut link = Pin::new(link);
    match write(link.as_mut(), outbox, context) {
        Ok(true) => return Poll::Ready(Event::End),
        Ok(false) => {}
        Err(error) => return Poll::Ready(Event::Broken(error)),
    }
    if outbox.is_full() {
        return Poll::Pending;
    }
    if frame_waits {
        return Poll::Ready(Event::Room);
    }
    Poll::Ready(match ready!(link.poll_next(context)) {
        Some(Ok(frame)) => Event::Frame(frame),
        Some(Err(error)) => Event::Broken(error),
        None => Event::Gone,
    })
}

/// Writes as much as the link takes; true once the last reply is flushed.
fn write<T: Transport>(
    mut link: Pin<&mut T>,
    outbox: &Arc<Outbox>,
    context: &mut Context<'_>,
) -> io::Result<bool> {
    let mut last = false;
    while !last && link.as_mut().poll_ready(context)?.is_ready() {
        match outbox.next(context.waker()) {
            Next::Frame(frame) => link.as_mut().start_send(frame)?,
            Next::Wait => break,
            Next::End => last = true,
        }
    }
    let flushed = link.as_mut().poll_flush(context)?.is_ready();
    Ok(last && flushed)
}
