//! The n-dimensional array: an extension value that moves as one copy.
//!
//! On the wire: MessagePack extension type [`EXTENSION`], whose bytes are the
//! element type (1 byte), the number of dimensions (1 byte), each dimension as a
//! little-endian `u64`, and then the elements in C order, little-endian.

mod header;
mod lists;

use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, DeserializeOwned, Deserializer, SeqAccess, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

pub use self::header::{ArrayHeader, DIMENSIONS, Dtype};

/// The MessagePack extension type of an array.
pub const EXTENSION: i8 = 2;

/// A number that can stand in an [`Array`].
pub trait Element: Copy + DeserializeOwned + private::Sealed + 'static {
    /// Its type on the wire.
    const DTYPE: Dtype;
    #[doc(hidden)]
    fn put(items: &[Self], out: &mut Vec<u8>);
    #[doc(hidden)]
    fn take(bytes: &[u8]) -> Vec<Self>;
}

mod private {
    pub trait Sealed {}
}

macro_rules! elements {
    ($($int:ident = $Dtype:ident),*) => {$(
        impl private::Sealed for $int {}

        impl Element for $int {
            const DTYPE: Dtype = Dtype::$Dtype;

            fn put(items: &[$int], out: &mut Vec<u8>) {
                out.extend(items.iter().flat_map(|item| item.to_le_bytes()));
            }

            fn take(bytes: &[u8]) -> Vec<$int> {
                bytes.as_chunks().0.iter().map(|item| $int::from_le_bytes(*item)).collect()
            }
        }
    )*};
}
elements!(
    u8 = U8,
    i8 = I8,
    u16 = U16,
    i16 = I16,
    u32 = U32,
    i32 = I32,
    u64 = U64,
    i64 = I64,
    f32 = F32,
    f64 = F64
);

/// An n-dimensional array of numbers that travels as one block of bytes.
///
/// It is read from such a block with the same type of element, and as well from a
/// list of numbers, which gives one dimension, or from lists of equally long lists,
/// which give more. The numbers of a list are converted as serde does it: an integer
/// is taken for a float, and has to be in the range of `T` otherwise. A list is
/// decoded number by number; a block is copied.
///
/// ```
/// use farside_protocol::array::Array;
/// let image = Array::from_shape(vec![2, 3], vec![0u8, 1, 2, 3, 4, 5]).unwrap();
/// assert_eq!(image.shape(), [2, 3]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Array<T> {
    shape: Vec<usize>,
    data: Vec<T>,
}

impl<T: Element> Array<T> {
    /// An array of the given shape, or none if the shape does not fit the number
    /// of elements or has more than [`DIMENSIONS`] dimensions.
    #[must_use]
    pub fn from_shape(shape: Vec<usize>, data: Vec<T>) -> Option<Array<T>> {
        let count = shape.iter().try_fold(1usize, |product, len| product.checked_mul(*len));
        (count == Some(data.len()) && shape.len() <= DIMENSIONS).then_some(Array { shape, data })
    }

    /// The length of each dimension, outermost first.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The elements in C order: the last dimension varies fastest.
    #[must_use]
    pub fn data(&self) -> &[T] {
        &self.data
    }

    /// The elements in C order.
    #[must_use]
    pub fn into_data(self) -> Vec<T> {
        self.data
    }
}

/// A one-dimensional array.
impl<T: Element> From<Vec<T>> for Array<T> {
    fn from(data: Vec<T>) -> Array<T> {
        Array { shape: vec![data.len()], data }
    }
}

/// The name by which serde's MessagePack crate recognizes an extension.
const EXTENSION_STRUCT: &str = "_ExtStruct";

impl<T: Element> Serialize for Array<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let shape = self.shape.iter().map(|len| *len as u64).collect();
        let header = ArrayHeader { dtype: T::DTYPE, shape };
        let mut bytes = Vec::with_capacity(header.encoded_len() + size_of_val(&self.data[..]));
        header.encode(&mut bytes);
        T::put(&self.data, &mut bytes);
        let body = (EXTENSION, serde_bytes::Bytes::new(&bytes));
        serializer.serialize_newtype_struct(EXTENSION_STRUCT, &body)
    }
}

impl<'de, T: Element> Deserialize<'de> for Array<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Array<T>, D::Error> {
        deserializer.deserialize_any(ArrayVisitor(PhantomData))
    }
}

struct ArrayVisitor<T>(PhantomData<T>);

impl<'de, T: Element> Visitor<'de> for ArrayVisitor<T> {
    type Value = Array<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an array of {}", T::DTYPE.name())
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, d: D) -> Result<Array<T>, D::Error> {
        d.deserialize_tuple(2, ExtensionVisitor(PhantomData))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Array<T>, A::Error> {
        lists::read(seq)
    }
}

/// The extension's number and bytes.
struct ExtensionVisitor<T>(PhantomData<T>);

impl<'de, T: Element> Visitor<'de> for ExtensionVisitor<T> {
    type Value = Array<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an array of {}", T::DTYPE.name())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Array<T>, A::Error> {
        let short = || de::Error::invalid_length(0, &"an array");
        let extension: i8 = seq.next_element()?.ok_or_else(short)?;
        if extension != EXTENSION {
            return Err(de::Error::custom(format_args!("extension {extension} is no array")));
        }
        let body: Body<T> = seq.next_element()?.ok_or_else(short)?;
        Ok(body.0)
    }
}

/// The bytes of the extension, decoded straight from where they lie.
struct Body<T>(Array<T>);

impl<'de, T: Element> Deserialize<'de> for Body<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Body<T>, D::Error> {
        struct BodyVisitor<T>(PhantomData<T>);
        impl<T: Element> Visitor<'_> for BodyVisitor<T> {
            type Value = Body<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "the bytes of an array of {}", T::DTYPE.name())
            }

            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Body<T>, E> {
                let header = ArrayHeader::decode(bytes, bytes.len() as u64).map_err(E::custom)?;
                if header.dtype != T::DTYPE {
                    let (found, expected) = (header.dtype.name(), T::DTYPE.name());
                    return Err(E::custom(format_args!(
                        "an array of {found}, expected an array of {expected}"
                    )));
                }
                let data = T::take(&bytes[header.encoded_len()..]);
                let shape = header.shape.iter().map(|len| *len as usize).collect();
                Ok(Body(Array { shape, data }))
            }
        }
        deserializer.deserialize_bytes(BodyVisitor(PhantomData))
    }
}
