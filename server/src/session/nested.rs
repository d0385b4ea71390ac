//! Calls that a running guest makes of its session's functions.
//!
//! Such a call is one like any other, of writer 0. It stands in the queue where the
//! client's call stood that it is made for: behind what was taken before that one, and
//! before what was taken later, so that a later call that waits for its result holds it
//! up in no queue. It ends no later than its caller, and with it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use farside_protocol::outline::{CallableOutline, CallablesOutline};
use farside_protocol::value::Kind;
use farside_protocol::{ErrorCode, Failure, RefId, Seq, Target, WriterId, caps};
use tokio::sync::oneshot;

use super::Session;
use super::arguments::{CheckedArguments, check_form};
use super::asks::description;
use super::calls;
use super::drive::Patience;
use super::refs::{Entry, EntryState, Origin, Outcome, Waiter};
use super::slot::{Call, CallArguments, Item, Occupant, Slot, SlotState, Standing};
use super::state::State;
use super::step::{Alarm, Step};
use super::value::{Body, Value};
use crate::failures;
use crate::sandbox::{Answering, Callees, Module};

/// The writer of references that the server makes.
const OWN: WriterId = WriterId(0);

/// References that are followed to see whether calls wait for each other. Longer chains
/// end with the deadline.
const FOLLOWED: usize = 1024;

/// References that were made for guests.
#[derive(Default)]
pub(super) struct Own {
    made: u64,
}

/// Whom a call is of.
pub(super) enum Callee {
    /// By the numbers of its slot and in its manifest.
    Known(u32, u32),
    Named(String),
}

/// A call before it is taken: its arguments have the right form.
struct Prepared {
    slot: u32,
    function: u32,
    arguments: Bytes,
}

impl State {
    /// Numbers the functions that there are: another number, other functions.
    fn functions_version(&self) -> u64 {
        self.slots.len() as u64
    }

    /// The modules that can be called, but for evaluators.
    fn callables(&self) -> Vec<(Arc<str>, Arc<Module>)> {
        let modules = self.names.iter().filter_map(|(name, number)| {
            let slot = self.slots.get(*number as usize).filter(|slot| !slot.evaluates)?;
            Some((Arc::clone(name), Arc::clone(slot.module()?)))
        });
        let mut modules: Vec<_> = modules.collect();
        modules.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        modules
    }

    /// A call that runs now.
    fn running(&mut self, id: RefId) -> Option<&mut Occupant> {
        match self.refs.get(id)?.origin {
            Origin::Call { fresh: true, .. } => self.fresh.running.get_mut(&id),
            Origin::Call { module, .. } => match &mut self.slots[module as usize].state {
                SlotState::Busy(occupant) if occupant.call == id => Some(occupant),
                _ => None,
            },
            _ => None,
        }
    }

    fn take_nested(
        &mut self,
        caller: RefId,
        deadline: Instant,
        prepared: Prepared,
        told: oneshot::Sender<Outcome>,
        steps: &mut Vec<Step>,
    ) -> Result<RefId, Failure> {
        let Prepared { slot, function, arguments } = prepared;
        let bytes = arguments.len() as u64;
        let above = self.running(caller).ok_or_else(calls::cancelled)?.standing;
        if above.depth >= caps::NESTING {
            let message = format!("calls within calls are {} deep, as deep as may be", above.depth);
            return Err(Failure::new(ErrorCode::QuotaExceeded, message));
        }
        self.permits(slot)?;
        self.refs.has_room()?;
        self.admit_call(bytes)?;
        let fresh = self.is_pure(slot, function);
        if !fresh {
            self.refuse_cycle(caller, slot)?;
        }
        self.own.made += 1;
        let Some(seq) = Seq::new(self.own.made) else {
            return Err(Failure::new(ErrorCode::QuotaExceeded, "the session can number no more"));
        };
        let id = RefId::new(OWN, seq);
        let given_up = self.refs.now();
        let entry = self.refs.insert(id, Origin::Call { module: slot, function, fresh });
        // It is for the guest alone.
        entry.released = Some(given_up);
        entry.waiters.push(Waiter::Caller { of: caller, told });
        self.pending_calls += 1;
        self.pending_bytes += bytes;
        if let Some(caller) = self.running(caller) {
            caller.nested = Some(id);
        }
        let standing = Standing { caller: Some(caller), depth: above.depth + 1, ..above };
        let deadline = (deadline, deadline.saturating_duration_since(Instant::now()));
        let arguments = CallArguments::There { bytes: arguments, sites: Vec::new() };
        let call = Call {
            id,
            function,
            each: None,
            arguments,
            standing,
            deadline: Some(deadline),
            bytes,
            waits_for: None,
            _alarm: None,
        };
        self.line_up(call, slot, fresh, steps);
        if let Some(call) = self.find_call(id) {
            call._alarm = Some(Step::alarm(deadline.0, Alarm::Call(id), steps));
        }
        self.work_off(steps);
        Ok(id)
    }

    /// Refuses a call of an instance that, as things stand, waits for the caller.
    fn refuse_cycle(&mut self, caller: RefId, slot: u32) -> Result<(), Failure> {
        let name = Arc::clone(&self.slots[slot as usize].name);
        let refuse = |message: String| {
            let failure = Failure::new(ErrorCode::Unavailable, message);
            Err(failure.with_hint("no instance takes a call while it waits for one of its own"))
        };
        let mut above = Some(caller);
        while let Some(id) = above {
            match self.refs.get(id).map(|entry| &entry.origin) {
                Some(Origin::Call { module, fresh: false, .. }) if *module == slot => {
                    return refuse(format!(
                        "{name} is in the midst of a call that led to this one"
                    ));
                }
                _ => above = self.running(id).and_then(|running| running.standing.caller),
            }
        }
        let taken = match self.running(caller) {
            Some(running) => running.standing.taken,
            None => return Ok(()),
        };
        let mut before = blocker(&self.slots[slot as usize], |item| item.taken() <= taken);
        for _ in 0..FOLLOWED {
            match before {
                Some(id) if id == caller => {
                    return refuse(format!("{name} waits for a call that led to this one"));
                }
                Some(id) => before = self.waits_for(id),
                None => break,
            }
        }
        Ok(())
    }

    /// What a pending reference waits for first: a call, or its argument.
    fn waits_for(&mut self, id: RefId) -> Option<RefId> {
        if let Some(running) = self.running(id) {
            return running.nested;
        }
        let (slot, fresh) = match self.refs.get(id) {
            Some(Entry { state: EntryState::Pending, origin, .. }) => match origin {
                Origin::Call { module, fresh, .. } => (*module, *fresh),
                Origin::Select { of, .. } => return Some(*of),
                Origin::Put | Origin::Refused(_) => return None,
            },
            _ => return None,
        };
        if fresh {
            return self.fresh.waiting.get(&id)?.1.waits_for;
        }
        let slot = &self.slots[slot as usize];
        match slot.queue.front() {
            Some(Item::Call(head)) if head.id == id && slot.occupant().is_none() => head.waits_for,
            _ => blocker(slot, |_| true).filter(|first| *first != id),
        }
    }

    /// What a guest's call came to is told the guest.
    pub(super) fn tell_caller(
        &mut self,
        caller: RefId,
        told: oneshot::Sender<Outcome>,
        outcome: Outcome,
    ) {
        if let Some(caller) = self.running(caller) {
            caller.nested = None;
        }
        // It may have ended meanwhile.
        let _ = told.send(outcome);
    }
}

/// The call that holds up those of a slot: the one that runs, or the head of the queue.
fn blocker(slot: &Slot, counts: impl Fn(&Item) -> bool) -> Option<RefId> {
    match (slot.occupant(), slot.queue.front()) {
        (Some(occupant), _) => Some(occupant.call),
        (None, Some(item @ Item::Call(head))) if counts(item) => Some(head.id),
        _ => None,
    }
}

impl Session {
    pub(super) fn begin_nested(
        self: &Arc<Self>,
        caller: RefId,
        deadline: Instant,
        callee: &Callee,
        arguments: &[u8],
    ) -> Result<Nested, Failure> {
        let limits = &self.config.limits;
        let charge = self.memory().charge(arguments.len() as u64);
        let charge = charge.map_err(|full| failures::of_memory(&full))?;
        let arguments = charge.hold(arguments.to_vec());
        let mut state = self.state();
        if let Some(failure) = &state.closed {
            return Err(failure.clone());
        }
        let (slot, function) = match callee {
            Callee::Known(slot, function) => (*slot, *function),
            Callee::Named(name) => state.resolve(&Target::Name(name.clone()))?,
        };
        let module = state.slots[slot as usize].module().map(Arc::clone);
        drop(state);
        let gone = || Failure::new(ErrorCode::NotFound, "the function is gone");
        let module = module.ok_or_else(gone)?;
        let checked = check_form(&module, function, arguments, limits.value_depth)?;
        let CheckedArguments { bytes: arguments, sites } = checked;
        if !sites.is_empty() {
            let message = "the arguments of a guest's call hold a reference";
            return Err(Failure::new(ErrorCode::InvalidArgument, message));
        }
        let (tell, told) = oneshot::channel();
        let prepared = Prepared { slot, function, arguments };
        let mut steps = Vec::new();
        let id = self.state().take_nested(caller, deadline, prepared, tell, &mut steps)?;
        let nested = Nested { session: Arc::clone(self), id, told: Some(told) };
        self.drive(steps, &mut Patience::with_call(id, Instant::now()));
        Ok(nested)
    }
}

impl Callees for Session {
    fn functions(&self, known: u64) -> Result<Option<Bytes>, Failure> {
        let state = self.state();
        let version = state.functions_version();
        if version == known {
            return Ok(None);
        }
        let callables = state.callables();
        drop(state);
        let mut room = caps::MANIFEST_BYTES;
        let modules = callables.iter().map_while(|(name, module)| {
            room = room.checked_sub(module.manifest_bytes().len())?;
            Some(CallableOutline::new(name, module.manifest()))
        });
        let outline = CallablesOutline { version, modules: modules.collect() };
        let value = description(&outline, Kind::Map, self.memory())?;
        Ok(in_memory(value))
    }

    fn released(&self, caller: RefId) -> Vec<u64> {
        self.state().released_objects(caller)
    }

    fn call(
        self: Arc<Self>,
        caller: RefId,
        deadline: Instant,
        function: &str,
        arguments: &[u8],
    ) -> Answering {
        let callee = Callee::Named(function.to_owned());
        match self.begin_nested(caller, deadline, &callee, arguments) {
            Ok(nested) => Box::pin(nested),
            Err(failure) => Box::pin(std::future::ready(Err(Arc::new(failure)))),
        }
    }
}

fn in_memory(value: Value) -> Option<Bytes> {
    match value.body {
        Body::Memory(bytes) => Some(bytes),
        Body::Stored(_) => None,
    }
}

/// A guest's call on its way. Dropping it, as happens when the caller is stopped,
/// cancels the call.
pub(super) struct Nested {
    session: Arc<Session>,
    id: RefId,
    told: Option<oneshot::Receiver<Outcome>>,
}

impl Future for Nested {
    type Output = Result<Bytes, Arc<Failure>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(told) = &mut self.told else { return Poll::Pending };
        let outcome = ready!(Pin::new(told).poll(context));
        self.told = None;
        Poll::Ready(match outcome {
            Ok(Ok(value)) => in_memory(value).ok_or_else(|| {
                let message = "the result of a guest's call was moved to storage";
                Arc::new(Failure::new(ErrorCode::Internal, message))
            }),
            Ok(Err(failure)) => Err(failure),
            // The session was closed.
            Err(_) => Err(Arc::new(calls::cancelled())),
        })
    }
}

impl Drop for Nested {
    fn drop(&mut self) {
        if self.told.is_some() {
            let mut steps = Vec::new();
            let mut state = self.session.state();
            state.cancel(self.id, &mut steps);
            state.work_off(&mut steps);
            drop(state);
            self.session.drive(steps, &mut Patience::none());
        }
    }
}
