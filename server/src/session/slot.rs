//! A module's place in a session: its instance and the one queue of all that
//! enters it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use farside_protocol::value::RefSite;
use farside_protocol::{Failure, RefId, Seq, WriterId};
use tokio_util::sync::DropGuard;

use super::state::Asker;
use crate::meter::Charge;
use crate::sandbox::{Instance, Module, Stop};

/// A module of a session. Its number is its place among the session's slots.
pub(super) struct Slot {
    pub(super) name: Arc<str>,
    pub(super) tenant: Tenant,
    pub(super) queue: VecDeque<Item>,
    pub(super) state: SlotState,
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
    },
}

pub(super) enum SlotState {
    /// No instance yet; the next call makes it.
    Empty,
    Idle(Box<Instance>),
    Busy(Occupant),
    /// A call went wrong and the state is lost, until the client renews.
    Poisoned {
        first: Arc<Failure>,
        _counted: Charge,
    },
}

/// The call that runs, or is being prepared.
pub(super) struct Occupant {
    pub(super) call: RefId,
    pub(super) stop: Stop,
}

/// A call that was taken and has not begun.
pub(super) struct Call {
    pub(super) id: RefId,
    pub(super) function: u32,
    pub(super) arguments: CallArguments,
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
            replaced_by: None,
            _counted: counted,
        }
    }

    /// Nobody hears a writer's answers any more; what it asked for is still done.
    pub(super) fn forget_asker(&mut self, writer: WriterId) {
        for item in &mut self.queue {
            if let Item::Renew { asker } = item {
                asker.take_if(|(asker, _)| asker.writer == writer);
            }
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
