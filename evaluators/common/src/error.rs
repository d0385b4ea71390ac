//! Why an evaluation gave no value.

use serde::{Deserialize, Serialize};

/// Longest part of a path that is shown.
const PATH_BYTES: usize = 80;

/// What went wrong, in the language's own words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvalError {
    /// The name of the exception's class, such as `ZeroDivisionError`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it says, without its class.
    pub message: String,
    /// All that the language's own shell would print, with file names, line numbers
    /// and source lines.
    pub traceback: String,
}

impl EvalError {
    /// The type of an error about a result that is no plain value.
    pub const NOT_PLAIN: &str = "NotPlain";

    /// The type of an error about code that was interrupted.
    pub const INTERRUPTED: &str = "Interrupted";

    /// An error that is not the language's own.
    #[must_use]
    pub fn new(kind: &str, message: impl Into<String>) -> EvalError {
        let message = message.into();
        let traceback = format!("{kind}: {message}");
        EvalError { kind: kind.to_owned(), message, traceback }
    }

    /// There is no plain value for a result; a path tells where in it.
    #[must_use]
    pub fn not_plain(what: &str, path: &str) -> EvalError {
        let shown = &path[..path.floor_char_boundary(PATH_BYTES)];
        let cut = if shown.len() < path.len() { ".." } else { "" };
        let place = match path {
            "" => "the result is".to_owned(),
            _ => format!("the result holds, at `{shown}{cut}`,"),
        };
        let message = format!("{place} {what}, which is no plain value");
        EvalError::new(EvalError::NOT_PLAIN, message)
    }

    /// The code was interrupted from outside.
    #[must_use]
    pub fn interrupted() -> EvalError {
        EvalError::new(EvalError::INTERRUPTED, "the evaluation was stopped from outside")
    }
}
