//! How long a run measures.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// All, or all that fits into two minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Plan {
    /// Everything, at its full size.
    Full,
    /// Short runs, and small sizes where the full ones take long.
    Quick,
}

impl Plan {
    /// The plan for people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Plan::Full => "full",
            Plan::Quick => "quick",
        }
    }

    /// How long a whole run may take, if that is promised.
    pub(crate) fn most_time(self) -> Option<Duration> {
        match self {
            Plan::Full => None,
            Plan::Quick => Some(Duration::from_secs(120)),
        }
    }

    /// Runs of each side of a row.
    pub(crate) fn runs(self) -> usize {
        match self {
            Plan::Full => 7,
            Plan::Quick => 5,
        }
    }

    /// How long one run of a rate or a latency lasts.
    pub(crate) fn run_time(self) -> Duration {
        match self {
            Plan::Full => Duration::from_millis(500),
            Plan::Quick => Duration::from_millis(25),
        }
    }

    /// One size for a full run, a smaller one for a quick one.
    pub(crate) fn pick<T>(self, full: T, quick: T) -> T {
        match self {
            Plan::Full => full,
            Plan::Quick => quick,
        }
    }
}
