//! Where a word's contents are: in the word, in a file, or in standard input.

use std::io::{self, Read};
use std::{fs, iter};

use farside_protocol::manifest::Schema;

use super::argument::Argument;
use super::json::from_json;
use super::mismatch::Mismatch;
use super::word::{from_word, wants_bytes, wants_text};

/// What a file is read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Bytes,
    Text,
    Json,
}

impl Form {
    /// The form that a file has where a value of the type is wanted.
    pub(super) fn of(schema: &Schema) -> Form {
        let alternatives = || iter::once(schema).chain(&schema.any_of);
        if alternatives().any(wants_bytes) {
            Form::Bytes
        } else if alternatives().any(wants_text) {
            Form::Text
        } else {
            Form::Json
        }
    }
}

/// What a word stands for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Contents {
    /// The word itself.
    Word(String),
    /// A file's bytes.
    Bytes(Vec<u8>),
    /// A file's text.
    Text(String),
    /// A file's JSON.
    Json(serde_json::Value),
}

impl Contents {
    /// The contents as a value of the type.
    ///
    /// # Errors
    /// What was wanted and what came.
    pub(super) fn argument(self, schema: &Schema) -> Result<Argument, Mismatch> {
        match self {
            Contents::Word(word) => from_word(schema, &word),
            Contents::Bytes(bytes) => Ok(Argument::Bytes(bytes)),
            Contents::Text(text) => Ok(Argument::Text(text)),
            Contents::Json(json) => from_json(schema, &json),
        }
    }
}

/// Why a file or standard input is no argument.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SourceError {
    /// It can't be read.
    #[error("cannot read {name}: {source}")]
    Unreadable {
        /// The file.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// It should be text.
    #[error("{name} is not UTF-8 text")]
    NotText {
        /// The file.
        name: String,
    },
    /// It should be JSON.
    #[error("{name} is not JSON: {source}")]
    NotJson {
        /// The file.
        name: String,
        /// What the parser says.
        source: serde_json::Error,
    },
    /// Standard input was read for another argument.
    #[error("standard input is read for another argument")]
    StdinTwice,
}

/// Reads files, and standard input once.
pub(crate) struct Source<'a> {
    stdin: Option<&'a mut dyn Read>,
}

impl<'a> Source<'a> {
    /// A source whose `-` is read from `stdin`.
    pub(crate) fn new(stdin: &'a mut dyn Read) -> Source<'a> {
        Source { stdin: Some(stdin) }
    }

    /// What a word stands for.
    ///
    /// # Errors
    /// The file can't be read, or is of another form.
    pub(super) fn read(&mut self, form: Form, word: &str) -> Result<Contents, SourceError> {
        let (name, bytes) = match word.strip_prefix('@') {
            _ if word == "-" => {
                let stdin = self.stdin.take().ok_or(SourceError::StdinTwice)?;
                let mut bytes = Vec::new();
                let read = stdin.read_to_end(&mut bytes).map(|_| bytes);
                ("standard input".to_owned(), read)
            }
            Some(rest) if rest.starts_with('@') => return Ok(Contents::Word(rest.to_owned())),
            Some(path) => (path.to_owned(), fs::read(path)),
            None => return Ok(Contents::Word(word.to_owned())),
        };
        let bytes = match bytes {
            Ok(bytes) => bytes,
            Err(source) => return Err(SourceError::Unreadable { name, source }),
        };
        match form {
            Form::Bytes => Ok(Contents::Bytes(bytes)),
            Form::Text => match String::from_utf8(bytes) {
                Ok(text) => Ok(Contents::Text(text)),
                Err(_) => Err(SourceError::NotText { name }),
            },
            Form::Json => match serde_json::from_slice(&bytes) {
                Ok(json) => Ok(Contents::Json(json)),
                Err(source) => Err(SourceError::NotJson { name, source }),
            },
        }
    }
}
