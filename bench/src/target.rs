//! What a figure should be, and whether it is.

use serde::{Deserialize, Serialize};

use crate::unit::Unit;

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Better {
    /// Times and sizes.
    Lower,
    /// Rates.
    Higher,
}

/// What a target speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Subject {
    /// The ratio to what was measured beside.
    Ratio,
    /// The figure itself.
    Figure,
}

/// A bound that is promised.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Target {
    subject: Subject,
    better: Better,
    bound: f64,
}

impl Target {
    /// At most so many times what was measured beside.
    pub(crate) const fn ratio_at_most(bound: f64) -> Target {
        Target { subject: Subject::Ratio, better: Better::Lower, bound }
    }

    /// At least so many times what was measured beside.
    pub(crate) fn ratio_at_least(bound: f64) -> Target {
        Target { subject: Subject::Ratio, better: Better::Higher, bound }
    }

    /// At most so much, in the row's unit.
    pub(crate) fn at_most(bound: f64) -> Target {
        Target { subject: Subject::Figure, better: Better::Lower, bound }
    }

    /// The bound for people: `<= 1.25 x`.
    pub(crate) fn show(&self, unit: Unit) -> String {
        let unit = match self.subject {
            Subject::Ratio => Unit::Times,
            Subject::Figure => unit,
        };
        let sign = match self.better {
            Better::Lower => "<=",
            Better::Higher => ">=",
        };
        format!("{sign} {}", unit.show(self.bound))
    }

    /// Whether it speaks of the ratio, not of the figure itself.
    pub(crate) fn is_of_ratio(&self) -> bool {
        self.subject == Subject::Ratio
    }

    /// Whether a median, and its ratio to the median beside it, keep the promise.
    pub(crate) fn judge(&self, figure: f64, ratio: Option<f64>) -> Verdict {
        let found = match self.subject {
            Subject::Ratio => ratio,
            Subject::Figure => Some(figure),
        };
        let kept = found.is_some_and(|found| match self.better {
            Better::Lower => found <= self.bound,
            Better::Higher => found >= self.bound,
        });
        if kept { Verdict::Met } else { Verdict::Missed }
    }
}

/// What became of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Verdict {
    /// The median keeps it.
    Met,
    /// The median does not keep it.
    Missed,
    /// There is none: the row is there to be seen.
    Open,
}

impl Verdict {
    /// The verdict for people.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Verdict::Met => "met",
            Verdict::Missed => "MISSED",
            Verdict::Open => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_judged_by_what_it_speaks_of() {
        let check = |target: Target, figure, ratio, expected, text| {
            assert_eq!(target.judge(figure, ratio), expected, "{text}");
            assert_eq!(target.show(Unit::Micros), text);
        };
        check(Target::ratio_at_most(1.25), 9.0, Some(1.25), Verdict::Met, "<= 1.25 x");
        check(Target::ratio_at_most(1.25), 1.0, Some(1.26), Verdict::Missed, "<= 1.25 x");
        check(Target::ratio_at_least(0.45), 1.0, Some(0.5), Verdict::Met, ">= 0.45 x");
        check(Target::ratio_at_least(0.45), 1.0, None, Verdict::Missed, ">= 0.45 x");
        check(Target::at_most(10.0), 9.0, Some(99.0), Verdict::Met, "<= 10 us");
    }
}
