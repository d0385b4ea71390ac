use std::collections::BTreeMap;
use std::io::Write;

use bytes::Bytes;
use farside_protocol::ContentType;
use farside_protocol::array::{ArrayHeader, Dtype};
use farside_protocol::manifest::{Schema, TypeName};
use insta::assert_snapshot;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::show::json::write_json;
use crate::show::text::show_value;

fn of(ty: TypeName) -> Schema {
    Schema::of(ty)
}

fn param(name: &str, schema: Schema) -> Param {
    Param { name: name.to_owned(), optional: schema.admits_null() && !schema.is_any(), schema }
}

fn option(schema: Schema) -> Schema {
    Schema { any_of: vec![schema, of(TypeName::Null)], ..Schema::default() }
}

fn list_of(schema: Schema) -> Schema {
    Schema { items: Some(Box::new(schema)), ..of(TypeName::Array) }
}

fn function(params: Vec<Param>) -> Function {
    Function { name: "f".to_owned(), params, ..Function::default() }
}

fn read(function: &Function, words: &[&str], named: &[(&str, &str)]) -> Result<Vec<u8>, WordError> {
    let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
    let named: Vec<_> =
        named.iter().map(|(name, word)| ((*name).to_owned(), (*word).to_owned())).collect();
    let mut stdin: &[u8] = b"from stdin";
    let reader =
        Reader { function, last: Some(RefId::from_bits(9)), source: Source::new(&mut stdin) };
    reader.read(&words, &named)
}

/// What one word becomes where a type is wanted, or why it doesn't.
fn check(schema: Schema, word: &str) -> String {
    match read(&function(vec![param("x", schema)]), &[word], &[]) {
        Ok(arguments) => show_value(&arguments).unwrap().text,
        Err(error) => error.to_string(),
    }
}

#[test]
fn words_are_read_by_the_type_that_is_wanted() {
    assert_snapshot!(check(of(TypeName::String), "42"), @r#"["42"]"#);
    assert_snapshot!(check(of(TypeName::Integer), "42"), @"[42]");
    assert_snapshot!(check(of(TypeName::Integer), "-42"), @"[-42]");
    assert_snapshot!(check(of(TypeName::Number), "42"), @"[42.0]");
    assert_snapshot!(check(of(TypeName::Number), "-inf"), @"[-inf]");
    assert_snapshot!(check(of(TypeName::Boolean), "true"), @"[true]");
    assert_snapshot!(check(of(TypeName::String).with_format("bytes"), "abc"), @"[bytes(3) 61 62 63]");
    assert_snapshot!(check(Schema::default(), "42"), @"[42]");
    assert_snapshot!(check(Schema::default(), "[1, true]"), @"[[1, true]]");
    assert_snapshot!(check(Schema::default(), "Ada"), @r#"["Ada"]"#);
    assert_snapshot!(check(option(of(TypeName::Integer)), "null"), @"[null]");
    assert_snapshot!(check(option(of(TypeName::String)), "null"), @"[null]");
    assert_snapshot!(check(option(of(TypeName::String)), "7"), @r#"["7"]"#);
    assert_snapshot!(check(list_of(of(TypeName::Number)), "[1, 2.5]"), @"[[1.0, 2.5]]");
    assert_snapshot!(check(of(TypeName::Object), r#"{"b": 1, "a": [null]}"#), @r#"[{"a": [null], "b": 1}]"#);
}

#[test]
fn a_word_of_another_type_says_what_was_wanted() {
    let int32 = of(TypeName::Integer).with_format("int32");
    assert_snapshot!(check(int32.clone(), "abc"), @r#"argument `x` of f: expected i32, got "abc""#);
    assert_snapshot!(check(int32.clone(), "1.5"), @"argument `x` of f: expected i32, got 1.5");
    assert_snapshot!(check(int32.clone(), "3000000000"), @"argument `x` of f: expected i32, got the integer 3000000000");
    assert_snapshot!(check(of(TypeName::Boolean), "yes"), @r#"argument `x` of f: expected bool, got "yes""#);
    assert_snapshot!(check(option(int32.clone()), "abc"), @r#"argument `x` of f: expected i32, got "abc""#);
    assert_snapshot!(check(list_of(int32.clone()), "[1, 2, \"x\"]"), @r#"argument `x` of f: at [2]: expected i32, got "x""#);
    assert_snapshot!(check(list_of(int32), "1, 2"), @r#"argument `x` of f: expected list of i32, got "1, 2" (no JSON: trailing characters at line 1 column 2)"#);
    let colours = Schema { names: vec!["Red".into(), "Blue".into()], ..of(TypeName::String) };
    assert_snapshot!(check(colours.clone(), "Red"), @r#"["Red"]"#);
    assert_snapshot!(check(colours, "Green"), @r#"argument `x` of f: expected "Red" | "Blue", got "Green""#);
}

#[test]
fn quoted_text_is_json_so_that_every_text_can_be_passed() {
    assert_snapshot!(check(of(TypeName::String), r#""far:7""#), @r#"["far:7"]"#);
    assert_snapshot!(check(of(TypeName::String), r#"say "hi""#), @r#"["say \"hi\""]"#);
    assert_snapshot!(check(of(TypeName::String), r#"{"a": 1}"#), @r#"["{\"a\": 1}"]"#);
}

#[test]
fn references_stand_for_any_argument() {
    assert_snapshot!(check(of(TypeName::String), "far:65543"), @"[far:65543]");
    assert_snapshot!(check(of(TypeName::Integer), "far:_"), @"[far:589824]");
    assert_snapshot!(check(list_of(of(TypeName::Number)), r#"[1, "far:65543"]"#), @"[[1.0, far:65543]]");
    assert_snapshot!(check(list_of(of(TypeName::String)), r#"["far:65543"]"#), @r#"[["far:65543"]]"#);
    assert_snapshot!(check(list_of(of(TypeName::String)), r#"[{"$far":"far:65543"}]"#), @"[[far:65543]]");
}

#[test]
fn the_last_reference_needs_one_to_be_there() {
    let function = function(vec![param("x", Schema::default())]);
    let mut stdin: &[u8] = b"";
    let reader = Reader { function: &function, last: None, source: Source::new(&mut stdin) };
    let error = reader.read(&["far:_".to_owned()], &[]).unwrap_err();
    assert_snapshot!(error, @"far:_ stands for the last reference made here, and there is none");
}

#[test]
fn arguments_are_counted_and_named() {
    let greet = function(vec![
        param("name", of(TypeName::String)),
        param("greeting", option(of(TypeName::String))),
        param("times", option(of(TypeName::Integer))),
    ]);
    let check = |words: &[&str], named: &[(&str, &str)]| match read(&greet, words, named) {
        Ok(arguments) => show_value(&arguments).unwrap().text,
        Err(error) => error.to_string(),
    };
    assert_snapshot!(check(&["Ada"], &[]), @r#"["Ada", null, null]"#);
    assert_snapshot!(check(&["Ada"], &[("times", "2")]), @r#"["Ada", null, 2]"#);
    assert_snapshot!(check(&[], &[("name", "Ada")]), @r#"["Ada", null, null]"#);
    assert_snapshot!(check(&[], &[]), @"f needs an argument for `name` (string)");
    assert_snapshot!(check(&["Ada"], &[("name", "Bob")]), @"argument `name` of f is given twice");
    assert_snapshot!(check(&["Ada"], &[("nam", "Bob")]), @"f has no parameter `nam`; it takes `name`, `greeting`, `times`");
    assert_snapshot!(check(&["a", "b", "3", "d"], &[]), @"f takes 1 to 3 arguments, not 4");
}

#[test]
fn files_and_standard_input_are_read_by_the_type_too() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"[1, 2]\n").unwrap();
    let word = format!("@{}", file.path().display());
    assert_snapshot!(check(of(TypeName::String), &word), @r#"["[1, 2]\n"]"#);
    assert_snapshot!(check(of(TypeName::String).with_format("bytes"), &word), @"[bytes(7) 5b 31 2c 20 32 5d 0a]");
    assert_snapshot!(check(list_of(of(TypeName::Number)), &word), @"[[1.0, 2.0]]");
    assert_snapshot!(check(of(TypeName::String), "-"), @r#"["from stdin"]"#);
    assert_snapshot!(check(of(TypeName::String), "@@home"), @r#"["@home"]"#);
    assert_snapshot!(check(of(TypeName::Integer), "-"), @"argument `x` of f: standard input is not JSON: expected ident at line 1 column 2");
    assert_snapshot!(check(of(TypeName::Integer), "@/no/such/file"), @"argument `x` of f: cannot read /no/such/file: No such file or directory (os error 2)");
    let two = function(vec![param("a", Schema::default()), param("b", of(TypeName::String))]);
    let error = read(&two, &[r#""x""#, "-"], &[]).map(|_| ()).map_err(|error| error.to_string());
    assert_eq!(error, Ok(()));
    let two = function(vec![param("a", of(TypeName::String)), param("b", of(TypeName::String))]);
    assert_snapshot!(read(&two, &["-", "-"], &[]).unwrap_err(), @"argument `b` of f: standard input is read for another argument");
}

#[test]
fn arrays_come_from_lists_within_lists() {
    let array = |dtype: &str| Schema {
        dtype: Some(dtype.to_owned()),
        ..of(TypeName::Array).with_format("ndarray")
    };
    assert_snapshot!(check(array("f64"), "[[1, 2], [3, 4.5]]"), @"[array(f64, 2 x 2) [[1.0, 2.0], [3.0, 4.5]]]");
    assert_snapshot!(check(array("u8"), "[1, 256]"), @"argument `x` of f: at [1]: expected u8, got 256");
    assert_snapshot!(check(array("u8"), "[[1, 2], [3]]"), @"argument `x` of f: at [1]: expected array of u8, got rows of different lengths");
    assert_snapshot!(check(array("i16"), "[]"), @"[array(i16, 0) []]");
}

fn json(arguments: &[u8]) -> String {
    let mut out = Vec::new();
    let value = Bytes::copy_from_slice(arguments);
    write_json(&mut out, &ContentType::MSGPACK, &value).unwrap();
    String::from_utf8(out).unwrap()
}

fn any_array() -> impl Strategy<Value = Argument> {
    (vec(0u64..4, 1..4), any::<[i16; 27]>()).prop_map(|(shape, numbers)| {
        let header = ArrayHeader { dtype: Dtype::I16, shape };
        let count = header.data_len().unwrap() as usize / 2;
        let elements = numbers[..count].iter().flat_map(|number| number.to_le_bytes()).collect();
        Argument::Array(header, elements)
    })
}

/// Any value, with integers in the form that MessagePack gives them back.
fn any_argument() -> impl Strategy<Value = Argument> {
    let scalar = prop_oneof![
        Just(Argument::Nil),
        any::<bool>().prop_map(Argument::Bool),
        any::<i64>().prop_map(Argument::Signed),
        (i64::MAX as u64 + 1..).prop_map(Argument::Unsigned),
        prop_oneof![any::<f64>(), Just(f64::INFINITY), Just(f64::NEG_INFINITY)]
            .prop_map(Argument::Float),
        any::<String>().prop_map(Argument::Text),
        vec(any::<u8>(), 0..40).prop_map(Argument::Bytes),
        any::<u64>().prop_map(|bits| Argument::Reference(RefId::from_bits(bits))),
        // But 4, an object, which is a value only where its evaluator gives it.
        (prop_oneof![Just(3i8), 5i8..], vec(any::<u8>(), 0..20))
            .prop_map(|(number, body)| Argument::Extension(number, body)),
        any_array(),
    ];
    scalar.prop_recursive(4, 40, 6, |inner| {
        let by_text = proptest::collection::btree_map("[$a-z\"]{0,6}", inner.clone(), 0..5)
            .prop_map(|map: BTreeMap<String, _>| {
                Argument::Map(
                    map.into_iter().map(|(key, value)| (Argument::Text(key), value)).collect(),
                )
            });
        let by_number = vec((any::<i64>().prop_map(Argument::Signed), inner.clone()), 1..4);
        prop_oneof![
            vec(inner, 0..6).prop_map(Argument::List),
            by_text,
            by_number.prop_map(Argument::Map),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_printed_as_json_can_be_passed_back(argument in any_argument()) {
        let any = function(vec![param("x", Schema::default())]);
        let sent = Argument::List(vec![argument.clone()]).encode().unwrap();
        let printed = json(&argument.encode().unwrap());
        prop_assert_eq!(read(&any, &[&printed], &[]).unwrap(), sent);
    }

    #[test]
    fn text_printed_as_json_is_the_same_text_where_text_is_wanted(text: String) {
        let text = Argument::Text(text);
        let sent = Argument::List(vec![text.clone()]).encode().unwrap();
        let printed = json(&text.encode().unwrap());
        let schema = of(TypeName::String);
        prop_assert_eq!(&read(&function(vec![param("x", schema.clone())]), &[&printed], &[]).unwrap(), &sent);
        prop_assert_eq!(&read(&function(vec![param("x", option(schema))]), &[&printed], &[]).unwrap(), &sent);
    }

    #[test]
    fn reading_never_panics(word: String, ty in 0usize..7) {
        use TypeName::{Array, Boolean, Integer, Null, Number, Object, String};
        let types = [Null, Boolean, Integer, Number, String, Array, Object];
        let function = function(vec![param("x", of(types[ty]))]);
        if !word.starts_with('@') {
            let _ = read(&function, &[&word], &[]);
        }
    }
}
