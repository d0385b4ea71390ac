//! Many numbers become one.

use super::{ArrayError, NdArray, Numbers, Scalar, convert};

impl NdArray {
    /// The sum: exact for integers, for floats as good as pairwise addition is.
    #[must_use]
    pub fn sum(&self) -> Scalar {
        match &self.numbers {
            Numbers::F64(numbers) => Scalar::Float(pairwise(numbers)),
            Numbers::F32(numbers) => {
                Scalar::Float(numbers.iter().map(|number| f64::from(*number)).sum())
            }
            numbers => Scalar::Integer(convert!(numbers,
                numbers => numbers.iter().map(|number| *number as i128).sum(),
                bits => bits.iter().map(|bit| i128::from(*bit)).sum())),
        }
    }

    /// The mean; none of an array without numbers.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (!self.is_empty()).then(|| self.sum().float() / self.len() as f64)
    }

    /// The least number, or one that is none.
    ///
    /// # Errors
    /// There are no numbers.
    pub fn min(&self) -> Result<Scalar, ArrayError> {
        self.extreme("min", |one, other| one < other)
    }

    /// The greatest number, or one that is none.
    ///
    /// # Errors
    /// There are no numbers.
    pub fn max(&self) -> Result<Scalar, ArrayError> {
        self.extreme("max", |one, other| one > other)
    }

    fn extreme(
        &self,
        name: &str,
        better: impl Fn(Scalar, Scalar) -> bool,
    ) -> Result<Scalar, ArrayError> {
        let is_nan = |scalar| matches!(scalar, Scalar::Float(float) if float.is_nan());
        let numbers = (0..self.len()).map(|place| self.at(place));
        let best = numbers.reduce(|best, next| {
            if !is_nan(best) && (is_nan(next) || better(next, best)) { next } else { best }
        });
        best.ok_or_else(|| ArrayError::Shape(format!("{name} of an array without numbers")))
    }

    /// Whether any number is not zero.
    #[must_use]
    pub fn any(&self) -> bool {
        (0..self.len()).any(|place| self.at(place).float() != 0.0)
    }

    /// Whether no number is zero.
    #[must_use]
    pub fn all(&self) -> bool {
        (0..self.len()).all(|place| self.at(place).float() != 0.0)
    }
}

impl PartialOrd for Scalar {
    fn partial_cmp(&self, other: &Scalar) -> Option<std::cmp::Ordering> {
        match (self, other) {
            (Scalar::Integer(one), Scalar::Integer(other)) => one.partial_cmp(other),
            _ => self.float().partial_cmp(&other.float()),
        }
    }
}

/// Longest run of numbers that are added one after the other.
const RUN: usize = 128;

fn pairwise(numbers: &[f64]) -> f64 {
    if numbers.len() <= RUN {
        return numbers.iter().sum();
    }
    let (one, other) = numbers.split_at(numbers.len() / 2);
    pairwise(one) + pairwise(other)
}
