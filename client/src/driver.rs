//! The task of one connection: it alone touches the transport.
//!
//! It writes while there is something to write and the transport takes it,
//! flushes, and reads, all in one poll; callers wake it. Messages that ask for
//! nothing linger for [`LINGER`], so that a chain of calls and the `get` at its
//! end leave in one frame. While many answers are awaited, small frames leave in
//! intervals of [`GATHER`]: each costs a system call on either side, and callers
//! that are woken one by one would make one each. The task ends when the connection
//! does, or when its last handle is dropped and the queue is sent.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::mem;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use farside_protocol::{Payload, Reply, Request, Seq, Transport, caps};
use futures_util::{SinkExt, StreamExt};
use tokio::time::{Instant, Sleep};

use crate::ask::{Answer, Attached};
use crate::client::ServerVersions;
use crate::disconnected::Disconnected;
use crate::link::{ATTACHING, GREETING, Link};
use crate::logs::{self, LogLine};
use crate::outbox::Rest;
use crate::transfer::{Head, Incoming, Outgoings, Received};

/// How long messages that nobody waits for may wait for company. It also lets a
/// chain of calls be written down before its first one leaves.
const LINGER: Duration = Duration::from_millis(1);

/// How long after a frame the next one may wait for company, if it holds few of the
/// questions that are open.
const GATHER: Duration = Duration::from_micros(50);

/// A frame is worth sending at once if it holds one in so many of the open questions.
const FEW: u64 = 16;

/// How long the other side has to close its end, once ours is closed.
const FAREWELL: Duration = Duration::from_secs(1);

/// Turns of writing and reading before other tasks get theirs.
const TURNS: usize = 32;

/// Answers put into their slots under one lock.
const ANSWERS: usize = 64;

pub(crate) struct Driver<T> {
    link: Arc<Link>,
    transport: T,
    outgoing: Outgoings,
    incoming: HashMap<Seq, Incoming>,
    answers: Vec<(u64, Answer)>,
    wakers: Vec<Waker>,
    /// A chunk has the next turn, if there is one: a batch went before it.
    chunk_next: bool,
    unflushed: bool,
    /// When the last batch was sent. The clock is the machine's, for nothing waits
    /// on it: as long as the batch may wait, the driver is polled again.
    batch_sent: Option<std::time::Instant>,
    /// A batch waits for company.
    gathers: bool,
    timer: Pin<Box<Sleep>>,
    timing: bool,
    farewell: Farewell,
}

/// How far the closing of the transport is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Farewell {
    Open,
    Closing,
    Closed,
}

/// Whether a turn moved anything.
#[derive(PartialEq, Eq)]
enum Turn {
    Moved,
    Idle,
}

impl<T: Transport> Driver<T> {
    pub(crate) fn new(link: Arc<Link>, transport: T) -> Driver<T> {
        Driver {
            link,
            transport,
            outgoing: Outgoings::default(),
            incoming: HashMap::new(),
            answers: Vec::new(),
            wakers: Vec::new(),
            chunk_next: false,
            unflushed: false,
            batch_sent: None,
            gathers: false,
            timer: Box::pin(tokio::time::sleep(LINGER)),
            timing: false,
            farewell: Farewell::Open,
        }
    }

    pub(crate) async fn run(mut self) {
        let Err(reason) = std::future::poll_fn(|cx| self.poll(cx)).await;
        tracing::debug!(target: "farside::client", %reason, "connection ended");
        self.link.lose(reason);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Infallible, Disconnected>> {
        self.link.register_driver(cx.waker());
        for _ in 0..TURNS {
            let wrote = self.poll_write(cx).map_err(|error| self.last_words(cx, error))?;
            let read = self.poll_read(cx)?;
            if wrote == Turn::Idle && read == Turn::Idle {
                if self.poll_timer(cx) == Turn::Moved {
                    continue;
                }
                if self.gathers {
                    return give_way(cx);
                }
                return self.poll_farewell(cx).map(Err);
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Result<Turn, Disconnected> {
        self.gathers = false;
        if self.farewell != Farewell::Open {
            return Ok(Turn::Idle);
        }
        let mut turn = Turn::Idle;
        while let Poll::Ready(ready) = self.transport.poll_ready_unpin(cx) {
            ready.map_err(transport_failed)?;
            let Some(frame) = self.next_frame() else { break };
            self.transport.start_send_unpin(frame).map_err(transport_failed)?;
            self.unflushed = true;
            turn = Turn::Moved;
        }
        if self.unflushed
            && let Poll::Ready(flushed) = self.transport.poll_flush_unpin(cx)
        {
            flushed.map_err(transport_failed)?;
            self.unflushed = false;
        }
        Ok(turn)
    }

    /// A batch of small messages, or a chunk of a transfer. Batches go first, but
    /// after each one a chunk has its turn.
    fn next_frame(&mut self) -> Option<Bytes> {
        if !mem::take(&mut self.chunk_next)
            && let Some(batch) = self.next_batch()
        {
            self.chunk_next = true;
            return Some(batch);
        }
        self.next_chunk().or_else(|| self.next_batch())
    }

    fn next_batch(&mut self) -> Option<Bytes> {
        let mut state = self.link.state();
        for seq in mem::take(&mut state.forgotten) {
            let unsent = self.outgoing.remove_upload(seq);
            state.outbox.let_go(unsent.unwrap_or(0));
            if unsent.is_some() || self.incoming.remove(&seq).is_some() {
                state.outbox.push_control(&Request::Abort { transfer: seq });
            }
        }
        self.gathers = self.batch_sent.is_some_and(|sent| sent.elapsed() < GATHER)
            && state.outbox.is_few_of(state.slots.len() as u64, FEW);
        if self.gathers {
            return None;
        }
        match state.outbox.take() {
            Some(frame) => {
                self.batch_sent = Some(std::time::Instant::now());
                state.wire.sent(frame.bytes.len(), frame.messages);
                drop(state);
                frame.starts.into_iter().for_each(|outgoing| self.outgoing.start(outgoing));
                self.link.notify_room();
                Some(frame.bytes)
            }
            None => {
                state.lingering = state.outbox.rest() == Rest::Lingering;
                if state.lingering && !self.timing {
                    self.timing = true;
                    self.timer.as_mut().reset(Instant::now() + LINGER);
                }
                None
            }
        }
    }

    fn next_chunk(&mut self) -> Option<Bytes> {
        let chunk = self.outgoing.next_chunk()?;
        let mut frame = Vec::with_capacity(caps::CHUNK_BYTES + 64);
        chunk.encode(&mut frame);
        let mut state = self.link.state();
        state.wire.sent(frame.len(), 1);
        if let Request::Chunk { bytes, .. } = &chunk {
            state.outbox.let_go(bytes.len());
        }
        drop(state);
        self.link.notify_room();
        Some(Bytes::from(frame))
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Turn {
        if !self.timing
            || self.farewell != Farewell::Open
            || self.timer.as_mut().poll(cx).is_pending()
        {
            return Turn::Idle;
        }
        self.timing = false;
        let mut state = self.link.state();
        if !mem::take(&mut state.lingering) {
            return Turn::Idle;
        }
        state.outbox.flush();
        Turn::Moved
    }

    fn poll_farewell(&mut self, cx: &mut Context<'_>) -> Poll<Disconnected> {
        if self.farewell == Farewell::Open {
            let state = self.link.state();
            if !state.closing || !state.outbox.is_empty() || !self.outgoing.is_empty() {
                return Poll::Pending;
            }
            self.farewell = Farewell::Closing;
        }
        if self.farewell == Farewell::Closing {
            if ready!(self.transport.poll_close_unpin(cx)).is_err() {
                return Poll::Ready(Disconnected::Ended);
            }
            self.farewell = Farewell::Closed;
            self.timer.as_mut().reset(Instant::now() + FAREWELL);
        }
        self.timer.as_mut().poll(cx).map(|()| Disconnected::Ended)
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Result<Turn, Disconnected> {
        match self.transport.poll_next_unpin(cx) {
            Poll::Pending => Ok(Turn::Idle),
            Poll::Ready(Some(Ok(_))) if self.farewell != Farewell::Open => Ok(Turn::Moved),
            Poll::Ready(_) if self.farewell != Farewell::Open => Err(Disconnected::Ended),
            Poll::Ready(None) => Err(Disconnected::Closed),
            Poll::Ready(Some(Err(error))) => Err(transport_failed(error)),
            Poll::Ready(Some(Ok(frame))) => self.receive(frame).map(|()| Turn::Moved),
        }
    }

    /// Writing failed. If the server said why it hung up, that tells more.
    fn last_words(&mut self, cx: &mut Context<'_>, error: Disconnected) -> Disconnected {
        loop {
            match self.poll_read(cx) {
                Ok(Turn::Moved) => {}
                Err(refused @ Disconnected::Refused { .. }) => return refused,
                Ok(Turn::Idle) | Err(_) => return error,
            }
        }
    }

    fn receive(&mut self, frame: Bytes) -> Result<(), Disconnected> {
        self.link.state().wire.received(frame.len());
        let mut messages = 0;
        let mut taken = Ok(());
        for reply in Reply::decode_frame(frame) {
            let reply = reply.map_err(|source| Disconnected::BadMessage { source });
            messages += 1;
            taken = reply.and_then(|reply| self.handle(reply));
            if taken.is_err() {
                break;
            }
            if self.answers.len() >= ANSWERS {
                self.deliver(mem::take(&mut messages));
            }
        }
        // What stands before the link's end is answered.
        self.deliver(messages);
        taken
    }

    fn handle(&mut self, reply: Reply) -> Result<(), Disconnected> {
        match reply {
            Reply::Value { seq, content, value } => self.payload(seq, Head::Value(content), value),
            Reply::Described { seq, body } => self.payload(seq, Head::Described, body),
            Reply::Uploaded { seq, module, name, hash, replaced, manifest } => {
                self.give_up_sending(seq);
                self.payload(seq, Head::Uploaded { module, name, hash, replaced }, manifest);
            }
            Reply::Failed { seq, failure } => {
                self.give_up_sending(seq);
                self.incoming.remove(&seq);
                self.answer(seq, Answer::Failed(Box::new(failure)));
            }
            Reply::Waited { seq, states } => self.answer(seq, Answer::Waited(states)),
            Reply::Done { seq } => self.answer(seq, Answer::Done),
            Reply::Ack { calls, bytes, .. } => {
                self.link.state().outbox.grant(calls, bytes);
                self.link.notify_room();
            }
            Reply::Wanted { seq } => self.send_module(seq),
            Reply::Log { of, level, text } => {
                let readers = self.link.state().logs.clone();
                logs::deliver(readers.as_ref(), LogLine { of, level, text });
            }
            Reply::Chunk { transfer, offset, bytes } => self.chunk(transfer, offset, &bytes)?,
            Reply::Credit { transfer, until } => self.outgoing.grant(transfer, until),
            Reply::Welcome { version, server, guest_abi, data_format, wasmtime } => {
                let protocol = version;
                let versions =
                    ServerVersions { server, protocol, guest_abi, data_format, wasmtime };
                self.answers.push((GREETING, Answer::Welcome(Box::new(versions))));
            }
            Reply::Attached { session, key, writer, taken, calls, bytes, lease_ms } => {
                let next = Seq::new(taken.saturating_add(1)).ok_or_else(|| {
                    Disconnected::Unexpected { what: format!("it took {taken} messages") }
                })?;
                self.link.attach(next, calls, bytes);
                let attached = Attached { session, key, writer, lease_ms };
                self.answers.push((ATTACHING, Answer::Attached(Box::new(attached))));
            }
            Reply::Refused { failure } => return Err(Disconnected::Refused { failure }),
        }
        Ok(())
    }

    fn answer(&mut self, seq: Seq, answer: Answer) {
        self.answers.push((seq.get(), answer));
    }

    /// An answer that has a payload: complete, or the beginning of a transfer.
    fn payload(&mut self, seq: Seq, head: Head, payload: Payload) {
        let size = match payload {
            Payload::Inline(bytes) => return self.answer(seq, head.with(bytes)),
            Payload::Transfer { size: 0 } => return self.answer(seq, head.with(Bytes::new())),
            Payload::Transfer { size } => size,
        };
        let mut state = self.link.state();
        if state.slots.contains_key(&seq.get()) {
            self.incoming.insert(seq, Incoming::new(head, size));
        } else {
            state.outbox.push_control(&Request::Abort { transfer: seq });
        }
    }

    /// A piece of a payload; of one that was given up it may still come.
    fn chunk(&mut self, seq: Seq, offset: u64, bytes: &[u8]) -> Result<(), Disconnected> {
        let Some(incoming) = self.incoming.remove(&seq) else { return Ok(()) };
        match incoming.receive(offset, bytes) {
            Received::More(incoming) => {
                self.incoming.insert(seq, incoming);
            }
            Received::Grant(incoming, until) => {
                self.incoming.insert(seq, incoming);
                let credit = Request::Credit { transfer: seq, until };
                self.link.state().outbox.push_control(&credit);
            }
            Received::Complete(answer) => self.answer(seq, answer),
            Received::Wrong => {
                let what =
                    format!("a piece at byte {offset} of transfer {} does not fit", seq.get());
                return Err(Disconnected::Unexpected { what });
            }
        }
        Ok(())
    }

    fn send_module(&mut self, seq: Seq) {
        let mut state = self.link.state();
        let upload = state.slots.get_mut(&seq.get()).and_then(|slot| slot.upload.take());
        match upload {
            Some(outgoing) => {
                state.outbox.hold(outgoing.left());
                self.outgoing.start(*outgoing);
            }
            None => state.outbox.push_control(&Request::Abort { transfer: seq }),
        }
    }

    /// The server answered already, so the rest of what is being sent is useless.
    fn give_up_sending(&mut self, seq: Seq) {
        if let Some(unsent) = self.outgoing.remove(seq) {
            self.link.state().outbox.let_go(unsent);
            self.link.notify_room();
        }
    }

    /// Puts the answers into their slots, and wakes those who wait for them.
    fn deliver(&mut self, messages: u64) {
        let mut state = self.link.state();
        state.wire.understood(messages);
        for (key, answer) in self.answers.drain(..) {
            // An answer that nobody waits for any more is let go.
            if let Some(slot) = state.slots.get_mut(&key) {
                slot.answer = Some(answer);
                self.wakers.extend(slot.waker.take());
            }
        }
        drop(state);
        self.wakers.drain(..).for_each(Waker::wake);
    }
}

/// Lets callers and the transport go on before the driver is polled again.
fn give_way<T>(cx: &mut Context<'_>) -> Poll<T> {
    // The first poll of it does nothing but arrange for the second.
    let _ = pin!(tokio::task::yield_now()).poll(cx);
    Poll::Pending
}

fn transport_failed(error: io::Error) -> Disconnected {
    Disconnected::Transport { source: Arc::new(error) }
}
