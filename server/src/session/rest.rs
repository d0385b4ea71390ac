//! What a session does with its instances between calls.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Session;
use super::drive::Patience;
use super::slot::SlotState;
use super::state::State;
use super::step::Step;
use crate::sandbox::Instance;

impl Session {
    /// Keeps the state of instances that calls have changed, for the case that their next
    /// calls have to be undone. Nobody waits for it, unless they call meanwhile.
    pub(crate) fn rest(self: &Arc<Self>) {
        if !self.unkept.swap(false, Ordering::Relaxed) {
            return;
        }
        self.between_calls(Instance::is_unkept, Instance::keep_state);
    }

    /// Gives back what calls have left of its instances' stacks.
    pub(super) fn give_back_stacks(self: &Arc<Self>) {
        self.between_calls(Instance::has_used_stack, Instance::give_back_stack);
    }

    /// Does something with each instance that wants it and is not entered, with the
    /// session's lock let go meanwhile.
    fn between_calls(self: &Arc<Self>, wants: fn(&Instance) -> bool, work: fn(&mut Instance)) {
        let mut taken = self.state().take_aside(wants);
        while let Some((number, mut instance)) = taken {
            work(&mut instance);
            let mut steps = Vec::new();
            let mut state = self.state();
            state.put_back(number, instance, &mut steps);
            taken = state.take_aside(wants);
            drop(state);
            self.drive(steps, &mut Patience::none());
        }
    }
}

impl State {
    /// An instance that wants something done with it, with its slot, which can't be
    /// entered until it is put back.
    fn take_aside(&mut self, wants: fn(&Instance) -> bool) -> Option<(u32, Box<Instance>)> {
        let is_one = |state: &SlotState| match state {
            SlotState::Idle(instance) => wants(instance),
            _ => false,
        };
        let number = self.slots.iter().position(|slot| is_one(&slot.state))?;
        let state = &mut self.slots[number].state;
        match std::mem::replace(state, SlotState::Aside) {
            SlotState::Idle(instance) => Some((number as u32, instance)),
            other => {
                *state = other;
                None
            }
        }
    }

    fn put_back(&mut self, number: u32, instance: Box<Instance>, steps: &mut Vec<Step>) {
        if self.closed.is_some() {
            return steps.push(Step::Free(instance));
        }
        self.slots[number as usize].state = SlotState::Idle(instance);
        self.advance(number, steps);
        self.work_off(steps);
    }
}
