//! The reference table of one session: what each reference is, who waits for it,
//! and how much is kept.

use std::sync::Arc;

use farside_protocol::outline::RefOutline;
use farside_protocol::value::path::Path;
use farside_protocol::{ErrorCode, Failure, RefId, RefState, Seq, WriterId};

use tokio::sync::oneshot;

use super::ids::ById;
use super::objects::Dropped;
use super::state::Asker;
use super::value::Value;
use crate::failures;
use crate::meter::{Charge, Exceeded};

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
    /// Whether its failure was ever told.
    pub(super) asked: bool,
    /// The fuel that its call used, if that was counted.
    pub(super) fuel: Option<u64>,
}

/// A place in the order in which references of a session are made and given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(u64);

pub(super) enum EntryState {
    Pending,
    Ready(Value),
    Failed(Arc<Failure>),
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
    /// What could not be taken, in words.
    Refused(&'static str),
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
    /// The guest of a running call, which made this one.
    Caller { of: RefId, told: oneshot::Sender<Outcome> },
}

/// What became of a call.
pub(super) type Outcome = Result<Value, Arc<Failure>>;

impl Waiter {
    /// Whether it is the part that a reference shall be.
    pub(super) fn fills(&self, id: RefId) -> bool {
        matches!(self, Waiter::Select { into, .. } if *into == id)
    }
}

/// All references of a session.
pub(super) struct Refs {
    table: ById<RefId, Entry>,
    /// Bytes of kept values, as some of those of all of the owner's sessions.
    kept: Charge,
    most_kept_bytes: u64,
    most: usize,
    next: Moment,
    /// Objects whose references went, since the slots were last told.
    dropped: Vec<Dropped>,
    /// Entries and the texts of failures, as memory of the process.
    counted: Charge,
}

/// What a reference is counted as in memory, beside its value: its entry, and the
/// texts of a failure of the usual size.
pub(super) const ENTRY_BYTES: u64 = 512;

fn over_owners_quota(full: &Exceeded) -> Failure {
    let message = format!(
        "keeping {} more would pass the {} of all sessions of the owner, of which {} are used",
        full.asked.about(),
        full.limit.about(),
        full.used.about()
    );
    Failure::new(ErrorCode::QuotaExceeded, message).with_hint(
        "release what is not needed in this or another session, or raise limits.owner_kept_bytes on the server",
    )
}

/// How many of the largest references an exceeded quota names.
const NAMED: usize = 3;

impl Refs {
    /// No references yet; their values will be `kept`, and what they will take beside
    /// these is `counted`.
    pub(super) fn new(most: usize, most_kept_bytes: u64, kept: Charge, counted: Charge) -> Refs {
        let next = Moment(0);
        let (table, dropped) = (ById::default(), Vec::new());
        Refs { table, kept, most_kept_bytes, most, next, dropped, counted }
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// Bytes of kept values, and of values that are arriving.
    pub(super) fn kept_bytes(&self) -> u64 {
        self.kept.bytes()
    }

    /// Whether another reference may be made.
    pub(super) fn has_room(&self) -> Result<(), Failure> {
        if self.table.len() < self.most {
            return self.counted.has_room(ENTRY_BYTES).map_err(|full| failures::of_memory(&full));
        }
        let message = format!(
            "the session has {} references, failed ones included; it may have {}",
            self.len(),
            self.most
        );
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
        self.counted.add(origin.counted_len());
        let entry = Entry {
            state: EntryState::Pending,
            origin,
            waiters: Vec::new(),
            holds: 0,
            made,
            released: None,
            asked: false,
            fuel: None,
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

    pub(super) fn is_pending(&self, id: RefId) -> bool {
        self.table.get(&id).is_some_and(|entry| matches!(entry.state, EntryState::Pending))
    }

    /// One that waits for a reference does so no more.
    pub(super) fn give_up_waiter(&mut self, id: RefId, is_it: impl Fn(&Waiter) -> bool) {
        let Some(entry) = self.table.get_mut(&id) else { return };
        if let Some(place) = entry.waiters.iter().position(is_it) {
            entry.waiters.remove(place);
        }
    }

    /// Charges what a failure takes beyond its entry. One for which the session has
    /// no room is kept in brief, as the cause of being refused.
    pub(super) fn admit(&mut self, failure: Failure) -> Failure {
        let failure = failure.clipped();
        match self.charge(extra_len(&failure)) {
            Ok(()) => {
                self.counted.add(extra_texts(&failure));
                failure
            }
            Err(full) => full.with_cause(failure.brief()),
        }
    }

    /// Gives back what was charged for a value or failure that is not kept.
    pub(super) fn let_go(&mut self, result: &Result<Value, Arc<Failure>>) {
        match result {
            Ok(value) => self.discharge(value.len()),
            Err(failure) => {
                self.discharge(extra_len(failure));
                self.counted.shrink(extra_texts(failure));
            }
        }
    }

    /// Charges bytes that are about to be kept.
    pub(super) fn charge(&mut self, bytes: u64) -> Result<(), Failure> {
        if self.kept_bytes().saturating_add(bytes) > self.most_kept_bytes {
            return Err(self.over_quota(bytes));
        }
        self.kept.grow(bytes).map_err(|full| over_owners_quota(&full))
    }

    /// Gives back what was charged.
    pub(super) fn discharge(&mut self, bytes: u64) {
        self.kept.shrink(bytes);
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
            self.most_kept_bytes,
            self.kept_bytes()
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

    /// Objects whose references went since this was last asked.
    pub(super) fn take_dropped(&mut self) -> Vec<Dropped> {
        std::mem::take(&mut self.dropped)
    }

    /// What a reference had is lost for a reason.
    pub(super) fn lose(&mut self, id: RefId, failure: Arc<Failure>) {
        let Some(entry) = self.table.get_mut(&id) else { return };
        let before = std::mem::replace(&mut entry.state, EntryState::Failed(Arc::clone(&failure)));
        if let EntryState::Ready(value) = before {
            self.discharge(value.len());
        }
        // Those that share it are charged as if each had its own, as elsewhere.
        self.kept.add(extra_len(&failure));
        self.counted.add(extra_texts(&failure));
    }

    fn remove(&mut self, id: RefId) {
        let Some(entry) = self.table.remove(&id) else { return };
        self.dropped.extend(entry.dropped(id));
        self.counted.shrink(entry.origin.counted_len());
        let result = match entry.state {
            EntryState::Ready(value) => Ok(value),
            EntryState::Failed(failure) => Err(failure),
            EntryState::Pending => return,
        };
        if let Err(failure) = &result
            && !entry.asked
        {
            tracing::debug!(reference = %id, code = %failure.code, "a failure was never asked for: {failure}");
        }
        self.let_go(&result);
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
        let mut outlines: Vec<(Moment, RefOutline)> = self
            .table
            .iter()
            .filter(|(_, entry)| entry.released.is_none())
            .map(|(id, entry)| (entry.made, entry.outline(*id, &name)))
            .collect();
        outlines.sort_unstable_by_key(|(made, _)| *made);
        outlines.into_iter().map(|(_, outline)| outline).collect()
    }
}

/// Bytes of a failure that its entry is not counted for: the guest's own error, and
/// texts that are long.
fn extra_len(failure: &Failure) -> u64 {
    detail_len(failure) + extra_texts(failure)
}

fn extra_texts(failure: &Failure) -> u64 {
    (failure.own_len() as u64 - detail_len(failure)).saturating_sub(ENTRY_BYTES)
}

fn detail_len(failure: &Failure) -> u64 {
    failure.detail.as_ref().map_or(0, |detail| detail.len() as u64)
}

impl Origin {
    /// What an entry of this origin is counted as.
    fn counted_len(&self) -> u64 {
        match self {
            Origin::Select { path, .. } => ENTRY_BYTES + path.len() as u64,
            _ => ENTRY_BYTES,
        }
    }
}

impl Entry {
    /// Whether nobody needs the value but one `get` of the whole, that of a call whose
    /// message also released it; or a guest that made the call.
    pub(super) fn is_for_one(&self) -> bool {
        self.released.is_some()
            && self.holds == 0
            && matches!(&self.waiters[..], [Waiter::Get { path: None, .. } | Waiter::Caller { .. }])
    }

    pub(super) fn outline(&self, id: RefId, name: impl Fn(u32, u32) -> String) -> RefOutline {
        let origin = match &self.origin {
            Origin::Put => "put".to_owned(),
            Origin::Select { of, path } => format!("select {of} {path}"),
            Origin::Call { module, function, .. } => format!("call {}", name(*module, *function)),
            Origin::Refused(what) => (*what).to_owned(),
        };
        let (state, kind, bytes, failure) = match &self.state {
            EntryState::Pending => ("pending", None, None, None),
            EntryState::Ready(value) => {
                ("ready", Some(value.describe_kind()), Some(value.len()), None)
            }
            EntryState::Failed(failure) => ("failed", None, None, Some(failure.to_string())),
        };
        let shown = match &self.state {
            EntryState::Ready(value) => value.object().map(|object| object.text.to_owned()),
            _ => None,
        };
        let shown = shown.filter(|shown| !shown.is_empty());
        let (state, fuel) = (state.to_owned(), self.fuel);
        RefOutline { id, state, origin, kind, shown, bytes, fuel, failure }
    }
}
