//! Instances that stand ready for the next fresh calls of their sessions.
//!
//! Each was made new when its call had ended, and is given to no other session: what
//! is left of a call is wiped with the same care as pages are, but it is not handed to
//! strangers.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::instance::Instance;
use super::module::Module;
use super::rounds::Lane;
use crate::auth::OwnerId;

/// Instances that stand ready at most, of all sessions. They are few pages each.
const MOST: usize = 256;

/// Those of one session.
const OF_SESSION: usize = 8;

/// Instances by their sessions, the ones used last at the end.
#[derive(Default)]
pub(crate) struct Stock {
    ready: Mutex<VecDeque<(Lane, Box<Instance>)>>,
}

impl Stock {
    fn ready(&self) -> MutexGuard<'_, VecDeque<(Lane, Box<Instance>)>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps an instance whose call has ended, if it can be made new.
    pub(super) fn put(&self, lane: Lane, mut instance: Box<Instance>) {
        if !instance.renew() {
            return;
        }
        instance.set_aside();
        let mut ready = self.ready();
        let of_session = ready.iter().filter(|(other, _)| *other == lane).count();
        let oldest = match of_session {
            OF_SESSION.. => ready.iter().position(|(other, _)| *other == lane),
            _ => (ready.len() >= MOST).then_some(0),
        };
        let gone = oldest.and_then(|place| ready.remove(place));
        ready.push_back((lane, instance));
        drop(ready);
        // Its memory is freed with the lock let go.
        drop(gone);
    }

    /// An instance of a module that is as new, if one of this session stands ready and
    /// the session has room for it.
    pub(crate) fn take(&self, lane: Lane, module: &Arc<Module>) -> Option<Box<Instance>> {
        let mut ready = self.ready();
        let fits =
            |(other, instance): &(Lane, Box<Instance>)| *other == lane && instance.is_of(module);
        let place = ready.iter().rposition(fits)?;
        let (_, mut instance) = ready.remove(place)?;
        drop(ready);
        instance.take_up().then_some(instance)
    }

    /// Gives up the instance, of an owner or of any, that was not used for longest; false
    /// if there is none.
    pub(super) fn give_up_one(&self, of: Option<OwnerId>) -> bool {
        let mut ready = self.ready();
        let is_of = |(lane, _): &(Lane, _)| of.is_none_or(|owner| lane.owner == owner);
        let oldest = ready.iter().position(is_of).and_then(|place| ready.remove(place));
        drop(ready);
        oldest.is_some()
    }

    /// Gives back what calls have left of the instances' stacks.
    pub(crate) fn give_back_stacks(&self) {
        for (_, instance) in self.ready().iter_mut() {
            if instance.has_used_stack() {
                instance.give_back_stack();
            }
        }
    }

    /// Gives up all that are a session's.
    pub(crate) fn forget(&self, lane: Lane) {
        let mut gone = Vec::new();
        let mut ready = self.ready();
        for (other, instance) in std::mem::take(&mut *ready) {
            match other == lane {
                true => gone.push(instance),
                false => ready.push_back((other, instance)),
            }
        }
    }
}
