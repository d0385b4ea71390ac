//! Types of every kind, by the schemas that their traces find.

use std::collections::{BTreeMap, HashMap};
use std::marker::PhantomData;
use std::net::IpAddr;
use std::num::NonZeroU32;

use farside_protocol::array::{Array, Element};
use insta::assert_snapshot;
use serde::{Deserialize, Deserializer, Serialize, de};

use super::{Trace, Traced as _, Type, Untraced as _, trace};
use crate::Raw;

fn json<T: Deserialize<'static>>() -> String {
    serde_json::to_string(&trace::<T>().schema).unwrap()
}

#[test]
fn simple_types_have_a_format() {
    assert_snapshot!(json::<bool>(), @r#"{"type":"boolean"}"#);
    assert_snapshot!(json::<i8>(), @r#"{"type":"integer","format":"int8"}"#);
    assert_snapshot!(json::<i64>(), @r#"{"type":"integer","format":"int64"}"#);
    assert_snapshot!(json::<u64>(), @r#"{"type":"integer","format":"uint64"}"#);
    assert_snapshot!(json::<f32>(), @r#"{"type":"number","format":"float"}"#);
    assert_snapshot!(json::<f64>(), @r#"{"type":"number","format":"double"}"#);
    assert_snapshot!(json::<String>(), @r#"{"type":"string"}"#);
    assert_snapshot!(json::<&str>(), @r#"{"type":"string"}"#);
    assert_snapshot!(json::<char>(), @r#"{"type":"string","format":"char"}"#);
    assert_snapshot!(json::<&[u8]>(), @r#"{"type":"string","format":"bytes"}"#);
    assert_snapshot!(json::<crate::Bytes>(), @r#"{"type":"string","format":"bytes"}"#);
    assert_snapshot!(json::<()>(), @r#"{"type":"null"}"#);
    assert_snapshot!(json::<NonZeroU32>(), @r#"{"type":"integer","format":"uint32"}"#);
    assert_snapshot!(trace::<i128>().schema, @"i128 | bytes");
    assert_snapshot!(json::<serde_json::Value>(), @"{}");
    assert_snapshot!(json::<Raw>(), @"{}");
}

#[test]
fn options_lists_tuples_and_maps_say_of_what() {
    assert_snapshot!(
        json::<Option<String>>(), @r#"{"anyOf":[{"type":"string"},{"type":"null"}]}"#);
    assert_snapshot!(
        json::<Option<Option<bool>>>(), @r#"{"anyOf":[{"type":"boolean"},{"type":"null"}]}"#);
    assert_snapshot!(
        json::<Vec<Option<f64>>>(),
        @r#"{"type":"array","items":{"anyOf":[{"type":"number","format":"double"},{"type":"null"}]}}"#);
    assert_snapshot!(
        json::<(i64, String)>(),
        @r#"{"type":"array","prefixItems":[{"type":"integer","format":"int64"},{"type":"string"}]}"#);
    assert_snapshot!(
        json::<BTreeMap<String, Vec<bool>>>(),
        @r#"{"type":"object","additionalProperties":{"type":"array","items":{"type":"boolean"}}}"#);
    assert_snapshot!(
        json::<HashMap<u8, ()>>(), @r#"{"type":"object","additionalProperties":{"type":"null"}}"#);
}

#[test]
fn an_array_says_its_element_type() {
    fn check<T: Element>() {
        let schema = trace::<Array<T>>().schema;
        assert_eq!(schema.dtype.as_deref(), Some(T::DTYPE.name()));
        assert_eq!(schema.format.as_deref(), Some("ndarray"));
    }
    check::<u8>();
    check::<i8>();
    check::<u16>();
    check::<i16>();
    check::<u32>();
    check::<i32>();
    check::<u64>();
    check::<i64>();
    check::<f32>();
    check::<f64>();
    assert_snapshot!(trace::<(Array<f64>, Array<u8>)>().schema, @"(array of f64, array of u8)");
}

#[test]
fn an_option_is_optional_under_any_name() {
    type Perhaps = Option<i64>;
    assert!(trace::<Perhaps>().optional);
    assert!(!trace::<serde_json::Value>().optional);
    assert!(!trace::<()>().optional);
}

#[test]
fn fields_are_required_unless_they_have_a_default() {
    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its schema matters")]
    struct Query {
        text: String,
        #[serde(rename = "most", alias = "limit", alias = "number")]
        limit: u32,
        after: Option<String>,
        #[serde(default)]
        exact: bool,
        #[serde(skip)]
        hits: u64,
        home: IpAddr,
        nested: Nested,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Nested {
        depth: u8,
    }
    let schema = trace::<Query>().schema;
    assert_eq!(schema.title.as_deref(), Some("Query"));
    assert_eq!(schema.required.join(" "), "text most home nested");
    assert_snapshot!(
        serde_json::to_string(&schema.properties["nested"]).unwrap(),
        @r#"{"type":"object","title":"Nested","properties":{"depth":{"type":"integer","format":"uint8"}}}"#);
    assert_eq!(schema.properties.len(), 6);
}

#[test]
fn enums_name_their_variants() {
    #[derive(Deserialize)]
    enum Colour {
        Red,
        #[serde(rename = "green")]
        Green,
    }
    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its schema matters")]
    enum Shape {
        Nothing,
        Circle(f64),
        Line((i8, i8), (i8, i8)),
        Text { at: Option<Colour>, text: String },
    }
    assert_snapshot!(
        json::<Colour>(), @r#"{"type":"string","title":"Colour","enum":["Red","green"]}"#);
    assert_snapshot!(
        trace::<Shape>().schema,
        @r#""Nothing" | {Circle: f64} | {Line: ((i8, i8), (i8, i8))} | {Text: {at?: "Red" | "green" or nil, text: string}}"#);
    let named = Type::<Result<u8, String>>::new().trace().unwrap();
    assert_snapshot!(named.schema, @"{Ok: u8} | {Err: string}");
}

#[test]
fn newtypes_are_what_they_hold_and_unit_structs_empty() {
    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its schema matters")]
    struct Metres(f64);
    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its schema matters")]
    struct Point(f64, f64);
    #[derive(Deserialize)]
    struct Nothing;
    assert_snapshot!(
        json::<Metres>(), @r#"{"type":"number","title":"Metres","format":"double"}"#);
    assert_snapshot!(
        json::<Point>(),
        @r#"{"type":"array","title":"Point","prefixItems":[{"type":"number","format":"double"},{"type":"number","format":"double"}]}"#);
    assert_snapshot!(json::<Nothing>(), @r#"{"type":"array","title":"Nothing"}"#);
}

#[test]
fn a_type_inside_itself_ends_in_its_name() {
    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its schema matters")]
    struct Tree {
        children: Vec<Tree>,
        left: Option<Box<Tree>>,
        value: i64,
    }
    assert_snapshot!(
        json::<Tree>(),
        @r#"{"type":"object","title":"Tree","properties":{"children":{"type":"array","items":{"title":"Tree"}},"left":{"anyOf":[{"title":"Tree"},{"type":"null"}]},"value":{"type":"integer","format":"int64"}},"required":["children","value"]}"#);

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its schema matters")]
    enum Term {
        Sum(Box<Term>, Box<Term>, u8),
        Call { name: String, arguments: Vec<Term> },
        Number(f64),
    }
    assert_snapshot!(
        serde_json::to_string(&trace::<Term>().schema.any_of[0].properties["Sum"]).unwrap(),
        @r#"{"type":"array","prefixItems":[{"title":"Term"},{"title":"Term"},{"type":"integer","format":"uint8"}]}"#);
}

#[test]
fn a_type_with_parameters_may_hold_itself_with_others() {
    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its schema matters")]
    struct Pair<T> {
        one: T,
        other: T,
    }
    assert_snapshot!(
        trace::<Pair<Pair<u8>>>().schema,
        @"{one: {one: u8, other: u8}, other: {one: u8, other: u8}}");
}

/// A type that takes no text but one.
struct Picky<T>(PhantomData<T>);

impl<'de, T> Deserialize<'de> for Picky<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Picky<T>, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "please" => Ok(Picky(PhantomData)),
            _ => Err(de::Error::custom("say please")),
        }
    }
}

#[test]
fn a_type_that_rejects_the_value_is_what_it_asked_for() {
    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its schema matters")]
    struct Form {
        first: Picky<u8>,
        second: Option<Picky<i8>>,
        rest: Vec<Picky<()>>,
        number: u8,
    }
    assert_snapshot!(
        trace::<Form>().schema,
        @"{first: string, number: u8, rest: list of string, second?: string or nil}");
    assert_snapshot!(trace::<(u8, Picky<()>, u8)>().schema, @"(u8, string, any value)");
}

#[test]
fn types_without_a_shape_admit_anything() {
    #[derive(Deserialize)]
    #[serde(untagged)]
    #[expect(dead_code, reason = "only its schema matters")]
    enum Loose {
        Number(u8),
        Text(String),
    }
    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its schema matters")]
    struct Open {
        id: u8,
        #[serde(flatten)]
        rest: BTreeMap<String, u8>,
    }
    assert_snapshot!(json::<Loose>(), @"{}");
    assert_snapshot!(json::<Open>(), @r#"{"type":"object","additionalProperties":{}}"#);
}

#[test]
fn a_type_that_cannot_be_deserialized_admits_anything() {
    #[derive(Serialize)]
    struct OneWay;
    let Some(Trace { schema, optional }) = (&Type::<OneWay>::new()).trace() else { panic!() };
    assert!(schema.is_any() && !optional);
}

#[test]
fn a_trace_of_a_very_large_type_ends() {
    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its schema matters")]
    struct Two<T> {
        a: T,
        b: T,
    }
    type Eight<T> = Two<Two<Two<T>>>;
    let schema = trace::<Eight<Eight<Eight<Eight<Eight<u8>>>>>>().schema;
    assert_eq!(schema.title.as_deref(), Some("Two"));
}
