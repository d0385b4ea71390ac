//! What several runs of one measurement gave.

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use crate::unit::Unit;

/// The figures of all runs, in the order in which they were taken; at least one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Samples {
    /// The middle one: what a table shows.
    pub(crate) median: f64,
    /// The smallest.
    pub(crate) min: f64,
    /// The largest.
    pub(crate) max: f64,
    /// All of them.
    pub(crate) runs: Vec<f64>,
}

impl Samples {
    /// Sums up the figures of some runs.
    pub(crate) fn new(runs: Vec<f64>) -> Result<Samples> {
        ensure!(!runs.is_empty(), "nothing was measured");
        ensure!(runs.iter().all(|figure| figure.is_finite()), "a figure is no number: {runs:?}");
        let mut sorted = runs.clone();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (sorted[0], sorted[sorted.len() - 1]);
        Ok(Samples { median: middle(&sorted), min, max, runs })
    }

    /// The median with the smallest and the largest, for people: `20 us (19 - 24)`.
    pub(crate) fn show(&self, unit: Unit) -> String {
        match self.runs.len() {
            1 => unit.show(self.median),
            _ => unit.show_spread(self.median, self.min, self.max),
        }
    }

    /// The figures between which the middle half of the runs lie.
    pub(crate) fn quartiles(&self) -> (f64, f64) {
        let mut sorted = self.runs.clone();
        sorted.sort_by(f64::total_cmp);
        let half = sorted.len().div_ceil(2);
        (middle(&sorted[..half]), middle(&sorted[sorted.len() - half..]))
    }

    /// Each run's figure divided by that of the other run taken beside it, so that
    /// what slows the machine for a while slows both.
    pub(crate) fn over(&self, other: &Samples) -> Result<Samples> {
        let pairs = self.runs.iter().zip(&other.runs);
        Samples::new(pairs.map(|(ours, theirs)| ours / theirs).collect())
    }

    /// Every figure changed in the same way.
    pub(crate) fn map(&self, change: impl FnMut(f64) -> f64) -> Result<Samples> {
        Samples::new(self.runs.iter().copied().map(change).collect())
    }
}

/// The middle of sorted figures.
fn middle(sorted: &[f64]) -> f64 {
    let half = sorted.len() / 2;
    if sorted.len().is_multiple_of(2) {
        f64::midpoint(sorted[half - 1], sorted[half])
    } else {
        sorted[half]
    }
}

/// The figure that a share of all figures stays below; sorts them.
pub(crate) fn percentile(figures: &mut [f64], share: f64) -> f64 {
    figures.sort_by(f64::total_cmp);
    let place = (figures.len() as f64 * share).ceil() as usize;
    figures.get(place.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        let odd = Samples::new(vec![3.0, 1.0, 9.0]).unwrap();
        assert_eq!((odd.median, odd.min, odd.max), (3.0, 1.0, 9.0));
        assert_eq!(Samples::new(vec![4.0, 1.0]).unwrap().median, 2.5);
        assert!(Samples::new(vec![]).is_err());
        assert!(Samples::new(vec![f64::NAN]).is_err());
    }

    #[test]
    fn one_run_of_five_does_not_move_the_quartiles() {
        let check = |runs: &[f64], quartiles| {
            assert_eq!(Samples::new(runs.to_vec()).unwrap().quartiles(), quartiles);
        };
        check(&[7.0], (7.0, 7.0));
        check(&[5.0, 4.0, 3.0, 2.0, 1.0], (2.0, 4.0));
        check(&[5.0, 4.0, 3.0, 2.0, 99.0], (3.0, 5.0));
        check(&[1.0, 2.0, 3.0, 4.0], (1.5, 3.5));
    }

    #[test]
    fn ratios_are_taken_run_by_run() {
        let ours = Samples::new(vec![2.0, 20.0, 3.0]).unwrap();
        let theirs = Samples::new(vec![1.0, 10.0, 1.0]).unwrap();
        assert_eq!(ours.over(&theirs).unwrap().runs, [2.0, 2.0, 3.0]);
    }

    #[test]
    fn percentiles_are_figures_that_occurred() {
        let mut figures: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!(percentile(&mut figures, 0.5), 50.0);
        assert_eq!(percentile(&mut figures, 0.99), 99.0);
        assert_eq!(percentile(&mut figures, 0.999), 100.0);
    }
}
