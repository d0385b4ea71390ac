//! What a connection still has to send: small replies first, then the chunks of
//! transfers in turn, each within its credit.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use bytes::Bytes;
use farside_protocol::{Failure, ModuleHash, Payload, Reply, Seq, caps};
use tokio::runtime::Handle;

use crate::failures;
use crate::session::{Body, Value};

/// Replies are gathered into frames of about this size.
const FRAME_TARGET: usize = 64 * 1024;

/// Beyond this many unsent bytes the connection stops reading requests.
const FULL: usize = 1 << 20;

/// Beyond them only values up to this size are still sent in messages.
const SMALL: usize = 1024;

/// Read from storage at once, for a transfer.
const READ_AHEAD: u64 = 256 * 1024;

/// A connection's queue of replies, filled from any thread.
pub(crate) struct Outbox {
    runtime: Handle,
    /// Short: encodes small replies, slices large values; never waits.
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    /// Frames of small replies; the last one is still growing.
    frames: VecDeque<Vec<u8>>,
    queued_bytes: usize,
    transfers: VecDeque<Outgoing>,
    /// The last reply is queued; nothing is taken any more.
    closing: bool,
    /// The connection's task, while it sleeps.
    waker: Option<Waker>,
}

/// A value on its way to the client.
struct Outgoing {
    transfer: Seq,
    value: Value,
    sent: u64,
    granted: u64,
    /// Bytes read from storage and not sent yet; they begin at `sent`.
    ahead: Bytes,
    reading: bool,
}

/// What there is to send.
pub(crate) enum Next {
    Frame(Bytes),
    /// Nothing now; the waker will be called.
    Wait,
    /// Nothing ever again.
    End,
}

impl Outbox {
    pub(crate) fn new(runtime: Handle) -> Outbox {
        Outbox { runtime, queue: Mutex::default() }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a small reply.
    pub(crate) fn send(&self, reply: Reply) {
        let mut queue = self.queue();
        queue.push(&reply);
        wake(queue);
    }

    /// Answers with a value, in the message or as a transfer.
    pub(crate) fn send_value(&self, seq: Seq, value: Value) {
        let content = value.content.clone();
        self.send_payload(seq, value, |value| Reply::Value { seq, content, value });
    }

    pub(crate) fn send_description(&self, seq: Seq, body: Value) {
        self.send_payload(seq, body, |body| Reply::Described { seq, body });
    }

    pub(crate) fn send_uploaded(
        &self,
        seq: Seq,
        module: u32,
        name: String,
        hash: ModuleHash,
        replaced: bool,
        manifest: Value,
    ) {
        self.send_payload(seq, manifest, |manifest| Reply::Uploaded {
            seq,
            module,
            name,
            hash,
            replaced,
            manifest,
        });
    }

    fn send_payload(&self, seq: Seq, value: Value, reply: impl FnOnce(Payload) -> Reply) {
        let mut queue = self.queue();
        // Bytes in a message are copied into the queue; a transfer's are not.
        let inline = if queue.queued_bytes > FULL { SMALL } else { caps::INLINE_BYTES };
        match &value.body {
            Body::Memory(bytes) if bytes.len() <= inline => {
                queue.push(&reply(Payload::Inline(bytes.clone())));
            }
            _ => {
                queue.push(&reply(Payload::Transfer { size: value.len() }));
                queue.transfers.push_back(Outgoing {
                    transfer: seq,
                    value,
                    sent: 0,
                    granted: caps::TRANSFER_CREDIT,
                    ahead: Bytes::new(),
                    reading: false,
                });
            }
        }
        wake(queue);
    }

    /// The client takes more of a transfer.
    pub(crate) fn grant(&self, transfer: Seq, until: u64) {
        let mut queue = self.queue();
        let found = queue.transfers.iter_mut().find(|outgoing| outgoing.transfer == transfer);
        if let Some(outgoing) = found {
            outgoing.granted = outgoing.granted.max(until);
        }
        wake(queue);
    }

    /// The client does not want the rest of a transfer.
    pub(crate) fn abort(&self, transfer: Seq) {
        self.queue().transfers.retain(|outgoing| outgoing.transfer != transfer);
    }

    /// Tells the client why the connection ends, and ends it.
    pub(crate) fn refuse(&self, failure: Failure) {
        let mut queue = self.queue();
        queue.push(&Reply::Refused { failure });
        queue.closing = true;
        queue.transfers.clear();
        wake(queue);
    }

    /// Whether nothing waits to be sent.
    pub(super) fn is_sent(&self) -> bool {
        let queue = self.queue();
        queue.frames.is_empty() && queue.transfers.is_empty()
    }

    /// Whether so much is unsent that nothing more should be asked.
    pub(crate) fn is_full(&self) -> bool {
        self.queue().queued_bytes > FULL
    }

    /// The next frame to send. Without one, `waker` is called once there is.
    pub(crate) fn next(self: &Arc<Self>, waker: &Waker) -> Next {
        let mut queue = self.queue();
        if let Some(frame) = queue.frames.pop_front() {
            queue.queued_bytes -= frame.len();
            return Next::Frame(frame.into());
        }
        if queue.closing {
            return Next::End;
        }
        for _ in 0..queue.transfers.len() {
            let Some(mut outgoing) = queue.transfers.pop_front() else { break };
            let chunk = outgoing.next_chunk();
            if outgoing.needs_reading() {
                outgoing.reading = true;
                self.read_ahead(&outgoing);
            }
            let is_done = outgoing.sent == outgoing.value.len();
            let transfer = outgoing.transfer;
            if !is_done {
                queue.transfers.push_back(outgoing);
            }
            if let Some((offset, bytes)) = chunk {
                let mut frame = Vec::with_capacity(bytes.len() + 32);
                Reply::Chunk { transfer, offset, bytes }.encode(&mut frame);
                return Next::Frame(frame.into());
            }
        }
        queue.waker = Some(waker.clone());
        Next::Wait
    }

    fn read_ahead(self: &Arc<Self>, outgoing: &Outgoing) {
        let Body::Stored(stored) = &outgoing.value.body else { return };
        let (stored, outbox) = (Arc::clone(stored), Arc::clone(self));
        let (transfer, from) = (outgoing.transfer, outgoing.sent);
        let until = (from + READ_AHEAD).min(stored.len());
        self.runtime.spawn(async move {
            let read = stored.read(from..until).await;
            let mut queue = outbox.queue();
            let place = queue.transfers.iter().position(|out| out.transfer == transfer);
            match (read, place) {
                (Ok(bytes), Some(place)) => {
                    let outgoing = &mut queue.transfers[place];
                    outgoing.reading = false;
                    outgoing.ahead = bytes;
                }
                (Err(error), Some(place)) => {
                    queue.transfers.remove(place);
                    queue.push(&Reply::Failed {
                        seq: transfer,
                        failure: failures::of_storage(&error),
                    });
                }
                (_, None) => {}
            }
            wake(queue);
        });
    }
}

fn wake(mut queue: MutexGuard<'_, Queue>) {
    let waker = queue.waker.take();
    drop(queue);
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl Queue {
    fn push(&mut self, reply: &Reply) {
        if self.closing {
            return;
        }
        let growing = self.frames.back_mut().filter(|frame| frame.len() < FRAME_TARGET);
        let frame = match growing {
            Some(frame) => frame,
            None => {
                self.frames.push_back(Vec::with_capacity(128));
                let last = self.frames.len() - 1;
                &mut self.frames[last]
            }
        };
        let before = frame.len();
        reply.encode(frame);
        self.queued_bytes += frame.len() - before;
    }
}

impl Outgoing {
    /// The next piece that may be sent and is there.
    fn next_chunk(&mut self) -> Option<(u64, Bytes)> {
        let len = (self.granted.min(self.value.len()) - self.sent).min(caps::CHUNK_BYTES as u64);
        let chunk = match &self.value.body {
            Body::Memory(bytes) => {
                let at = self.sent as usize;
                bytes.slice(at..at + len as usize)
            }
            Body::Stored(_) => self.ahead.split_to(self.ahead.len().min(len as usize)),
        };
        if chunk.is_empty() {
            return None;
        }
        let offset = self.sent;
        self.sent += chunk.len() as u64;
        Some((offset, chunk))
    }

    fn needs_reading(&self) -> bool {
        matches!(self.value.body, Body::Stored(_))
            && self.ahead.is_empty()
            && !self.reading
            && self.sent < self.granted.min(self.value.len())
    }
}
