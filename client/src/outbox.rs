//! What waits to be sent, in the order of its numbers.
//!
//! A message that has credit is encoded at once into the last batch; each batch
//! becomes one frame. From the first call without credit on, messages wait as
//! they are, since none may overtake another.

use std::collections::VecDeque;
use std::mem;

use bytes::Bytes;
use farside_protocol::{ErrorCode, Failure, Payload, RefId, Request, Seq, caps};

use crate::transfer::Outgoing;

/// A batch takes no further message beyond this many bytes.
const BATCH_BYTES: usize = 64 * 1024;

/// Bytes that are worth a frame although nobody asked for anything yet.
const EAGER_BYTES: usize = 16 * 1024;

/// A frame up to this size is copied out of its buffer, which is then used again.
const COPIED_BYTES: usize = 4 * 1024;

/// Bytes that the queue may hold when a message is added, by default.
pub(crate) const QUEUE_BYTES: usize = 64 << 20;

/// Messages encoded one after the other, and the transfers that they announce.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) bytes: Vec<u8>,
    pub(crate) messages: u64,
    pub(crate) starts: Vec<Outgoing>,
}

/// A frame to send; its transfers may begin once it is on its way.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) bytes: Bytes,
    pub(crate) messages: u64,
    pub(crate) starts: Vec<Outgoing>,
}

impl Batch {
    fn push(&mut self, request: &Request) {
        request.encode(&mut self.bytes);
        self.messages += 1;
    }
}

/// What the server allows the writer in all, and what of it is used.
#[derive(Debug, Default)]
struct Credit {
    calls: u64,
    calls_until: u64,
    bytes: u64,
    bytes_until: u64,
    /// The most argument bytes that can ever be under way at once.
    window: u64,
}

impl Credit {
    /// Charges a call, if there is credit for it; all else is free.
    fn admit(&mut self, request: &Request) -> bool {
        let Request::Call { args, .. } = request else { return true };
        let bytes = self.bytes.saturating_add(args.size());
        if self.calls >= self.calls_until || bytes > self.bytes_until {
            return false;
        }
        self.calls += 1;
        self.bytes = bytes;
        true
    }
}

/// What `take` leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    /// Nothing that could be sent now.
    Nothing,
    /// Messages for which nobody waits; they may wait for company.
    Lingering,
}

/// A message that stands behind a call without credit.
#[derive(Debug)]
struct Waiting {
    request: Request,
    outgoing: Option<Outgoing>,
    /// It is a call that was cancelled meanwhile.
    cancelled: Option<RefId>,
}

/// The queue of one connection.
#[derive(Debug)]
pub(crate) struct Outbox {
    next: Seq,
    credit: Credit,
    batches: VecDeque<Batch>,
    waiting: VecDeque<Waiting>,
    /// Grants and aborts of transfers: not numbered, sent before all else.
    control: Batch,
    dropped: Vec<RefId>,
    /// Bytes of messages that are not sent yet.
    queued: usize,
    /// Bytes of transfers that are not sent yet.
    transferring: usize,
    /// The most of either, when a message is added.
    limit: usize,
    due: bool,
    closed: bool,
    spare: Vec<u8>,
}

impl Outbox {
    pub(crate) fn new(limit: usize) -> Outbox {
        Outbox {
            next: Seq::FIRST,
            credit: Credit::default(),
            batches: VecDeque::new(),
            waiting: VecDeque::new(),
            control: Batch::default(),
            dropped: Vec::new(),
            queued: 0,
            transferring: 0,
            limit,
            due: false,
            closed: false,
            spare: Vec::new(),
        }
    }

    /// Begins the numbering and the credit of a writer.
    pub(crate) fn attach(&mut self, next: Seq, calls: u64, bytes: u64) {
        self.next = next;
        self.credit =
            Credit { calls_until: calls, bytes_until: bytes, window: bytes, ..Credit::default() };
    }

    /// Appends the message that `make` makes of its number; `body` is the payload
    /// that it announces as a transfer.
    pub(crate) fn push(&mut self, make: impl FnOnce(Seq) -> Request, body: Option<Bytes>) -> Seq {
        let seq = self.next;
        self.next = seq.next();
        if self.closed {
            return seq;
        }
        let request = make(seq);
        let outgoing = body.map(|body| Outgoing::new(seq, body));
        self.hold(outgoing.as_ref().map_or(0, Outgoing::left));
        if self.waiting.is_empty() && self.credit.admit(&request) {
            self.encode(&request, outgoing);
        } else {
            self.queued += inline_len(&request);
            self.waiting.push_back(Waiting { request, outgoing, cancelled: None });
        }
        seq
    }

    /// Appends a message that somebody waits for the answer of. What was dropped
    /// before it is released before it.
    pub(crate) fn ask(&mut self, make: impl FnOnce(Seq) -> Request, body: Option<Bytes>) -> Seq {
        self.release_dropped();
        let seq = self.push(make, body);
        self.flush();
        seq
    }

    /// Appends the cancelling of a call, of this writer if it has a number. It does
    /// not stand behind calls that wait for credit; with one of those it goes out.
    pub(crate) fn cancel(&mut self, of: RefId, own: Option<Seq>) {
        if self.closed {
            return;
        }
        let first = self.waiting.front().and_then(|waiting| waiting.request.seq());
        let place = own.zip(first).and_then(|(own, first)| own.get().checked_sub(first.get()));
        match place.and_then(|place| self.waiting.get_mut(usize::try_from(place).ok()?)) {
            Some(Waiting { request: Request::Call { .. }, cancelled, .. }) => *cancelled = Some(of),
            // Puts and selections go out as they are.
            Some(_) => {}
            None => self.encode(&Request::Cancel { of }, None),
        }
        self.flush();
    }

    /// Appends a message without a number, which begins a connection or session.
    pub(crate) fn push_handshake(&mut self, request: &Request) {
        if !self.closed {
            self.encode(request, None);
            self.due = true;
        }
    }

    /// Adds a grant or abort of a transfer.
    pub(crate) fn push_control(&mut self, request: &Request) {
        self.control.push(request);
    }

    fn encode(&mut self, request: &Request, outgoing: Option<Outgoing>) {
        if self.batches.is_empty() {
            let bytes = mem::take(&mut self.spare);
            self.batches.push_back(Batch { bytes, ..Batch::default() });
        }
        let Some(last) = self.batches.back_mut() else { return };
        let before = last.bytes.len();
        last.push(request);
        let after = last.bytes.len();
        self.queued += after - before;
        if after > BATCH_BYTES && before > 0 {
            let bytes = last.bytes.split_off(before);
            last.messages -= 1;
            self.batches.push_back(Batch { bytes, messages: 1, starts: Vec::new() });
        }
        if let (Some(last), Some(outgoing)) = (self.batches.back_mut(), outgoing) {
            last.starts.push(outgoing);
        }
        self.due |= self.batches.len() > 1 || after >= EAGER_BYTES;
    }

    /// References that their owners dropped; they are released in a message that
    /// goes before the next question, or with the next flush.
    pub(crate) fn release(&mut self, refs: &[RefId]) {
        if !self.closed {
            self.dropped.extend_from_slice(refs);
        }
    }

    /// Someone waits: what is queued goes out as soon as it can.
    pub(crate) fn flush(&mut self) {
        self.due = true;
    }

    /// New totals from the server; what now has credit moves up.
    pub(crate) fn grant(&mut self, calls: u64, bytes: u64) {
        self.credit.calls_until = self.credit.calls_until.max(calls);
        self.credit.bytes_until = self.credit.bytes_until.max(bytes);
        while let Some(Waiting { request, .. }) = self.waiting.front()
            && self.credit.admit(request)
            && let Some(Waiting { request, outgoing, cancelled }) = self.waiting.pop_front()
        {
            // Ahead of the call, which then never runs.
            if let Some(of) = cancelled {
                self.encode(&Request::Cancel { of }, None);
            }
            self.queued = self.queued.saturating_sub(inline_len(&request));
            self.encode(&request, outgoing);
            self.due = true;
        }
    }

    /// The next frame, if one is due.
    pub(crate) fn take(&mut self) -> Option<Frame> {
        if self.control.messages > 0 {
            return Some(self.frame_of_control());
        }
        if !self.due {
            return None;
        }
        // While calls wait for credit, what is dropped is collected further.
        if self.batches.len() <= 1 && self.waiting.is_empty() {
            self.release_dropped();
        }
        let Some(batch) = self.batches.pop_front() else {
            self.due = false;
            return None;
        };
        let Batch { mut bytes, messages, starts } = batch;
        self.queued = self.queued.saturating_sub(bytes.len());
        let bytes = if bytes.len() <= COPIED_BYTES {
            let frame = Bytes::copy_from_slice(&bytes);
            bytes.clear();
            self.spare = bytes;
            frame
        } else {
            Bytes::from(bytes)
        };
        Some(Frame { bytes, messages, starts })
    }

    fn frame_of_control(&mut self) -> Frame {
        let Batch { bytes, messages, starts } = mem::take(&mut self.control);
        Frame { bytes: Bytes::from(bytes), messages, starts }
    }

    /// Releases go behind everything that is queued.
    fn release_dropped(&mut self) {
        if self.dropped.is_empty() {
            return;
        }
        let dropped = mem::take(&mut self.dropped);
        for refs in dropped.chunks(caps::REFS_IN_MESSAGE) {
            let refs = refs.to_vec();
            self.push(|seq| Request::Release { seq, refs }, None);
        }
        self.dropped = dropped;
        self.dropped.clear();
    }

    /// Whether what is due is a small frame that holds less than one in `share` of
    /// the questions that are open.
    pub(crate) fn is_few_of(&self, open: u64, share: u64) -> bool {
        let few = |batch: &Batch| {
            batch.bytes.len() < EAGER_BYTES && batch.messages.saturating_mul(share) < open
        };
        self.due
            && self.control.messages == 0
            && self.batches.len() == 1
            && self.batches.front().is_some_and(few)
    }

    pub(crate) fn rest(&self) -> Rest {
        let releasable = !self.dropped.is_empty() && self.waiting.is_empty();
        if self.batches.is_empty() && !releasable { Rest::Nothing } else { Rest::Lingering }
    }

    /// Whether what is queued goes out with the driver's next turn.
    pub(crate) fn is_due(&self) -> bool {
        self.due || self.control.messages > 0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.batches.is_empty()
            && self.waiting.is_empty()
            && self.dropped.is_empty()
            && self.control.messages == 0
    }

    /// Counts bytes of a transfer.
    pub(crate) fn hold(&mut self, bytes: usize) {
        self.transferring += bytes;
    }

    /// Bytes of transfers that were sent or given up.
    pub(crate) fn let_go(&mut self, bytes: usize) {
        self.transferring = self.transferring.saturating_sub(bytes);
    }

    /// Whether all bytes of all transfers are on their way.
    pub(crate) fn has_transferred(&self) -> bool {
        self.transferring == 0
    }

    /// Whether another message may be added. Each limit may be overshot by one; a
    /// large value on its way keeps no small message from being added.
    ///
    /// # Errors
    /// The failure that the message's reference breaks with.
    pub(crate) fn check_room(&self, argument_bytes: u64, transfer: bool) -> Result<(), Failure> {
        let held = if transfer { self.transferring } else { self.queued };
        if held >= self.limit && !self.closed {
            let message = format!(
                "the connection's queue holds {held} bytes that the server has not taken yet"
            );
            return Err(Failure::new(ErrorCode::QuotaExceeded, message)
                .with_hint("await `session.ready()` before making more calls"));
        }
        if argument_bytes > self.credit.window && !self.closed {
            let message = format!(
                "arguments of {argument_bytes} bytes; the server takes {} at once",
                self.credit.window
            );
            return Err(Failure::new(ErrorCode::ValueTooLarge, message)
                .with_hint("a program can `put` the large part and pass its reference"));
        }
        Ok(())
    }

    /// Whether a call made now would be sent rather than wait.
    pub(crate) fn is_ready(&self) -> bool {
        self.waiting.is_empty()
            && self.credit.calls < self.credit.calls_until
            && self.queued.max(self.transferring) < self.limit / 2
    }

    /// The connection is lost: nothing is sent any more.
    pub(crate) fn close(&mut self) {
        *self = Outbox { closed: true, next: self.next, ..Outbox::new(self.limit) };
    }
}

fn inline_len(request: &Request) -> usize {
    match request {
        Request::Call { args: Payload::Inline(bytes), .. }
        | Request::Put { value: Payload::Inline(bytes), .. } => bytes.len(),
        Request::Release { refs, .. } | Request::Wait { refs, .. } => size_of_val(&refs[..]),
        _ => 0,
    }
}
