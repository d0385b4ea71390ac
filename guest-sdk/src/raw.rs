//! A value that goes through the guest undecoded.

use std::cell::Cell;
use std::fmt;
use std::io;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Any value, as the MessagePack bytes that it travels in.
///
/// A guest takes it where it hands a value on, or decodes by itself, and gives it
/// where it has encoded by itself. Its bytes are copied and not looked at.
///
/// ```
/// use std::collections::BTreeMap;
/// use farside_guest::{Raw, function};
///
/// /// The values under the given names.
/// #[function]
/// fn pick(mut from: BTreeMap<String, Raw>, names: Vec<String>) -> Vec<Raw> {
///     names.iter().map(|name| from.remove(name).unwrap_or_default()).collect()
/// }
/// ```
///
/// It is for parameters and results of functions: any other serializer than theirs
/// makes a byte string of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Raw(Vec<u8>);

impl Raw {
    /// The value that these bytes encode.
    ///
    /// Nobody looks whether they are one value and a proper one, until the server
    /// refuses the result that they are in.
    #[must_use]
    pub fn from_bytes(bytes: Vec<u8>) -> Raw {
        Raw(bytes)
    }

    /// The value's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The value's bytes.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// Nil.
impl Default for Raw {
    fn default() -> Raw {
        Raw(vec![NIL])
    }
}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Raw({} bytes)", self.0.len())
    }
}

const NIL: u8 = 0xc0;

/// The name by which such values ask for themselves.
pub(crate) const RAW_STRUCT: &str = "$farside::Raw";

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Raw, D::Error> {
        struct RawVisitor;
        impl Visitor<'_> for RawVisitor {
            type Value = Raw;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value of its own, not a number of an array")
            }

            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Raw, E> {
                Ok(Raw(bytes.to_vec()))
            }

            fn visit_unit<E: de::Error>(self) -> Result<Raw, E> {
                Ok(Raw::default())
            }
        }
        deserializer.deserialize_newtype_struct(RAW_STRUCT, RawVisitor)
    }
}

thread_local! {
    /// Bytes that the encoder is about to put before a raw value, and that are not
    /// wanted: the head of a byte string.
    static UNWANTED: Cell<usize> = const { Cell::new(0) };
}

impl Serialize for Raw {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        UNWANTED.set(head_len(self.0.len()));
        serializer.serialize_bytes(&self.0)
    }
}

/// Bytes of the head of a byte string.
fn head_len(len: usize) -> usize {
    match len {
        0..=0xff => 2,
        0x100..=0xffff => 3,
        _ => 5,
    }
}

/// Takes what an encoder writes, and leaves out the heads of raw values.
pub(crate) struct Sink<'a> {
    bytes: &'a mut Vec<u8>,
    unwanted: usize,
}

impl<'a> Sink<'a> {
    pub(crate) fn new(bytes: &'a mut Vec<u8>) -> Sink<'a> {
        UNWANTED.set(0);
        Sink { bytes, unwanted: 0 }
    }
}

impl io::Write for Sink<'_> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.unwanted += UNWANTED.take();
        let left_out = self.unwanted.min(bytes.len());
        self.unwanted -= left_out;
        self.bytes.extend_from_slice(&bytes[left_out..]);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::Raw;
    use crate::call::{Body, Call};

    /// What comes back when a value goes through a function of a raw value, which
    /// gives it back among others.
    fn through(value: &[u8]) -> Vec<u8> {
        let body: Body = |call| {
            let map: BTreeMap<String, Raw> = call.argument("map")?;
            let list: Vec<Raw> = call.argument("list")?;
            call.succeed(&(7, map, "x", &list[0], list[1].clone()))
        };
        let mut arguments = vec![0x92, 0x81, 0xa1, b'k'];
        arguments.extend_from_slice(value);
        arguments.push(0x92);
        arguments.extend_from_slice(value);
        arguments.extend_from_slice(value);
        let (answer, failed) = Call::run(&arguments, Vec::new(), 2, body);
        assert!(!failed, "{answer:?}");
        answer
    }

    fn check(value: &[u8]) {
        let mut expected = vec![0x95, 7, 0x81, 0xa1, b'k'];
        expected.extend_from_slice(value);
        expected.extend_from_slice(&[0xa1, b'x']);
        expected.extend_from_slice(value);
        expected.extend_from_slice(value);
        assert_eq!(through(value), expected);
    }

    #[test]
    fn bytes_stay_as_they_are() {
        check(&[0xc0]);
        // Numbers wider than they need be, a float of four bytes, an extension.
        check(&[0xd3, 0, 0, 0, 0, 0, 0, 0, 1]);
        check(&[0xca, 0x3f, 0x80, 0, 0]);
        check(&[0xd5, 2, 1, 0]);
    }

    #[test]
    fn a_long_value_loses_no_byte() {
        for len in [253, 254, 255, 256, 65_532, 65_533, 65_536, 70_000] {
            let text = "x".repeat(len);
            check(&rmp_serde::to_vec(&text).unwrap());
        }
    }

    #[test]
    fn nothing_is_left_out_after_another_serializer() {
        assert_eq!(json!(Raw::default()), json!([0xc0]));
        check(&[0xc3]);
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,300}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 20, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..20).prop_map(Value::from),
                prop::collection::hash_map(".{0,3}", inner, 0..20)
                    .prop_map(|map| map.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_value_goes_through(value in values()) {
            check(&rmp_serde::to_vec(&value).unwrap());
        }
    }
}
