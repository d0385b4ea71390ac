//! An array read as a list: of numbers, or of arrays with one dimension less.

use farside_protocol::array::{ArrayHeader, Dtype};
use serde::de::{self, DeserializeSeed, Deserializer, IntoDeserializer, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::error::{DecodeError, Step};

/// Reads an extension's bytes as a list.
pub(super) fn visit_list<'de, V: Visitor<'de>>(
    bytes: &[u8],
    visitor: V,
) -> Result<V::Value, DecodeError> {
    let header = ArrayHeader::decode(bytes, bytes.len() as u64)
        .map_err(<DecodeError as de::Error>::custom)?;
    let bytes = &bytes[header.encoded_len()..];
    Part { dtype: header.dtype, shape: &header.shape, bytes }.deserialize_any(visitor)
}

/// An array, or a row of one.
struct Part<'a> {
    dtype: Dtype,
    shape: &'a [u64],
    bytes: &'a [u8],
}

impl<'de> Deserializer<'de> for Part<'_> {
    type Error = DecodeError;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let bytes = self.bytes;
        match (self.shape, self.dtype) {
            ([], _) => Err(de::Error::custom("an array without dimensions, expected a list")),
            ([_], Dtype::U8) => visit_numbers(bytes, u8::from_le_bytes, visitor),
            ([_], Dtype::I8) => visit_numbers(bytes, i8::from_le_bytes, visitor),
            ([_], Dtype::U16) => visit_numbers(bytes, u16::from_le_bytes, visitor),
            ([_], Dtype::I16) => visit_numbers(bytes, i16::from_le_bytes, visitor),
            ([_], Dtype::U32) => visit_numbers(bytes, u32::from_le_bytes, visitor),
            ([_], Dtype::I32) => visit_numbers(bytes, i32::from_le_bytes, visitor),
            ([_], Dtype::U64) => visit_numbers(bytes, u64::from_le_bytes, visitor),
            ([_], Dtype::I64) => visit_numbers(bytes, i64::from_le_bytes, visitor),
            ([_], Dtype::F32) => visit_numbers(bytes, f32::from_le_bytes, visitor),
            ([_], Dtype::F64) => visit_numbers(bytes, f64::from_le_bytes, visitor),
            ([_], Dtype::Bool) => visit_numbers(bytes, |byte| byte != [0], visitor),
            ([len, row @ ..], dtype) => {
                // Rows without elements would be as many as a peer says.
                let size = (bytes.len() as u64).checked_div(*len).unwrap_or(0) as usize;
                if size == 0 && *len > 0 {
                    return Err(de::Error::custom("an array whose rows have no elements"));
                }
                let rows = bytes.chunks_exact(size.max(1));
                visit_items(rows.map(|bytes| Part { dtype, shape: row, bytes }), visitor)
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// Visits numbers that each are read from `N` bytes.
fn visit_numbers<'de, const N: usize, T, V>(
    bytes: &[u8],
    read: impl Fn([u8; N]) -> T,
    visitor: V,
) -> Result<V::Value, DecodeError>
where
    T: IntoDeserializer<'de, DecodeError>,
    V: Visitor<'de>,
{
    let (chunks, _) = bytes.as_chunks::<N>();
    visit_items(chunks.iter().map(|chunk| Number(read(*chunk))), visitor)
}

fn visit_items<'de, I, V>(items: I, visitor: V) -> Result<V::Value, DecodeError>
where
    I: ExactSizeIterator<Item: Deserializer<'de, Error = DecodeError>>,
    V: Visitor<'de>,
{
    let len = items.len();
    let mut items = Items { items, taken: 0 };
    let value = visitor.visit_seq(&mut items)?;
    match items.items.len() {
        0 => Ok(value),
        excess => Err(de::Error::custom(format_args!(
            "an array of {len} elements, {excess} more than expected"
        ))),
    }
}

/// A number of an array.
struct Number<T>(T);

impl<'de, T: IntoDeserializer<'de, DecodeError>> Deserializer<'de> for Number<T> {
    type Error = DecodeError;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.0.into_deserializer().deserialize_any(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// The rows or numbers of an array.
struct Items<I> {
    items: I,
    taken: u64,
}

impl<'de, I> SeqAccess<'de> for Items<I>
where
    I: ExactSizeIterator<Item: Deserializer<'de, Error = DecodeError>>,
{
    type Error = DecodeError;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, DecodeError> {
        let Some(item) = self.items.next() else { return Ok(None) };
        let item = seed.deserialize(item).map_err(|error| error.under(Step::Index(self.taken)))?;
        self.taken += 1;
        Ok(Some(item))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}
