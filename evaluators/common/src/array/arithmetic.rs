//! Arithmetic and comparison, number by number.
//!
//! Integers are calculated with 64 bits, and what does not fit is an error. With a
//! float all are floats: `f32` if no wider number takes part, a plain number aside.
//! Shapes are matched from the last dimension on; a length of one is repeated.

use std::borrow::Cow;

use farside_protocol::array::Dtype;

use super::{ArrayError, NdArray, Numbers, Scalar, collect, convert, count, shape_text};

/// What is done with two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Their sum.
    Add,
    /// Their difference.
    Subtract,
    /// Their product.
    Multiply,
    /// Their quotient, a float.
    Divide,
    /// Their quotient, rounded down.
    FloorDivide,
    /// What remains of that, with the sign of the divisor.
    Remainder,
    /// One to the power of the other.
    Power,
}

/// How two numbers compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
}

/// One side of an operation.
#[derive(Clone, Copy, Debug)]
pub enum Operand<'a> {
    /// Every number of an array.
    Array(&'a NdArray),
    /// The same number for each of the other side.
    Number(Scalar),
}

/// The element type that holds both.
pub(super) fn wider(one: Dtype, other: Dtype) -> Dtype {
    let kind = |dtype| match dtype {
        Dtype::Bool => 0,
        Dtype::F32 => 2,
        Dtype::F64 => 3,
        _ => 1,
    };
    match kind(one).max(kind(other)) {
        _ if one == other => one,
        0 => Dtype::Bool,
        1 => Dtype::I64,
        2 if kind(one).min(kind(other)) != 1 => Dtype::F32,
        _ => Dtype::F64,
    }
}

impl Operand<'_> {
    fn shape(&self) -> &[usize] {
        match self {
            Operand::Array(array) => &array.shape,
            Operand::Number(_) => &[],
        }
    }

    fn is_float(&self) -> bool {
        match self {
            Operand::Array(array) => matches!(array.dtype(), Dtype::F32 | Dtype::F64),
            Operand::Number(number) => matches!(number, Scalar::Float(_)),
        }
    }

    /// Whether its numbers have at most the precision of `f32`; a plain number adapts.
    fn is_single(&self) -> bool {
        match self {
            Operand::Array(array) => matches!(array.dtype(), Dtype::F32 | Dtype::Bool),
            Operand::Number(_) => true,
        }
    }

    fn floats(&self) -> Result<Cow<'_, [f64]>, ArrayError> {
        let array = match self {
            Operand::Array(array) => array,
            Operand::Number(number) => return Ok(Cow::Owned(vec![number.float()])),
        };
        let numbers = &array.numbers;
        if let Numbers::F64(numbers) = numbers {
            return Ok(Cow::Borrowed(numbers));
        }
        convert!(numbers,
            numbers => collect(numbers.iter().map(|number| *number as f64)),
            bits => collect(bits.iter().map(|bit| f64::from(u8::from(*bit)))))
        .map(Cow::Owned)
    }

    fn integers(&self) -> Result<Cow<'_, [i64]>, ArrayError> {
        let too_large = || ArrayError::Overflow("an integer beyond 63 bits".to_owned());
        let array = match self {
            Operand::Array(array) => array,
            Operand::Number(number) => {
                let number = match number {
                    Scalar::Bool(bit) => i64::from(*bit),
                    Scalar::Integer(integer) => i64::try_from(*integer).map_err(|_| too_large())?,
                    Scalar::Float(float) => *float as i64,
                };
                return Ok(Cow::Owned(vec![number]));
            }
        };
        let numbers = &array.numbers;
        match numbers {
            Numbers::I64(numbers) => return Ok(Cow::Borrowed(numbers)),
            Numbers::U64(numbers) if numbers.iter().any(|number| *number > i64::MAX as u64) => {
                return Err(too_large());
            }
            _ => {}
        }
        convert!(numbers,
            numbers => collect(numbers.iter().map(|number| *number as i64)),
            bits => collect(bits.iter().map(|bit| i64::from(*bit))))
        .map(Cow::Owned)
    }
}

impl NdArray {
    /// Calculates with two sides, of which at least one is an array.
    ///
    /// # Errors
    /// Shapes do not match, an integer does not fit, or is divided by zero.
    pub fn calculate(
        left: Operand<'_>,
        operation: Operation,
        right: Operand<'_>,
    ) -> Result<NdArray, ArrayError> {
        let shape = broadcast(left.shape(), right.shape())?;
        let floats = left.is_float() || right.is_float() || operation == Operation::Divide;
        let numbers = if floats {
            let (one, other) = (left.floats()?, right.floats()?);
            let one = expand(&one, left.shape(), &shape)?;
            let other = expand(&other, right.shape(), &shape)?;
            let calculate = float_operation(operation);
            let numbers = zip(&one, &other, count(&shape)?, calculate)?;
            let single =
                left.is_single() && right.is_single() && (left.is_float() || right.is_float());
            if single {
                Numbers::F32(collect(numbers.iter().map(|number| *number as f32))?)
            } else {
                Numbers::F64(numbers)
            }
        } else {
            let (one, other) = (left.integers()?, right.integers()?);
            let one = expand(&one, left.shape(), &shape)?;
            let other = expand(&other, right.shape(), &shape)?;
            Numbers::I64(try_zip(&one, &other, count(&shape)?, |one, other| {
                integer_operation(operation, one, other)
            })?)
        };
        Ok(NdArray { shape, numbers })
    }

    /// Compares two sides, of which at least one is an array.
    ///
    /// # Errors
    /// Shapes do not match.
    pub fn compare(
        left: Operand<'_>,
        comparison: Comparison,
        right: Operand<'_>,
    ) -> Result<NdArray, ArrayError> {
        let shape = broadcast(left.shape(), right.shape())?;
        let (one, other) = (left.floats()?, right.floats()?);
        let exact = !left.is_float() && !right.is_float();
        let bits = match (exact, left.integers(), right.integers()) {
            (true, Ok(one), Ok(other)) => {
                let one = expand(&one, left.shape(), &shape)?;
                let other = expand(&other, right.shape(), &shape)?;
                zip(&one, &other, count(&shape)?, |one, other| {
                    comparison.holds(one.partial_cmp(&other))
                })?
            }
            _ => {
                let one = expand(&one, left.shape(), &shape)?;
                let other = expand(&other, right.shape(), &shape)?;
                zip(&one, &other, count(&shape)?, |one, other| {
                    comparison.holds(one.partial_cmp(&other))
                })?
            }
        };
        Ok(NdArray { shape, numbers: Numbers::Bool(bits) })
    }

    /// The numbers with the other sign.
    ///
    /// # Errors
    /// An integer does not fit.
    pub fn negative(&self) -> Result<NdArray, ArrayError> {
        let zero = Operand::Number(Scalar::Integer(-1));
        NdArray::calculate(Operand::Array(self), Operation::Multiply, zero)
    }

    /// The numbers without their sign.
    ///
    /// # Errors
    /// An integer does not fit.
    pub fn absolute(&self) -> Result<NdArray, ArrayError> {
        let numbers = match &self.numbers {
            Numbers::F64(numbers) => Numbers::F64(collect(numbers.iter().map(|n| n.abs()))?),
            Numbers::F32(numbers) => Numbers::F32(collect(numbers.iter().map(|n| n.abs()))?),
            _ => {
                let operand = Operand::Array(self);
                let integers = operand.integers()?;
                Numbers::I64(try_zip(&integers, &[0], self.len(), |number, _| {
                    number.checked_abs().ok_or_else(overflow)
                })?)
            }
        };
        Ok(NdArray { shape: self.shape.clone(), numbers })
    }
}

impl Comparison {
    fn holds(self, ordering: Option<std::cmp::Ordering>) -> bool {
        match self {
            Comparison::Equal => ordering.is_some_and(std::cmp::Ordering::is_eq),
            Comparison::NotEqual => ordering.is_none_or(std::cmp::Ordering::is_ne),
            Comparison::Less => ordering.is_some_and(std::cmp::Ordering::is_lt),
            Comparison::LessEqual => ordering.is_some_and(std::cmp::Ordering::is_le),
            Comparison::Greater => ordering.is_some_and(std::cmp::Ordering::is_gt),
            Comparison::GreaterEqual => ordering.is_some_and(std::cmp::Ordering::is_ge),
        }
    }
}

fn overflow() -> ArrayError {
    ArrayError::Overflow("an integer result beyond 64 bits".to_owned())
}

fn float_operation(operation: Operation) -> fn(f64, f64) -> f64 {
    match operation {
        Operation::Add => |one, other| one + other,
        Operation::Subtract => |one, other| one - other,
        Operation::Multiply => |one, other| one * other,
        Operation::Divide => |one, other| one / other,
        Operation::FloorDivide => |one, other| (one / other).floor(),
        Operation::Remainder => |one, other| {
            let remainder = one % other;
            if remainder != 0.0 && (remainder < 0.0) != (other < 0.0) {
                remainder + other
            } else {
                remainder
            }
        },
        Operation::Power => f64::powf,
    }
}

fn integer_operation(operation: Operation, one: i64, other: i64) -> Result<i64, ArrayError> {
    let divides = matches!(operation, Operation::FloorDivide | Operation::Remainder);
    if divides && other == 0 {
        return Err(ArrayError::DivisionByZero);
    }
    let result = match operation {
        Operation::Add => one.checked_add(other),
        Operation::Subtract => one.checked_sub(other),
        Operation::Multiply => one.checked_mul(other),
        Operation::Divide => None,
        Operation::FloorDivide => one.checked_div(other).map(|quotient| {
            let inexact = quotient.wrapping_mul(other) != one;
            if inexact && (one < 0) != (other < 0) { quotient - 1 } else { quotient }
        }),
        Operation::Remainder => one.checked_rem(other).map(|remainder| {
            if remainder != 0 && (remainder < 0) != (other < 0) {
                remainder + other
            } else {
                remainder
            }
        }),
        Operation::Power => {
            let exponent = u32::try_from(other).map_err(|_| {
                ArrayError::Type("an integer to a negative power: use floats".to_owned())
            })?;
            one.checked_pow(exponent)
        }
    };
    result.ok_or_else(overflow)
}

/// The shape that two shapes have in common, once lengths of one are repeated.
fn broadcast(one: &[usize], other: &[usize]) -> Result<Vec<usize>, ArrayError> {
    let dimensions = one.len().max(other.len());
    let len = |shape: &[usize], place: usize| {
        (place + shape.len()).checked_sub(dimensions).map_or(1, |place| shape[place])
    };
    (0..dimensions)
        .map(|place| match (len(one, place), len(other, place)) {
            (1, len) | (len, 1) => Ok(len),
            (one, other) if one == other => Ok(one),
            _ => Err(ArrayError::Shape(format!(
                "arrays of shapes {} and {} do not match",
                shape_text(one),
                shape_text(other)
            ))),
        })
        .collect()
}

/// Numbers of one shape repeated to another; a single number is left alone.
fn expand<'a, T: Copy>(
    numbers: &'a [T],
    from: &[usize],
    to: &[usize],
) -> Result<Cow<'a, [T]>, ArrayError> {
    if from == to || numbers.len() == 1 {
        return Ok(Cow::Borrowed(numbers));
    }
    let skipped = to.len() - from.len();
    let mut strides = vec![0; to.len()];
    let mut stride = 1;
    for (place, len) in from.iter().enumerate().rev() {
        strides[skipped + place] = if *len == 1 { 0 } else { stride };
        stride *= len;
    }
    let total = count(to)?;
    let mut at = vec![0_usize; to.len()];
    let mut source = 0_usize;
    let mut all = Vec::new();
    all.try_reserve_exact(total).map_err(|_| ArrayError::Memory)?;
    for _ in 0..total {
        all.push(numbers[source]);
        for place in (0..to.len()).rev() {
            at[place] += 1;
            source += strides[place];
            if at[place] < to[place] {
                break;
            }
            source -= strides[place] * to[place];
            at[place] = 0;
        }
    }
    Ok(Cow::Owned(all))
}

fn zip<T: Copy, R>(
    one: &[T],
    other: &[T],
    len: usize,
    f: impl Fn(T, T) -> R,
) -> Result<Vec<R>, ArrayError> {
    match (one, other) {
        _ if len == 0 => Ok(Vec::new()),
        ([one], [other]) => collect((0..len).map(|_| f(*one, *other))),
        (all, [other]) => collect(all.iter().map(|one| f(*one, *other))),
        ([one], all) => collect(all.iter().map(|other| f(*one, *other))),
        _ => collect(one.iter().zip(other).map(|(one, other)| f(*one, *other))),
    }
}

fn try_zip<T: Copy, R>(
    one: &[T],
    other: &[T],
    len: usize,
    f: impl Fn(T, T) -> Result<R, ArrayError>,
) -> Result<Vec<R>, ArrayError> {
    let mut all = Vec::new();
    all.try_reserve_exact(len).map_err(|_| ArrayError::Memory)?;
    let (step, other_step) = (usize::from(one.len() > 1), usize::from(other.len() > 1));
    for place in 0..len {
        all.push(f(one[place * step], other[place * other_step])?);
    }
    Ok(all)
}
