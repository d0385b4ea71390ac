//! Where a call is that waits for another one: out of the executor's queue, so that it
//! costs no turns, until it is woken.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Wake, Waker};

use super::executor::{Shared, Task};
use super::rounds::Lane;

/// One task's place while it waits; what it is polled with wakes it from there.
pub(super) struct Place {
    executor: Weak<Shared>,
    lane: Lane,
    /// Short: only looked at and replaced.
    state: Mutex<State>,
}

enum State {
    /// It runs, or waits for its turn.
    Out {
        /// Whether it was woken since its turn began.
        woken: bool,
    },
    Parked(Task),
}

impl Place {
    pub(super) fn new(executor: &Arc<Shared>, lane: Lane) -> Place {
        let state = Mutex::new(State::Out { woken: false });
        Place { executor: Arc::downgrade(executor), lane, state }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its task has its turn; gives what wakes it.
    pub(super) fn leave(self: &Arc<Self>) -> Waker {
        *self.state() = State::Out { woken: false };
        Waker::from(Arc::clone(self))
    }

    /// Keeps the task until it is woken; gives it back if it was meanwhile.
    pub(super) fn park(&self, task: Task) -> Option<Task> {
        let mut state = self.state();
        match *state {
            State::Out { woken: true } => Some(task),
            _ => {
                *state = State::Parked(task);
                None
            }
        }
    }
}

impl Wake for Place {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let before = std::mem::replace(&mut *self.state(), State::Out { woken: true });
        if let State::Parked(task) = before
            && let Some(executor) = self.executor.upgrade()
        {
            executor.push(self.lane, task);
        }
    }
}
