//! What a session does once its answers are sent.

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
        let mut unkept = self.state().take_unkept();
        while let Some((number, mut instance)) = unkept {
            instance.keep_state();
            let mut steps = Vec::new();
            let mut state = self.state();
            state.put_back(number, instance, &mut steps);
            unkept = state.take_unkept();
            drop(state);
            self.drive(steps, &mut Patience::none());
        }
    }
}

impl State {
    /// An instance whose state is to be kept, with its slot, which can't be entered until
    /// it is put back.
    fn take_unkept(&mut self) -> Option<(u32, Box<Instance>)> {
        let is_unkept = |state: &SlotState| match state {
            SlotState::Idle(instance) => instance.is_unkept(),
            _ => false,
        };
        let number = self.slots.iter().position(|slot| is_unkept(&slot.state))?;
        let state = &mut self.slots[number].state;
        match std::mem::replace(state, SlotState::Kept) {
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
