//! What is encoded is decoded, and what does not fit says where.

use std::collections::BTreeMap;

use farside_protocol::array::{Array, ArrayHeader, Dtype};
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
    fn a_list_of_numbers_is_read_as_an_array(floats: Vec<f64>, integers: Vec<i16>) {
        prop_assert_eq!(decode(&encode(&floats)), Ok(Array::from(floats)));
        prop_assert_eq!(decode(&encode(&integers)), Ok(Array::from(integers.clone())));
        let converted: Vec<f64> = integers.iter().copied().map(f64::from).collect();
        prop_assert_eq!(decode(&encode(&integers)), Ok(Array::from(converted)));
    }

    #[test]
    fn an_array_is_read_as_a_list_of_numbers(floats: Vec<f32>, integers: Vec<u32>) {
        let array = encode(&Array::from(floats.clone()));
        prop_assert_eq!(decode(&array), Ok(floats.clone()));
        let converted: Vec<f64> = floats.iter().copied().map(f64::from).collect();
        prop_assert_eq!(decode(&array), Ok(converted));
        let array = encode(&Array::from(integers.clone()));
        prop_assert_eq!(decode(&array), Ok(integers.clone()));
        let converted: Vec<i64> = integers.iter().copied().map(i64::from).collect();
        prop_assert_eq!(decode(&array), Ok(converted));
    }

    #[test]
    fn lists_of_equal_lengths_are_read_as_an_array_and_back(
        rows in (1usize..5).prop_flat_map(|len| {
            prop::collection::vec(prop::collection::vec(any::<i8>(), len), 1..5)
        }),
    ) {
        let shape = vec![rows.len(), rows[0].len()];
        let array = Array::from_shape(shape, rows.concat()).unwrap();
        prop_assert_eq!(decode(&encode(&rows)), Ok(array.clone()));
        prop_assert_eq!(decode(&encode(&array)), Ok(rows));
    }

    #[test]
    fn any_array_is_read_as_lists_or_refused(
        dtype in 1u8..12,
        shape in prop::collection::vec(prop_oneof![0u64..4, Just(u64::MAX)], 0..4),
        bytes in any::<[u8; 64]>(),
    ) {
        let dtype = Dtype::from_number(dtype).unwrap();
        let header = ArrayHeader { dtype, shape };
        let mut array = Vec::new();
        header.encode(&mut array);
        let len = header.data_len().filter(|len| *len < 1000).unwrap_or(9);
        array.extend(bytes.iter().cycle().take(len as usize));
        let array = [&[0xc8], &(array.len() as u16).to_be_bytes()[..], &[2], &array].concat();
        let _ = decode::<Vec<f64>>(&array);
        let _ = decode::<(f32, f32)>(&array);
        let _ = decode::<Vec<Vec<Option<i32>>>>(&array);
        let _ = decode::<Vec<Array<u8>>>(&array);
        let _ = decode::<serde_json::Value>(&array);
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
        misfit::<Array<f64>>("1.5"), @"invalid type: floating point `1.5`, expected an array of f64");
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

#[test]
fn a_list_that_is_no_array_says_where() {
    assert_eq!(decode(&encode(&(1, 2.5, -3i8))), Ok(Array::from(vec![1.0, 2.5, -3.0])));
    assert_snapshot!(
        misfit::<Array<u8>>("[1, 2, 300]"),
        @"at `[2]`: invalid value: integer `300`, expected u8");
    assert_snapshot!(
        misfit::<Array<i64>>("[1, 2.5]"),
        @"at `[1]`: invalid type: floating point `2.5`, expected i64");
    assert_snapshot!(
        misfit::<Vec<Array<f64>>>(r#"[[1], ["a"]]"#),
        @r#"at `[1][0]`: invalid type: string "a", expected f64"#);
    assert_snapshot!(
        misfit::<Array<f64>>("[[1, 2], [3]]"),
        @"at `[1]`: a list of 1 beside one of 2; those of an array are equally long");
    assert_snapshot!(
        misfit::<Array<f64>>("[[1, 2], 3]"),
        @"at `[1]`: invalid type: integer `3`, expected a list of 2");
    assert_snapshot!(
        misfit::<Array<f64>>("[1, [2]]"), @"at `[1]`: invalid type: sequence, expected f64");
}

#[test]
fn an_array_that_is_no_such_list_says_where() {
    let floats = Array::from(vec![1.0, 2.5]);
    #[track_caller]
    fn error<T: for<'de> Deserialize<'de>>(array: &Array<f64>) -> String {
        decode::<T>(&encode(array)).err().unwrap()
    }
    assert_eq!(decode(&encode(&floats)), Ok((1.0, 2.5)));
    assert_snapshot!(
        error::<Vec<i64>>(&floats),
        @"at `[0]`: invalid type: floating point `1.0`, expected i64");
    assert_snapshot!(
        error::<(f64,)>(&floats), @"an array of 2 elements, 1 more than expected");
    assert_snapshot!(
        error::<[f64; 3]>(&floats), @"invalid length 2, expected an array of length 3");
    assert_snapshot!(
        error::<Vec<Vec<f64>>>(&floats),
        @"at `[0]`: invalid type: floating point `1.0`, expected a sequence");
    assert_snapshot!(
        error::<String>(&floats),
        @"invalid type: an array or another extension value, expected a string");
    let number = Array::from_shape(vec![], vec![1.0]).unwrap();
    assert_snapshot!(
        error::<Vec<f64>>(&number), @"an array without dimensions, expected a list");
    let rows = Array::from_shape(vec![usize::MAX, 0], vec![]).unwrap();
    assert_snapshot!(
        error::<Vec<Vec<f64>>>(&rows), @"an array whose rows have no elements");
}

#[test]
fn the_numbers_of_an_array_may_be_wrapped() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Metres(f64);
    #[derive(Debug, PartialEq, Deserialize)]
    struct Point(Metres, Option<f64>);
    let array = encode(&Array::from(vec![1, 2]));
    assert_eq!(decode(&array), Ok(vec![Metres(1.0), Metres(2.0)]));
    assert_eq!(decode(&array), Ok(vec![Some(1i128), Some(2)]));
    assert_eq!(decode(&array), Ok(Point(Metres(1.0), Some(2.0))));
    let rows = encode(&Array::from_shape(vec![1, 2], vec![1u8, 2]).unwrap());
    assert_eq!(decode(&rows), Ok(vec![Some(Point(Metres(1.0), Some(2.0)))]));
    assert_eq!(decode(&rows), Ok((Array::from(vec![1.0, 2.0]),)));
}
