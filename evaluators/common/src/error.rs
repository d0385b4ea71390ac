//! Why an evaluation gave no value.

use serde::{Deserialize, Serialize};

/// Longest part of a path that is shown.
const PATH_BYTES: usize = 80;

/// Most bytes of a class's name.
const KIND_BYTES: usize = 256;

/// Most bytes of a message. The server takes errors of 64 KiB.
const MESSAGE_BYTES: usize = 8 << 10;

/// Most bytes of a traceback.
const TRACEBACK_BYTES: usize = 32 << 10;

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

    /// An argument, or a part of one, that can't go to a function of the session.
    #[must_use]
    pub fn argument_not_plain(what: &str, path: &str) -> EvalError {
        let message = format!("argument {path} is {what}, which is no plain value");
        EvalError::new("TypeError", message)
    }

    /// An id of an object that is not kept.
    #[must_use]
    pub fn no_object(id: u64) -> EvalError {
        EvalError::new("ReferenceError", format!("object {id} is not there any more"))
    }

    /// The same with no text longer than callers can be told. Of a traceback, its middle
    /// is left out: it begins where the code was entered, and ends with what went wrong.
    #[must_use]
    pub fn within_bounds(mut self) -> EvalError {
        shorten(&mut self.kind, KIND_BYTES, 0);
        shorten(&mut self.message, MESSAGE_BYTES, 0);
        shorten(&mut self.traceback, TRACEBACK_BYTES, TRACEBACK_BYTES / 2);
        self
    }

    /// The code was interrupted from outside.
    #[must_use]
    pub fn interrupted() -> EvalError {
        EvalError::new(EvalError::INTERRUPTED, "the evaluation was stopped from outside")
    }
}

/// Leaves out what makes a text longer than so many bytes, all but so many of which are
/// of its beginning.
fn shorten(text: &mut String, bytes: usize, of_end: usize) {
    if text.len() > bytes {
        let begin = text.floor_char_boundary(bytes - of_end);
        let end = text.ceil_char_boundary(text.len() - of_end);
        text.replace_range(begin..end, "...");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_shortened() {
        let traceback = format!("begin{}end", "\u{e9}".repeat(TRACEBACK_BYTES));
        let error = EvalError { traceback, ..EvalError::new("E", "x".repeat(10 * MESSAGE_BYTES)) };
        let EvalError { kind, message, traceback } = error.within_bounds();
        assert_eq!((&*kind, message.len()), ("E", MESSAGE_BYTES + 3));
        assert!(traceback.starts_with("begin") && traceback.ends_with("end"));
        assert!(traceback.len() < TRACEBACK_BYTES + 8);

        let short = EvalError::new("E", "short");
        assert_eq!(short.clone().within_bounds(), short);
    }
}
