//! The whole life of a call: how it comes to its instance, and what becomes of that.

use std::pin::Pin;
use std::sync::Arc;

use farside_protocol::Failure;

use super::recovery::interrupted;
use super::{Instance, Invocation, Output};
use crate::sandbox::budget::Budget;
use crate::sandbox::executor::Stop;
use crate::sandbox::fault::Fault;
use crate::sandbox::host::CallLog;
use crate::sandbox::module::Module;
use crate::sandbox::places::Permit;

/// How the call got its instance.
pub(crate) enum Ground {
    /// It exists already.
    Instance(Box<Instance>),
    /// It is to be made, within the session's budget.
    New {
        module: Arc<Module>,
        budget: Arc<Budget>,
        permit: Permit,
        /// Whether it is for one call, after which it is made new again.
        fresh: bool,
    },
}

/// A call's end: its instance, unless that is lost, and what came out.
pub(crate) struct Finished {
    pub(crate) instance: Option<Box<Instance>>,
    pub(crate) outcome: Result<Output, Fault>,
    /// The fuel that it used, if that was counted and it came to its own end.
    pub(crate) fuel: Option<u64>,
}

impl Finished {
    /// A call that failed and has no instance.
    pub(crate) fn of(fault: Fault) -> Finished {
        Finished { instance: None, outcome: Err(fault), fuel: None }
    }

    /// A call that failed before it entered its instance.
    pub(crate) fn unbegun(instance: Option<Box<Instance>>, failure: Failure) -> Finished {
        Finished { instance, ..Finished::of(Fault::orderly(failure)) }
    }
}

/// How a call comes to its instance.
enum Entry {
    There(Box<Instance>),
    Made(Pin<Box<dyn Future<Output = Result<Box<Instance>, Fault>> + Send>>),
}

/// The whole life of a call as one future. It yields at every tick of the epoch;
/// dropping it stops the guest and frees its instance. A call that shall `stop` before
/// it has begun leaves its instance as it is.
///
/// What most calls don't do is boxed: a future of up to 1 KiB is allocated and moved
/// faster than one that has room for all.
pub(crate) fn run(
    ground: Ground,
    stop: Stop,
    log: CallLog,
    invocation: Invocation,
) -> impl Future<Output = Finished> + Send {
    let entry = match ground {
        Ground::Instance(mut instance) => {
            instance.store.data_mut().begin_call(log);
            Entry::There(instance)
        }
        Ground::New { module, budget, permit, fresh } => Entry::Made(Box::pin(async move {
            let mut instance = Instance::create(module, budget, permit, Some(log)).await?;
            instance.prepare().await?;
            if fresh {
                instance.find_renewal().await?;
            }
            Ok(Box::new(instance))
        })),
    };
    run_in(entry, stop, Box::new(invocation))
}

async fn run_in(entry: Entry, stop: Stop, invocation: Box<Invocation>) -> Finished {
    if let Some(failure) = stop.requested() {
        let instance = match entry {
            Entry::There(instance) => Some(instance),
            Entry::Made(_) => None,
        };
        return Finished::unbegun(instance, failure);
    }
    let mut instance = match entry {
        Entry::There(instance) => instance,
        Entry::Made(made) => match made.await {
            Ok(instance) => instance,
            Err(Fault { failure, .. }) => {
                // There was no state yet that could be lost.
                return Finished::unbegun(None, failure);
            }
        },
    };
    let ending = stop.ending();
    // Mostly it was kept when the last call had been answered.
    instance.keep_state();
    ending.offer(instance.means());
    instance.store.data_mut().stopped_by(stop.clone());
    instance.uses_stack();
    let outcome = match instance.refuel() {
        Ok(()) => instance.call_watched(&invocation).await,
        Err(fault) => Err(fault),
    };
    let fuel = instance.fuel_used();
    let outcome = match (outcome, ending.why()) {
        (Err(fault), why) if fault.poisons => {
            let failure = why.cloned().unwrap_or(fault.failure);
            return Box::pin(instance.roll_back(Fault::poisoning(failure))).await;
        }
        // Whatever it made of being stopped, a value included.
        (outcome, Some(why)) => {
            Err(Fault::orderly(interrupted(why, outcome.err().map(|fault| fault.failure))))
        }
        (outcome, None) => outcome,
    };
    Finished { instance: Some(instance), outcome, fuel }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size<F: Future>(_: impl Fn(Ground, Stop, CallLog, Invocation) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn a_call_takes_less_than_a_kibibyte() {
        assert!(size(run) <= 1024, "{} bytes", size(run));
    }
}
