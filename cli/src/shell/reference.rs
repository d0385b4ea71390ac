//! A reference as it is typed.

use std::fmt;
use std::str::FromStr;

use farside::RefId;

use crate::fault::Why;

/// A reference, or the last one that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reference {
    /// `far:65543`.
    Id(RefId),
    /// `far:_`.
    Last,
}

impl Reference {
    /// The reference that is meant.
    ///
    /// # Errors
    /// It is the last one, and none was made yet.
    pub(crate) fn id(self, last: Option<RefId>) -> Result<RefId, Why> {
        match self {
            Reference::Id(id) => Ok(id),
            Reference::Last => last.ok_or(Why::NoLast),
        }
    }
}

impl FromStr for Reference {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Reference, &'static str> {
        match text {
            "far:_" => Ok(Reference::Last),
            text => text.parse().map(Reference::Id).map_err(
                |_| "a reference looks like far:65543, or far:_ for the last one that was made",
            ),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reference::Id(id) => id.fmt(f),
            Reference::Last => f.write_str("far:_"),
        }
    }
}
