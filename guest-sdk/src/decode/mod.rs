//! MessagePack decoded into an author's types, with errors that say where.
//!
//! An error collects the way to its place on its way out, so that decoding what
//! is right keeps no track of it. The server has scanned the bytes: they are
//! well-formed and of bounded depth.

mod array;
mod error;
#[cfg(test)]
mod tests;

use farside_protocol::value::{Head, Kind};
use serde::de::value::{BorrowedBytesDeserializer, BorrowedStrDeserializer, SeqAccessDeserializer};
use serde::de::{
    self, Deserialize as _, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess,
    SeqAccess, Unexpected, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

pub(crate) use self::error::DecodeError;
use self::error::Step;
use crate::raw::RAW_STRUCT;

/// The name by which extension values ask for themselves.
pub(crate) const EXTENSION_STRUCT: &str = "_ExtStruct";

/// Reads one value after the other.
pub(crate) struct Decoder<'de> {
    rest: &'de [u8],
}

impl<'de> Decoder<'de> {
    pub(crate) fn new(bytes: &'de [u8]) -> Decoder<'de> {
        Decoder { rest: bytes }
    }

    /// The length of the list that begins here, whose elements follow.
    pub(crate) fn list(&mut self) -> Result<u64, DecodeError> {
        let head = self.head()?;
        match head.kind {
            Kind::List => Ok(head.items),
            other => Err(de::Error::custom(format_args!("expected a list, found {other}"))),
        }
    }

    fn peek(&self) -> Result<Head, DecodeError> {
        Head::read(self.rest).ok_or_else(cut_short)
    }

    fn head(&mut self) -> Result<Head, DecodeError> {
        let head = self.peek()?;
        self.take(head.len as u64)?;
        Ok(head)
    }

    fn take(&mut self, len: u64) -> Result<&'de [u8], DecodeError> {
        let taken = usize::try_from(len).ok().and_then(|len| self.rest.split_at_checked(len));
        let (bytes, rest) = taken.ok_or_else(cut_short)?;
        self.rest = rest;
        Ok(bytes)
    }

    /// The bytes of the value that begins here, with all that is in it.
    fn whole(&mut self) -> Result<&'de [u8], DecodeError> {
        let begin = self.rest;
        let mut pending = 1_u64;
        while pending > 0 {
            let head = self.head()?;
            self.take(head.body)?;
            pending = (pending - 1).saturating_add(head.items);
        }
        Ok(&begin[..begin.len() - self.rest.len()])
    }

    /// The bytes of an integer for which MessagePack has no number, if there is one.
    fn wide_integer(&mut self) -> Result<Option<[u8; 16]>, DecodeError> {
        let head = self.peek()?;
        if head.kind != Kind::Bytes || head.body != 16 {
            return Ok(None);
        }
        self.head()?;
        Ok(self.take(head.body)?.first_chunk().copied())
    }

    fn visit_list<V: Visitor<'de>>(
        &mut self,
        len: u64,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let mut items = Items { decoder: self, len, taken: 0 };
        let value = visitor.visit_seq(&mut items)?;
        match len - items.taken {
            0 => Ok(value),
            excess => Err(de::Error::custom(format_args!(
                "a list of {len} elements, {excess} more than expected"
            ))),
        }
    }

    fn visit_map<V: Visitor<'de>>(
        &mut self,
        len: u64,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let mut entries = Entries { decoder: self, left: len, key: &[] };
        let value = visitor.visit_map(&mut entries)?;
        match entries.left {
            0 => Ok(value),
            excess => Err(de::Error::custom(format_args!(
                "a map of {len} entries, {excess} more than expected"
            ))),
        }
    }

    fn visit_extension<V: Visitor<'de>>(
        &mut self,
        head: Head,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let head_bytes = self.take(head.len as u64)?;
        let number = head_bytes.last().copied().ok_or_else(cut_short)?.cast_signed();
        let body = self.take(head.body)?;
        let extension = Extension { number: Some(number), body: Some(body) };
        visitor.visit_newtype_struct(SeqAccessDeserializer::new(extension))
    }
}

fn cut_short() -> DecodeError {
    de::Error::custom("the bytes end inside a value")
}

impl<'de> Deserializer<'de> for &mut Decoder<'de> {
    type Error = DecodeError;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let head = self.peek()?;
        match head.kind {
            Kind::Array | Kind::Reference | Kind::Timestamp | Kind::Extension(_) => {
                return self.visit_extension(head, visitor);
            }
            _ => self.take(head.len as u64)?,
        };
        match head.kind {
            Kind::Bool => visitor.visit_bool(head.bits != 0),
            Kind::Integer if head.negative => visitor.visit_i64(head.bits.cast_signed()),
            Kind::Integer => visitor.visit_u64(head.bits),
            Kind::Float => visitor.visit_f64(f64::from_bits(head.bits)),
            Kind::String => match str::from_utf8(self.take(head.body)?) {
                Ok(text) => visitor.visit_borrowed_str(text),
                Err(_) => Err(de::Error::custom("a string that is not UTF-8")),
            },
            Kind::Bytes => visitor.visit_borrowed_bytes(self.take(head.body)?),
            Kind::List => self.visit_list(head.items, visitor),
            Kind::Map => self.visit_map(head.items / 2, visitor),
            _ => visitor.visit_unit(),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        if self.peek()?.kind == Kind::Nil {
            self.head()?;
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let head = self.peek()?;
        match head.kind {
            Kind::Bytes => {
                self.head()?;
                let bytes = self.take(head.body)?.iter().copied();
                visitor.visit_seq(de::value::SeqDeserializer::<_, DecodeError>::new(bytes))
            }
            Kind::Array => {
                self.head()?;
                array::visit_list(self.take(head.body)?, visitor)
            }
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_i128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.wide_integer()? {
            Some(bytes) => visitor.visit_i128(i128::from_be_bytes(bytes)),
            None => self.deserialize_any(visitor),
        }
    }

    fn deserialize_u128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.wide_integer()? {
            Some(bytes) => visitor.visit_u128(u128::from_be_bytes(bytes)),
            None => self.deserialize_any(visitor),
        }
    }

    /// `struct Unit;` is an empty list, or nil.
    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let head = self.peek()?;
        if head.kind == Kind::List && head.items == 0 {
            self.head()?;
            return visitor.visit_unit();
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        if name == RAW_STRUCT {
            return visitor.visit_borrowed_bytes(self.whole()?);
        }
        if name != EXTENSION_STRUCT {
            return visitor.visit_newtype_struct(self);
        }
        let head = self.peek()?;
        match head.kind {
            Kind::Array | Kind::Reference | Kind::Timestamp | Kind::Extension(_) => {
                self.visit_extension(head, visitor)
            }
            other => Err(de::Error::invalid_type(Unexpected::Other(&other.to_string()), &visitor)),
        }
    }

    /// A variant is its name, or a map from its name to what it holds.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let head = self.peek()?;
        match head.kind {
            Kind::String => {
                visitor.visit_enum(BorrowedStrDeserializer::new(<&str>::deserialize(self)?))
            }
            Kind::Map if head.items == 2 => {
                self.head()?;
                let name = <&str>::deserialize(&mut *self)?;
                visitor.visit_enum(Variant { decoder: self, name })
            }
            other => Err(de::Error::custom(format_args!(
                "expected a variant's name or a map from it to what it holds, found {other}"
            ))),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf unit
        map struct identifier ignored_any
    }
}

/// The elements of a list.
struct Items<'a, 'de> {
    decoder: &'a mut Decoder<'de>,
    len: u64,
    taken: u64,
}

impl<'de> SeqAccess<'de> for Items<'_, 'de> {
    type Error = DecodeError;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, DecodeError> {
        if self.taken == self.len {
            return Ok(None);
        }
        let item = seed
            .deserialize(&mut *self.decoder)
            .map_err(|error| error.under(Step::Index(self.taken)))?;
        self.taken += 1;
        Ok(Some(item))
    }

    fn size_hint(&self) -> Option<usize> {
        usize::try_from(self.len - self.taken).ok()
    }
}

/// The entries of a map.
struct Entries<'a, 'de> {
    decoder: &'a mut Decoder<'de>,
    left: u64,
    /// Where the last key begins.
    key: &'de [u8],
}

impl<'de> MapAccess<'de> for Entries<'_, 'de> {
    type Error = DecodeError;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, DecodeError> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        self.key = self.decoder.rest;
        seed.deserialize(&mut *self.decoder).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<S::Value, DecodeError> {
        seed.deserialize(&mut *self.decoder).map_err(|error| error.under(Step::key(self.key)))
    }

    fn size_hint(&self) -> Option<usize> {
        usize::try_from(self.left).ok()
    }
}

/// A variant that holds something.
struct Variant<'a, 'de> {
    decoder: &'a mut Decoder<'de>,
    name: &'de str,
}

impl<'de> EnumAccess<'de> for Variant<'_, 'de> {
    type Error = DecodeError;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Self), DecodeError> {
        let name: BorrowedStrDeserializer<'de, DecodeError> =
            BorrowedStrDeserializer::new(self.name);
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> Variant<'_, 'de> {
    fn content<T>(
        self,
        decode: impl FnOnce(&mut Decoder<'de>) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        decode(self.decoder).map_err(|error| error.under(Step::Name(self.name.to_owned())))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_, 'de> {
    type Error = DecodeError;

    fn unit_variant(self) -> Result<(), DecodeError> {
        self.content(|decoder| <()>::deserialize(decoder))
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<S::Value, DecodeError> {
        self.content(|decoder| seed.deserialize(decoder))
    }

    fn tuple_variant<V: Visitor<'de>>(
        self,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.content(|decoder| decoder.deserialize_seq(visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.content(|decoder| decoder.deserialize_any(visitor))
    }
}

/// An extension value: its number, then its bytes.
struct Extension<'de> {
    number: Option<i8>,
    body: Option<&'de [u8]>,
}

impl<'de> SeqAccess<'de> for Extension<'de> {
    type Error = DecodeError;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, DecodeError> {
        if let Some(number) = self.number.take() {
            return seed.deserialize(number.into_deserializer()).map(Some);
        }
        let body = self.body.take();
        body.map(|body| seed.deserialize(BorrowedBytesDeserializer::new(body))).transpose()
    }
}
