//! The reference table of one session: what each reference is, who waits for it,
//! and how much is kept.

use farside_protocol::outline::RefOutline;
use farside_protocol::value::path::Path;
use farside_protocol::{ErrorCode, Failure, RefId, RefState, Seq, WriterId};

use super::ids::ById;
use super::state::Asker;
use super::value::Value;

/// One reference.
pub(super) struct Entry {
    pub(super) state: EntryState,
    pub(super) origin: Origin,
    pub(super) waiters: Vec<Waiter>,
    /// Calls and selections taken that still need the value.
    pub(super) holds: u32,
    pub(super) made: Moment,
    /// When the client gave it up; it goes when nothing holds it.
    pub(super) released: Option<Moment>,
}

/// A place in the order in which references of a session are made and given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(u64);

pub(super) enum EntryState {
    Pending,
    Ready(Value),
    Failed(Failure),
}

/// What made a reference.
pub(super) enum Origin {
    Put,
    Select {
        of: RefId,
        path: String,
    },
    Call {
        module: u32,
        function: u32,
        fresh: bool,
    },
    /// A call that could not be taken.
    Refused,
}

/// Who is told when a reference settles.
pub(super) enum Waiter {
    /// A `get` of the whole or a part.
    Get { asker: Asker, seq: Seq, path: Option<Path> },
    /// A `wait`, by its place in the table of waits.
    Wait(u64),
    /// The call at the head of an instance's queue.
    Slot(u32),
    /// A fresh call.
    Fresh(RefId),
    /// A reference to a part.
    Select { into: RefId, path: Path },
}

/// All references of a session.
pub(super) struct Refs {
    table: ById<RefId, Entry>,
    kept_bytes: u64,
    most_kept_bytes: u64,
    most: usize,
    next: Moment,
}

/// How many of the largest references an exceeded quota names.
const NAMED: usize = 3;

impl Refs {
    pub(super) fn new(most: usize, most_kept_bytes: u64) -> Refs {
        let next = Moment(0);
        Refs { table: ById::default(), kept_bytes: 0, most_kept_bytes, most, next }
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// Bytes of kept values, and of values that are arriving.
    pub(super) fn kept_bytes(&self) -> u64 {
        self.kept_bytes
    }

    /// Whether another reference may be made.
    pub(super) fn has_room(&self) -> Result<(), Failure> {
        if self.table.len() < self.most {
            return Ok(());
        }
        let message = format!("the session has {} references, as many as it may", self.table.len());
        Err(Failure::new(ErrorCode::QuotaExceeded, message).with_hint(
            "release references that are not needed any more, or raise limits.session_refs on the server",
        ))
    }

    /// Failed references are remembered beyond the limit, so that a client learns
    /// why; but not without bound.
    pub(super) fn is_flooded(&self) -> bool {
        self.table.len() >= self.most.saturating_mul(2)
    }

    /// A moment after all those before.
    pub(super) fn now(&mut self) -> Moment {
        self.next.0 += 1;
        self.next
    }

    pub(super) fn insert(&mut self, id: RefId, origin: Origin) -> &mut Entry {
        let made = self.now();
        let entry = Entry {
            state: EntryState::Pending,
            origin,
            waiters: Vec::new(),
            holds: 0,
            made,
            released: None,
        };
        self.table.entry(id).insert_entry(entry).into_mut()
    }

    pub(super) fn get(&self, id: RefId) -> Option<&Entry> {
        self.table.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: RefId) -> Option<&mut Entry> {
        self.table.get_mut(&id)
    }

    /// An entry that the client has not given up.
    pub(super) fn visible(&mut self, id: RefId) -> Option<&mut Entry> {
        self.table.get_mut(&id).filter(|entry| entry.released.is_none())
    }

    pub(super) fn state(&self, id: RefId) -> RefState {
        match self.table.get(&id) {
            Some(entry) if entry.released.is_none() => match entry.state {
                EntryState::Pending => RefState::Pending,
                EntryState::Ready(_) => RefState::Ready,
                EntryState::Failed(_) => RefState::Failed,
            },
            _ => RefState::Gone,
        }
    }

    /// Charges bytes that are about to be kept.
    pub(super) fn charge(&mut self, bytes: u64) -> Result<(), Failure> {
        let sum = self.kept_bytes.saturating_add(bytes);
        if sum > self.most_kept_bytes {
            return Err(self.over_quota(bytes));
        }
        self.kept_bytes = sum;
        Ok(())
    }

    /// Gives back what was charged.
    pub(super) fn discharge(&mut self, bytes: u64) {
        self.kept_bytes = self.kept_bytes.saturating_sub(bytes);
    }

    fn over_quota(&self, bytes: u64) -> Failure {
        let mut largest: Vec<(u64, RefId)> = self
            .table
            .iter()
            .filter_map(|(id, entry)| match &entry.state {
                EntryState::Ready(value) => Some((value.len(), *id)),
                _ => None,
            })
            .collect();
        largest.sort_unstable_by(|a, b| b.cmp(a));
        let named: Vec<String> =
            largest.iter().take(NAMED).map(|(len, id)| format!("{id} ({len} bytes)")).collect();
        let message = format!(
            "keeping {bytes} bytes more would pass the session's {} bytes, of which {} are used",
            self.most_kept_bytes, self.kept_bytes
        );
        let hint = match named.is_empty() {
            true => "raise limits.session_kept_bytes on the server".to_owned(),
            false => format!(
                "release what is not needed; the largest references are {}",
                named.join(", ")
            ),
        };
        Failure::new(ErrorCode::QuotaExceeded, message).with_hint(hint)
    }

    /// One hold less; the entry goes if it was only held.
    pub(super) fn unhold(&mut self, id: RefId) {
        if let Some(entry) = self.table.get_mut(&id) {
            entry.holds = entry.holds.saturating_sub(1);
            self.sweep(id);
        }
    }

    /// Drops an entry that nobody needs. A pending one stays until it settles.
    pub(super) fn sweep(&mut self, id: RefId) {
        let unneeded = self.table.get(&id).is_some_and(|entry| {
            entry.released.is_some()
                && entry.holds == 0
                && entry.waiters.is_empty()
                && !matches!(entry.state, EntryState::Pending)
        });
        if unneeded {
            self.remove(id);
        }
    }

    /// Takes a pending entry out of the table.
    pub(super) fn forget(&mut self, id: RefId) -> Option<Entry> {
        self.table.remove(&id)
    }

    fn remove(&mut self, id: RefId) {
        let Some(entry) = self.table.remove(&id) else { return };
        match entry.state {
            EntryState::Ready(value) => self.discharge(value.len()),
            EntryState::Failed(failure) => {
                tracing::debug!(reference = %id, code = %failure.code, "a failure was never asked for: {failure}");
                self.discharge(kept_len(&Err(failure)));
            }
            EntryState::Pending => {}
        }
    }

    /// Drops the `get`s of a writer; gives how many there were.
    pub(super) fn give_up_gets(&mut self, writer: WriterId) -> usize {
        let mut dropped = 0;
        for entry in self.table.values_mut() {
            let before = entry.waiters.len();
            entry.waiters.retain(
                |waiter| !matches!(waiter, Waiter::Get { asker, .. } if asker.writer == writer),
            );
            dropped += before - entry.waiters.len();
        }
        dropped
    }

    /// The references as people are told them, oldest first.
    pub(super) fn outlines(&self, name: impl Fn(u32, u32) -> String) -> Vec<RefOutline> {
        let mut outlines: Vec<(RefId, RefOutline)> = self
            .table
            .iter()
            .filter(|(_, entry)| entry.released.is_none())
            .map(|(id, entry)| (*id, entry.outline(*id, &name)))
            .collect();
        outlines.sort_unstable_by_key(|(id, _)| (id.to_bits().rotate_left(16), *id));
        outlines.into_iter().map(|(_, outline)| outline).collect()
    }
}

/// Bytes that a reference keeps: its value, or the guest's own error.
pub(super) fn kept_len(result: &Result<Value, Failure>) -> u64 {
    match result {
        Ok(value) => value.len(),
        Err(failure) => failure.detail.as_ref().map_or(0, |detail| detail.len() as u64),
    }
}

impl Entry {
    /// Whether nobody needs the value but one `get` of the whole: that of a call whose
    /// message also released it.
    pub(super) fn is_for_one(&self) -> bool {
        self.released.is_some()
            && self.holds == 0
            && matches!(&self.waiters[..], [Waiter::Get { path: None, .. }])
    }

    pub(super) fn outline(&self, id: RefId, name: impl Fn(u32, u32) -> String) -> RefOutline {
        let origin = match &self.origin {
            Origin::Put => "put".to_owned(),
            Origin::Select { of, path } => format!("select {of} {path}"),
            Origin::Call { module, function, fresh } => {
                let fresh = if *fresh { "fresh " } else { "" };
                format!("{fresh}call {}", name(*module, *function))
            }
            Origin::Refused => "call".to_owned(),
        };
        let (state, kind, bytes, failure) = match &self.state {
            EntryState::Pending => ("pending", None, None, None),
            EntryState::Ready(value) => {
                ("ready", Some(value.describe_kind()), Some(value.len()), None)
            }
            EntryState::Failed(failure) => ("failed", None, None, Some(failure.to_string())),
        };
        RefOutline { id, state: state.to_owned(), origin, kind, bytes, failure }
    }
}
