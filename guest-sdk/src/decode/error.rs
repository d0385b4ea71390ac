//! Why a value could not be decoded.

use std::fmt;

use farside_protocol::value::{Head, Kind};
use serde::de::{self, Expected, Unexpected};

/// What could not be decoded, and where in its value that stands.
#[derive(Debug)]
pub(crate) struct DecodeError(Box<Misfit>);

#[derive(Debug)]
struct Misfit {
    text: String,
    /// From the place outwards.
    path: Vec<Step>,
}

/// A step from a value to a part of it.
#[derive(Debug)]
pub(super) enum Step {
    /// To a field, an entry or a variant's content.
    Name(String),
    /// To an element.
    Index(u64),
}

impl DecodeError {
    /// The same error, seen from the value that the step leads out of.
    pub(super) fn under(mut self, step: Step) -> DecodeError {
        self.0.path.push(step);
        self
    }

    /// What is wrong.
    pub(crate) fn text(&self) -> &str {
        &self.0.text
    }

    /// Where it is wrong, as a path; empty for the value itself.
    pub(crate) fn path(&self) -> String {
        let path: String = self.0.path.iter().rev().map(Step::to_string).collect();
        path.strip_prefix('.').unwrap_or(&path).to_owned()
    }
}

impl Step {
    /// The step from a map to the value of a key, by the bytes that begin with
    /// the key.
    pub(super) fn key(bytes: &[u8]) -> Step {
        let Some(head) = Head::read(bytes) else { return Step::Name(String::new()) };
        if let Some(number) = head.integer() {
            return Step::Name(number.to_string());
        }
        if head.kind != Kind::String {
            return Step::Name(head.kind.to_string());
        }
        let text = bytes.iter().skip(head.len).take(head.body as usize).copied();
        Step::Name(String::from_utf8_lossy(&text.collect::<Vec<u8>>()).into_owned())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_plain = |c: char| c.is_alphanumeric() || c == '_';
        match self {
            Step::Index(index) => write!(f, "[{index}]"),
            Step::Name(name) if name.chars().all(is_plain) => write!(f, ".{name}"),
            Step::Name(name) => write!(f, "[{name:?}]"),
        }
    }
}

impl de::Error for DecodeError {
    #[cold]
    fn custom<T: fmt::Display>(text: T) -> DecodeError {
        DecodeError(Box::new(Misfit { text: text.to_string(), path: Vec::new() }))
    }

    #[cold]
    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> DecodeError {
        match unexpected {
            // To serde an extension value is a newtype with a name of its own.
            Unexpected::NewtypeStruct => de::Error::custom(format_args!(
                "invalid type: an array or another extension value, expected {expected}"
            )),
            other => de::Error::custom(format_args!("invalid type: {other}, expected {expected}")),
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path().as_str() {
            "" => f.write_str(self.text()),
            path => write!(f, "at `{path}`: {}", self.text()),
        }
    }
}

impl std::error::Error for DecodeError {}
