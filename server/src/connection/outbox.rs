//! What a connection still has to send: small replies first, then the chunks of
//! transfers in turn, each within its credit.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use bytes::Bytes;
use farside_protocol::{
    ErrorCode, Failure, LogLevel, ModuleHash, Payload, RefId, Reply, Seq, caps,
};
use tokio::runtime::Handle;

use crate::failures;
use crate::session::{Body, Value};

/// Replies are gathered into frames of about this size.
const FRAME_TARGET: usize = 64 * 1024;

/// A frame up to this size is copied out of its buffer, which is then used again.
const COPIED: usize = 4 * 1024;

/// Beyond this many unsent bytes the connection stops reading requests.
const FULL: usize = 1 << 20;

/// Beyond them only values up to this size are still sent in messages.
const SMALL: usize = 1024;

/// Values that may be on their way at once: as many as a client can ask for in good
/// faith while one call ends.
const TRANSFERS: usize = 16 * 1024;

/// Read from storage at once, for a transfer.
const READ_AHEAD: u64 = 512 * 1024;

/// Transfers of a connection that are read ahead at once. What is read has credit, so
/// that none of them keeps its place for longer than the link takes to carry it.
const READ_AT_ONCE: usize = 8;

/// A connection's queue of replies, filled from any thread.
pub(crate) struct Outbox {
    runtime: Handle,
    /// Whether the link is closed without waiting for what is unsent.
    given_up: AtomicBool,
    /// Short: encodes small replies, slices large values; never waits.
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    /// Frames of small replies that are large enough.
    frames: VecDeque<Bytes>,
    /// The frame after them.
    growing: Vec<u8>,
    queued_bytes: usize,
    transfers: VecDeque<Outgoing>,
    /// Guests' log lines are left out, which the client was told.
    logs_left_out: bool,
    /// The last reply is queued; nothing is taken any more.
    closing: bool,
    /// The client is to be asked for a sign of life.
    probes: bool,
    /// The connection's task, while its link takes nothing more.
    blocked: Option<Waker>,
    /// The connection's task, while it sleeps: it need not wake itself.
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
    /// Bytes after them, read while they are sent.
    behind: Bytes,
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
        Outbox { runtime, given_up: AtomicBool::new(false), queue: Mutex::default() }
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

    /// Answers with a failure that is kept.
    pub(crate) fn send_failure(&self, seq: Seq, failure: &Failure) {
        self.send(Reply::Failed { seq, failure: failure.clone() });
    }

    /// Queues a line that a guest logged, unless the client reads too slowly.
    pub(crate) fn send_log(&self, of: RefId, level: LogLevel, text: &str) {
        let mut queue = self.queue();
        let leaves_out = queue.queued_bytes > FULL;
        let left_out = std::mem::replace(&mut queue.logs_left_out, leaves_out);
        match (leaves_out, left_out) {
            (false, _) => queue.push(&Reply::Log { of, level, text: text.to_owned() }),
            (true, false) => {
                let text = "log lines are left out here: the client reads too slowly".to_owned();
                queue.push(&Reply::Log { of, level: LogLevel::Warn, text });
            }
            (true, true) => {}
        }
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
        match value.body {
            Body::Memory(bytes) if bytes.len() <= inline => {
                queue.push(&reply(Payload::Inline(bytes)));
            }
            _ if queue.transfers.len() >= TRANSFERS => {
                let message = format!("{TRANSFERS} values are on their way to the client");
                let failure = Failure::new(ErrorCode::QuotaExceeded, message)
                    .with_hint("read them, or give them up, before asking for more");
                queue.push(&Reply::Failed { seq, failure });
            }
            _ => {
                queue.push(&reply(Payload::Transfer { size: value.len() }));
                queue.transfers.push_back(Outgoing {
                    transfer: seq,
                    value,
                    sent: 0,
                    granted: caps::TRANSFER_CREDIT,
                    ahead: Bytes::new(),
                    behind: Bytes::new(),
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

    /// Asks the client for a sign of life.
    pub(super) fn probe(&self) {
        let mut queue = self.queue();
        queue.probes = true;
        wake(queue);
    }

    /// Ends the connection without waiting for the client to read.
    pub(super) fn give_up(&self) {
        self.given_up.store(true, Ordering::Relaxed);
        let mut queue = self.queue();
        let blocked = queue.blocked.take();
        wake(queue);
        if let Some(blocked) = blocked {
            blocked.wake();
        }
    }

    pub(super) fn is_given_up(&self) -> bool {
        self.given_up.load(Ordering::Relaxed)
    }

    /// Whom to wake when the link is given up, while that takes nothing more.
    pub(super) fn wakes_when_given_up(&self, waker: &Waker) {
        self.queue().blocked = Some(waker.clone());
    }

    /// Whether nothing waits to be sent.
    pub(super) fn is_sent(&self) -> bool {
        let queue = self.queue();
        queue.queued_bytes == 0 && queue.transfers.is_empty()
    }

    /// Whether so much is unsent that nothing more should be asked.
    pub(crate) fn is_full(&self) -> bool {
        self.queue().queued_bytes > FULL
    }

    /// The next frame to send. Without one, `waker` is called once there is.
    pub(crate) fn next(self: &Arc<Self>, waker: Option<&Waker>) -> Next {
        let mut queue = self.queue();
        queue.waker = None;
        if let Some(frame) = queue.next_frame() {
            return Next::Frame(frame);
        }
        if queue.closing {
            return Next::End;
        }
        if std::mem::take(&mut queue.probes) {
            return Next::Frame(Bytes::new());
        }
        for _ in 0..queue.transfers.len() {
            let Some(mut outgoing) = queue.transfers.pop_front() else { break };
            let chunk = outgoing.next_chunk();
            if let Some(range) = outgoing.unread()
                && queue.transfers.iter().filter(|other| other.is_ahead()).count() < READ_AT_ONCE
            {
                outgoing.reading = true;
                self.read_ahead(&outgoing, range);
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
        queue.waker = waker.cloned();
        Next::Wait
    }

    fn read_ahead(self: &Arc<Self>, outgoing: &Outgoing, range: Range<u64>) {
        let Body::Stored(stored) = &outgoing.value.body else { return };
        let (stored, outbox) = (Arc::clone(stored), Arc::clone(self));
        let transfer = outgoing.transfer;
        self.runtime.spawn(async move {
            let read = stored.read(range).await;
            let mut queue = outbox.queue();
            let place = queue.transfers.iter().position(|out| out.transfer == transfer);
            match (read, place) {
                (Ok(bytes), Some(place)) => {
                    let outgoing = &mut queue.transfers[place];
                    outgoing.reading = false;
                    outgoing.behind = bytes;
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
        let before = self.growing.len();
        match reply {
            // Who does not read what it is told is told less.
            Reply::Failed { seq, failure } if self.queued_bytes > FULL => {
                let failure = failure.brief();
                Reply::Failed { seq: *seq, failure }.encode(&mut self.growing);
            }
            reply => reply.encode(&mut self.growing),
        }
        self.queued_bytes += self.growing.len() - before;
        if self.growing.len() >= FRAME_TARGET {
            let frame = std::mem::take(&mut self.growing);
            self.frames.push_back(frame.into());
        }
    }

    /// The next frame of small replies.
    fn next_frame(&mut self) -> Option<Bytes> {
        let frame = match self.frames.pop_front() {
            Some(frame) => frame,
            None if self.growing.is_empty() => return None,
            None if self.growing.len() <= COPIED => {
                let frame = Bytes::copy_from_slice(&self.growing);
                self.growing.clear();
                frame
            }
            None => std::mem::take(&mut self.growing).into(),
        };
        self.queued_bytes -= frame.len();
        Some(frame)
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
            Body::Stored(_) => {
                if self.ahead.is_empty() {
                    self.ahead = std::mem::take(&mut self.behind);
                }
                self.ahead.split_to(self.ahead.len().min(len as usize))
            }
        };
        if chunk.is_empty() {
            return None;
        }
        let offset = self.sent;
        self.sent += chunk.len() as u64;
        Some((offset, chunk))
    }

    /// What is to be read from storage now, if anything is: much at once, unless there
    /// is nothing to send meanwhile.
    fn unread(&self) -> Option<Range<u64>> {
        let is_free = matches!(self.value.body, Body::Stored(_)) && !self.reading;
        let from = self.sent + self.ahead.len() as u64;
        let until = (from + READ_AHEAD).min(self.granted).min(self.value.len());
        let is_worth_it =
            self.ahead.is_empty() || until == self.value.len() || until - from >= READ_AHEAD / 2;
        (is_free && self.behind.is_empty() && from < until && is_worth_it).then_some(from..until)
    }

    /// Whether anything is read, or being read, that is not sent.
    fn is_ahead(&self) -> bool {
        self.reading || !self.ahead.is_empty() || !self.behind.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The replies of all frames that are queued.
    fn replies(outbox: &Arc<Outbox>) -> Vec<Reply> {
        let mut replies = Vec::new();
        while let Next::Frame(frame) = outbox.next(None) {
            replies.extend(Reply::decode_frame(frame).map(Result::unwrap));
        }
        replies
    }

    #[tokio::test]
    async fn who_does_not_read_is_told_failures_in_brief() {
        let outbox = Arc::new(Outbox::new(Handle::current()));
        let failure = Failure::new(ErrorCode::Trap, "x".repeat(1000)).with_hint("y".repeat(3000));
        for _ in 0..2000 {
            outbox.send_failure(Seq::FIRST, &failure);
        }
        let replies = replies(&outbox);
        assert_eq!(replies.len(), 2000);
        let told = |failure| Reply::Failed { seq: Seq::FIRST, failure };
        assert_eq!(replies.first(), Some(&told(failure.clone())));
        assert_eq!(replies.last(), Some(&told(failure.brief())));
        let whole = replies.iter().filter(|reply| **reply == told(failure.clone())).count();
        assert!(whole * 4000 < FULL + 2 * 4000 + FRAME_TARGET, "{whole} are told whole");
    }

    #[tokio::test]
    async fn log_lines_are_left_out_until_there_is_room() {
        let outbox = Arc::new(Outbox::new(Handle::current()));
        let of = RefId::from_bits(1);
        let line = "l".repeat(10_000);
        let log = |times| (0..times).for_each(|_| outbox.send_log(of, LogLevel::Info, &line));
        log(1000);
        let first = replies(&outbox);
        assert!(first.len() * line.len() < FULL + 3 * line.len(), "{} lines", first.len());
        let notes =
            first.iter().filter(|reply| matches!(reply, Reply::Log { text, .. } if *text != line));
        assert_eq!(notes.count(), 1);
        log(3);
        assert_eq!(replies(&outbox).len(), 3);
    }
}
