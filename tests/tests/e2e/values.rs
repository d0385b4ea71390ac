//! Values that become variables of a language and come back: equal, but for what
//! `evaluators/README.md` says of them.

use std::collections::BTreeMap;
use std::fmt;

use farside_protocol::array::{self, ArrayHeader, Dtype};
use farside_protocol::value::BIG_INTEGER;
use proptest::collection::{btree_map, vec};
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::select;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use serde_bytes::{ByteBuf, Bytes};
use tokio::runtime::Runtime;

use crate::languages::{speaking, value};

/// MessagePack's own extension type for a point in time.
const TIMESTAMP: i8 = -1;

/// Up to here JavaScript's numbers hold every integer.
const SAFE: f64 = 9_007_199_254_740_991.0;

#[derive(Clone, Debug, PartialEq)]
enum Value {
    Nil,
    Bool(bool),
    Negative(i64),
    Natural(u64),
    /// In two's complement, beyond 64 bits.
    Big(Vec<u8>),
    /// By its bits: a NaN is equal to itself.
    Float(u64),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Value>),
    Map(BTreeMap<Key, Value>),
    Time {
        seconds: i64,
        nanoseconds: u32,
    },
    /// The extension's body.
    Array(Vec<u8>),
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Text(String),
    Integer(i64),
    Bytes(Vec<u8>),
}

impl Value {
    fn integer(number: i64) -> Value {
        u64::try_from(number).map_or(Value::Negative(number), Value::Natural)
    }

    /// What a language gives for it.
    fn in_language(&self, language: &str) -> Value {
        let inner = |value: &Value| value.in_language(language);
        match self {
            Value::List(items) => Value::List(items.iter().map(inner).collect()),
            Value::Map(entries) => {
                let entries = entries.iter().map(|(key, value)| (key.clone(), inner(value)));
                Value::Map(entries.collect())
            }
            Value::Time { seconds, nanoseconds } => {
                let unit = if language == "python" { 1_000 } else { 1_000_000 };
                Value::Time { seconds: *seconds, nanoseconds: nanoseconds / unit * unit }
            }
            Value::Float(bits) if language == "javascript" => {
                let number = f64::from_bits(*bits);
                let whole = number as i64;
                if number.abs() <= SAFE && (whole as f64).to_bits() == *bits {
                    Value::integer(whole)
                } else {
                    self.clone()
                }
            }
            Value::Array(body) if language == "javascript" => {
                let header = ArrayHeader::decode(body, body.len() as u64).unwrap();
                match header {
                    ArrayHeader { dtype: Dtype::U8, shape } if shape.len() == 1 => {
                        Value::Bytes(body[body.len() - shape[0] as usize..].to_vec())
                    }
                    _ => self.clone(),
                }
            }
            _ => self.clone(),
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let extension = |serializer: S, number: i8, body: &[u8]| {
            let both = (number, Bytes::new(body));
            serializer.serialize_newtype_struct(rmp_serde::MSGPACK_EXT_STRUCT_NAME, &both)
        };
        match self {
            Value::Nil => serializer.serialize_unit(),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::Negative(value) => serializer.serialize_i64(*value),
            Value::Natural(value) => serializer.serialize_u64(*value),
            Value::Big(bytes) => extension(serializer, BIG_INTEGER, bytes),
            Value::Float(bits) => serializer.serialize_f64(f64::from_bits(*bits)),
            Value::Text(text) => serializer.serialize_str(text),
            Value::Bytes(bytes) => serializer.serialize_bytes(bytes),
            Value::List(items) => serializer.collect_seq(items),
            Value::Map(entries) => serializer.collect_map(entries),
            Value::Time { seconds, nanoseconds } => {
                let body = [&nanoseconds.to_be_bytes()[..], &seconds.to_be_bytes()].concat();
                extension(serializer, TIMESTAMP, &body)
            }
            Value::Array(body) => extension(serializer, array::EXTENSION, body),
        }
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Key::Text(text) => serializer.serialize_str(text),
            Key::Integer(number) => serializer.serialize_i64(*number),
            Key::Bytes(bytes) => serializer.serialize_bytes(bytes),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(Reading)
    }
}

struct Reading;

impl<'de> Visitor<'de> for Reading {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Nil)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Natural(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value.to_bits()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Value, E> {
        Ok(Value::Bytes(bytes.to_vec()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut entries = BTreeMap::new();
        while let Some((key, value)) = access.next_entry::<Value, Value>()? {
            let key = match key {
                Value::Text(text) => Key::Text(text),
                Value::Negative(number) => Key::Integer(number),
                Value::Natural(number) => Key::Integer(number.cast_signed()),
                Value::Bytes(bytes) => Key::Bytes(bytes),
                key => return Err(A::Error::custom(format!("no key: {key:?}"))),
            };
            entries.insert(key, value);
        }
        Ok(Value::Map(entries))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, extension: D) -> Result<Value, D::Error> {
        let (number, body) = <(i8, ByteBuf)>::deserialize(extension)?;
        Ok(match (number, &body[..]) {
            (BIG_INTEGER, body) => Value::Big(body.to_vec()),
            (array::EXTENSION, body) => Value::Array(body.to_vec()),
            (TIMESTAMP, &[a, b, c, d]) => {
                let seconds = u32::from_be_bytes([a, b, c, d]);
                Value::Time { seconds: seconds.into(), nanoseconds: 0 }
            }
            (TIMESTAMP, &[a, b, c, d, ref seconds @ ..]) if seconds.len() == 8 => {
                let seconds = i64::from_be_bytes(seconds.try_into().map_err(D::Error::custom)?);
                Value::Time { seconds, nanoseconds: u32::from_be_bytes([a, b, c, d]) }
            }
            (TIMESTAMP, body) => {
                let both = u64::from_be_bytes(body.try_into().map_err(D::Error::custom)?);
                let seconds = (both & 0x3_ffff_ffff).cast_signed();
                Value::Time { seconds, nanoseconds: (both >> 34) as u32 }
            }
            (number, _) => return Err(D::Error::custom(format!("extension {number}"))),
        })
    }
}

fn texts() -> impl Strategy<Value = String> {
    vec(any::<char>(), 0..20).prop_map(String::from_iter)
}

fn keys() -> impl Strategy<Value = Key> {
    prop_oneof![
        3 => texts().prop_map(Key::Text),
        1 => any::<i64>().prop_map(Key::Integer),
        1 => vec(any::<u8>(), 0..4).prop_map(Key::Bytes),
    ]
}

/// Numbers from 0 to 200 of one type, in up to three dimensions.
fn arrays() -> impl Strategy<Value = Value> {
    let shape = vec(0_u64..4, 1..=3);
    (select(Dtype::ALL), shape, any::<u8>()).prop_map(|(dtype, shape, first)| {
        let count: u64 = shape.iter().product();
        let mut body = Vec::new();
        ArrayHeader { dtype, shape }.encode(&mut body);
        for place in 0..count {
            let number = (place as u8).wrapping_add(first) % 200;
            match dtype {
                Dtype::F32 => body.extend((f32::from(number) / 8.0).to_le_bytes()),
                Dtype::F64 => body.extend((f64::from(number) / 10.0).to_le_bytes()),
                Dtype::Bool => body.push(number % 2),
                _ => body.extend(&u64::from(number).to_le_bytes()[..dtype.size()]),
            }
        }
        Value::Array(body)
    })
}

fn values() -> impl Strategy<Value = Value> {
    let big = (select(vec![1, 0x7f, 0x80, 0xfe]), vec(any::<u8>(), 8..40));
    let leaf = prop_oneof![
        Just(Value::Nil),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::integer),
        (-300_i64..300).prop_map(Value::integer),
        any::<u64>().prop_map(Value::Natural),
        big.prop_map(|(first, rest)| Value::Big([vec![first], rest].concat())),
        any::<f64>().prop_map(|number| Value::Float(number.to_bits())),
        (-9_i32..9).prop_map(|number| Value::Float(f64::from(number).to_bits())),
        select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0])
            .prop_map(|number| Value::Float(number.to_bits())),
        texts().prop_map(Value::Text),
        vec(any::<u8>(), 0..300).prop_map(Value::Bytes),
        // Within the years that Python has.
        (-60_000_000_000_i64..250_000_000_000, 0_u32..1_000_000_000)
            .prop_map(|(seconds, nanoseconds)| Value::Time { seconds, nanoseconds }),
        arrays(),
    ];
    leaf.prop_recursive(5, 60, 8, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..8).prop_map(Value::List),
            btree_map(keys(), inner, 0..8).prop_map(Value::Map),
        ]
    })
}

/// Values that one session takes there and back.
const VALUES: u32 = 5_000;

fn check(language: &'static str) {
    let runtime = Runtime::new().unwrap();
    let Some((_server, _session, spoken)) = runtime.block_on(speaking(language)) else { return };
    let config = Config { cases: VALUES, failure_persistence: None, ..Config::default() };
    let checked = TestRunner::new(config).run(&values(), |value| {
        let back = spoken.eval_with::<Value>("x", (("x", &value),));
        let back = runtime.block_on(back.get());
        let back = back.map_err(|error| TestCaseError::fail(format!("{error:?}")))?;
        let expected = value.in_language(language);
        if back == expected {
            return Ok(());
        }
        Err(TestCaseError::fail(format!("{back:?} is not {expected:?}")))
    });
    checked.unwrap_or_else(|failed| panic!("{language}: {failed}"));
}

#[test]
fn values_come_back_from_python_as_they_went() {
    check("python");
}

#[test]
fn values_come_back_from_javascript_as_they_went() {
    check("javascript");
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn naturals<const N: usize>(numbers: [u64; N]) -> Value {
    Value::List(numbers.into_iter().map(Value::Natural).collect())
}

fn one_entry() -> Value {
    Value::Map(BTreeMap::from([(Key::Text("a".to_owned()), Value::Natural(1))]))
}

fn array(dtype: Dtype, shape: &[u64], numbers: &[u8]) -> Value {
    let mut body = Vec::new();
    ArrayHeader { dtype, shape: shape.to_vec() }.encode(&mut body);
    body.extend_from_slice(numbers);
    Value::Array(body)
}

/// Checks what expressions give.
async fn check_results<const N: usize>(language: &str, results: [(&str, Value); N]) {
    let Some((_server, _session, spoken)) = speaking(language).await else { return };
    for (source, expected) in results {
        assert_eq!(value::<Value>(&spoken, source).await, expected, "{source}");
    }
}

/// Checks that values are read as what makes an expression of `x` true.
async fn check_readings<const N: usize>(language: &str, readings: [(Value, &str); N]) {
    let Some((_server, _session, spoken)) = speaking(language).await else { return };
    for (value, expression) in readings {
        let holds = spoken.eval_with::<bool>(expression, (("x", &value),)).get().await;
        assert!(holds.unwrap(), "{value:?}: {expression}");
    }
}

#[tokio::test]
async fn what_has_no_form_of_its_own_in_javascript_is_the_nearest() {
    let half = 0.5_f32.to_le_bytes();
    check_results(
        "javascript",
        [
            ("undefined", Value::Nil),
            ("[undefined, , 1]", Value::List(vec![Value::Nil, Value::Nil, Value::Natural(1)])),
            ("1.0", Value::Natural(1)),
            ("-0", Value::Float((-0.0_f64).to_bits())),
            ("2 ** 53", Value::Float(2.0_f64.powi(53).to_bits())),
            ("2n ** 53n", Value::Natural(1 << 53)),
            ("2n ** 64n", Value::Big(vec![1, 0, 0, 0, 0, 0, 0, 0, 0])),
            ("new Set([1, 2])", naturals([1, 2])),
            ("new Map([['a', 1]])", one_entry()),
            ("({ a: 1, [Symbol('s')]: 2 })", one_entry()),
            ("new Uint8ClampedArray([1, 2])", Value::Bytes(vec![1, 2])),
            ("new Uint8Array([1, 2]).buffer", Value::Bytes(vec![1, 2])),
            ("new DataView(new Uint8Array([1, 2]).buffer, 1)", Value::Bytes(vec![2])),
            ("new Float32Array([0.5])", array(Dtype::F32, &[1], &half)),
            ("new farside.Array([[true], [false]])", array(Dtype::Bool, &[2, 1], &[1, 0])),
            ("new Date(-1)", Value::Time { seconds: -1, nanoseconds: 999_000_000 }),
            ("'\\ud800'", text("\u{fffd}")),
            ("new Number(3)", Value::Natural(3)),
            ("new String('a')", text("a")),
        ],
    )
    .await;
}

#[tokio::test]
async fn what_has_no_form_of_its_own_in_python_is_the_nearest() {
    check_results(
        "python",
        [
            ("import array, collections, datetime, enum, types\n(1, 2)", naturals([1, 2])),
            ("frozenset({1})", naturals([1])),
            ("collections.namedtuple('P', 'x y')(1, 2)", naturals([1, 2])),
            ("enum.IntEnum('E', 'one two').two", Value::Natural(2)),
            ("2 ** 64", Value::Big(vec![1, 0, 0, 0, 0, 0, 0, 0, 0])),
            ("1.0", Value::Float(1.0_f64.to_bits())),
            ("collections.OrderedDict(a=1)", one_entry()),
            ("collections.UserDict(a=1)", one_entry()),
            ("types.MappingProxyType({'a': 1})", one_entry()),
            ("memoryview(b'abc')[1:]", Value::Bytes(b"bc".to_vec())),
            ("array.array('B', [1, 2])", array(Dtype::U8, &[2], &[1, 2])),
            ("datetime.datetime(2024, 2, 29, 12)", text("2024-02-29T12:00:00")),
            ("datetime.date(2024, 2, 29)", text("2024-02-29")),
            ("datetime.time(12, 30)", text("12:30:00")),
            (
                "datetime.datetime(1970, 1, 1, 1, 0, 0, 1, datetime.timezone.utc)",
                Value::Time { seconds: 3600, nanoseconds: 1000 },
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn values_are_read_as_what_a_language_has_for_them() {
    let moment = Value::Time { seconds: 1, nanoseconds: 999_999_999 };
    let table = array(Dtype::U8, &[1, 2], &[1, 2]);
    let row = array(Dtype::I16, &[2], &[1, 0, 2, 0]);
    let numbered = Value::Map(BTreeMap::from([(Key::Integer(1), Value::Nil)]));
    let big = Value::Natural(1 << 53);
    check_readings(
        "javascript",
        [
            (Value::Nil, "x === null"),
            (Value::Natural(1), "x === 1"),
            (big.clone(), "x === 2n ** 53n"),
            (Value::Bytes(vec![1]), "x instanceof Uint8Array && x[0] === 1"),
            (one_entry(), "Object.getPrototypeOf(x) === Object.prototype && x.a === 1"),
            (numbered.clone(), "x instanceof Map && x.get(1) === null"),
            (moment.clone(), "x instanceof Date && x.getTime() === 1999"),
            (row.clone(), "x instanceof Int16Array && x[1] === 2"),
            (table.clone(), "x instanceof farside.Array && x.get(0, 1) === 2"),
        ],
    )
    .await;
    check_readings(
        "python",
        [
            (Value::Nil, "x is None"),
            (big, "x == 2 ** 53"),
            (Value::Bytes(vec![1]), "x == b'\\x01' and type(x) is bytes"),
            (one_entry(), "x == {'a': 1} and type(x) is dict"),
            (numbered, "x == {1: None}"),
            (moment, "x.isoformat() == '1970-01-01T00:00:01.999999+00:00'"),
            (row, "type(x).__name__ == 'Array' and x.dtype == 'i16' and x.tolist() == [1, 2]"),
            (table, "x.shape == (1, 2) and x[0, 1] == 2"),
        ],
    )
    .await;
}
