//! What is to be done after a session's state has changed. The state decides and
//! never waits; steps are carried out with its lock released.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use farside_protocol::value::RefSite;
use farside_protocol::value::path::Path;
use farside_protocol::{Each, RefId, Seq};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::slot::Standing;
use super::state::Asker;
use super::value::Value;
use super::writer::Arrived;
use crate::sandbox::{CodeId, Instance, Module, Stop};

/// One thing to do.
pub(crate) enum Step {
    /// Run a call.
    Run(Job),
    /// Find a part of a value and send it.
    Answer { asker: Asker, seq: Seq, value: Value, path: Path },
    /// Find a part of a value and keep it.
    Select { into: RefId, of: Value, path: Path },
    /// Write a large value to storage and forget its bytes in memory.
    Spill { of: RefId, bytes: Bytes },
    /// Look whether a module is known, and install it or ask for its bytes.
    FindModule { asker: Asker, seq: Seq, name: String, code: CodeId, size: u64 },
    /// A transfer is whole: check what came.
    Take { asker: Asker, arrived: Arrived },
    /// Come back at a time, unless it is called off before.
    Alarm { at: Instant, alarm: Alarm, off: CancellationToken },
    /// Free an instance's memory, which takes system calls.
    Free(Box<Instance>),
}

impl Step {
    /// Adds an alarm, which is called off when the guard is dropped.
    pub(super) fn alarm(at: Instant, alarm: Alarm, steps: &mut Vec<Step>) -> DropGuard {
        let off = CancellationToken::new();
        steps.push(Step::Alarm { at, alarm, off: off.clone() });
        off.drop_guard()
    }
}

/// Why to come back.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Alarm {
    /// A `wait`'s time is over.
    Wait(u64),
    /// A call that may not have begun is past its deadline.
    Call(RefId),
}

/// A call that can run now: its arguments are there.
pub(crate) struct Job {
    pub(super) of: RefId,
    pub(super) place: Place,
    /// The slot of the function's module, which it enters unless its place is another.
    pub(super) slot: u32,
    pub(super) module: Arc<Module>,
    pub(super) function: u32,
    pub(super) each: Option<Each>,
    /// The instance, unless it is to be made.
    pub(super) instance: Option<Box<Instance>>,
    pub(super) arguments: Bytes,
    /// The values that go in the places of references.
    pub(super) inputs: Vec<(RefSite, Value)>,
    pub(super) standing: Standing,
    pub(super) deadline: Option<(Instant, Duration)>,
    /// Asks it to stop, be it before it runs.
    pub(super) stop: Stop,
    /// Argument bytes, for the writer's credit.
    pub(super) bytes: u64,
}

/// Where a call runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Slot(u32),
    Fresh,
}
