//! JSON as an argument, by the type that is wanted.
//!
//! The objects that [`show::json`](crate::show::json) writes for what JSON has no
//! form for are read here. A string like `"far:65543"` is a reference where no
//! string is wanted, and text elsewhere.

use std::sync::LazyLock;

use farside_protocol::manifest::{Schema, TypeName};
use serde_json::{Map, Value};

use super::argument::Argument;
use super::array::array;
use super::mismatch::Mismatch;
use super::special::special;

/// The type of what nothing is known of.
pub(super) static ANY: LazyLock<Schema> = LazyLock::new(Schema::default);

/// Reads `json` as a value of the type.
///
/// # Errors
/// Where it does not fit, what was wanted and what came.
pub(super) fn from_json(schema: &Schema, json: &Value) -> Result<Argument, Mismatch> {
    if let Some(special) = special(schema, json)? {
        return Ok(special);
    }
    if !schema.any_of.is_empty() {
        return first_that_fits(schema, |one| from_json(one, json))
            .unwrap_or_else(|| Err(Mismatch::of_json(schema, json)));
    }
    let wrong = || Mismatch::of_json(schema, json);
    let Some(ty) = schema.ty else {
        return match json {
            Value::String(text) if !schema.names.is_empty() => {
                one_of_names(schema, text).ok_or_else(wrong)
            }
            _ if schema.names.is_empty() => by_itself(json),
            _ => Err(wrong()),
        };
    };
    match (ty, json) {
        (TypeName::String, Value::String(text)) => match schema.format.as_deref() {
            Some("bytes") => Ok(Argument::Bytes(text.clone().into_bytes())),
            _ if !schema.names.is_empty() => one_of_names(schema, text).ok_or_else(wrong),
            _ => Ok(Argument::Text(text.clone())),
        },
        (_, Value::String(text)) => text.parse().map(Argument::Reference).map_err(|_| wrong()),
        (TypeName::Null, Value::Null) => Ok(Argument::Nil),
        (TypeName::Boolean, Value::Bool(bool)) => Ok(Argument::Bool(*bool)),
        (TypeName::Integer, Value::Number(number)) => {
            let signed = number.as_i64().map(Argument::Signed);
            signed.or(number.as_u64().map(Argument::Unsigned)).ok_or_else(wrong)
        }
        (TypeName::Number, Value::Number(number)) => {
            number.as_f64().map(Argument::Float).ok_or_else(wrong)
        }
        (TypeName::Array, Value::Array(items)) if schema.format.as_deref() == Some("ndarray") => {
            array(schema, items)
        }
        (TypeName::Array, Value::Array(items)) => list(schema, items),
        // A struct may be given as the list of its fields.
        (TypeName::Object, Value::Array(items)) if !schema.properties.is_empty() => {
            list(&ANY, items)
        }
        (TypeName::Object, Value::Object(fields)) => map(schema, fields),
        _ => Err(wrong()),
    }
}

/// What `read` gives for the first alternative that takes the input, those that
/// take least being asked first. If there is but one apart from null, its own
/// error says more than that none fits.
pub(super) fn first_that_fits(
    schema: &Schema,
    read: impl Fn(&Schema) -> Result<Argument, Mismatch>,
) -> Option<Result<Argument, Mismatch>> {
    let mut alternatives: Vec<_> = schema.any_of.iter().collect();
    alternatives.sort_by_key(|one| breadth(one));
    if let Some(fits) = alternatives.iter().find_map(|one| read(one).ok()) {
        return Some(Ok(fits));
    }
    alternatives.retain(|one| one.ty != Some(TypeName::Null));
    match alternatives[..] {
        [only] => Some(read(only)),
        _ => None,
    }
}

fn breadth(schema: &Schema) -> u8 {
    match schema.ty {
        Some(TypeName::Null) => 0,
        Some(TypeName::Boolean) => 1,
        Some(TypeName::Integer) => 2,
        Some(TypeName::Number) => 3,
        _ if !schema.names.is_empty() => 4,
        Some(TypeName::Array | TypeName::Object) => 5,
        Some(TypeName::String) if schema.format.is_some() => 6,
        Some(TypeName::String) => 8,
        None => 7,
    }
}

/// A name of a unit variant.
pub(super) fn one_of_names(schema: &Schema, text: &str) -> Option<Argument> {
    schema.names.iter().any(|name| name == text).then(|| Argument::Text(text.to_owned()))
}

/// JSON where nothing is known of the type.
pub(super) fn by_itself(json: &Value) -> Result<Argument, Mismatch> {
    match json {
        Value::Null => Ok(Argument::Nil),
        Value::Bool(bool) => Ok(Argument::Bool(*bool)),
        Value::Number(number) => {
            let signed = number.as_i64().map(Argument::Signed);
            signed
                .or(number.as_u64().map(Argument::Unsigned))
                .or(number.as_f64().map(Argument::Float))
                .ok_or_else(|| Mismatch::of_json(&ANY, json))
        }
        Value::String(text) => Ok(Argument::Text(text.clone())),
        Value::Array(items) => list(&ANY, items),
        Value::Object(fields) => map(&ANY, fields),
    }
}

fn list(schema: &Schema, items: &[Value]) -> Result<Argument, Mismatch> {
    let read = |(place, item)| {
        let of_item = schema.prefix_items.get(place).or(schema.items.as_deref()).unwrap_or(&ANY);
        from_json(of_item, item).map_err(|error| error.within(format_args!("[{place}]")))
    };
    items.iter().enumerate().map(read).collect::<Result<_, _>>().map(Argument::List)
}

fn map(schema: &Schema, fields: &Map<String, Value>) -> Result<Argument, Mismatch> {
    let read = |(key, value): (&String, _)| {
        let value = from_json(of_field(schema, key), value)
            .map_err(|error| error.within(format_args!(".{key}")))?;
        Ok((Argument::Text(key.clone()), value))
    };
    fields.iter().map(read).collect::<Result<_, _>>().map(Argument::Map)
}

/// The type of a map's value or of a struct's field.
pub(super) fn of_field<'a>(schema: &'a Schema, key: &str) -> &'a Schema {
    schema.properties.get(key).or(schema.additional_properties.as_deref()).unwrap_or(&ANY)
}
