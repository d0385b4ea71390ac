//! Parts of an array: at a place, from here to there, or where a condition holds.

use super::{ArrayError, NdArray, Numbers, Operand, Scalar, count, shape_text};

/// What is taken of one dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Index {
    /// One place, from the end if it is negative.
    At(isize),
    /// From one place on to before another, in steps.
    Slice {
        /// The first place.
        start: Option<isize>,
        /// The place before which it ends.
        stop: Option<isize>,
        /// How far it is from one to the next.
        step: Option<isize>,
    },
}

/// A part of an array.
#[derive(Clone, Debug, PartialEq)]
pub enum Selected {
    /// One number.
    Number(Scalar),
    /// Numbers, copied.
    Array(NdArray),
}

/// The places of a part, in order.
struct Places {
    shape: Vec<usize>,
    places: Vec<usize>,
    is_number: bool,
}

impl NdArray {
    /// A part: dimensions that are not named are taken whole.
    ///
    /// # Errors
    /// There is no such place, or a step is zero.
    pub fn select(&self, indices: &[Index]) -> Result<Selected, ArrayError> {
        let Places { shape, places, is_number } = self.places(indices)?;
        if is_number {
            return Ok(Selected::Number(self.at(places[0])));
        }
        let numbers = self.numbers.gather(places.into_iter());
        Ok(Selected::Array(NdArray { shape, numbers }))
    }

    /// Overwrites a part by one number, or by as many as the part has.
    ///
    /// # Errors
    /// There is no such place, or the numbers do not fit.
    pub fn assign(&mut self, indices: &[Index], value: Operand<'_>) -> Result<(), ArrayError> {
        let Places { shape, places, .. } = self.places(indices)?;
        let mut numbers = Numbers::none(self.dtype());
        match value {
            Operand::Number(number) => numbers.push(number)?,
            Operand::Array(array) if array.shape == shape => {
                (0..array.len()).try_for_each(|place| numbers.push(array.at(place)))?;
            }
            Operand::Array(array) => {
                return Err(ArrayError::Shape(format!(
                    "an array of shape {} does not fit into a part of shape {}",
                    shape_text(&array.shape),
                    shape_text(&shape)
                )));
            }
        }
        let step = usize::from(matches!(value, Operand::Array(_)));
        macro_rules! put {
            ($($Dtype:ident),*) => {
                match (&mut self.numbers, numbers) {
                    $( (Numbers::$Dtype(all), Numbers::$Dtype(new)) => {
                        for (count, place) in places.into_iter().enumerate() {
                            all[place] = new[count * step];
                        }
                    } )*
                    _ => {}
                }
            };
        }
        put!(U8, I8, U16, I16, U32, I32, U64, I64, F32, F64, Bool);
        Ok(())
    }

    /// The numbers where an array of the same shape is true.
    ///
    /// # Errors
    /// It is of another shape or type.
    pub fn filter(&self, condition: &NdArray) -> Result<NdArray, ArrayError> {
        let Numbers::Bool(bits) = &condition.numbers else {
            return Err(ArrayError::Type("arrays used as indices must be of bool".to_owned()));
        };
        if condition.shape != self.shape {
            return Err(ArrayError::Index(format!(
                "a condition of shape {} for an array of shape {}",
                shape_text(&condition.shape),
                shape_text(&self.shape)
            )));
        }
        let places = bits.iter().enumerate().filter(|(_, bit)| **bit).map(|(place, _)| place);
        let numbers = self.numbers.gather(places);
        Ok(NdArray { shape: vec![numbers.len()], numbers })
    }

    fn places(&self, indices: &[Index]) -> Result<Places, ArrayError> {
        if indices.len() > self.shape.len() {
            return Err(ArrayError::Index(format!(
                "too many indices: the array has {} dimensions, {} were indexed",
                self.shape.len(),
                indices.len()
            )));
        }
        let mut shape = Vec::new();
        let mut places = vec![0];
        for (axis, len) in self.shape.iter().enumerate() {
            let whole = Index::Slice { start: None, stop: None, step: None };
            let (start, step, taken) = match *indices.get(axis).unwrap_or(&whole) {
                Index::At(place) => (at(place, axis, *len)?, 0, 1),
                Index::Slice { start, stop, step } => {
                    let (start, step, taken) = slice(start, stop, step.unwrap_or(1), *len)?;
                    shape.push(taken);
                    (start, step, taken)
                }
            };
            let mut deeper = Vec::new();
            deeper
                .try_reserve_exact(count(&[places.len(), taken])?)
                .map_err(|_| ArrayError::Memory)?;
            for outer in places {
                let mut place = start;
                for _ in 0..taken {
                    deeper.push(outer * len + place);
                    place = place.wrapping_add_signed(step);
                }
            }
            places = deeper;
        }
        Ok(Places { is_number: shape.is_empty() && !self.shape.is_empty(), shape, places })
    }
}

fn at(place: isize, axis: usize, len: usize) -> Result<usize, ArrayError> {
    let found = if place < 0 { len.checked_add_signed(place) } else { place.try_into().ok() };
    found.filter(|place| *place < len).ok_or_else(|| {
        ArrayError::Index(format!("index {place} is out of bounds for axis {axis} with size {len}"))
    })
}

/// Where a slice begins, how far its places are from each other, and how many they are.
fn slice(
    start: Option<isize>,
    stop: Option<isize>,
    step: isize,
    len: usize,
) -> Result<(usize, isize, usize), ArrayError> {
    if step == 0 {
        return Err(ArrayError::Shape("slice step cannot be zero".to_owned()));
    }
    let len = len.cast_signed();
    let (least, most) = if step > 0 { (0, len) } else { (-1, len - 1) };
    let place = |place: isize| {
        let place = if place < 0 { place.saturating_add(len) } else { place };
        place.clamp(least, most)
    };
    let (first, end) = if step > 0 { (least, most) } else { (most, least) };
    let start = start.map_or(first, place);
    let stop = stop.map_or(end, place);
    let distance = if step > 0 { stop - start } else { start - stop };
    if distance <= 0 {
        return Ok((0, step, 0));
    }
    let taken = (distance - 1).unsigned_abs() / step.unsigned_abs() + 1;
    Ok((start.unsigned_abs(), step, taken))
}
