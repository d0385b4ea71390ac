//! The hostile tenth: cases of the corpus, drawn at random.

use std::sync::Arc;

use farside_tests::Server;
use farside_tests::corpus::{self, Case};
use rand::RngExt as _;
use rand::rngs::StdRng;

use crate::tally::{Event, Tally};

/// The cases that do not take the whole machine by themselves.
pub(crate) struct Hostile {
    cases: Vec<Case>,
}

impl Hostile {
    pub(crate) fn new() -> Hostile {
        Hostile { cases: corpus::all().into_iter().filter(is_light).collect() }
    }

    /// Runs one, which has to get what is promised here as well.
    pub(crate) async fn run(&self, server: &Arc<Server>, tally: &Tally, rng: &mut StdRng) {
        tally.count(Event::Session);
        tally.count(Event::Hostile);
        let case = &self.cases[rng.random_range(0..self.cases.len())];
        let outcome = case.run(server).await;
        if !case.allows(&outcome) {
            tally.wrong(format!("{}: {outcome}, promised {}", case.name(), case.promised()));
        }
    }
}

fn is_light(case: &Case) -> bool {
    !case.is_heavy() && case.lacks().is_none()
}
