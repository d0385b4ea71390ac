//! A word, or a part of one, that is not of the type wanted there.

use std::fmt;

use farside_protocol::manifest::Schema;
use serde_json::Value;

use crate::show::plain::quoted;

/// What was wanted where, and what came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mismatch {
    /// The place inside the argument, such as `[3].name`; empty for the whole.
    pub(crate) place: String,
    /// The type.
    pub(crate) expected: String,
    /// What came instead.
    pub(crate) found: String,
}

impl Mismatch {
    pub(crate) fn new(schema: &Schema, found: impl Into<String>) -> Mismatch {
        Mismatch { place: String::new(), expected: schema.to_string(), found: found.into() }
    }

    /// A word that can't be read as the type.
    pub(crate) fn of_text(schema: &Schema, text: &str) -> Mismatch {
        Mismatch::new(schema, short(text))
    }

    /// JSON of another type.
    pub(crate) fn of_json(schema: &Schema, json: &Value) -> Mismatch {
        Mismatch::new(
            schema,
            match json {
                Value::Null => "null".to_owned(),
                Value::Bool(bool) => bool.to_string(),
                Value::Number(number) => number.to_string(),
                Value::String(text) => short(text),
                Value::Array(_) => "a list".to_owned(),
                Value::Object(_) => "a map".to_owned(),
            },
        )
    }

    /// The same mismatch, seen from one step further out.
    pub(crate) fn within(mut self, step: impl fmt::Display) -> Mismatch {
        self.place.insert_str(0, &step.to_string());
        self
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.place.is_empty() {
            write!(f, "at {}: ", self.place)?;
        }
        write!(f, "expected {}, got {}", self.expected, self.found)
    }
}

/// A text in quotes, cut where it is long.
fn short(text: &str) -> String {
    const LONGEST: usize = 40;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", quoted(&text[..end])),
        None => quoted(text),
    }
}
