//! The n-dimensional array that the languages see: typed numbers in one block.

mod arithmetic;
mod index;
mod reduce;
#[cfg(test)]
mod tests;

use std::fmt;

use farside_protocol::array::{ArrayHeader, DIMENSIONS, Dtype, Element};

pub use self::arithmetic::{Comparison, Operand, Operation};
pub use self::index::{Index, Selected};

/// An n-dimensional array in C order.
#[derive(Clone, Debug, PartialEq)]
pub struct NdArray {
    shape: Vec<usize>,
    numbers: Numbers,
}

/// One number of an array.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar {
    /// True or false.
    Bool(bool),
    /// An integer.
    Integer(i128),
    /// A floating-point number.
    Float(f64),
}

/// Why something cannot be done with an array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArrayError {
    /// Shapes do not fit.
    Shape(String),
    /// There is no such place.
    Index(String),
    /// Not for these types.
    Type(String),
    /// A number does not fit into its type.
    Overflow(String),
    /// An integer is divided by zero.
    DivisionByZero,
    /// There is not so much memory.
    Memory,
}

impl fmt::Display for ArrayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ArrayError::Shape(text)
            | ArrayError::Index(text)
            | ArrayError::Type(text)
            | ArrayError::Overflow(text) => f.write_str(text),
            ArrayError::DivisionByZero => f.write_str("integer division or modulo by zero"),
            ArrayError::Memory => f.write_str("not enough memory for the array"),
        }
    }
}

macro_rules! numbers {
    ($($Dtype:ident($number:ident)),*) => {
        /// Numbers of one type.
        #[derive(Clone, Debug, PartialEq)]
        enum Numbers { $( $Dtype(Vec<$number>), )* Bool(Vec<bool>) }

        impl Numbers {
            fn dtype(&self) -> Dtype {
                match self {
                    $( Numbers::$Dtype(_) => Dtype::$Dtype, )*
                    Numbers::Bool(_) => Dtype::Bool,
                }
            }

            fn len(&self) -> usize {
                match self {
                    $( Numbers::$Dtype(numbers) => numbers.len(), )*
                    Numbers::Bool(numbers) => numbers.len(),
                }
            }

            fn none(dtype: Dtype) -> Numbers {
                match dtype {
                    $( Dtype::$Dtype => Numbers::$Dtype(Vec::new()), )*
                    Dtype::Bool => Numbers::Bool(Vec::new()),
                }
            }

            fn decode(dtype: Dtype, bytes: &[u8]) -> Numbers {
                match dtype {
                    $( Dtype::$Dtype => Numbers::$Dtype($number::take(bytes)), )*
                    Dtype::Bool => Numbers::Bool(bytes.iter().map(|byte| *byte != 0).collect()),
                }
            }

            fn encode(&self, out: &mut Vec<u8>) {
                match self {
                    $( Numbers::$Dtype(numbers) => $number::put(numbers, out), )*
                    Numbers::Bool(numbers) => out.extend(numbers.iter().map(|bit| u8::from(*bit))),
                }
            }

            /// The numbers at these places, which lie inside.
            fn gather(&self, places: impl Iterator<Item = usize>) -> Numbers {
                match self {
                    $( Numbers::$Dtype(numbers) => {
                        Numbers::$Dtype(places.map(|place| numbers[place]).collect())
                    } )*
                    Numbers::Bool(numbers) => {
                        Numbers::Bool(places.map(|place| numbers[place]).collect())
                    }
                }
            }
        }
    };
}
numbers!(
    U8(u8),
    I8(i8),
    U16(u16),
    I16(i16),
    U32(u32),
    I32(i32),
    U64(u64),
    I64(i64),
    F32(f32),
    F64(f64)
);

macro_rules! convert {
    ($self:ident, $numbers:ident => $all:expr, $bits:ident => $bool:expr) => {
        match $self {
            Numbers::U8($numbers) => $all,
            Numbers::I8($numbers) => $all,
            Numbers::U16($numbers) => $all,
            Numbers::I16($numbers) => $all,
            Numbers::U32($numbers) => $all,
            Numbers::I32($numbers) => $all,
            Numbers::U64($numbers) => $all,
            Numbers::I64($numbers) => $all,
            Numbers::F32($numbers) => $all,
            Numbers::F64($numbers) => $all,
            Numbers::Bool($bits) => $bool,
        }
    };
}
use convert;

impl Numbers {
    fn at(&self, place: usize) -> Scalar {
        match self {
            Numbers::U8(numbers) => Scalar::Integer(numbers[place].into()),
            Numbers::I8(numbers) => Scalar::Integer(numbers[place].into()),
            Numbers::U16(numbers) => Scalar::Integer(numbers[place].into()),
            Numbers::I16(numbers) => Scalar::Integer(numbers[place].into()),
            Numbers::U32(numbers) => Scalar::Integer(numbers[place].into()),
            Numbers::I32(numbers) => Scalar::Integer(numbers[place].into()),
            Numbers::U64(numbers) => Scalar::Integer(numbers[place].into()),
            Numbers::I64(numbers) => Scalar::Integer(numbers[place].into()),
            Numbers::F32(numbers) => Scalar::Float(numbers[place].into()),
            Numbers::F64(numbers) => Scalar::Float(numbers[place]),
            Numbers::Bool(numbers) => Scalar::Bool(numbers[place]),
        }
    }

    /// Appends one number, converted.
    fn push(&mut self, scalar: Scalar) -> Result<(), ArrayError> {
        macro_rules! push {
            ($numbers:ident, $number:ident) => {{
                let integer = match scalar {
                    Scalar::Bool(bit) => i128::from(bit),
                    Scalar::Integer(integer) => integer,
                    Scalar::Float(float) => {
                        return Err(ArrayError::Type(format!(
                            "the float {float} does not fit into {}",
                            stringify!($number)
                        )));
                    }
                };
                let number = $number::try_from(integer).map_err(|_| {
                    ArrayError::Overflow(format!(
                        "{integer} does not fit into {}",
                        stringify!($number)
                    ))
                })?;
                grow($numbers)?.push(number);
            }};
        }
        match self {
            Numbers::U8(numbers) => push!(numbers, u8),
            Numbers::I8(numbers) => push!(numbers, i8),
            Numbers::U16(numbers) => push!(numbers, u16),
            Numbers::I16(numbers) => push!(numbers, i16),
            Numbers::U32(numbers) => push!(numbers, u32),
            Numbers::I32(numbers) => push!(numbers, i32),
            Numbers::U64(numbers) => push!(numbers, u64),
            Numbers::I64(numbers) => push!(numbers, i64),
            Numbers::F32(numbers) => grow(numbers)?.push(scalar.float() as f32),
            Numbers::F64(numbers) => grow(numbers)?.push(scalar.float()),
            Numbers::Bool(numbers) => grow(numbers)?.push(scalar.float() != 0.0),
        }
        Ok(())
    }
}

impl Scalar {
    /// The number as a float, which may lose its last bits.
    #[must_use]
    pub fn float(self) -> f64 {
        match self {
            Scalar::Bool(bit) => f64::from(u8::from(bit)),
            Scalar::Integer(integer) => integer as f64,
            Scalar::Float(float) => float,
        }
    }

    /// The element type of an array that is made of such numbers.
    fn dtype(self) -> Dtype {
        match self {
            Scalar::Bool(_) => Dtype::Bool,
            Scalar::Integer(_) => Dtype::I64,
            Scalar::Float(_) => Dtype::F64,
        }
    }
}

/// Makes room for one more.
fn grow<T>(numbers: &mut Vec<T>) -> Result<&mut Vec<T>, ArrayError> {
    numbers.try_reserve(1).map_err(|_| ArrayError::Memory)?;
    Ok(numbers)
}

/// Collects what is made without fail, unless there is no memory for it.
fn collect<T>(numbers: impl ExactSizeIterator<Item = T>) -> Result<Vec<T>, ArrayError> {
    let mut all = Vec::new();
    all.try_reserve_exact(numbers.len()).map_err(|_| ArrayError::Memory)?;
    all.extend(numbers);
    Ok(all)
}

/// The number of elements of a shape.
fn count(shape: &[usize]) -> Result<usize, ArrayError> {
    let count = shape.iter().try_fold(1_usize, |product, len| product.checked_mul(*len));
    match count {
        Some(count) if shape.len() <= DIMENSIONS => Ok(count),
        Some(_) => Err(ArrayError::Shape(format!("more than {DIMENSIONS} dimensions"))),
        None => Err(ArrayError::Memory),
    }
}

/// A shape as Python writes it.
fn shape_text(shape: &[usize]) -> String {
    match shape {
        [only] => format!("({only},)"),
        _ => {
            let lens: Vec<String> = shape.iter().map(ToString::to_string).collect();
            format!("({})", lens.join(", "))
        }
    }
}

impl NdArray {
    /// Reads an array extension's body.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn decode(body: &[u8]) -> Result<NdArray, ArrayError> {
        let header = ArrayHeader::decode(body, body.len() as u64)
            .map_err(|why| ArrayError::Shape(why.to_owned()))?;
        let numbers = Numbers::decode(header.dtype, &body[header.encoded_len()..]);
        let shape = header.shape.iter().map(|len| usize::try_from(*len)).collect::<Result<_, _>>();
        Ok(NdArray { shape: shape.map_err(|_| ArrayError::Memory)?, numbers })
    }

    /// An array extension's body.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let shape = self.shape.iter().map(|len| *len as u64).collect();
        let header = ArrayHeader { dtype: self.dtype(), shape };
        let mut body = Vec::with_capacity(header.encoded_len() + self.len() * self.dtype().size());
        header.encode(&mut body);
        self.numbers.encode(&mut body);
        body
    }

    /// An array of numbers of one type in a given shape; without a type, the one that
    /// holds them all.
    ///
    /// # Errors
    /// A number does not fit, or the shape.
    pub fn from_scalars(
        shape: Vec<usize>,
        scalars: &[Scalar],
        dtype: Option<Dtype>,
    ) -> Result<NdArray, ArrayError> {
        if count(&shape)? != scalars.len() {
            return Err(misshapen(scalars.len(), &shape));
        }
        let dtype = dtype.unwrap_or_else(|| {
            scalars
                .iter()
                .fold(None, |wide: Option<Dtype>, scalar| {
                    Some(
                        wide.map_or(scalar.dtype(), |wide| arithmetic::wider(wide, scalar.dtype())),
                    )
                })
                .unwrap_or(Dtype::F64)
        });
        let mut numbers = Numbers::none(dtype);
        scalars.iter().try_for_each(|scalar| numbers.push(*scalar))?;
        Ok(NdArray { shape, numbers })
    }

    /// An array of equal numbers.
    ///
    /// # Errors
    /// The number does not fit, or there is not so much memory.
    pub fn full(shape: Vec<usize>, scalar: Scalar, dtype: Dtype) -> Result<NdArray, ArrayError> {
        let len = count(&shape)?;
        let mut one = Numbers::none(dtype);
        one.push(scalar)?;
        macro_rules! repeat {
            ($($Dtype:ident),*) => {
                match one {
                    $( Numbers::$Dtype(one) => {
                        Numbers::$Dtype(collect((0..len).map(|_| one[0]))?)
                    } )*
                }
            };
        }
        let numbers = repeat!(U8, I8, U16, I16, U32, I32, U64, I64, F32, F64, Bool);
        Ok(NdArray { shape, numbers })
    }

    /// The integers from one on to before another, in steps.
    ///
    /// # Errors
    /// The step is zero, or there is not so much memory.
    pub fn range(start: i64, stop: i64, step: i64) -> Result<NdArray, ArrayError> {
        if step == 0 {
            return Err(ArrayError::Shape("the step cannot be zero".to_owned()));
        }
        let (from, to) = if step > 0 { (start, stop) } else { (stop, start) };
        let distance = i128::from(to) - i128::from(from);
        let steps = (distance.max(0).unsigned_abs()).div_ceil(u128::from(step.unsigned_abs()));
        let len = usize::try_from(steps).map_err(|_| ArrayError::Memory)?;
        let numbers = collect((0..len).map(|place| start + place as i64 * step))?;
        Ok(NdArray { shape: vec![len], numbers: Numbers::I64(numbers) })
    }

    /// The type of its numbers.
    #[must_use]
    pub fn dtype(&self) -> Dtype {
        self.numbers.dtype()
    }

    /// The length of each dimension, outermost first.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// How many numbers there are in all.
    #[must_use]
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number at a place in C order.
    ///
    /// # Panics
    /// The place lies outside.
    #[must_use]
    pub fn at(&self, place: usize) -> Scalar {
        self.numbers.at(place)
    }

    /// The same numbers in another shape, of which one length may be -1: what is left.
    ///
    /// # Errors
    /// The shape does not fit.
    pub fn reshape(&self, shape: &[isize]) -> Result<NdArray, ArrayError> {
        let open = shape.iter().filter(|len| **len == -1).count();
        let known: Vec<usize> = shape
            .iter()
            .filter(|len| **len != -1)
            .map(|len| {
                usize::try_from(*len)
                    .map_err(|_| ArrayError::Shape("negative lengths are not allowed".to_owned()))
            })
            .collect::<Result<_, _>>()?;
        let product = count(&known)?;
        let left = match open {
            0 => 1,
            1 if product > 0 && self.len().is_multiple_of(product) => self.len() / product,
            1 => {
                let text = shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                return Err(ArrayError::Shape(format!(
                    "cannot reshape an array of {} into ({text})",
                    self.len()
                )));
            }
            _ => return Err(ArrayError::Shape("only one length may be -1".to_owned())),
        };
        let shape: Vec<usize> =
            shape.iter().map(|len| usize::try_from(*len).unwrap_or(left)).collect();
        if count(&shape)? != self.len() {
            return Err(misshapen(self.len(), &shape));
        }
        Ok(NdArray { shape, numbers: self.numbers.clone() })
    }

    /// The numbers converted; a float loses its fraction where integers are wanted.
    ///
    /// # Errors
    /// A number does not fit.
    pub fn cast(&self, dtype: Dtype) -> Result<NdArray, ArrayError> {
        let integers = !matches!(dtype, Dtype::F32 | Dtype::F64 | Dtype::Bool);
        let mut numbers = Numbers::none(dtype);
        for place in 0..self.len() {
            let scalar = match self.at(place) {
                Scalar::Float(float) if integers && !float.is_finite() => {
                    return Err(ArrayError::Overflow(format!(
                        "{float} does not fit into {}",
                        dtype.name()
                    )));
                }
                Scalar::Float(float) if integers => Scalar::Integer(float as i128),
                scalar => scalar,
            };
            numbers.push(scalar)?;
        }
        Ok(NdArray { shape: self.shape.clone(), numbers })
    }
}

fn misshapen(len: usize, shape: &[usize]) -> ArrayError {
    ArrayError::Shape(format!("cannot reshape an array of {len} into {}", shape_text(shape)))
}

/// The element type of a name: that of Rust, such as `f64`, or of Python's libraries,
/// such as `float64`.
#[must_use]
pub fn dtype_named(name: &str) -> Option<Dtype> {
    let by_rust = Dtype::ALL.iter().copied().find(|dtype| dtype.name() == name);
    by_rust.or(match name {
        "uint8" => Some(Dtype::U8),
        "int8" => Some(Dtype::I8),
        "uint16" => Some(Dtype::U16),
        "int16" => Some(Dtype::I16),
        "uint32" => Some(Dtype::U32),
        "int32" => Some(Dtype::I32),
        "uint64" => Some(Dtype::U64),
        "int64" | "int" => Some(Dtype::I64),
        "float32" => Some(Dtype::F32),
        "float64" | "float" => Some(Dtype::F64),
        _ => None,
    })
}
