//! Payloads too large for one message, on their way in pieces.
//!
//! Both tables belong to the driver alone, so no lock is held while bytes are
//! copied. Each transfer has its own credit: a slow one stops no other.

use std::collections::VecDeque;

use bytes::Bytes;
use farside_protocol::{Buffer, ContentType, ModuleHash, Request, Seq, caps};
use tokio::sync::watch;

use crate::ask::{Answer, Uploaded};

/// Bytes that the server may be ahead of what this client has received. Four
/// times the first credit: grants then travel while the pipe is still full.
const WINDOW: u64 = 4 * caps::TRANSFER_CREDIT;

/// Most bytes reserved because a peer said that they will come; beyond it the
/// buffer grows with what did come. Reserving takes address space, and no memory.
const RESERVE_BYTES: u64 = 1 << 30;

/// A payload that is being sent.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) seq: Seq,
    bytes: Bytes,
    offset: u64,
    until: u64,
    progress: Option<watch::Sender<u64>>,
}

impl Outgoing {
    pub(crate) fn new(seq: Seq, bytes: Bytes) -> Outgoing {
        Outgoing { seq, bytes, offset: 0, until: caps::TRANSFER_CREDIT, progress: None }
    }

    /// The same transfer, which tells how many bytes it has sent.
    pub(crate) fn reporting(mut self, progress: watch::Sender<u64>) -> Outgoing {
        self.progress = Some(progress);
        self
    }

    /// Bytes still to be sent.
    pub(crate) fn left(&self) -> usize {
        self.bytes.len()
    }

    fn chunk(&mut self) -> Option<Request> {
        let credit = usize::try_from(self.until.saturating_sub(self.offset)).unwrap_or(usize::MAX);
        let len = self.bytes.len().min(caps::CHUNK_BYTES).min(credit);
        if len == 0 {
            return None;
        }
        let bytes = self.bytes.split_to(len);
        let offset = self.offset;
        self.offset += len as u64;
        if let Some(progress) = &self.progress {
            progress.send_replace(self.offset);
        }
        Some(Request::Chunk { transfer: self.seq, offset, bytes })
    }
}

/// Everything that is being sent, in the order of its turns.
#[derive(Debug, Default)]
pub(crate) struct Outgoings {
    turns: VecDeque<Outgoing>,
}

impl Outgoings {
    pub(crate) fn start(&mut self, outgoing: Outgoing) {
        self.turns.push_back(outgoing);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }

    /// The next piece of the first transfer that has credit; that transfer's next
    /// turn is its last.
    pub(crate) fn next_chunk(&mut self) -> Option<Request> {
        for _ in 0..self.turns.len() {
            let mut outgoing = self.turns.pop_front()?;
            let chunk = outgoing.chunk();
            if outgoing.left() > 0 {
                self.turns.push_back(outgoing);
            }
            if chunk.is_some() {
                return chunk;
            }
        }
        None
    }

    pub(crate) fn grant(&mut self, transfer: Seq, until: u64) {
        if let Some(outgoing) = self.turns.iter_mut().find(|outgoing| outgoing.seq == transfer) {
            outgoing.until = outgoing.until.max(until);
        }
    }

    /// Gives up a transfer, and says how many of its bytes were not sent.
    pub(crate) fn remove(&mut self, transfer: Seq) -> Option<usize> {
        let place = self.turns.iter().position(|outgoing| outgoing.seq == transfer)?;
        self.turns.remove(place).map(|outgoing| outgoing.left())
    }

    /// Gives up a module's transfer. A value's or an argument's goes on even if
    /// nobody waits for the result: its reference is made.
    pub(crate) fn remove_upload(&mut self, transfer: Seq) -> Option<usize> {
        let upload = |outgoing: &Outgoing| outgoing.seq == transfer && outgoing.progress.is_some();
        self.turns.iter().any(upload).then(|| self.remove(transfer))?
    }
}

/// What a received payload is part of.
#[derive(Debug)]
pub(crate) enum Head {
    Value(ContentType),
    Described,
    Uploaded { module: u32, name: String, hash: ModuleHash, replaced: bool },
}

impl Head {
    pub(crate) fn with(self, body: Bytes) -> Answer {
        match self {
            Head::Value(content) => Answer::Value(content, body),
            Head::Described => Answer::Described(body),
            Head::Uploaded { module, name, hash, replaced } => {
                Answer::Uploaded(Box::new(Uploaded {
                    module,
                    name,
                    hash,
                    replaced,
                    manifest: body,
                }))
            }
        }
    }
}

/// A payload that is being received.
#[derive(Debug)]
pub(crate) struct Incoming {
    head: Head,
    bytes: Buffer,
    size: u64,
    granted: u64,
}

/// What became of a transfer with the piece that came.
pub(crate) enum Received {
    /// There is more to come.
    More(Incoming),
    /// There is more to come, and the server may send up to this offset.
    Grant(Incoming, u64),
    /// It is complete.
    Complete(Answer),
    /// The piece does not belong where it says.
    Wrong,
}

impl Incoming {
    pub(crate) fn new(head: Head, size: u64) -> Incoming {
        let bytes = Buffer::with_capacity(size.min(RESERVE_BYTES) as usize);
        Incoming { head, bytes, size, granted: caps::TRANSFER_CREDIT }
    }

    pub(crate) fn receive(mut self, offset: u64, chunk: &[u8]) -> Received {
        let end = offset + chunk.len() as u64;
        if offset != self.bytes.len() as u64 || end > self.size || chunk.is_empty() {
            return Received::Wrong;
        }
        self.bytes.append(chunk);
        if end == self.size {
            return Received::Complete(self.head.with(self.bytes.into_bytes()));
        }
        let ahead = self.granted.saturating_sub(end);
        if self.granted >= self.size || ahead > WINDOW / 2 {
            return Received::More(self);
        }
        self.granted = (end + WINDOW).min(self.size);
        let until = self.granted;
        Received::Grant(self, until)
    }
}
