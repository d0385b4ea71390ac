//! A writer of a session: how far its messages are taken, and its credit.

use std::collections::BTreeSet;

use bytes::Bytes;
use farside_protocol::{Buffer, ContentType, Reply, Seq, caps};

use super::ids::ById;
use super::refs::Moment;
use crate::meter::Charge;
use crate::sandbox::CodeId;

/// Bytes that a client may be ahead of what was taken of a transfer. Four times the
/// first credit: grants then travel while the pipe is still full.
const AHEAD: u64 = 4 * caps::TRANSFER_CREDIT;

/// One attachment, past or present.
pub(super) struct Writer {
    /// The highest message number taken.
    pub(super) taken: u64,
    window: Window,
    calls: Credit,
    bytes: Credit,
    pub(super) incoming: ById<Seq, Incoming>,
    /// Numbers of calls that were cancelled before they came.
    cancelled: BTreeSet<u64>,
}

/// How much may be under way at once.
#[derive(Clone, Copy)]
pub(super) struct Window {
    pub(super) calls: u64,
    pub(super) bytes: u64,
}

/// Absolute totals: what was used, what has come back, what the client was told.
#[derive(Default)]
struct Credit {
    used: u64,
    back: u64,
    granted: u64,
}

/// A transfer that the client sends.
pub(super) struct Incoming {
    pub(super) size: u64,
    pub(super) received: Buffer,
    pub(super) granted: u64,
    pub(super) purpose: Purpose,
    /// All of it counts as memory from its announcement on.
    charge: Charge,
}

/// What a transfer's bytes become.
#[derive(Clone)]
pub(super) enum Purpose {
    Value(ContentType),
    /// Of a call that was taken at a moment.
    Arguments(Moment),
    Module {
        name: String,
        code: CodeId,
    },
}

/// A transfer that is there whole.
pub(crate) struct Arrived {
    pub(super) seq: Seq,
    pub(super) bytes: Bytes,
    pub(super) purpose: Purpose,
}

impl Writer {
    pub(super) fn new(window: Window) -> Writer {
        let granted = |granted| Credit { granted, ..Credit::default() };
        Writer {
            taken: 0,
            window,
            calls: granted(window.calls),
            bytes: granted(window.bytes),
            incoming: ById::default(),
            cancelled: BTreeSet::new(),
        }
    }

    /// Remembers that a call is cancelled which has not come; false if there are too
    /// many of them.
    pub(super) fn cancel_ahead(&mut self, number: u64) -> bool {
        self.cancelled = self.cancelled.split_off(&(self.taken + 1));
        let has_room = self.cancelled.len() < caps::CANCELS_AHEAD;
        if has_room {
            self.cancelled.insert(number);
        }
        has_room
    }

    /// Whether a call was cancelled before it came.
    pub(super) fn was_cancelled(&mut self, seq: Seq) -> bool {
        self.cancelled.remove(&seq.get())
    }

    /// Uses credit for one call; false if the client had none left.
    pub(super) fn use_call(&mut self, bytes: u64) -> bool {
        self.calls.used += 1;
        self.bytes.used = self.bytes.used.saturating_add(bytes);
        self.calls.used <= self.calls.granted && self.bytes.used <= self.bytes.granted
    }

    /// A call ended.
    pub(super) fn call_back(&mut self, bytes: u64) {
        self.calls.back += 1;
        self.bytes.back = self.bytes.back.saturating_add(bytes);
    }

    /// The totals that the client may reach.
    pub(super) fn totals(&self) -> (u64, u64) {
        (self.calls.granted, self.bytes.granted)
    }

    /// What tells the client of new credit, once a quarter of the window came back.
    pub(super) fn acknowledgement(&mut self) -> Option<Reply> {
        let calls = self.calls.back + self.window.calls;
        let bytes = self.bytes.back.saturating_add(self.window.bytes);
        let worth_telling = (calls - self.calls.granted) * 4 >= self.window.calls
            || (bytes - self.bytes.granted) * 4 >= self.window.bytes;
        if !worth_telling {
            return None;
        }
        self.calls.granted = calls;
        self.bytes.granted = bytes;
        Some(Reply::Ack { taken: self.taken, calls, bytes })
    }
}

impl Incoming {
    pub(super) fn new(size: u64, purpose: Purpose, charge: Charge) -> Incoming {
        Incoming {
            size,
            received: Buffer::with_capacity(0),
            granted: caps::TRANSFER_CREDIT,
            purpose,
            charge,
        }
    }

    /// Takes a piece. Gives the new credit, if the client shall be told of it.
    ///
    /// # Errors
    /// What is wrong with the piece.
    pub(super) fn take(&mut self, offset: u64, bytes: &[u8]) -> Result<Option<u64>, &'static str> {
        let end = offset.checked_add(bytes.len() as u64).ok_or("its offset overflows")?;
        if offset != self.received.len() as u64 {
            return Err("it does not continue where the last one ended");
        }
        if bytes.is_empty() || bytes.len() > caps::CHUNK_BYTES {
            return Err("it is empty or larger than a chunk may be");
        }
        if end > self.size {
            return Err("it goes beyond the announced size");
        }
        if end > self.granted {
            return Err("it goes beyond the credit");
        }
        if self.received.is_empty() {
            // The size was checked against a limit when it was announced.
            self.received = Buffer::with_capacity(self.size as usize);
        }
        self.received.append(bytes);
        if self.granted < self.size && self.granted - end <= AHEAD / 2 {
            self.granted = (end + AHEAD).min(self.size);
            return Ok(Some(self.granted));
        }
        Ok(None)
    }

    pub(super) fn is_whole(&self) -> bool {
        self.received.len() as u64 == self.size
    }

    /// The whole, which counts as memory until nothing holds it any more.
    pub(super) fn into_arrived(self, seq: Seq) -> Arrived {
        Arrived { seq, bytes: self.charge.hold(self.received), purpose: self.purpose }
    }
}
