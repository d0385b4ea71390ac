//! One word as an argument, by the type that is wanted.

use farside_protocol::manifest::{Schema, TypeName};

use super::argument::Argument;
use super::json::{first_that_fits, from_json, one_of_names};
use super::mismatch::Mismatch;

/// Reads a word as a value of the type. Where text is wanted the word is that
/// text, unless it is JSON text in double quotes; all else is read as JSON, and
/// floats also as `nan`, `inf` and `-inf`.
///
/// # Errors
/// What was wanted and what came.
pub(super) fn from_word(schema: &Schema, word: &str) -> Result<Argument, Mismatch> {
    if !schema.any_of.is_empty() {
        return first_that_fits(schema, |one| from_word(one, word))
            .unwrap_or_else(|| Err(Mismatch::of_text(schema, word)));
    }
    let json = serde_json::from_str(word);
    if let Ok(json @ (serde_json::Value::String(_) | serde_json::Value::Object(_))) = &json
        && !(wants_text(schema) && json.is_object())
    {
        return from_json(schema, json);
    }
    let wrong = || Mismatch::of_text(schema, word);
    if !schema.names.is_empty() {
        return one_of_names(schema, word).ok_or_else(wrong);
    }
    match schema.ty {
        Some(TypeName::String) if schema.format.as_deref() == Some("bytes") => {
            Ok(Argument::Bytes(word.as_bytes().to_vec()))
        }
        Some(TypeName::String) => Ok(Argument::Text(word.to_owned())),
        Some(TypeName::Number) => word.parse().map(Argument::Float).map_err(|_| wrong()),
        Some(TypeName::Array | TypeName::Object) => {
            let json = json.map_err(|error| {
                Mismatch::new(schema, format!("{} (no JSON: {error})", wrong().found))
            })?;
            from_json(schema, &json)
        }
        Some(TypeName::Null | TypeName::Boolean | TypeName::Integer) => {
            from_json(schema, &json.map_err(|_| wrong())?)
        }
        None => match json {
            Ok(json) => from_json(schema, &json),
            Err(_) => Ok(Argument::Text(word.to_owned())),
        },
    }
}

/// Whether text is wanted, which a word is without further ado.
pub(super) fn wants_text(schema: &Schema) -> bool {
    schema.ty == Some(TypeName::String) && schema.format.as_deref() != Some("bytes")
}

/// Whether bytes are wanted.
pub(super) fn wants_bytes(schema: &Schema) -> bool {
    schema.ty == Some(TypeName::String) && schema.format.as_deref() == Some("bytes")
}
