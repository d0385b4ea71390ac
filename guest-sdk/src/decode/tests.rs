//! What is encoded is decoded, and what does not fit says where.

use std::collections::BTreeMap;

use farside_protocol::array::Array;
use insta::assert_snapshot;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::Decoder;
use crate::Bytes;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Nothing,
    Circle(f64),
    Line((i32, i32), String),
    Text { at: Option<u8>, text: String },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Unit;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Everything {
    flag: bool,
    small: i8,
    signed: i64,
    unsigned: u64,
    wide: (i128, u128),
    single: f32,
    double: f64,
    letter: char,
    text: String,
    bytes: Bytes,
    perhaps: Option<Box<Everything>>,
    list: Vec<i64>,
    names: BTreeMap<String, u16>,
    numbers: BTreeMap<i64, Unit>,
    shapes: Vec<Shape>,
    array: Array<f64>,
}

fn encode(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.serialize(&mut rmp_serde::Serializer::new(&mut bytes).with_struct_map()).unwrap();
    bytes
}

fn decode<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, String> {
    let mut decoder = Decoder::new(bytes);
    let value = T::deserialize(&mut decoder).map_err(|error| error.to_string())?;
    assert!(decoder.rest.is_empty(), "bytes are left: {:?}", decoder.rest);
    Ok(value)
}

/// The error of decoding a JSON value, sent as MessagePack, as a `T`.
fn misfit<T: for<'de> Deserialize<'de>>(json: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(json).unwrap();
    decode::<T>(&encode(&value)).err().unwrap()
}

fn shape() -> impl Strategy<Value = Shape> {
    prop_oneof![
        Just(Shape::Nothing),
        any::<f64>().prop_map(Shape::Circle),
        (any::<(i32, i32)>(), ".*").prop_map(|(from, to)| Shape::Line(from, to)),
        (any::<Option<u8>>(), ".*").prop_map(|(at, text)| Shape::Text { at, text }),
    ]
}

fn everything() -> impl Strategy<Value = Everything> {
    let numbers = any::<(bool, i8, i64, u64, (i128, u128), f32, f64, char)>();
    let blobs = (".*", any::<Vec<u8>>(), any::<Vec<i64>>(), any::<Vec<f64>>());
    let maps = (any::<BTreeMap<String, u16>>(), any::<BTreeMap<i64, ()>>());
    let leaf = (numbers, blobs, maps, prop::collection::vec(shape(), 0..4)).prop_map(
        |(numbers, (text, bytes, list, array), (names, keys), shapes)| {
            let (flag, small, signed, unsigned, wide, single, double, letter) = numbers;
            Everything {
                flag,
                small,
                signed,
                unsigned,
                wide,
                single,
                double,
                letter,
                text,
                bytes: Bytes::from(bytes),
                perhaps: None,
                list,
                names,
                numbers: keys.into_keys().map(|key| (key, Unit)).collect(),
                shapes,
                array: array.into(),
            }
        },
    );
    leaf.prop_recursive(3, 4, 1, |inner| {
        (inner.clone(), inner)
            .prop_map(|(outer, inner)| Everything { perhaps: Some(Box::new(inner)), ..outer })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_encoded_is_decoded(value in everything()) {
        prop_assert_eq!(decode::<Everything>(&encode(&value)), Ok(value));
    }

    #[test]
    fn any_bytes_at_all_are_decoded_or_refused(bytes in any::<Vec<u8>>()) {
        let _ = Everything::deserialize(&mut Decoder::new(&bytes));
        let _ = serde_json::Value::deserialize(&mut Decoder::new(&bytes));
    }
}

#[test]
fn text_and_bytes_are_borrowed() {
    let bytes = encode(&("text", Bytes::from(vec![1, 2])));
    let (text, blob): (&str, &[u8]) = decode(&bytes).unwrap();
    assert_eq!((text, blob), ("text", &[1, 2][..]));
    assert!(bytes.as_ptr_range().contains(&text.as_ptr()));
}

#[test]
fn a_list_of_small_integers_may_come_as_bytes() {
    assert_eq!(decode::<Vec<u8>>(&encode(&Bytes::from(vec![7, 8]))), Ok(vec![7, 8]));
}

#[test]
fn a_struct_may_come_as_a_list_and_an_integer_for_a_float() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Point {
        x: f64,
        y: f64,
    }
    assert_eq!(decode::<(i128, u128)>(&encode(&(-3, 3))), Ok((-3, 3)));
    assert_eq!(decode::<Point>(&encode(&(1, 2.5))), Ok(Point { x: 1.0, y: 2.5 }));
}

#[test]
fn an_error_names_its_place() {
    type Lists = Vec<BTreeMap<String, Vec<u8>>>;
    assert_snapshot!(misfit::<i64>(r#""a""#), @r#"invalid type: string "a", expected i64"#);
    assert_snapshot!(misfit::<u8>("300"), @"invalid value: integer `300`, expected u8");
    assert_snapshot!(
        misfit::<Lists>(r#"[{}, {"a": [1], "b": [1, -1]}]"#),
        @"at `[1].b[1]`: invalid value: integer `-1`, expected u8");
    assert_snapshot!(
        misfit::<Lists>(r#"[{"two words": 3}]"#),
        @r#"at `[0]["two words"]`: invalid type: integer `3`, expected a sequence"#);
    assert_snapshot!(
        misfit::<(u8, u8)>("[1, 2, 3]"), @"a list of 3 elements, 1 more than expected");
    assert_snapshot!(
        misfit::<(u8, u8)>("[1]"), @"invalid length 1, expected a tuple of size 2");
    assert_snapshot!(
        misfit::<Array<f64>>("[1.5]"), @"invalid type: a list, expected an array of f64");
}

#[test]
fn an_error_in_an_enum_names_the_variant() {
    assert_snapshot!(
        misfit::<Shape>(r#""Square""#),
        @"unknown variant `Square`, expected one of `Nothing`, `Circle`, `Line`, `Text`");
    assert_snapshot!(
        misfit::<Shape>("7"),
        @"expected a variant's name or a map from it to what it holds, found an integer");
    assert_snapshot!(
        misfit::<Shape>(r#""Circle""#),
        @"invalid type: unit variant, expected newtype variant");
    assert_snapshot!(
        misfit::<Shape>(r#"{"Line": [[1, "x"], "y"]}"#),
        @r#"at `Line[0][1]`: invalid type: string "x", expected i32"#);
    assert_snapshot!(
        misfit::<Shape>(r#"{"Text": {"at": 1}}"#), @"at `Text`: missing field `text`");
}

#[test]
fn an_array_of_other_elements_is_refused() {
    let bytes = encode(&vec![Array::from(vec![1u8])]);
    let error = decode::<Vec<Array<f64>>>(&bytes).err().unwrap();
    assert_snapshot!(error, @"at `[0]`: an array of u8, expected an array of f64");
}
