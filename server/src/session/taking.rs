//! Calls as they are taken: what they name, whether their arguments fit, and what
//! credit they use.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use farside_protocol::{
    CallFlags, Each, ErrorCode, Failure, Payload, RefId, Reply, Seq, Target, caps,
};

use super::arguments::{CheckedArguments, check_form};
use super::calls;
use super::refs::{EntryState, Moment, Origin, Waiter};
use super::series;
use super::slot::{Call, CallArguments, Item, Standing};
use super::state::{Asker, State, Woken, unmade};
use super::step::{Alarm, Step};
use super::writer::Purpose;
use crate::auth::Permission;
use crate::failures;
use crate::sandbox::Module;

/// What needs the permission to evaluate, in words.
pub(super) const EVALUATING: &str = "evaluating source text";

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
        let cancelled =
            self.writers.get_mut(&asker.writer).is_some_and(|writer| writer.was_cancelled(seq));
        let (each, target) = match target {
            Target::Each { how, function } => (Some(how), *function),
            target => (None, target),
        };
        let target = self.admits().and_then(|()| self.resolve(&target));
        let taken = self.refs.now();
        let prepared = target.and_then(|(slot, function)| {
            if cancelled {
                return Err(calls::cancelled());
            }
            self.permits(slot)?;
            self.refs.has_room()?;
            self.admit_call(bytes)?;
            let arguments = match args {
                Payload::Inline(bytes) => {
                    self.check_call(id, (slot, function), each, bytes, taken)?
                }
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
                self.refuse(id, "call", failure);
                self.answer_call(asker, seq, id, flags);
                return Ok(());
            }
        };
        self.hold(&arguments);
        self.pending_calls += 1;
        self.pending_bytes += bytes;
        let deadline = timeout.map(|timeout| (now + timeout, timeout));
        let alarm = deadline.map(|(at, _)| Step::alarm(at, Alarm::Call(id), steps));
        let fresh = flags.fresh || each.is_some() || self.is_pure(slot, function);
        self.refs.insert(id, Origin::Call { module: slot, function, fresh });
        self.answer_call(asker, seq, id, flags);
        let (standing, waits_for) = (Standing::outermost(id, taken), None);
        let call = Call {
            id,
            function,
            each,
            arguments,
            standing,
            deadline,
            bytes,
            waits_for,
            _alarm: alarm,
        };
        self.line_up(call, slot, fresh, steps);
        if let Err(failure) = self.own_arguments(id, slot, fresh) {
            self.end_unbegun(id, failure, steps);
        }
        Ok(())
    }

    /// Puts a call where it waits for its turn, and begins it if that has come.
    pub(super) fn line_up(&mut self, call: Call, slot: u32, fresh: bool, steps: &mut Vec<Step>) {
        let id = call.id;
        if fresh {
            self.fresh.waiting.insert(id, (slot, call));
            return self.advance_fresh(id, steps);
        }
        // Behind all that was taken before, which for a client's call is everything.
        let queue = &mut self.slots[slot as usize].queue;
        let later = queue.iter().rev().take_while(|item| item.taken() > call.standing.taken);
        queue.insert(queue.len() - later.count(), Item::Call(call));
        self.advance(slot, steps);
    }

    /// Gives a call that waits arguments in memory of their own: a frame's memory
    /// would be held by the least of its calls.
    fn own_arguments(&mut self, id: RefId, slot: u32, fresh: bool) -> Result<(), Failure> {
        let call = match (fresh, self.slots[slot as usize].queue.back_mut()) {
            (false, Some(Item::Call(call))) if call.id == id => Some(call),
            (false, _) => None,
            (true, _) => self.fresh.waiting.get_mut(&id).map(|(_, call)| call),
        };
        if let Some(Call { arguments: CallArguments::There { bytes, .. }, .. }) = call {
            let charge = self.memory.charge(bytes.len() as u64);
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
                    asker.outbox.send_failure(seq, failure);
                    entry.asked = true;
                }
                _ => {
                    entry.waiters.push(Waiter::Get { asker: asker.clone(), seq, path: None });
                    self.questions.add();
                }
            }
        }
        self.refs.sweep(id);
    }

    pub(super) fn is_pure(&self, slot: u32, function: u32) -> bool {
        self.slots[slot as usize]
            .module()
            .and_then(|module| module.manifest().functions.get(function as usize))
            .is_some_and(|function| function.pure)
    }

    /// Whether the owner's token lets it enter a slot.
    pub(super) fn permits(&self, slot: u32) -> Result<(), Failure> {
        match self.slots[slot as usize].evaluates {
            true => self.owner.permit(Permission::Eval, EVALUATING),
            false => self.owner.permit(Permission::Call, "calls"),
        }
    }

    pub(super) fn admit_call(&self, bytes: u64) -> Result<(), Failure> {
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

    /// Checks small arguments as they are taken.
    fn check_call(
        &self,
        id: RefId,
        (slot, function): (u32, u32),
        each: Option<Each>,
        bytes: Bytes,
        taken: Moment,
    ) -> Result<CallArguments, Failure> {
        let module = self.slots[slot as usize].module();
        let module =
            module.ok_or_else(|| Failure::new(ErrorCode::NotFound, "the function is gone"))?;
        let depth = self.config.limits.value_depth;
        let checked = match each {
            Some(how) => series::check_form(how, bytes, depth)?,
            None => check_form(module, function, bytes, depth)?,
        };
        self.check_references(id, checked, taken)
    }

    /// References must have been there when the call was taken.
    fn check_references(
        &self,
        id: RefId,
        arguments: CheckedArguments,
        taken: Moment,
    ) -> Result<CallArguments, Failure> {
        let CheckedArguments { bytes, sites } = arguments;
        for site in &sites {
            let absence = match self.refs.get(site.id) {
                Some(entry) if entry.made > taken => Some(unmade(site.id)),
                Some(entry) if entry.released.is_none_or(|released| released > taken) => None,
                None if site.id == id => Some(unmade(id)),
                _ => Some(self.absence(site.id)),
            };
            if let Some(absence) = absence {
                let message = format!("argument {} can't be used", site.id);
                return Err(Failure::new(absence.code, message).with_cause(absence));
            }
        }
        Ok(CallArguments::There { bytes, sites })
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

    /// The module and function of a call that waits, and whether that is for each item;
    /// none if it waits no more.
    pub(super) fn called(&mut self, id: RefId) -> Option<(Arc<Module>, u32, Option<Each>)> {
        let each = self.find_call(id)?.each;
        match self.refs.get(id).map(|entry| &entry.origin)? {
            Origin::Call { module, function, .. } => {
                let module = self.slots.get(*module as usize)?.module()?;
                Some((Arc::clone(module), *function, each))
            }
            _ => None,
        }
    }

    /// The bytes of a call's arguments came in whole, and their form was checked.
    pub(super) fn arguments_arrived(
        &mut self,
        id: RefId,
        taken: Moment,
        checked: Result<CheckedArguments, Failure>,
        steps: &mut Vec<Step>,
    ) {
        let call = match self.refs.get(id).map(|entry| &entry.origin) {
            Some(Origin::Call { module, fresh, .. }) => Some((*module, *fresh)),
            _ => None,
        };
        // It may have been cancelled meanwhile.
        if let Some((slot, fresh)) = call
            && self.find_call(id).is_some()
        {
            match checked.and_then(|checked| self.check_references(id, checked, taken)) {
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

    pub(super) fn find_call(&mut self, id: RefId) -> Option<&mut Call> {
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

    /// Stops a call, or remembers to when it comes.
    ///
    /// # Errors
    /// When too many that have not come are cancelled.
    pub(super) fn take_cancel(
        &mut self,
        asker: &Asker,
        of: RefId,
        steps: &mut Vec<Step>,
    ) -> Result<(), Failure> {
        let writer = self.writers.get_mut(&asker.writer).filter(|_| of.writer() == asker.writer);
        let Some(writer) = writer.filter(|writer| of.counter() > writer.taken) else {
            self.cancel(of, steps);
            return Ok(());
        };
        if writer.cancel_ahead(of.counter()) {
            return Ok(());
        }
        let message =
            format!("more than {} calls were cancelled before they came", caps::CANCELS_AHEAD);
        Err(Failure::new(ErrorCode::BadRequest, message))
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
        if let Err(failure) = self.questions.admit(1) {
            return asker.outbox.send(Reply::Failed { seq, failure });
        }
        let taken = self.refs.now();
        let item = Item::Renew { asker: Some((asker.clone(), seq)), taken };
        self.slots[number as usize].queue.push_back(item);
        self.advance(number, steps);
    }
}
