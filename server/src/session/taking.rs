//! Calls as they are taken: what they name, whether their arguments fit, and what
//! credit they use.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use farside_protocol::manifest::Function;
use farside_protocol::value::{check_arguments, scan};
use farside_protocol::{CallFlags, ErrorCode, Failure, Payload, RefId, Reply, Seq, Target};

use super::refs::{EntryState, Moment, Origin, Waiter};
use super::slot::{Call, CallArguments, Item};
use super::state::{Asker, State, Woken, unmade};
use super::step::{Alarm, Step};
use super::writer::Purpose;
use crate::failures;

impl State {
    #[expect(clippy::too_many_arguments, reason = "the fields of one message")]
    pub(super) fn take_call(
        &mut self,
        asker: &Asker,
        seq: Seq,
        target: Target,
        flags: CallFlags,
        timeout: Option<Duration>,
        args: Payload,
        now: Instant,
        steps: &mut Vec<Step>,
    ) -> Result<(), Failure> {
        let id = RefId::new(asker.writer, seq);
        let bytes = args.size();
        let credit = self.writers.get_mut(&asker.writer).map(|writer| writer.use_call(bytes));
        if credit != Some(true) {
            let message =
                "the client made more calls, or sent more argument bytes, than it had credit for";
            return Err(Failure::new(ErrorCode::BadRequest, message)
                .with_hint("wait for the credit that acknowledgements bring"));
        }
        let is_transfer = matches!(args, Payload::Transfer { .. });
        let target = self.admits().and_then(|()| self.resolve(&target));
        let prepared = target.and_then(|(slot, function)| {
            self.refs.has_room()?;
            self.admit_call(bytes)?;
            let taken = self.refs.now();
            let arguments = match args {
                Payload::Inline(bytes) => self.check_call(slot, function, bytes, taken)?,
                Payload::Transfer { size } => {
                    self.announce(asker, seq, size, Purpose::Arguments(taken))?;
                    self.arguments_begin(taken);
                    CallArguments::Arriving
                }
            };
            Ok((slot, function, arguments))
        });
        let (slot, function, arguments) = match prepared {
            Ok(prepared) => prepared,
            Err(failure) => {
                self.return_credit(id, bytes);
                if is_transfer && !flags.get {
                    // The client would wait for credit to send the rest.
                    asker.outbox.send(Reply::Failed { seq, failure: failure.clone() });
                }
                self.refuse(id, failure);
                self.answer_call(asker, seq, id, flags);
                return Ok(());
            }
        };
        self.hold(&arguments);
        self.pending_calls += 1;
        self.pending_bytes += bytes;
        let deadline = timeout.map(|timeout| (now + timeout, timeout));
        let alarm = deadline.map(|(at, _)| Step::alarm(at, Alarm::Call(id), steps));
        let fresh = flags.fresh || self.is_pure(slot, function);
        self.refs.insert(id, Origin::Call { module: slot, function, fresh });
        self.answer_call(asker, seq, id, flags);
        let call = Call { id, function, arguments, deadline, bytes, _alarm: alarm };
        if fresh {
            self.fresh.waiting.insert(id, (slot, call));
            self.advance_fresh(id, steps);
        } else {
            self.slots[slot as usize].queue.push_back(Item::Call(call));
            self.advance(slot, steps);
        }
        if let Err(failure) = self.own_arguments(id, slot) {
            self.end_unbegun(id, failure, steps);
        }
        Ok(())
    }

    /// Gives a call that waits arguments in memory of their own: a frame's memory
    /// would be held by the least of its calls.
    fn own_arguments(&mut self, id: RefId, slot: u32) -> Result<(), Failure> {
        let memory = Arc::clone(&self.memory);
        let call = match self.slots[slot as usize].queue.back_mut() {
            Some(Item::Call(call)) if call.id == id => Some(call),
            _ => self.fresh.waiting.get_mut(&id).map(|(_, call)| call),
        };
        if let Some(Call { arguments: CallArguments::There { bytes, .. }, .. }) = call {
            let charge = memory.charge(bytes.len() as u64);
            let charge = charge.map_err(|error| failures::of_memory(&error))?;
            *bytes = charge.hold(bytes.to_vec());
        }
        Ok(())
    }

    /// The `get` and the release that may ride in a call's message.
    fn answer_call(&mut self, asker: &Asker, seq: Seq, id: RefId, flags: CallFlags) {
        let released = flags.release.then(|| self.refs.now());
        let Some(entry) = self.refs.get_mut(id) else { return };
        entry.released = released;
        if flags.get {
            match &entry.state {
                EntryState::Failed(failure) => {
                    asker.outbox.send(Reply::Failed { seq, failure: failure.clone() });
                }
                _ => {
                    entry.waiters.push(Waiter::Get { asker: asker.clone(), seq, path: None });
                    self.questions.add();
                }
            }
        }
        self.refs.sweep(id);
    }

    fn is_pure(&self, slot: u32, function: u32) -> bool {
        self.slots[slot as usize]
            .module()
            .and_then(|module| module.manifest().functions.get(function as usize))
            .is_some_and(|function| function.pure)
    }

    fn admit_call(&self, bytes: u64) -> Result<(), Failure> {
        let limits = &self.config.limits;
        let (calls, most) = (self.pending_calls, limits.session_pending_calls as u64);
        if calls >= most || self.pending_bytes + bytes > limits.session_pending_bytes.bytes() {
            let message = format!(
                "the session has {calls} pending calls with {} bytes of arguments; {most} calls and {} are allowed",
                self.pending_bytes, limits.session_pending_bytes
            );
            return Err(Failure::new(ErrorCode::QuotaExceeded, message)
                .with_hint("wait for results before making more calls"));
        }
        Ok(())
    }

    /// Checks argument bytes: form, references, count and kinds. References must
    /// have been there when the call was taken.
    fn check_call(
        &self,
        slot: u32,
        function: u32,
        bytes: Bytes,
        taken: Moment,
    ) -> Result<CallArguments, Failure> {
        let invalid = |message: String| Failure::new(ErrorCode::InvalidArgument, message);
        let mut scanned = scan(&bytes).map_err(|error| invalid(error.to_string()))?;
        let depth = self.config.limits.value_depth;
        if scanned.depth > depth {
            let message = format!(
                "the arguments are nested {} levels deep; {depth} are allowed",
                scanned.depth
            );
            return Err(Failure::new(ErrorCode::ValueTooLarge, message)
                .with_hint("flatten them, or raise limits.value_depth on the server"));
        }
        let module = self.slots[slot as usize].module();
        let description =
            module.and_then(|module| module.manifest().functions.get(function as usize));
        let Some(description) = description else {
            return Err(Failure::new(ErrorCode::NotFound, "the function is gone"));
        };
        let mut bytes = bytes;
        let reordered = check_arguments(description, &bytes).map_err(|error| {
            let signature = signature(description);
            invalid(error.to_string()).with_hint(format!("its signature is {signature}"))
        })?;
        if let Some(reordered) = reordered {
            bytes = reordered.into();
            scanned = scan(&bytes).map_err(|error| invalid(error.to_string()))?;
        }
        for site in &scanned.refs {
            let absence = match self.refs.get(site.id) {
                Some(entry) if entry.made > taken => Some(unmade(site.id)),
                Some(entry) if entry.released.is_none_or(|released| released > taken) => None,
                _ => Some(self.absence(site.id)),
            };
            if let Some(absence) = absence {
                let message = format!("argument {} can't be used", site.id);
                return Err(Failure::new(absence.code, message).with_cause(absence));
            }
        }
        Ok(CallArguments::There { bytes, sites: scanned.refs })
    }

    /// A taken call keeps its arguments alive.
    fn hold(&mut self, arguments: &CallArguments) {
        if let CallArguments::There { sites, .. } = arguments {
            for site in sites {
                if let Some(entry) = self.refs.get_mut(site.id) {
                    entry.holds += 1;
                }
            }
        }
    }

    /// The bytes of a call's arguments came in whole.
    pub(super) fn arguments_arrived(
        &mut self,
        id: RefId,
        taken: Moment,
        bytes: Bytes,
        steps: &mut Vec<Step>,
    ) {
        let call = match self.refs.get(id).map(|entry| &entry.origin) {
            Some(Origin::Call { module, function, fresh }) => Some((*module, *function, *fresh)),
            _ => None,
        };
        // It may have been cancelled meanwhile.
        if let Some((slot, function, fresh)) = call
            && self.find_call(id).is_some()
        {
            match self.check_call(slot, function, bytes, taken) {
                Ok(arguments) => {
                    self.hold(&arguments);
                    if let Some(call) = self.find_call(id) {
                        call.arguments = arguments;
                    }
                    let woken = if fresh { Woken::Fresh(id) } else { Woken::Slot(slot) };
                    self.woken.push_back(woken);
                }
                Err(failure) => self.end_unbegun(id, failure, steps),
            }
        }
        self.arguments_end(taken);
        self.work_off(steps);
    }

    fn find_call(&mut self, id: RefId) -> Option<&mut Call> {
        let slot = match self.refs.get(id).map(|entry| &entry.origin)? {
            Origin::Call { fresh: true, .. } => {
                return self.fresh.waiting.get_mut(&id).map(|(_, call)| call);
            }
            Origin::Call { module, .. } => *module,
            _ => return None,
        };
        self.slots.get_mut(slot as usize)?.queue.iter_mut().find_map(|item| match item {
            Item::Call(call) if call.id == id => Some(call),
            _ => None,
        })
    }

    pub(super) fn take_renew(
        &mut self,
        asker: &Asker,
        seq: Seq,
        module: &str,
        steps: &mut Vec<Step>,
    ) {
        let Some(number) = self.names.get(module).copied() else {
            let failure = self.unknown_module(module);
            return asker.outbox.send(Reply::Failed { seq, failure });
        };
        let item = Item::Renew { asker: asker.clone(), seq };
        self.slots[number as usize].queue.push_back(item);
        self.advance(number, steps);
    }
}

/// A function's signature, for hints.
fn signature(function: &Function) -> String {
    let params: Vec<String> =
        function.params.iter().map(|param| format!("{}: {}", param.name, param.schema)).collect();
    format!("{}({}) -> {}", function.name, params.join(", "), function.result)
}
