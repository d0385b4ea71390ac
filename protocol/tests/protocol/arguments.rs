use farside_protocol::RefId;
use farside_protocol::array::{Array, Element};
use farside_protocol::manifest::{Function, Param, Schema, TypeName};
use farside_protocol::value::{FarArg, check_arguments};
use proptest::prelude::*;
use serde::Serialize;
use serde_json::json;

use crate::model;

fn param(name: &str, schema: Schema) -> Param {
    Param { name: name.to_owned(), schema, optional: false }
}

fn integer(format: &str) -> Schema {
    Schema::of(TypeName::Integer).with_format(format)
}

/// `clip(text: string, most: u32, tail?: string)`
fn clip() -> Function {
    let tail = Param { optional: true, ..param("tail", Schema::of(TypeName::String)) };
    Function {
        name: "clip".to_owned(),
        params: vec![
            param("text", Schema::of(TypeName::String)),
            param("most", integer("uint32")),
            tail,
        ],
        ..Function::default()
    }
}

/// `f(x: schema)`
fn taking(schema: &str) -> Function {
    let schema = serde_json::from_str(schema).unwrap();
    Function { name: "f".to_owned(), params: vec![param("x", schema)], ..Function::default() }
}

fn pack(value: &impl Serialize) -> Vec<u8> {
    rmp_serde::to_vec_named(value).unwrap()
}

/// The arguments go through as they are.
#[track_caller]
fn check_as_it_is(function: &Function, args: &impl Serialize) {
    assert_eq!(check_arguments(function, &pack(args)), Ok(None));
}

/// The arguments become this list.
#[track_caller]
fn check_becomes(function: &Function, args: &impl Serialize, expected: &impl Serialize) {
    assert_eq!(check_arguments(function, &pack(args)), Ok(Some(pack(expected))));
}

fn error(function: &Function, args: &impl Serialize) -> String {
    check_arguments(function, &pack(args)).unwrap_err().to_string()
}

#[test]
fn what_fits_goes_as_it_is() {
    check_as_it_is(&clip(), &json!(["text", 4, ".."]));
    check_as_it_is(&clip(), &json!(["text", 4, null]));
    check_as_it_is(&Function::default(), &json!([]));
    let far = FarArg(RefId::from_bits(7));
    check_as_it_is(&clip(), &(far, far, far));
}

#[test]
fn optional_parameters_are_filled_with_nil() {
    check_becomes(&clip(), &json!(["text", 4]), &json!(["text", 4, null]));
    check_becomes(&clip(), &json!({"text": "text", "most": 4}), &json!(["text", 4, null]));
}

#[test]
fn arguments_by_name_are_put_in_order() {
    let args = json!({"tail": "..", "most": 4, "text": "t"});
    check_becomes(&clip(), &args, &json!(["t", 4, ".."]));
    check_becomes(&Function::default(), &json!({}), &json!([]));
}

#[test]
fn sixteen_parameters_and_more_are_put_in_order() {
    let params = (0..20).map(|n| param(&format!("p{n}"), Schema::default())).collect();
    let function = Function { name: "many".to_owned(), params, ..Function::default() };
    let args: serde_json::Map<_, _> =
        (0..20).rev().map(|n| (format!("p{n}"), json!([n, "x"]))).collect();
    let list: Vec<_> = (0..20).map(|n| json!([n, "x"])).collect();
    check_becomes(&function, &args, &list);
}

#[test]
fn a_wrong_count_says_how_many_there_are() {
    insta::assert_snapshot!(error(&clip(), &json!(["a", 1, "b", 2])), @"clip takes 2 to 3 arguments, not 4");
    insta::assert_snapshot!(error(&taking("{}"), &json!([1, 2])), @"f takes 1 argument, not 2");
    insta::assert_snapshot!(
        error(&Function { name: "now".to_owned(), ..Function::default() }, &json!([1])),
        @"now takes no arguments, not 1"
    );
    let all_optional = Function { params: vec![clip().params[2].clone()], ..clip() };
    insta::assert_snapshot!(error(&all_optional, &json!(["a", "b"])), @"clip takes 0 to 1 argument, not 2");
}

#[test]
fn a_missing_argument_is_named_with_its_type() {
    insta::assert_snapshot!(error(&clip(), &json!(["text"])), @"clip needs an argument for `most` (u32)");
    insta::assert_snapshot!(error(&clip(), &json!([])), @"clip needs an argument for `text` (string)");
    insta::assert_snapshot!(error(&clip(), &json!({"most": 1})), @"clip needs an argument for `text` (string)");
}

#[test]
fn a_name_that_is_no_parameter_is_told_the_names() {
    insta::assert_snapshot!(
        error(&clip(), &json!({"text": "a", "max": 1})),
        @"clip has no parameter `max`; it takes `text`, `most`, `tail`"
    );
    insta::assert_snapshot!(
        error(&Function { name: "now".to_owned(), ..Function::default() }, &json!({"x": 1})),
        @"now has no parameter `x`; it takes none"
    );
    let by_number = std::collections::BTreeMap::from([(1, "a")]);
    insta::assert_snapshot!(
        error(&clip(), &by_number),
        @"clip has no parameter `(no text)`; it takes `text`, `most`, `tail`"
    );
}

#[test]
fn a_name_that_comes_twice_is_refused() {
    let args = [0x82, 0xa1, b'x', 1, 0xa1, b'x', 2];
    let error = check_arguments(&taking("{}"), &args).unwrap_err();
    insta::assert_snapshot!(error, @"f got `x` twice");
}

#[test]
fn what_is_neither_list_nor_map_is_no_arguments() {
    insta::assert_snapshot!(
        error(&clip(), &"text"),
        @"the arguments of clip are a string, not a list or a map by name"
    );
    insta::assert_snapshot!(
        check_arguments(&clip(), &[]).unwrap_err(),
        @"the arguments of clip are nothing, not a list or a map by name"
    );
}

#[test]
fn a_wrong_kind_says_what_was_expected_and_what_came() {
    insta::assert_snapshot!(
        error(&clip(), &json!([42, 4])),
        @"argument `text` of clip: expected string, got the integer 42"
    );
    insta::assert_snapshot!(
        error(&clip(), &json!({"text": "a", "most": "four"})),
        @r#"argument `most` of clip: expected u32, got the string "four""#
    );
    insta::assert_snapshot!(
        error(&clip(), &json!(["a", "x".repeat(41)])),
        @"argument `most` of clip: expected u32, got a string"
    );
    insta::assert_snapshot!(
        error(&clip(), &json!(["a", 1.5])),
        @"argument `most` of clip: expected u32, got a float"
    );
    insta::assert_snapshot!(
        error(&clip(), &json!(["a", null])),
        @"argument `most` of clip: expected u32, got nil"
    );
    insta::assert_snapshot!(
        error(&clip(), &json!(["a", 1, {"b": 2}])),
        @"argument `tail` of clip: expected string, got a map"
    );
}

#[test]
fn integers_are_held_to_their_range() {
    #[track_caller]
    fn check(bits: u32) {
        let (signed, unsigned) = (integer(&format!("int{bits}")), integer(&format!("uint{bits}")));
        let takes = |schema: &Schema, number: i128| {
            let function = Function { params: vec![param("x", schema.clone())], ..clip() };
            let list = match u64::try_from(number) {
                Ok(number) => pack(&[number]),
                Err(_) => pack(&[number as i64]),
            };
            check_arguments(&function, &list).is_ok()
        };
        let half = 1i128 << (bits - 1);
        assert!(takes(&signed, half - 1) && takes(&signed, -half));
        assert!(!takes(&signed, half));
        assert!(bits == 64 || !takes(&signed, -half - 1));
        assert!(takes(&unsigned, 0) && takes(&unsigned, 2 * half - 1));
        assert!(!takes(&unsigned, -1));
        assert!(bits == 64 || !takes(&unsigned, 2 * half));
    }
    [8, 16, 32, 64].into_iter().for_each(check);
    insta::assert_snapshot!(
        error(&clip(), &json!(["a", 4_294_967_296u64])),
        @"argument `most` of clip: expected u32, got the integer 4294967296"
    );
    insta::assert_snapshot!(
        error(&clip(), &json!(["a", -1])),
        @"argument `most` of clip: expected u32, got the integer -1"
    );
}

#[test]
fn kinds_fit_as_the_guests_decoder_reads_them() {
    let bytes = serde_bytes::Bytes::new(b"raw");
    let point = r#"{"type":"object","properties":{"x":{"type":"number"}}}"#;
    check_as_it_is(&taking("{}"), &[bytes]);
    check_as_it_is(&taking(r#"{"type":"number"}"#), &[3]);
    check_as_it_is(&taking(r#"{"type":"string","format":"bytes"}"#), &[bytes]);
    check_as_it_is(
        &taking(r#"{"type":"array","items":{"type":"integer","format":"uint8"}}"#),
        &[bytes],
    );
    check_as_it_is(&taking(r#"{"anyOf":[{"type":"string"},{"type":"null"}]}"#), &json!([null]));
    check_as_it_is(&taking(point), &json!([{"x": 1.0}]));
    check_as_it_is(&taking(point), &json!([[1.0]]));
    check_as_it_is(&taking(r#"{"enum":["on","off"]}"#), &["on"]);

    insta::assert_snapshot!(
        error(&taking(r#"{"type":"string"}"#), &[bytes]),
        @"argument `x` of f: expected string, got a byte string"
    );
    insta::assert_snapshot!(
        error(&taking(r#"{"type":"string","format":"bytes"}"#), &["text"]),
        @r#"argument `x` of f: expected bytes, got the string "text""#
    );
    insta::assert_snapshot!(
        error(&taking(r#"{"type":"object","additionalProperties":{}}"#), &json!([[1]])),
        @"argument `x` of f: expected map to any value, got a list"
    );
    insta::assert_snapshot!(
        error(&taking(r#"{"anyOf":[{"type":"boolean"},{"type":"null"}]}"#), &json!([0])),
        @"argument `x` of f: expected bool or nil, got the integer 0"
    );
}

#[test]
fn arrays_fit_by_their_element_type() {
    let of_f64 = r#"{"type":"array","format":"ndarray","x-dtype":"f64"}"#;
    let floats = Array::from(vec![1.0f64]);
    check_as_it_is(&taking(of_f64), &[&floats]);
    check_as_it_is(&taking(r#"{"type":"array","format":"ndarray"}"#), &[&floats]);
    insta::assert_snapshot!(
        error(&taking(of_f64), &[Array::from(vec![1i32])]),
        @"argument `x` of f: expected array of f64, got an array of i32"
    );
}

#[test]
fn an_array_is_read_from_a_list() {
    let of_f64 = r#"{"type":"array","format":"ndarray","x-dtype":"f64"}"#;
    check_as_it_is(&taking(of_f64), &json!([[1.0, 2]]));
    check_as_it_is(&taking(of_f64), &json!([[[1.0], [2]]]));
    insta::assert_snapshot!(
        error(&taking(of_f64), &json!([1.0])),
        @"argument `x` of f: expected array of f64, got a float"
    );
}

#[test]
fn a_list_of_numbers_is_read_from_an_array() {
    #[track_caller]
    fn check<T: Element>(number: T, items: &str, expected: bool) {
        let list = taking(&format!(r#"{{"type":"array","items":{items}}}"#));
        let tuple = taking(&format!(r#"{{"type":"array","prefixItems":[{items}]}}"#));
        let args = [Array::from(vec![number])];
        assert_eq!(check_arguments(&list, &pack(&args)).is_ok(), expected, "{items}");
        assert_eq!(check_arguments(&tuple, &pack(&args)).is_ok(), expected, "{items}");
    }
    let floats = r#"{"type":"number"}"#;
    let integers = r#"{"type":"integer","format":"uint8"}"#;
    let perhaps = r#"{"anyOf":[{"type":"number"},{"type":"null"}]}"#;
    check(1.0, floats, true);
    check(1.0f32, floats, true);
    check(1u8, floats, true);
    check(1.0, perhaps, true);
    check(1.0, "{}", true);
    check(1i64, integers, true);
    check(1.0, integers, false);
    check(1u8, r#"{"type":"boolean"}"#, false);
    check(1u8, r#"{"type":"string"}"#, false);
    check(1.0, r#"{"type":"array","items":{"type":"number"}}"#, false);
    let flags = [0xc7, 12, 2, 11, 1, 2, 0, 0, 0, 0, 0, 0, 0, 1, 0];
    let args = [&[0x91], &flags[..]].concat();
    let of_flags = taking(r#"{"type":"array","items":{"type":"boolean"}}"#);
    assert_eq!(check_arguments(&of_flags, &args), Ok(None));

    let list = taking(r#"{"type":"array","items":{"type":"number"}}"#);
    let lists = taking(r#"{"type":"array","items":{"type":"array","items":{"type":"number"}}}"#);
    let rows = Array::from_shape(vec![1, 2], vec![1.0, 2.0]).unwrap();
    check_as_it_is(&lists, &[&rows]);
    insta::assert_snapshot!(
        error(&list, &[&rows]),
        @"argument `x` of f: expected list of f64, got a 2-dimensional array of f64"
    );
    insta::assert_snapshot!(
        error(&taking(r#"{"type":"array","items":{"type":"string"}}"#), &[Array::from(vec![1.0])]),
        @"argument `x` of f: expected list of string, got an array of f64"
    );
}

proptest! {
    #[test]
    fn nested_values_are_passed_over_whole(first in model::node(), second in model::node()) {
        let params = vec![param("a", Schema::default()), param("b", Schema::default())];
        let function = Function { params, ..clip() };
        let mut list = vec![0x92];
        first.encode(false, &mut list);
        second.encode(true, &mut list);
        prop_assert_eq!(check_arguments(&function, &list), Ok(None));
        let mut map = vec![0x82, 0xa1, b'b'];
        second.encode(true, &mut map);
        map.extend([0xa1, b'a']);
        first.encode(false, &mut map);
        prop_assert_eq!(check_arguments(&function, &map), Ok(Some(list)));
    }

    #[test]
    fn any_bytes_are_arguments_or_an_error(
        bytes in prop::collection::vec(
            prop_oneof![any::<u8>(), 0x80u8..0xa4, 0xc0u8..0xe0, Just(b'x')], 0..40,
        ),
    ) {
        let _ = check_arguments(&clip(), &bytes);
        let _ = check_arguments(&taking("{}"), &[&[0x81, 0xa1, b'x'], &bytes[..]].concat());
    }
}
