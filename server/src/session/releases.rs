//! References that are given up. Those given up while the arguments of a taken call
//! are still on their way stay until these are there, since they may name them.

use std::collections::{BTreeSet, VecDeque};

use farside_protocol::RefId;

use super::refs::Moment;
use super::state::State;

/// What was given up too late to go at once.
#[derive(Default)]
pub(super) struct Releases {
    /// When the calls were taken whose arguments are on their way.
    arriving: BTreeSet<Moment>,
    /// When they were given up, in order; each of them is held.
    late: VecDeque<(Moment, RefId)>,
}

impl State {
    /// The client gives up references.
    pub(super) fn release(&mut self, refs: &[RefId]) {
        let now = self.refs.now();
        for id in refs {
            let Some(entry) = self.refs.visible(*id) else { continue };
            entry.released = Some(now);
            if self.releases.arriving.is_empty() {
                self.refs.sweep(*id);
            } else {
                entry.holds += 1;
                self.releases.late.push_back((now, *id));
            }
        }
    }

    /// The arguments of a call that is taken now are on their way.
    pub(super) fn arguments_begin(&mut self, taken: Moment) {
        self.releases.arriving.insert(taken);
    }

    /// They are there and checked, or will never come.
    pub(super) fn arguments_end(&mut self, taken: Moment) {
        let Releases { arriving, late } = &mut self.releases;
        arriving.remove(&taken);
        let first = arriving.first();
        while let Some((_, id)) =
            late.pop_front_if(|(released, _)| first.is_none_or(|first| *released < *first))
        {
            self.refs.unhold(id);
        }
    }
}
