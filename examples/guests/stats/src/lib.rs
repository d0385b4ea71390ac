//! Mean, spread and histogram of many numbers, which arrive as one block.

#![forbid(unsafe_code)]

use farside_guest::Array;
use serde::{Deserialize, Serialize};

/// Why there is no answer.
#[derive(Debug, Serialize, Deserialize)]
enum Unanswerable {
    /// There are no numbers, or none that is finite.
    NoData,
    /// A histogram of no buckets was asked for, or of more than there may be.
    Buckets {
        /// Most that there may be.
        most: u32,
    },
}

/// How often numbers fall into each part of their range.
#[derive(Debug, Serialize, Deserialize)]
struct Histogram {
    /// The smallest number: where the first bucket begins.
    low: f64,
    /// The largest number: where the last bucket ends.
    high: f64,
    /// How many numbers fall into each bucket; all are equally wide.
    counts: Vec<u64>,
}

/// Most buckets of a histogram.
const MOST_BUCKETS: u32 = 1 << 16;

/// The arithmetic mean of the data.
#[farside_guest::function(pure)]
fn mean(data: Array<f64>) -> Result<f64, Unanswerable> {
    average(data.data().iter().copied()).ok_or(Unanswerable::NoData)
}

/// The standard deviation of the data around its mean. Giving the mean saves
/// finding it again.
#[farside_guest::function(pure)]
fn spread(data: Array<f64>, mean: Option<f64>) -> Result<f64, Unanswerable> {
    let numbers = data.data();
    let mean = mean.or_else(|| average(numbers.iter().copied())).ok_or(Unanswerable::NoData)?;
    let squares = numbers.iter().map(|number| (number - mean) * (number - mean));
    average(squares).map(f64::sqrt).ok_or(Unanswerable::NoData)
}

/// How the data is distributed over its range, in equally wide buckets. Numbers
/// that are not finite are left out.
#[farside_guest::function(pure)]
fn histogram(data: Array<f64>, buckets: u32) -> Result<Histogram, Unanswerable> {
    if !(1..=MOST_BUCKETS).contains(&buckets) {
        return Err(Unanswerable::Buckets { most: MOST_BUCKETS });
    }
    let finite = || data.data().iter().copied().filter(|number| number.is_finite());
    let low = finite().reduce(f64::min).ok_or(Unanswerable::NoData)?;
    let high = finite().reduce(f64::max).ok_or(Unanswerable::NoData)?;

    let last = buckets as usize - 1;
    let mut counts = vec![0; buckets as usize];
    for number in finite() {
        // Of a range without width the quotient is no number, and bucket 0.
        let place = (number - low) / (high - low) * f64::from(buckets);
        counts[last.min(place as usize)] += 1;
    }
    Ok(Histogram { low, high, counts })
}

fn average(numbers: impl ExactSizeIterator<Item = f64>) -> Option<f64> {
    let count = numbers.len();
    (count > 0).then(|| numbers.sum::<f64>() / count as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_is_around_the_mean() {
        let data = || Array::from(vec![2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]);
        assert_eq!(mean(data()).unwrap(), 5.0);
        assert_eq!(spread(data(), None).unwrap(), 2.0);
        assert_eq!(spread(data(), Some(5.0)).unwrap(), 2.0);
        assert!(mean(Array::from(vec![])).is_err());
    }

    #[test]
    fn every_finite_number_falls_into_a_bucket() {
        let counts = |data: Vec<f64>, buckets| histogram(data.into(), buckets).map(|h| h.counts);
        assert_eq!(counts(vec![0.0, 1.0, 2.0, 3.0, 4.0], 2).unwrap(), [2, 3]);
        assert_eq!(counts(vec![1.0, f64::NAN, 1.0, f64::INFINITY], 3).unwrap(), [2, 0, 0]);
        assert!(counts(vec![f64::NAN], 3).is_err());
        assert!(counts(vec![1.0], 0).is_err());
    }
}
