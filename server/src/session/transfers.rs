//! Values and modules on their way in.

use std::sync::Arc;

use bytes::Bytes;
use farside_protocol::value::{Kind, OBJECT, scan};
use farside_protocol::{
    ContentType, ErrorCode, Failure, Payload, RefId, Reply, Seq, WriterId, caps,
};

use super::refs::{ENTRY_BYTES, Entry, EntryState, Origin, Waiter};
use super::slot::{SLOTS, Slot, SlotState};
use super::state::{Asker, State};
use super::step::Step;
use super::value::{Body, Value};
use super::writer::{Arrived, Incoming, Purpose};
use crate::auth::Permission;
use crate::config::Config;
use crate::failures;
use crate::sandbox::{CodeId, Module, too_large};
use crate::storage::StoredValue;

impl State {
    pub(super) fn take_put(
        &mut self,
        asker: &Asker,
        seq: Seq,
        content: ContentType,
        value: Payload,
        steps: &mut Vec<Step>,
    ) {
        let id = RefId::new(asker.writer, seq);
        match (self.admits().and_then(|()| self.refs.has_room()), value) {
            (Err(failure), Payload::Inline(_)) => self.refuse(id, "put", failure),
            (Err(failure), Payload::Transfer { .. }) => {
                self.refuse_transfer(asker, seq, failure);
            }
            (Ok(()), Payload::Inline(bytes)) => {
                self.refs.insert(id, Origin::Put);
                // The frame's memory would be held by the least of its values.
                let value = self
                    .own_copy(&bytes)
                    .and_then(|bytes| check_value(content, bytes, &self.config))
                    .and_then(|value| self.refs.charge(value.len()).map(|()| value));
                self.keep(id, value, steps);
            }
            (Ok(()), Payload::Transfer { size }) => {
                match self.announce(asker, seq, size, Purpose::Value(content)) {
                    Ok(()) => {
                        self.refs.insert(id, Origin::Put);
                    }
                    Err(failure) => self.refuse_transfer(asker, seq, failure),
                }
            }
        }
    }

    /// Breaks a reference whose bytes shall not be sent, and tells the client, who
    /// would wait for credit.
    fn refuse_transfer(&mut self, asker: &Asker, seq: Seq, failure: Failure) {
        asker.outbox.send(Reply::Failed { seq, failure: failure.clone() });
        self.refuse(RefId::new(asker.writer, seq), "put", failure);
    }

    /// Announces a transfer to be received; its bytes are charged from now on.
    pub(super) fn announce(
        &mut self,
        asker: &Asker,
        seq: Seq,
        size: u64,
        purpose: Purpose,
    ) -> Result<(), Failure> {
        let limit = self.config.limits.value_bytes.bytes().min(caps::VALUE_BYTES);
        if size > limit && !matches!(purpose, Purpose::Module { .. }) {
            return Err(too_large("the value", size, limit));
        }
        if size == 0 {
            return Err(Failure::new(ErrorCode::BadRequest, "a transfer of no bytes"));
        }
        let Some(writer) = self.writers.get_mut(&asker.writer) else { return Ok(()) };
        if writer.incoming.len() >= caps::TRANSFERS {
            let message = format!("{} transfers of the connection are under way", caps::TRANSFERS);
            return Err(Failure::new(ErrorCode::QuotaExceeded, message)
                .with_hint("wait until some of them have ended"));
        }
        let charge = self.memory.charge(size).map_err(|error| failures::of_memory(&error))?;
        self.refs.charge(size).map_err(|full| match purpose {
            Purpose::Module { .. } => {
                let message = format!("the module can't be received: {}", full.message);
                Failure { message, ..full }
            }
            _ => full,
        })?;
        writer.incoming.insert(seq, Incoming::new(size, purpose, charge));
        Ok(())
    }

    /// What is still to come of a reference's bytes is not wanted any more. The
    /// client, who would wait for credit, is told so unless its `get` is.
    pub(super) fn give_up_incoming(&mut self, id: RefId, failure: &Failure) {
        let Some(seq) = Seq::new(id.counter()) else { return };
        let writer = self.writers.get_mut(&id.writer());
        let Some(incoming) = writer.and_then(|writer| writer.incoming.remove(&seq)) else { return };
        self.refs.discharge(incoming.size);
        if let Purpose::Arguments(taken) = incoming.purpose {
            self.arguments_end(taken);
        }
        let asks = |waiter: &Waiter| match waiter {
            Waiter::Get { asker, seq: get, .. } => asker.writer == id.writer() && *get == seq,
            _ => false,
        };
        if !self.refs.get(id).is_some_and(|entry| entry.waiters.iter().any(asks))
            && let Some(outbox) = self.attached.get(&id.writer())
        {
            outbox.send(Reply::Failed { seq, failure: failure.clone() });
        }
    }

    /// Bytes out of a frame, in memory of their own.
    pub(super) fn own_copy(&self, bytes: &Bytes) -> Result<Bytes, Failure> {
        let charge = self.memory.charge(bytes.len() as u64);
        let charge = charge.map_err(|error| failures::of_memory(&error))?;
        Ok(charge.hold(bytes.to_vec()))
    }

    /// Takes a piece of a transfer. A piece of an unknown one is passed over: it
    /// was refused or given up while the piece was on its way.
    pub(super) fn take_chunk(
        &mut self,
        asker: &Asker,
        transfer: Seq,
        offset: u64,
        bytes: &[u8],
        steps: &mut Vec<Step>,
    ) -> Result<(), Failure> {
        let Some(writer) = self.writers.get_mut(&asker.writer) else { return Ok(()) };
        let Some(incoming) = writer.incoming.get_mut(&transfer) else { return Ok(()) };
        match incoming.take(offset, bytes) {
            Ok(Some(until)) => asker.outbox.send(Reply::Credit { transfer, until }),
            Ok(None) => {}
            Err(why) => {
                let message = format!("a piece of transfer {} is wrong: {why}", transfer.get());
                return Err(Failure::new(ErrorCode::BadRequest, message));
            }
        }
        if incoming.is_whole()
            && let Some(incoming) = writer.incoming.remove(&transfer)
        {
            let arrived = incoming.into_arrived(transfer);
            steps.push(Step::Take { asker: asker.clone(), arrived });
        }
        Ok(())
    }

    /// A transfer to the server ends before it is whole.
    pub(super) fn abort_transfer(
        &mut self,
        writer: WriterId,
        transfer: Seq,
        why: &str,
        steps: &mut Vec<Step>,
    ) {
        let incoming = self.writers.get_mut(&writer).and_then(|w| w.incoming.remove(&transfer));
        let Some(incoming) = incoming else { return };
        self.refs.discharge(incoming.size);
        let id = RefId::new(writer, transfer);
        let (got, size) = (incoming.received.len(), incoming.size);
        let failure = Failure::new(
            ErrorCode::BadRequest,
            format!("a transfer ended after {got} of {size} bytes: {why}"),
        );
        match incoming.purpose {
            Purpose::Value(_) => self.settle(id, Err(failure)),
            Purpose::Arguments(taken) => {
                self.end_unbegun(id, failure, steps);
                self.arguments_end(taken);
            }
            Purpose::Module { .. } => {
                if let Some(outbox) = self.attached.get(&writer) {
                    outbox.send(Reply::Failed { seq: transfer, failure });
                }
            }
        }
    }

    /// A value came in whole and was checked; its bytes are charged already.
    pub(super) fn value_arrived(
        &mut self,
        id: RefId,
        size: u64,
        value: Result<Value, Failure>,
        steps: &mut Vec<Step>,
    ) {
        if value.is_err() {
            self.refs.discharge(size);
        }
        self.keep(id, value, steps);
        self.work_off(steps);
    }

    pub(super) fn take_upload(
        &mut self,
        asker: &Asker,
        seq: Seq,
        name: String,
        code: CodeId,
        size: u64,
        steps: &mut Vec<Step>,
    ) {
        let limit = self.config.limits.module_bytes.bytes();
        let permitted =
            self.admits().and_then(|()| self.owner.permit(Permission::Upload, "uploads"));
        let checked = permitted.and_then(|()| check_name(&name)).and_then(|()| {
            if size <= limit {
                return Ok(());
            }
            let message = format!("the module has {size} bytes; {limit} are allowed");
            Err(Failure::new(ErrorCode::ValueTooLarge, message)
                .with_hint("strip its debug sections, or raise limits.module_bytes on the server"))
        });
        match checked {
            Ok(()) => {
                let asker = asker.clone();
                steps.push(Step::FindModule { asker, seq, name, code, size });
            }
            Err(failure) => asker.outbox.send(Reply::Failed { seq, failure }),
        }
    }

    /// The module's bytes are needed: the client is asked for them.
    pub(super) fn want_module(
        &mut self,
        asker: &Asker,
        seq: Seq,
        name: String,
        code: CodeId,
        size: u64,
        steps: &mut Vec<Step>,
    ) {
        // Nobody is left to send them.
        if !self.attached.contains_key(&asker.writer) {
            return;
        }
        let purpose = Purpose::Module { name, code };
        if size == 0 {
            let arrived = Arrived { seq, bytes: Bytes::new(), purpose };
            return steps.push(Step::Take { asker: asker.clone(), arrived });
        }
        match self.announce(asker, seq, size, purpose) {
            Ok(()) => asker.outbox.send(Reply::Wanted { seq }),
            Err(failure) => asker.outbox.send(Reply::Failed { seq, failure }),
        }
    }

    /// A transfer's bytes are no value to be kept: they are charged no more.
    pub(super) fn arrived(&mut self, size: u64) {
        self.refs.discharge(size);
    }

    /// A large value's bytes are in storage now; those in memory can go.
    pub(super) fn spilled(&mut self, of: RefId, stored: Arc<StoredValue>) {
        if let Some(Entry { state: EntryState::Ready(value), .. }) = self.refs.get_mut(of) {
            value.body = Body::Stored(stored);
        }
    }

    /// Puts a module under its name, and answers its upload.
    pub(super) fn install(
        &mut self,
        asker: &Asker,
        seq: Seq,
        name: &str,
        module: Arc<Module>,
        steps: &mut Vec<Step>,
    ) {
        if let Some(failure) = self.closed.clone() {
            return asker.outbox.send(Reply::Failed { seq, failure });
        }
        let (hash, id) = (module.hash(), module.id());
        let manifest = Value::new(ContentType::MSGPACK, Kind::Map, module.manifest_bytes());
        let before = self.names.get(name).copied();
        let same = before.filter(|number| {
            let module = self.slots.get(*number as usize).and_then(Slot::module);
            module.is_some_and(|module| module.id() == id)
        });
        let number = match same {
            Some(number) => number,
            None => match self.new_slot(name, module) {
                Ok(number) => number,
                Err(failure) => return asker.outbox.send(Reply::Failed { seq, failure }),
            },
        };
        let replaced = before.filter(|before| *before != number);
        if let Some(before) = replaced {
            self.slots[before as usize].replaced_by = Some(number);
            self.advance(before, steps);
        }
        let name = name.to_owned();
        asker.outbox.send_uploaded(seq, number, name, hash, replaced.is_some(), manifest);
        self.work_off(steps);
    }
}

impl State {
    /// Gives a module a number, and the name.
    pub(super) fn new_slot(&mut self, name: &str, module: Arc<Module>) -> Result<u32, Failure> {
        if self.slots.len() >= SLOTS {
            let message = format!("the session has had {SLOTS} modules, as many as it can number");
            return Err(Failure::new(ErrorCode::QuotaExceeded, message)
                .with_hint("open a new session (on the command line: farside session new)"));
        }
        let names = module.manifest().functions.iter();
        let len = names.map(|function| (size_of::<String>() + function.name.len()) as u64);
        let counted = self.memory.charge(ENTRY_BYTES + len.sum::<u64>());
        let counted = counted.map_err(|full| failures::of_memory(&full))?;
        let number = self.slots.len() as u32;
        let name: Arc<str> = name.into();
        self.slots.push(Slot::new(Arc::clone(&name), module, counted));
        self.names.insert(name, number);
        Ok(number)
    }
}

impl Slot {
    /// Empties the slot for good; a running call is asked to stop.
    pub(super) fn close(&mut self, failure: &Failure, steps: &mut Vec<Step>) {
        self.queue.clear();
        match &mut self.state {
            SlotState::Busy(occupant) => occupant.stop.request(failure.clone()),
            state => {
                if let SlotState::Idle(instance) = std::mem::replace(state, SlotState::Empty) {
                    steps.push(Step::Free(instance));
                }
            }
        }
    }
}

/// Checks a value that a client sent.
pub(super) fn check_value(
    content: ContentType,
    bytes: Bytes,
    config: &Config,
) -> Result<Value, Failure> {
    let limit = config.limits.value_bytes.bytes();
    if bytes.len() as u64 > limit {
        return Err(too_large("the value", bytes.len() as u64, limit));
    }
    if !content.is_msgpack() {
        return Ok(Value::new(content, Kind::Bytes, bytes));
    }
    let invalid = |message: String| Failure::new(ErrorCode::InvalidArgument, message);
    let scanned = scan(&bytes).map_err(|error| invalid(format!("it is no value: {error}")))?;
    if !scanned.refs.is_empty() {
        return Err(invalid("a kept value can't hold references".to_owned())
            .with_hint("pass references as arguments of calls"));
    }
    let depth = config.limits.value_depth;
    if scanned.depth > depth {
        let message =
            format!("the value is nested {} levels deep; {depth} are allowed", scanned.depth);
        return Err(Failure::new(ErrorCode::ValueTooLarge, message)
            .with_hint("flatten it, or raise limits.value_depth on the server"));
    }
    if scanned.kind == Kind::Extension(OBJECT) {
        let message = "the value is an object, which only an evaluator can give";
        return Err(Failure::new(ErrorCode::InvalidArgument, message));
    }
    Ok(Value::new(content, scanned.kind, bytes))
}

fn check_name(name: &str) -> Result<(), Failure> {
    let fits = !name.is_empty()
        && name.len() <= caps::NAME_BYTES
        && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'))
        && !name.starts_with('-');
    if fits {
        return Ok(());
    }
    let message = format!("{name:?} can't be a module's name");
    Err(Failure::new(ErrorCode::BadRequest, message)
        .with_hint("a name has letters, digits, `_` and `-`; give one with --name"))
}
