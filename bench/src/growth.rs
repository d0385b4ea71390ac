//! How a cost grows with a size: measured at several sizes, fitted to a power.

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use crate::target::Verdict;
use crate::unit::Unit;

/// What grew how fast.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Growth {
    /// Rows of one subject.
    pub(crate) group: String,
    /// What was measured.
    pub(crate) name: String,
    /// What the sizes count.
    pub(crate) sizes: String,
    /// The unit of the costs.
    pub(crate) unit: Unit,
    /// Sizes, ascending, and the cost at each.
    pub(crate) points: Vec<(f64, f64)>,
    /// The cost grows like the size to this power, over the larger sizes, where what
    /// is constant weighs least.
    pub(crate) power: f64,
    /// The same over all sizes.
    pub(crate) whole: f64,
    /// The largest cost as a multiple of that of the smallest size.
    pub(crate) rise: f64,
    /// The power that it may have.
    pub(crate) most: f64,
    /// The multiple that it may come to, where a cost should stay.
    pub(crate) most_rise: Option<f64>,
    /// Whether it is within.
    pub(crate) verdict: Verdict,
    /// How it was measured.
    pub(crate) note: String,
}

/// Fitted are the sizes from the largest one down to this part of it.
const UPPER: f64 = 100.0;

/// What a cost may do as a size grows. Noise in few points bends a fit, hence the
/// margin.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// Stay: cost of one thing among many.
    Constant,
    /// Grow with the size: cost of all.
    Linear,
}

impl Pace {
    fn most(self) -> f64 {
        match self {
            Pace::Constant => 0.15,
            Pace::Linear => 1.15,
        }
    }

    /// A cost that jumps once and then stays has no power over the larger sizes.
    fn most_rise(self) -> Option<f64> {
        match self {
            Pace::Constant => Some(2.0),
            Pace::Linear => None,
        }
    }
}

impl Growth {
    /// Fits what was measured.
    pub(crate) fn fit(
        group: &str,
        name: &str,
        sizes: &str,
        unit: Unit,
        pace: Pace,
        points: Vec<(f64, f64)>,
    ) -> Result<Growth> {
        ensure!(points.len() >= 2, "growth of {name} was measured at {} sizes", points.len());
        let largest = points.iter().map(|(size, _)| *size).fold(0.0, f64::max);
        let upper: Vec<_> =
            points.iter().copied().filter(|(size, _)| size * UPPER >= largest).collect();
        let (upper, whole) = (power(&upper), power(&points));
        let rise = points.iter().map(|(_, cost)| cost / points[0].1).fold(0.0, f64::max);
        let fits = [upper, whole, rise].iter().all(|figure| figure.is_finite());
        ensure!(fits, "growth of {name} can't be fitted: {points:?}");
        let (most, most_rise) = (pace.most(), pace.most_rise());
        let is_met = upper <= most && most_rise.is_none_or(|most| rise <= most);
        Ok(Growth {
            group: group.to_owned(),
            name: name.to_owned(),
            sizes: sizes.to_owned(),
            unit,
            points,
            power: upper,
            whole,
            rise,
            most,
            most_rise,
            verdict: if is_met { Verdict::Met } else { Verdict::Missed },
            note: String::new(),
        })
    }

    /// What names the growth in all reports: `group: name`.
    pub(crate) fn title(&self) -> String {
        format!("{}: {}", self.group, self.name)
    }

    /// The same with a note.
    pub(crate) fn note(self, note: impl Into<String>) -> Growth {
        Growth { note: note.into(), ..self }
    }

    /// What was found, for people: `n^0.02, over all sizes n^0.05, up to 1.3 x`.
    pub(crate) fn show(&self) -> String {
        let text = format!("n^{:.2}, over all sizes n^{:.2}", self.power, self.whole);
        match self.most_rise {
            Some(_) => format!("{text}, up to {} the first", Unit::Times.show(self.rise)),
            None => text,
        }
    }

    /// What it may be, for people: `<= n^0.15 and 2 x`.
    pub(crate) fn show_target(&self) -> String {
        match self.most_rise {
            Some(most) => format!("<= n^{:.2} and {}", self.most, Unit::Times.show(most)),
            None => format!("<= n^{:.2}", self.most),
        }
    }

    /// The points for people: `1: 20 us, 10: 21 us`.
    pub(crate) fn show_points(&self) -> String {
        let texts = self.points.iter().map(|(size, cost)| {
            let size =
                if self.sizes == "bytes" { Unit::Bytes.show(*size) } else { grouped(*size as u64) };
            format!("{size}: {}", self.unit.show(*cost))
        });
        texts.collect::<Vec<_>>().join(", ")
    }
}

/// The slope of the straight line through the logarithms, by least squares.
fn power(points: &[(f64, f64)]) -> f64 {
    let logs: Vec<_> = points.iter().map(|(size, cost)| (size.ln(), cost.ln())).collect();
    let count = logs.len() as f64;
    let (mean_x, mean_y) =
        logs.iter().fold((0.0, 0.0), |(x, y), log| (x + log.0 / count, y + log.1 / count));
    let (mut slope, mut width) = (0.0, 0.0);
    for (x, y) in logs {
        slope += (x - mean_x) * (y - mean_y);
        width += (x - mean_x) * (x - mean_x);
    }
    slope / width
}

/// A number with its thousands set apart: `100,000`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pace: Pace, costs: &[f64], power: f64, verdict: Verdict) {
        let sizes = std::iter::successors(Some(1.0), |size| Some(size * 10.0));
        let points = sizes.zip(costs.iter().copied()).collect();
        let growth = Growth::fit("growth", "x", "things", Unit::Micros, pace, points).unwrap();
        assert!((growth.power - power).abs() < 0.01, "{growth:?}");
        assert_eq!(growth.verdict, verdict);
    }

    #[test]
    fn growths_are_shown_with_all_that_is_judged() {
        let check = |pace, found: &str, target: &str| {
            let points = vec![(1.0, 5.0), (10.0, 5.0), (1e3, 9.0)];
            let growth = Growth::fit("growth", "x", "things", Unit::Micros, pace, points).unwrap();
            assert_eq!((growth.show().as_str(), growth.show_target().as_str()), (found, target));
        };
        check(Pace::Linear, "n^0.13, over all sizes n^0.09", "<= n^1.15");
        let rise = "n^0.13, over all sizes n^0.09, up to 1.80 x the first";
        check(Pace::Constant, rise, "<= n^0.15 and 2 x");
    }

    #[test]
    fn powers_are_found_where_constants_weigh_least() {
        check(Pace::Constant, &[5.0, 5.0, 5.0, 5.0], 0.0, Verdict::Met);
        check(Pace::Constant, &[5.0, 5.0, 5.0, 500.0], 1.0, Verdict::Missed);
        check(Pace::Constant, &[5.0, 5.0, 50.0, 50.0, 50.0], 0.0, Verdict::Missed);
        check(Pace::Linear, &[7.0, 10.0, 100.0, 1000.0], 1.0, Verdict::Met);
        check(Pace::Linear, &[1.0, 100.0, 10_000.0], 2.0, Verdict::Missed);
    }
}
