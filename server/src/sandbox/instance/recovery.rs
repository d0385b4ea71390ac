//! Instances that outlive a call which had to be stopped: those of evaluators.

use std::mem;
use std::sync::Arc;

use farside_protocol::{ErrorCode, Failure};

use super::{Finished, Instance, Invocation, Output};
use crate::sandbox::ending::Means;
use crate::sandbox::fault::Fault;
use crate::sandbox::image::{Checkpoint, State, watch};
use crate::sandbox::module::Module;

/// The export that tells where the byte is that interrupts what runs.
const INTERRUPT: &str = "farside_interrupt";

/// What an instance can be brought back with.
pub(super) struct Recovery {
    state: State,
    kept: Kept,
    since: Since,
}

/// What has happened since an instance's state was kept.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Since {
    Nothing,
    /// A call, in which no page was written to for the first time.
    Call,
    /// A call, of whose pages nothing is known.
    Writes,
}

/// The state of an instance before the call that runs, or the next one.
enum Kept {
    /// That of a new instance.
    New,
    Checkpoint(Checkpoint),
    /// It is too large to be kept.
    Nothing,
}

impl Instance {
    /// Looks for what a new instance offers to those who stop it.
    pub(super) async fn find_recovery(&mut self) -> Result<(), Fault> {
        if !self.module.recovers() {
            return Ok(());
        }
        let code = self.module.pre().module();
        let state = State::of(code, &self.instance, &mut self.store)
            .map_err(|error| Fault::broken_contract(format!("its state can't be had: {error}")))?;
        self.recovery = Some(Recovery { state, kept: Kept::New, since: Since::Nothing });
        let Ok(find) = self.instance.get_typed_func::<(), u32>(&mut self.store, INTERRUPT) else {
            return Ok(());
        };
        let at = self.enter_typed(&find).await?;
        self.store.data_mut().interrupt = self.memory.map(|memory| (memory, at as usize));
        Ok(())
    }

    /// Whether a call has changed it since its state was kept.
    pub(crate) fn is_unkept(&self) -> bool {
        self.recovery.as_ref().is_some_and(|recovery| recovery.since != Since::Nothing)
    }

    /// Keeps its state, so that the next call can be undone. Reads and copies what was
    /// ever written to, half a MiB of a Python with few variables.
    pub(crate) fn keep_state(&mut self) {
        let Some(Recovery { state, kept, since }) = &mut self.recovery else { return };
        let are_pages_the_same = match mem::replace(since, Since::Nothing) {
            Since::Nothing => return,
            since => since == Since::Call,
        };
        let now = match mem::replace(kept, Kept::Nothing) {
            Kept::Checkpoint(last) => last.renewed(state, &mut self.store, are_pages_the_same),
            Kept::New | Kept::Nothing => {
                let memory = Arc::clone(self.store.data().share.process());
                Checkpoint::take(state, &mut self.store, &memory)
            }
        };
        if let Some(now) = now {
            *kept = Kept::Checkpoint(now);
        }
    }

    /// Runs a call, and notices whether it wrote to a page for the first time.
    pub(super) async fn call_watched(&mut self, call: &Invocation) -> Result<Output, Fault> {
        if self.recovery.is_none() {
            return self.call(call).await;
        }
        let (outcome, had_no_fault) = Box::pin(watch(self.call(call))).await;
        if let Some(recovery) = &mut self.recovery {
            recovery.since = if had_no_fault { Since::Call } else { Since::Writes };
        }
        outcome
    }

    /// How a call in it may be stopped.
    pub(super) fn means(&self) -> Means {
        let Some(recovery) = &self.recovery else { return Means::default() };
        let interrupt = self.store.data().interrupt.is_some();
        Means { interrupt, roll_back: !matches!(recovery.kept, Kept::Nothing) }
    }

    /// Makes the instance anew, as it was before the call that failed.
    pub(super) async fn roll_back(mut self: Box<Self>, fault: Fault) -> Finished {
        let kept = match self.recovery.take().map(|recovery| recovery.kept) {
            Some(kept @ (Kept::New | Kept::Checkpoint(_))) => kept,
            None | Some(Kept::Nothing) => return Finished::of(fault),
        };
        let Instance { store, module, _permit: permit, .. } = *self;
        // Its memory is free before the new one's is taken.
        let host = store.into_data();
        let (budget, log) = host.into_budget_and_log();
        let restored = async {
            let mut instance = Instance::create(module, budget, permit, log).await?;
            let Kept::Checkpoint(checkpoint) = kept else {
                return instance.prepare().await.map(|()| instance);
            };
            instance.find_recovery().await?;
            if let Some(recovery) = &mut instance.recovery {
                checkpoint.restore(&recovery.state, &mut instance.store).map_err(|error| {
                    Fault::broken_contract(format!("its state can't be put back: {error:#}"))
                })?;
                recovery.kept = Kept::Checkpoint(checkpoint);
            }
            Ok::<_, Fault>(instance)
        };
        match restored.await {
            Ok(instance) => {
                let failure = with_note(fault.failure, "as they were before it");
                Finished::unbegun(Some(Box::new(instance)), failure)
            }
            Err(error) => {
                let failure = fault.failure.with_cause(error.failure);
                Finished::of(Fault::poisoning(failure))
            }
        }
    }
}

impl Module {
    /// Whether its instances outlive calls that have to be stopped.
    pub(super) fn recovers(&self) -> bool {
        self.is_evaluator() && self.manifest().obstacle.is_none()
    }
}

/// What is said of a call that its guest ended when it was interrupted, with what the
/// guest told of it.
pub(super) fn interrupted(why: &Failure, told: Option<Failure>) -> Failure {
    let (backtrace, detail) = told.map(|told| (told.backtrace, told.detail)).unwrap_or_default();
    let hint = match why.code {
        ErrorCode::Cancelled => None,
        _ => why.hint.clone(),
    };
    with_note(Failure { backtrace, detail, hint, ..why.clone() }, "as it left them")
}

/// The failure, with what became of the variables in its hint.
fn with_note(failure: Failure, how: &str) -> Failure {
    let note = format!("the session's variables are {how}");
    let hint = match &failure.hint {
        Some(hint) => format!("{note}; {hint}"),
        None => note,
    };
    failure.with_hint(hint)
}
