//! In which order guests have their turns: round the owners, of each round its sessions,
//! of each of those one call after the other.
//!
//! However many sessions an owner has, and calls a session, it has one place in a round
//! while it has any.

use std::collections::{HashMap, VecDeque};

use crate::auth::OwnerId;

/// Names a session in the round of its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Lane {
    pub(crate) owner: OwnerId,
    pub(crate) session: u64,
}

/// Whose turn it is: owner by owner, of each one session after the other, and of each
/// of those one call.
pub(super) struct Rounds<T> {
    round: VecDeque<OwnerId>,
    owners: HashMap<OwnerId, VecDeque<Lane>>,
    lanes: HashMap<Lane, VecDeque<T>>,
}

impl<T> Default for Rounds<T> {
    fn default() -> Rounds<T> {
        Rounds { round: VecDeque::new(), owners: HashMap::new(), lanes: HashMap::new() }
    }
}

impl<T> Rounds<T> {
    /// Puts a call behind those of its session.
    pub(super) fn push(&mut self, lane: Lane, task: T) {
        let tasks = self.lanes.entry(lane).or_default();
        if tasks.is_empty() {
            let lanes = self.owners.entry(lane.owner).or_default();
            if lanes.is_empty() {
                self.round.push_back(lane.owner);
            }
            lanes.push_back(lane);
        }
        tasks.push_back(task);
    }

    /// The next call of the next session of the next owner; these go to the ends of their
    /// rounds.
    pub(super) fn pop(&mut self) -> Option<(Lane, T)> {
        let owner = self.round.pop_front()?;
        let lanes = self.owners.get_mut(&owner)?;
        let lane = lanes.pop_front()?;
        let tasks = self.lanes.get_mut(&lane)?;
        let task = tasks.pop_front();
        if tasks.is_empty() {
            self.lanes.remove(&lane);
        } else {
            lanes.push_back(lane);
        }
        if lanes.is_empty() {
            self.owners.remove(&owner);
        } else {
            self.round.push_back(owner);
        }
        task.map(|task| (lane, task))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_have_turns_whatever_number_of_sessions_and_calls_they_have() {
        let mut rounds = Rounds::default();
        let mut push = |owner, session| {
            rounds.push(Lane { owner: OwnerId(owner), session }, ());
        };
        for session in 0..3 {
            push(1, session);
            push(1, session);
        }
        push(2, 7);
        push(2, 7);
        let popped = std::iter::from_fn(|| {
            let (Lane { owner, session }, ()) = rounds.pop()?;
            Some((owner.0, session))
        });
        let order: Vec<_> = popped.collect();
        assert_eq!(order, [(1, 0), (2, 7), (1, 1), (2, 7), (1, 2), (1, 0), (1, 1), (1, 2)]);
        assert!(rounds.owners.is_empty() && rounds.round.is_empty() && rounds.lanes.is_empty());
    }
}
