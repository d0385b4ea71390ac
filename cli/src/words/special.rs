//! The objects with one key that begins with `$`, which stand for what JSON has
//! no form for; [`show::json`](crate::show::json) lists them.

use base64::prelude::{BASE64_STANDARD, Engine};
use farside_protocol::array::{ArrayHeader, DIMENSIONS};
use farside_protocol::manifest::Schema;
use serde_json::Value;

use super::argument::Argument;
use super::array::{dtype_of, put};
use super::json::{ANY, by_itself, from_json, of_field};
use super::mismatch::Mismatch;

/// The value that such an object stands for, if it is one of ours.
///
/// # Errors
/// It is one of ours, but its body is not.
pub(super) fn special(schema: &Schema, json: &Value) -> Result<Option<Argument>, Mismatch> {
    let Value::Object(fields) = json else { return Ok(None) };
    let mut entries = fields.iter();
    let (Some((key, body)), None) = (entries.next(), entries.next()) else { return Ok(None) };
    let read = match key.as_str() {
        "$bytes" => base64(body).map(Argument::Bytes),
        "$float" => unbounded(body).map(Argument::Float),
        "$far" => body.as_str().and_then(|text| text.parse().ok()).map(Argument::Reference),
        "$extension" => extension(body),
        "$array" => special_array(body),
        "$map" => match body.as_array() {
            Some(pairs) => return pairs_of(schema, pairs).map(Some),
            None => None,
        },
        _ => return Ok(None),
    };
    match read {
        Some(read) => Ok(Some(read)),
        None => Err(Mismatch::new(schema, format!("a {key} object that is not well-formed"))),
    }
}

fn pairs_of(schema: &Schema, pairs: &[Value]) -> Result<Argument, Mismatch> {
    let read = |(place, pair): (usize, &Value)| {
        let (key, value) = match pair.as_array().map(Vec::as_slice) {
            Some([key, value]) => (by_itself(key)?, value),
            _ => return Err(Mismatch::of_json(&ANY, pair)),
        };
        let of_value = match &key {
            Argument::Text(key) => of_field(schema, key),
            _ => schema.additional_properties.as_deref().unwrap_or(&ANY),
        };
        from_json(of_value, value)
            .map(|value| (key, value))
            .map_err(|error| error.within(format_args!(".$map[{place}]")))
    };
    pairs.iter().enumerate().map(read).collect::<Result<_, _>>().map(Argument::Map)
}

/// The float that is no finite number behind `$float`.
pub(super) fn unbounded(json: &Value) -> Option<f64> {
    match json.as_str()? {
        "nan" => Some(f64::NAN),
        "inf" => Some(f64::INFINITY),
        "-inf" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

fn base64(json: &Value) -> Option<Vec<u8>> {
    BASE64_STANDARD.decode(json.as_str()?).ok()
}

fn extension(json: &Value) -> Option<Argument> {
    let number = i8::try_from(json.get("type")?.as_i64()?).ok()?;
    Some(Argument::Extension(number, base64(json.get("data")?)?))
}

fn special_array(json: &Value) -> Option<Argument> {
    let dtype = dtype_of(json.get("dtype")?.as_str()?)?;
    let shape: Vec<_> =
        json.get("shape")?.as_array()?.iter().map(Value::as_u64).collect::<Option<_>>()?;
    let header = ArrayHeader { dtype, shape };
    let mut elements = Vec::new();
    json.get("data")?.as_array()?.iter().try_for_each(|one| put(dtype, one, &mut elements))?;
    let fits = header.data_len() == Some(elements.len() as u64);
    (fits && header.shape.len() <= DIMENSIONS).then_some(Argument::Array(header, elements))
}
