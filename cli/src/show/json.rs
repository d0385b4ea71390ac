//! A value as strict JSON, for scripts. Nothing is cut.
//!
//! What JSON has no form for is an object with one key that begins with `$`:
//!
//! | value | JSON |
//! |---|---|
//! | byte string | `{"$bytes":"<base64>"}` |
//! | n-dimensional array | `{"$array":{"dtype":"f64","shape":[2,2],"data":[1.0,2.0,3.0,4.0]}}` |
//! | not-a-number, infinities | `{"$float":"nan"}`, `"inf"`, `"-inf"` |
//! | map with keys that are no text | `{"$map":[[1,"one"],[2,"two"]]}` |
//! | reference | `{"$far":"far:65543"}` |
//! | extension, timestamps among them | `{"$extension":{"type":-1,"data":"<base64>"}}` |
//! | value of another content type | `{"$content":{"type":"image/png","data":"<base64>"}}` |
//!
//! A map with a single key that itself begins with `$` is written as `$map`, so
//! every value can be read back as an argument.

use std::io;

use base64::display::Base64Display;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use farside_protocol::ContentType;
use farside_protocol::value::{ScanError, scan};

use super::elements::elements;
use super::item::{Item, Items};

/// Writes a value of any content type.
///
/// # Errors
/// What writing fails with, or invalid data if the bytes are no value.
pub(crate) fn write_json(
    out: &mut impl io::Write,
    content: &ContentType,
    value: &Bytes,
) -> io::Result<()> {
    match content.other() {
        None => {
            scan(value).map_err(invalid)?;
            write_value(out, &mut Items::of(value))
        }
        Some(media_type) => {
            write!(out, r#"{{"$content":{{"type":"#)?;
            write_text(out, media_type)?;
            write!(out, r#","data":"{}"}}}}"#, base64(value))
        }
    }
}

/// Writes the next value of `items`.
fn write_value(out: &mut impl io::Write, items: &mut Items<'_>) -> io::Result<()> {
    match items.next().map_err(invalid)? {
        Item::List(count) => write_list(out, 0..count, |out, _| write_value(out, items)),
        Item::Map(pairs) if is_object(items.clone(), pairs).map_err(invalid)? => {
            write!(out, "{{")?;
            for place in 0..pairs {
                write!(out, "{}", if place == 0 { "" } else { "," })?;
                write_value(out, items)?;
                write!(out, ":")?;
                write_value(out, items)?;
            }
            write!(out, "}}")
        }
        Item::Map(pairs) => {
            write!(out, r#"{{"$map":"#)?;
            write_list(out, 0..pairs, |out, _| {
                write_list(out, 0..2, |out, _| write_value(out, items))
            })?;
            write!(out, "}}")
        }
        item => write_scalar(out, &item),
    }
}

fn write_scalar(out: &mut impl io::Write, item: &Item<'_>) -> io::Result<()> {
    match item {
        Item::Nil => write!(out, "null"),
        Item::Bool(bool) => write!(out, "{bool}"),
        Item::Integer(number) => write!(out, "{number}"),
        Item::Single(number) if number.is_finite() => Ok(serde_json::to_writer(out, number)?),
        Item::Float(number) if number.is_finite() => Ok(serde_json::to_writer(out, number)?),
        Item::Single(number) => write!(out, r#"{{"$float":"{}"}}"#, unbounded(f64::from(*number))),
        Item::Float(number) => write!(out, r#"{{"$float":"{}"}}"#, unbounded(*number)),
        Item::Text(text) => write_text(out, text),
        Item::Bytes(bytes) => write!(out, r#"{{"$bytes":"{}"}}"#, base64(bytes)),
        Item::Array(header, bytes) => {
            write!(out, r#"{{"$array":{{"dtype":"{}","shape":"#, header.dtype.name())?;
            serde_json::to_writer(&mut *out, &header.shape)?;
            write!(out, r#","data":"#)?;
            write_list(out, elements(header, bytes), |out, element| write_scalar(out, &element))?;
            write!(out, "}}}}")
        }
        Item::Reference(id) => write!(out, r#"{{"$far":"{id}"}}"#),
        Item::Extension(number, body) => {
            write!(out, r#"{{"$extension":{{"type":{number},"data":"{}"}}}}"#, base64(body))
        }
        // A list or a map is no scalar; its elements are written by `write_value`.
        Item::List(_) | Item::Map(_) => Err(invalid(ScanError::Truncated)),
    }
}

fn write_list<W: io::Write, T>(
    out: &mut W,
    items: impl Iterator<Item = T>,
    mut write: impl FnMut(&mut W, T) -> io::Result<()>,
) -> io::Result<()> {
    write!(out, "[")?;
    for (place, item) in items.enumerate() {
        write!(out, "{}", if place == 0 { "" } else { "," })?;
        write(out, item)?;
    }
    write!(out, "]")
}

/// Whether a map can be an object: all its keys are text, and it can't be taken
/// for one of the forms that this module gives a meaning.
fn is_object(mut items: Items<'_>, pairs: u64) -> Result<bool, ScanError> {
    for _ in 0..pairs {
        match items.next()? {
            Item::Text(key) if pairs == 1 && key.starts_with('$') => return Ok(false),
            Item::Text(_) => items.value()?,
            _ => return Ok(false),
        };
    }
    Ok(true)
}

fn write_text(out: &mut impl io::Write, text: &str) -> io::Result<()> {
    Ok(serde_json::to_writer(out, text)?)
}

/// The name of a float that is no finite number.
pub(crate) fn unbounded(number: f64) -> &'static str {
    match number {
        _ if number.is_nan() => "nan",
        _ if number > 0.0 => "inf",
        _ => "-inf",
    }
}

fn base64(bytes: &[u8]) -> Base64Display<'_, '_, base64::engine::GeneralPurpose> {
    Base64Display::new(bytes, &BASE64_STANDARD)
}

fn invalid(error: ScanError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

#[cfg(test)]
mod tests {
    use farside_protocol::array::Array;
    use insta::assert_snapshot;
    use serde::Serialize;

    use super::*;

    fn json(value: &impl Serialize) -> String {
        let bytes = rmp_serde::to_vec_named(value).unwrap();
        let mut out = Vec::new();
        write_json(&mut out, &ContentType::MSGPACK, &bytes.into()).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn json_has_its_own_forms_where_it_can() {
        #[derive(Serialize)]
        struct Row<'a> {
            name: &'a str,
            mean: f64,
            ratio: f32,
            tags: Option<Vec<u64>>,
        }
        let row = Row { name: "a \"b\"\n", mean: 2.0, ratio: 0.1, tags: Some(vec![u64::MAX]) };
        assert_snapshot!(
            json(&row),
            @r#"{"name":"a \"b\"\n","mean":2.0,"ratio":0.1,"tags":[18446744073709551615]}"#
        );
    }

    #[test]
    fn what_json_cannot_say_is_an_object_with_a_dollar() {
        let by_number = std::collections::BTreeMap::from([(1, "one"), (2, "two")]);
        assert_snapshot!(json(&by_number), @r#"{"$map":[[1,"one"],[2,"two"]]}"#);
        let lookalike = std::collections::BTreeMap::from([("$bytes", 1)]);
        assert_snapshot!(json(&lookalike), @r#"{"$map":[["$bytes",1]]}"#);
        assert_snapshot!(json(&[f64::NAN, f64::INFINITY]), @r#"[{"$float":"nan"},{"$float":"inf"}]"#);
        assert_snapshot!(json(&serde_bytes::Bytes::new(b"\x00\xff")), @r#"{"$bytes":"AP8="}"#);
        let array = Array::from_shape(vec![2, 2], vec![1i16, -2, 3, 4]).unwrap();
        assert_snapshot!(
            json(&array),
            @r#"{"$array":{"dtype":"i16","shape":[2,2],"data":[1,-2,3,4]}}"#
        );
    }

    #[test]
    fn other_content_types_keep_their_name() {
        let mut out = Vec::new();
        let content = ContentType::named("image/png");
        write_json(&mut out, &content, &Bytes::from_static(b"\x89PNG")).unwrap();
        assert_snapshot!(
            String::from_utf8(out).unwrap(),
            @r#"{"$content":{"type":"image/png","data":"iVBORw=="}}"#
        );
    }

    #[test]
    fn bytes_that_are_no_value_are_invalid_data() {
        let error =
            write_json(&mut Vec::new(), &ContentType::MSGPACK, &Bytes::from_static(&[0x92, 1]))
                .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
