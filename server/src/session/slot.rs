//! A module's place in a session: its instance and the one queue of all that
//! enters it.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use farside_protocol::value::RefSite;
use farside_protocol::{Each, Failure, RefId, Seq, WriterId};
use tokio_util::sync::DropGuard;

use super::refs::Moment;
use super::state::Asker;
use crate::meter::Charge;
use crate::sandbox::{Instance, Module, Stop};

/// A module of a session. Its number is its place among the session's slots.
pub(super) struct Slot {
    pub(super) name: Arc<str>,
    pub(super) tenant: Tenant,
    pub(super) queue: VecDeque<Item>,
    pub(super) state: SlotState,
    /// Whether its module is an evaluator, which the operator provides.
    pub(super) evaluates: bool,
    /// References to what lives in its instance, if that is an evaluator's.
    pub(super) objects: HashSet<RefId>,
    /// What of that is not referred to any more, and the evaluator does not know yet.
    pub(super) dropped: Vec<u64>,
    /// The slot that took this one's name.
    pub(super) replaced_by: Option<u32>,
    /// The names of its functions, which it keeps for good.
    _counted: Charge,
}

/// Modules that a session may have had. Each keeps its number, so that older handles
/// find what has its name now.
pub(super) const SLOTS: usize = 4096;

/// What occupies a slot.
pub(super) enum Tenant {
    Module(Arc<Module>),
    /// The module was replaced and its last call has finished; the names of its
    /// functions remain, so that older handles find the new module's.
    Former {
        functions: Arc<[String]>,
    },
}

/// What waits to enter an instance, first in, first out.
pub(super) enum Item {
    Call(Call),
    /// With who is told of it, while that one is there.
    Renew {
        asker: Option<(Asker, Seq)>,
        taken: Moment,
    },
}

impl Item {
    /// Its place in the order in which all of the session's messages were taken.
    pub(super) fn taken(&self) -> Moment {
        match self {
            Item::Call(call) => call.standing.taken,
            Item::Renew { taken, .. } => *taken,
        }
    }
}

pub(super) enum SlotState {
    /// No instance yet; the next call makes it.
    Empty,
    Idle(Box<Instance>),
    Busy(Occupant),
    /// Something is done with its instance between calls.
    Aside,
    /// A call went wrong and the state is lost, until the client renews.
    Poisoned {
        first: Arc<Failure>,
        _counted: Charge,
    },
}

impl SlotState {
    /// Whether there is an instance.
    pub(super) fn is_live(&self) -> bool {
        matches!(self, SlotState::Idle(_) | SlotState::Busy(_) | SlotState::Aside)
    }
}

/// The call that runs, or is being prepared.
pub(super) struct Occupant {
    pub(super) call: RefId,
    pub(super) stop: Stop,
    pub(super) standing: Standing,
    /// Whether it has an instance.
    pub(super) enters: bool,
    /// The call of its own that its guest waits for.
    pub(super) nested: Option<RefId>,
}

impl Occupant {
    pub(super) fn of(call: &Call, stop: &Stop) -> Occupant {
        let (stop, standing) = (stop.clone(), call.standing);
        Occupant { call: call.id, stop, standing, enters: call.each.is_none(), nested: None }
    }

    /// Whether its guest waits for a call of its own.
    pub(super) fn waits(&self) -> bool {
        self.nested.is_some()
    }
}

/// When a call was taken, and for whom. One that a guest makes has the rank of the call
/// that a client made, so that it sees what was taken before that one, and waits for
/// nothing that was taken later.
#[derive(Clone, Copy)]
pub(super) struct Standing {
    pub(super) taken: Moment,
    /// The client's call, which is told of in the log.
    pub(super) outermost: RefId,
    /// The call whose guest made it, and how many there are above it.
    pub(super) caller: Option<RefId>,
    pub(super) depth: usize,
}

impl Standing {
    /// Of a client's call.
    pub(super) fn outermost(call: RefId, taken: Moment) -> Standing {
        Standing { taken, outermost: call, caller: None, depth: 0 }
    }
}

/// A call that was taken and has not begun.
pub(super) struct Call {
    pub(super) id: RefId,
    pub(super) function: u32,
    /// What is done with each item, if the function is for those.
    pub(super) each: Option<Each>,
    pub(super) arguments: CallArguments,
    pub(super) standing: Standing,
    /// By when the client wants it to be finished, and the time that it asked for.
    pub(super) deadline: Option<(Instant, Duration)>,
    /// Argument bytes, for the writer's credit.
    pub(super) bytes: u64,
    /// The argument that it was told to wait for, while it does.
    pub(super) waits_for: Option<RefId>,
    /// Of its deadline; once the call runs, the executor watches that.
    pub(super) _alarm: Option<DropGuard>,
}

pub(super) enum CallArguments {
    /// They come as a transfer that has not ended.
    Arriving,
    There {
        bytes: Bytes,
        sites: Vec<RefSite>,
    },
}

impl Slot {
    pub(super) fn new(name: Arc<str>, module: Arc<Module>, counted: Charge) -> Slot {
        Slot {
            name,
            tenant: Tenant::Module(module),
            queue: VecDeque::new(),
            state: SlotState::Empty,
            evaluates: false,
            objects: HashSet::new(),
            dropped: Vec::new(),
            replaced_by: None,
            _counted: counted,
        }
    }

    /// Nobody hears a writer's answers any more; what it asked for is still done.
    pub(super) fn forget_asker(&mut self, writer: WriterId) {
        for item in &mut self.queue {
            if let Item::Renew { asker, .. } = item {
                asker.take_if(|(asker, _)| asker.writer == writer);
            }
        }
    }

    /// The call that runs in its instance.
    pub(super) fn occupant(&self) -> Option<&Occupant> {
        match &self.state {
            SlotState::Busy(occupant) => Some(occupant),
            _ => None,
        }
    }

    pub(super) fn module(&self) -> Option<&Arc<Module>> {
        match &self.tenant {
            Tenant::Module(module) => Some(module),
            Tenant::Former { .. } => None,
        }
    }

    pub(super) fn function_name(&self, function: u32) -> Option<&str> {
        let place = function as usize;
        match &self.tenant {
            Tenant::Module(module) => {
                module.manifest().functions.get(place).map(|function| function.name.as_str())
            }
            Tenant::Former { functions } => functions.get(place).map(String::as_str),
        }
    }
}
