//! A link as a connection polls it: replies go out, frames come in, both as far as they
//! go without waiting.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use farside_protocol::{Failure, Transport};

use super::Outbox;
use super::outbox::Next;
use crate::session::Session;

/// How long a reply may wait for others while there are frames to read.
const GATHER: Duration = Duration::from_micros(100);

/// How long a connection reads frame after frame before other tasks have their turn.
const TURN: Duration = Duration::from_millis(1);

/// What the link gave.
pub(super) enum Event {
    Frame(Bytes),
    /// There is room for more answers to the frame that is not taken whole.
    Room,
    /// The session that the client waits for is there, or will not be.
    Opened(Result<Arc<Session>, Failure>),
    /// The client is gone.
    Gone,
    Broken(io::Error),
    /// The last reply is sent.
    End,
}

/// When a connection last looked at its link, and what that has not sent yet.
pub(super) struct Pace {
    pub(super) now: Instant,
    /// When its turn among the tasks began.
    began: Option<Instant>,
    /// When the link was handed the oldest reply that may be unsent.
    pub(super) unsent_since: Option<Instant>,
}

impl Pace {
    pub(super) fn new() -> Pace {
        Pace { now: Instant::now(), began: None, unsent_since: None }
    }

    /// Looks at the clock; true if others shall have their turn.
    fn is_over(&mut self) -> bool {
        self.now = Instant::now();
        let began = *self.began.get_or_insert(self.now);
        self.now.saturating_duration_since(began) >= TURN
    }

    /// Whether replies are sent now even if there is more to read.
    fn is_overdue(&self) -> bool {
        self.unsent_since.is_some_and(|since| self.now.saturating_duration_since(since) >= GATHER)
    }
}

/// What is looked for on the link, beside room for replies.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Looks {
    ForFrames,
    /// For room only: a frame is not taken whole.
    ForRoom,
    /// For nothing.
    Away,
}

/// Hands replies to the link and reads what there is to read, both as far as they go
/// without waiting. The link sends what it was handed once nothing more can be read,
/// so that the answers to frames that came together leave together.
pub(super) fn next_event<T: Transport>(
    link: &mut T,
    outbox: &Arc<Outbox>,
    pace: &mut Pace,
    looks: Looks,
    context: &mut Context<'_>,
) -> Poll<Event> {
    let polled = poll_link(Pin::new(link), outbox, pace, looks, context);
    if let Ok(Poll::Pending) = &polled {
        pace.began = None;
    }
    polled.unwrap_or_else(|error| Poll::Ready(Event::Broken(error)))
}

fn poll_link<T: Transport>(
    mut link: Pin<&mut T>,
    outbox: &Arc<Outbox>,
    pace: &mut Pace,
    looks: Looks,
    context: &mut Context<'_>,
) -> io::Result<Poll<Event>> {
    let is_over = pace.is_over();
    // Replies must reach the link before the client's goodbye is read: after it the
    // link takes none.
    let handed = hand_over(link.as_mut(), outbox, pace, None, context)?;
    let is_last = handed == Handed::Last;
    if is_last || pace.is_overdue() {
        let is_flushed = flush(link.as_mut(), pace, context)?;
        if is_last && is_flushed {
            return Ok(Poll::Ready(Event::End));
        }
    }
    if handed == Handed::Some && outbox.is_full() {
        return Ok(Poll::Pending);
    }
    if is_over {
        flush(link, pace, context)?;
        context.waker().wake_by_ref();
        return Ok(Poll::Pending);
    }
    if looks == Looks::ForRoom {
        return Ok(Poll::Ready(Event::Room));
    }
    if looks == Looks::ForFrames
        && let Poll::Ready(read) = link.as_mut().poll_next(context)
    {
        return Ok(Poll::Ready(match read {
            Some(Ok(frame)) => Event::Frame(frame),
            Some(Err(error)) => Event::Broken(error),
            None => Event::Gone,
        }));
    }
    // From here on the outbox wakes this task. What was queued until now is sent.
    let waker = Some(context.waker());
    let is_last = hand_over(link.as_mut(), outbox, pace, waker, context)? == Handed::Last;
    let is_flushed = flush(link, pace, context)?;
    Ok(if is_last && is_flushed { Poll::Ready(Event::End) } else { Poll::Pending })
}

/// How much of what is to be sent the link was handed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Handed {
    /// As much as it takes now; it wakes the task once it takes more.
    Some,
    /// All there is.
    All,
    /// All there will ever be.
    Last,
}

/// Gives the link as much as it takes. If that is all, the outbox calls the waker
/// when there is more.
fn hand_over<T: Transport>(
    mut link: Pin<&mut T>,
    outbox: &Arc<Outbox>,
    pace: &mut Pace,
    waker: Option<&Waker>,
    context: &mut Context<'_>,
) -> io::Result<Handed> {
    while link.as_mut().poll_ready(context)?.is_ready() {
        match outbox.next(waker) {
            Next::Frame(frame) => link.as_mut().start_send(frame)?,
            Next::Wait => return Ok(Handed::All),
            Next::End => return Ok(Handed::Last),
        }
        pace.unsent_since.get_or_insert(pace.now);
    }
    Ok(Handed::Some)
}

/// Has the link send what it was handed; true once it has.
fn flush<T: Transport>(
    link: Pin<&mut T>,
    pace: &mut Pace,
    context: &mut Context<'_>,
) -> io::Result<bool> {
    let is_flushed = link.poll_flush(context)?.is_ready();
    if is_flushed {
        pace.unsent_since = None;
    }
    Ok(is_flushed)
}
