//! An argument as it was read from words, before it becomes MessagePack.

use farside_protocol::RefId;
use farside_protocol::array::{self, ArrayHeader};
use farside_protocol::value::FarArg;
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_bytes::Bytes;

/// A value to be sent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Argument {
    Nil,
    Bool(bool),
    Signed(i64),
    Unsigned(u64),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Argument>),
    Map(Vec<(Argument, Argument)>),
    /// The elements are little-endian and in C order.
    Array(ArrayHeader, Vec<u8>),
    Reference(RefId),
    Extension(i8, Vec<u8>),
}

impl Argument {
    /// The argument as MessagePack.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, rmp_serde::encode::Error> {
        rmp_serde::to_vec(self)
    }
}

impl Serialize for Argument {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Argument::Nil => serializer.serialize_unit(),
            Argument::Bool(bool) => serializer.serialize_bool(*bool),
            Argument::Signed(number) => serializer.serialize_i64(*number),
            Argument::Unsigned(number) => serializer.serialize_u64(*number),
            Argument::Float(number) => serializer.serialize_f64(*number),
            Argument::Text(text) => serializer.serialize_str(text),
            Argument::Bytes(bytes) => serializer.serialize_bytes(bytes),
            Argument::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                items.iter().try_for_each(|item| list.serialize_element(item))?;
                list.end()
            }
            Argument::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                entries.iter().try_for_each(|(key, value)| map.serialize_entry(key, value))?;
                map.end()
            }
            Argument::Array(header, elements) => {
                let mut body = Vec::with_capacity(header.encoded_len() + elements.len());
                header.encode(&mut body);
                body.extend_from_slice(elements);
                extension(serializer, array::EXTENSION, &body)
            }
            Argument::Reference(id) => FarArg(*id).serialize(serializer),
            Argument::Extension(number, body) => extension(serializer, *number, body),
        }
    }
}

/// The name is the one by which serde's MessagePack crate recognizes an extension.
fn extension<S: Serializer>(serializer: S, number: i8, body: &[u8]) -> Result<S::Ok, S::Error> {
    serializer.serialize_newtype_struct("_ExtStruct", &(number, Bytes::new(body)))
}
