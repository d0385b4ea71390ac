//! Calls after they are taken: queued, begun when their arguments are there, and
//! ended.

use std::collections::hash_map;
use std::sync::Arc;

use bytes::Bytes;
use farside_protocol::value::RefSite;
use farside_protocol::{ContentType, ErrorCode, Failure, RefId, Reply};

use super::objects;
use super::refs::{Entry, EntryState, Origin, Waiter};
use super::slot::{Call, CallArguments, Item, Occupant, SlotState, Tenant};
use super::state::{State, Woken};
use super::step::{Job, Place, Step};
use super::value::{Body, Value};
use crate::failures;
use crate::sandbox::{Fault, Finished, Instance, Module, Stop, UNCOUNTED};

/// Whether a call's arguments are all there.
enum Readiness {
    Waiting,
    Broken(Failure),
    Ready { arguments: Bytes, inputs: Vec<(RefSite, Value)> },
}

impl State {
    pub(super) fn unhold(&mut self, arguments: &CallArguments) {
        if let CallArguments::There { sites, .. } = arguments {
            for site in sites {
                self.refs.unhold(site.id);
            }
        }
    }

    /// Fails a call that has not begun, if it is one.
    pub(super) fn end_unbegun(&mut self, id: RefId, failure: Failure, steps: &mut Vec<Step>) {
        let call = match self.refs.get(id).map(|entry| &entry.origin) {
            Some(Origin::Call { fresh: true, .. }) => {
                self.fresh.ready.retain(|ready| *ready != id);
                self.fresh.waiting.remove(&id).map(|(_, call)| call)
            }
            Some(Origin::Call { module, .. }) => {
                let queue = &mut self.slots[*module as usize].queue;
                let place =
                    queue.iter().position(|item| matches!(item, Item::Call(call) if call.id == id));
                match place.and_then(|place| queue.remove(place)) {
                    Some(Item::Call(call)) => Some(call),
                    _ => None,
                }
            }
            _ => None,
        };
        let Some(call) = call else { return };
        let (slot, fresh) = match self.refs.get(id).map(|entry| &entry.origin) {
            Some(Origin::Call { module, fresh, .. }) => (*module, *fresh),
            _ => return,
        };
        if let Some(argument) = call.waits_for {
            self.refs.give_up_waiter(argument, |waiter| match waiter {
                Waiter::Fresh(call) => *call == id,
                Waiter::Slot(number) => !fresh && *number == slot,
                _ => false,
            });
        }
        if matches!(call.arguments, CallArguments::Arriving) {
            self.give_up_incoming(id, &failure);
        }
        self.fail_call(call, failure);
        if fresh {
            self.retire_if_replaced(slot, steps);
        } else {
            self.advance(slot, steps);
        }
    }

    fn fail_call(&mut self, call: Call, failure: Failure) {
        self.unhold(&call.arguments);
        self.return_credit(call.id, call.bytes);
        self.pending_calls -= 1;
        self.pending_bytes -= call.bytes;
        self.settle(call.id, Err(failure));
    }

    pub(super) fn return_credit(&mut self, id: RefId, bytes: u64) {
        let writer = id.writer();
        let Some(state) = self.writers.get_mut(&writer) else { return };
        state.call_back(bytes);
        if let Some(acknowledgement) = state.acknowledgement()
            && let Some(outbox) = self.attached.get(&writer)
        {
            outbox.send(acknowledgement);
        }
    }

    /// Lets in what stands at the head of an instance's queue, if it can go in.
    pub(super) fn advance(&mut self, number: u32, steps: &mut Vec<Step>) {
        loop {
            let slot = &mut self.slots[number as usize];
            if matches!(slot.state, SlotState::Busy(_) | SlotState::Aside) {
                return;
            }
            match slot.queue.pop_front() {
                None => return self.retire_if_replaced(number, steps),
                Some(Item::Renew { asker, .. }) => {
                    if let SlotState::Idle(instance) =
                        std::mem::replace(&mut slot.state, SlotState::Empty)
                    {
                        steps.push(Step::Free(instance));
                    }
                    self.break_objects(number, objects::ended);
                    self.questions.end(1);
                    if let Some((asker, seq)) = asker {
                        asker.outbox.send(Reply::Done { seq });
                    }
                }
                Some(Item::Call(mut call)) => {
                    if let SlotState::Poisoned { first, .. } = &slot.state {
                        let failure = poisoned(&slot.name, first);
                        self.fail_call(call, failure);
                        continue;
                    }
                    match self.readiness(&mut call, Place::Slot(number)) {
                        Readiness::Waiting => {
                            self.slots[number as usize].queue.push_front(Item::Call(call));
                            return;
                        }
                        Readiness::Broken(failure) => self.fail_call(call, failure),
                        Readiness::Ready { arguments, inputs } => {
                            match self.occupy(number, &call) {
                                Ok(ground) => {
                                    let job = self.begin(call, ground, arguments, inputs);
                                    steps.push(Step::Run(job));
                                    return;
                                }
                                Err(failure) => self.fail_call(call, failure),
                            }
                        }
                    }
                }
            }
        }
    }

    /// Gives a slot's instance to a call; without one, a new one is to be made.
    fn occupy(&mut self, number: u32, call: &Call) -> Result<Begin, Failure> {
        let makes_one = matches!(self.slots[number as usize].state, SlotState::Empty);
        if makes_one {
            self.room_for_instance()?;
        }
        let slot = &mut self.slots[number as usize];
        let Some(module) = slot.module().map(Arc::clone) else {
            return Err(Failure::new(ErrorCode::NotFound, "the module was replaced"));
        };
        let stop = Stop::default();
        let occupant = Occupant::of(call, &stop);
        let instance = match std::mem::replace(&mut slot.state, SlotState::Busy(occupant)) {
            SlotState::Idle(instance) => Some(instance),
            _ => None,
        };
        Ok(Begin { place: Place::Slot(number), slot: number, module, instance, stop })
    }

    fn live_instances(&self) -> usize {
        let slots = self.slots.iter().filter(|slot| slot.state.is_live());
        let fresh = self.fresh.running.values().filter(|running| running.enters);
        slots.count() + fresh.count()
    }

    fn room_for_instance(&self) -> Result<(), Failure> {
        let most = self.config.limits.session_instances;
        if self.live_instances() < most {
            return Ok(());
        }
        let message = format!("the session has {most} live instances, as many as it may");
        Err(Failure::new(ErrorCode::QuotaExceeded, message).with_hint(
            "use another session for other modules, or raise limits.session_instances on the server",
        ))
    }

    fn room_for_fresh(&self, call: &Call) -> Result<(), Failure> {
        if call.each.is_some() { Ok(()) } else { self.room_for_instance() }
    }

    /// Begins a fresh call, if its arguments are there and an instance may be made.
    pub(super) fn advance_fresh(&mut self, id: RefId, steps: &mut Vec<Step>) {
        let hash_map::Entry::Occupied(waiting) = self.fresh.waiting.entry(id) else { return };
        let (slot, mut call) = waiting.remove();
        match self.readiness(&mut call, Place::Fresh) {
            Readiness::Waiting => {
                self.fresh.waiting.insert(id, (slot, call));
                return;
            }
            Readiness::Broken(failure) => self.fail_call(call, failure),
            Readiness::Ready { arguments, inputs } => match self.room_for_fresh(&call) {
                Ok(()) => {
                    let Some(module) = self.slots[slot as usize].module().map(Arc::clone) else {
                        let gone = Failure::new(ErrorCode::NotFound, "the module was replaced");
                        return self.fail_call(call, gone);
                    };
                    let stop = Stop::default();
                    self.fresh.running.insert(id, Occupant::of(&call, &stop));
                    let ground = Begin { place: Place::Fresh, slot, module, instance: None, stop };
                    steps.push(Step::Run(self.begin(call, ground, arguments, inputs)));
                }
                // None that runs will end if all wait for calls of their own.
                Err(failure) if self.fresh.running.values().all(Occupant::waits) => {
                    self.fail_call(call, failure);
                }
                Err(_) => {
                    self.fresh.waiting.insert(id, (slot, call));
                    self.fresh.ready.push_back(id);
                    return;
                }
            },
        }
        self.retire_if_replaced(slot, steps);
    }

    fn begin(
        &mut self,
        call: Call,
        begin: Begin,
        arguments: Bytes,
        inputs: Vec<(RefSite, Value)>,
    ) -> Job {
        // The values themselves are in the job now.
        self.unhold(&call.arguments);
        let Begin { place, slot, module, instance, stop } = begin;
        Job {
            of: call.id,
            place,
            slot,
            module,
            function: call.function,
            each: call.each,
            instance,
            arguments,
            inputs,
            standing: call.standing,
            deadline: call.deadline,
            stop,
            bytes: call.bytes,
        }
    }

    fn readiness(&mut self, call: &mut Call, place: Place) -> Readiness {
        // It is told of by a waiter that stands there already.
        if call.waits_for.is_some_and(|argument| self.refs.is_pending(argument)) {
            return Readiness::Waiting;
        }
        call.waits_for = None;
        let CallArguments::There { bytes, sites } = &call.arguments else {
            return Readiness::Waiting;
        };
        let mut inputs = Vec::with_capacity(sites.len());
        for site in sites {
            match self.refs.get_mut(site.id) {
                Some(Entry { state: EntryState::Ready(value), .. }) => {
                    let value = value.clone();
                    if let Err(failure) = self.check_home(site.id, &value, place) {
                        return Readiness::Broken(failure);
                    }
                    inputs.push((*site, value));
                }
                Some(Entry { state: EntryState::Failed(failure), .. }) => {
                    let message = format!("argument {} failed", site.id);
                    return Readiness::Broken(
                        Failure::new(failure.code, message).with_cause(Arc::clone(failure)),
                    );
                }
                Some(entry) => {
                    entry.waiters.push(match place {
                        Place::Slot(number) => Waiter::Slot(number),
                        Place::Fresh => Waiter::Fresh(call.id),
                    });
                    call.waits_for = Some(site.id);
                    return Readiness::Waiting;
                }
                None => return Readiness::Broken(self.absence(site.id)),
            }
        }
        Readiness::Ready { arguments: bytes.clone(), inputs }
    }

    /// A call ended. A fresh one's instance is gone already.
    pub(super) fn finish(&mut self, ended: Ended, finished: Finished, steps: &mut Vec<Step>) {
        let Ended { of, place, bytes } = ended;
        if self.closed.is_some() {
            steps.extend(finished.instance.map(Step::Free));
            return;
        }
        self.pending_calls -= 1;
        self.pending_bytes -= bytes;
        self.return_credit(of, bytes);
        if finished.fuel.is_some()
            && let Some(entry) = self.refs.get_mut(of)
        {
            entry.fuel = finished.fuel;
        }
        let (result, poison) = match finished.outcome {
            Ok(output) => (Ok(output), None),
            Err(Fault { failure, poisons }) => {
                let failure = failure.clipped();
                let first = poisons.then(|| Arc::new(failure.clone()));
                (Err(failure), first)
            }
        };
        match place {
            Place::Fresh => {
                self.fresh.running.remove(&of);
                if let Some(next) = self.fresh.ready.pop_front() {
                    self.woken.push_back(Woken::Fresh(next));
                }
            }
            Place::Slot(number) => {
                let slot = &mut self.slots[number as usize];
                slot.state = match (finished.instance, poison) {
                    (Some(instance), _) => SlotState::Idle(instance),
                    (None, Some(first)) => {
                        let counted = self.memory.count(first.own_len() as u64);
                        SlotState::Poisoned { first, _counted: counted }
                    }
                    (None, None) => SlotState::Empty,
                };
                let lost = match &slot.state {
                    SlotState::Idle(_) => None,
                    SlotState::Poisoned { first, .. } => Some(poisoned(&slot.name, first)),
                    _ => Some(objects::ended(&slot.name)),
                };
                if let Some(lost) = lost {
                    self.break_objects(number, |_| lost.clone());
                }
                self.woken.push_back(Woken::Slot(number));
            }
        }
        let result = result.and_then(|output| {
            let bytes = self.count_result(of, output.bytes)?;
            self.refs.charge(bytes.len() as u64)?;
            let value = Value::new(ContentType::MSGPACK, output.kind, bytes);
            if value.is_object()
                && let Err(failure) = self.admit_object(of, place, &value)
            {
                self.refs.discharge(value.len());
                return Err(failure);
            }
            Ok(value)
        });
        self.keep(of, result, steps);
        self.work_off(steps);
    }

    /// Counts a small result as memory of the process, unless it is given away at once.
    fn count_result(&self, of: RefId, bytes: Bytes) -> Result<Bytes, Failure> {
        if bytes.len() > UNCOUNTED || self.refs.get(of).is_none_or(Entry::is_for_one) {
            return Ok(bytes);
        }
        let charge = self.memory.charge(bytes.len() as u64);
        Ok(charge.map_err(|error| failures::of_memory(&error))?.hold(bytes))
    }

    /// Settles a reference. If it is kept, a large value is written to storage.
    pub(super) fn keep(
        &mut self,
        id: RefId,
        result: Result<Value, Failure>,
        steps: &mut Vec<Step>,
    ) {
        let spill = self.config.storage_spill.bytes();
        let is_large = result.as_ref().is_ok_and(|value| value.len() > spill);
        self.settle(id, result);
        if is_large && let Some(bytes) = self.kept_in_memory(id) {
            steps.push(Step::Spill { of: id, bytes: bytes.clone() });
        }
    }

    /// The bytes that a reference keeps in memory.
    pub(super) fn kept_in_memory(&self, id: RefId) -> Option<&Bytes> {
        match self.refs.get(id).map(|entry| &entry.state) {
            Some(EntryState::Ready(Value { body: Body::Memory(bytes), .. })) => Some(bytes),
            _ => None,
        }
    }

    pub(super) fn cancel(&mut self, id: RefId, steps: &mut Vec<Step>) {
        let failure = cancelled();
        let (module, fresh) = match self.refs.get(id) {
            Some(Entry { state: EntryState::Pending, origin, .. }) => match origin {
                Origin::Call { module, fresh, .. } => (*module, *fresh),
                Origin::Select { of, .. } => {
                    self.refs.give_up_waiter(*of, |waiter| waiter.fills(id));
                    return self.settle(id, Err(failure));
                }
                Origin::Put | Origin::Refused(_) => {
                    self.give_up_incoming(id, &failure);
                    return self.settle(id, Err(failure));
                }
            },
            _ => return,
        };
        let running = match fresh {
            true => self.fresh.running.get(&id),
            false => self.slots[module as usize].occupant().filter(|it| it.call == id),
        };
        match running {
            Some(running) => running.stop.request(failure),
            None => self.end_unbegun(id, failure, steps),
        }
    }

    /// A call's own deadline came while it waited.
    pub(super) fn expire_call(&mut self, id: RefId, steps: &mut Vec<Step>) {
        self.end_unbegun(id, late(), steps);
    }

    /// A replaced module's instance goes once the last call on it has finished, and
    /// the module with the last fresh one.
    fn retire_if_replaced(&mut self, number: u32, steps: &mut Vec<Step>) {
        let slot = &mut self.slots[number as usize];
        if slot.replaced_by.is_none()
            || !slot.queue.is_empty()
            || matches!(slot.state, SlotState::Busy(_) | SlotState::Aside)
        {
            return;
        }
        if let SlotState::Idle(instance) = std::mem::replace(&mut slot.state, SlotState::Empty) {
            steps.push(Step::Free(instance));
        }
        self.break_objects(number, objects::ended);
        let slot = &mut self.slots[number as usize];
        // Fresh calls that wait still need the module.
        if let Tenant::Module(module) = &slot.tenant
            && !self.fresh.waiting.values().any(|(slot, _)| *slot == number)
        {
            let functions = module.function_names();
            slot.tenant = Tenant::Former { functions };
        }
    }
}

pub(super) fn cancelled() -> Failure {
    Failure::new(ErrorCode::Cancelled, "the call was cancelled")
}

/// What is said of a call whose own time is over before it runs.
pub(super) fn late() -> Failure {
    let message = "the call's timeout ran out before it could begin";
    Failure::new(ErrorCode::DeadlineExceeded, message).with_hint(
        "it waited for its arguments, for calls before it on the same instance, or for an instance",
    )
}

/// What a call begins with, beside its arguments.
struct Begin {
    place: Place,
    slot: u32,
    module: Arc<Module>,
    /// The instance, unless it is to be made.
    instance: Option<Box<Instance>>,
    stop: Stop,
}

/// What identifies a call that ended.
#[derive(Clone, Copy)]
pub(super) struct Ended {
    pub(super) of: RefId,
    pub(super) place: Place,
    pub(super) bytes: u64,
}

fn poisoned(module: &str, first: &Arc<Failure>) -> Failure {
    Failure::new(
        ErrorCode::Poisoned,
        format!("the instance of {module} was lost to an earlier failure and its state with it"),
    )
    .with_hint(format!("renew it to go on with a fresh one (farside renew {module})"))
    .with_cause(Arc::clone(first))
}
