//! An array read as a list: of numbers, or of arrays with one dimension less.

use farside_protocol::array::{ArrayHeader, Dtype};
use serde::de::{self, DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::error::{DecodeError, Step};

/// Reads an extension's bytes as lists of numbers.
pub(super) fn visit_lists<'de, V: Visitor<'de>>(
    bytes: &[u8],
    visitor: V,
) -> Result<V::Value, DecodeError> {
    let header = ArrayHeader::decode(bytes, bytes.len() as u64)
        .map_err(<DecodeError as de::Error>::custom)?;
    let bytes = &bytes[header.encoded_len()..];
    Part { dtype: header.dtype, shape: &header.shape, bytes }.deserialize_any(visitor)
}

/// An array, a row of one, or without dimensions a number.
struct Part<'a> {
    dtype: Dtype,
    shape: &'a [u64],
    bytes: &'a [u8],
}

impl Part<'_> {
    fn visit_number<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let bytes = self.bytes;
        match self.dtype {
            Dtype::U8 => visitor.visit_u8(u8::from_le_bytes(first(bytes)?)),
            Dtype::I8 => visitor.visit_i8(i8::from_le_bytes(first(bytes)?)),
            Dtype::U16 => visitor.visit_u16(u16::from_le_bytes(first(bytes)?)),
            Dtype::I16 => visitor.visit_i16(i16::from_le_bytes(first(bytes)?)),
            Dtype::U32 => visitor.visit_u32(u32::from_le_bytes(first(bytes)?)),
            Dtype::I32 => visitor.visit_i32(i32::from_le_bytes(first(bytes)?)),
            Dtype::U64 => visitor.visit_u64(u64::from_le_bytes(first(bytes)?)),
            Dtype::I64 => visitor.visit_i64(i64::from_le_bytes(first(bytes)?)),
            Dtype::F32 => visitor.visit_f32(f32::from_le_bytes(first(bytes)?)),
            Dtype::F64 => visitor.visit_f64(f64::from_le_bytes(first(bytes)?)),
            Dtype::Bool => visitor.visit_bool(first(bytes)? != [0]),
        }
    }
}

/// An element's bytes.
fn first<const N: usize>(bytes: &[u8]) -> Result<[u8; N], DecodeError> {
    bytes.first_chunk().copied().ok_or_else(super::cut_short)
}

impl<'de> Deserializer<'de> for Part<'_> {
    type Error = DecodeError;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let [len, shape @ ..] = self.shape else { return self.visit_number(visitor) };
        let size = (self.bytes.len() as u64).checked_div(*len).unwrap_or(0).max(1) as usize;
        let mut rows = Rows { dtype: self.dtype, shape, size, rest: self.bytes, taken: 0 };
        let value = visitor.visit_seq(&mut rows)?;
        match rows.rest.is_empty() {
            true if rows.taken == *len => Ok(value),
            true => Err(de::Error::custom("an array whose rows have no elements")),
            false => Err(de::Error::custom(format_args!(
                "an array of {len} elements, {} more than expected",
                len - rows.taken
            ))),
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

/// What the outermost dimension counts.
struct Rows<'a> {
    dtype: Dtype,
    /// Of a row.
    shape: &'a [u64],
    /// Bytes of a row. It is never 0: rows without elements are not given, since
    /// their number is bounded by nothing.
    size: usize,
    rest: &'a [u8],
    taken: u64,
}

impl<'de> SeqAccess<'de> for Rows<'_> {
    type Error = DecodeError;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, DecodeError> {
        let Some((bytes, rest)) = self.rest.split_at_checked(self.size) else { return Ok(None) };
        let part = Part { dtype: self.dtype, shape: self.shape, bytes };
        let item = seed.deserialize(part).map_err(|error| error.under(Step::Index(self.taken)))?;
        self.rest = rest;
        self.taken += 1;
        Ok(Some(item))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len() / self.size)
    }
}
