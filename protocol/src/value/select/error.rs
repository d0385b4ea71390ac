//! Why a part of a value can't be had: which step failed and what was there.

use crate::caps;
use crate::value::Kind;

/// Why nothing was selected. `at` is the path of the value that the failing step
/// was taken of; empty for the whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectError<E: std::error::Error + 'static> {
    /// A map without this text key.
    #[error("no field `{name}`{}; it has {has}", place(at))]
    NoField {
        /// The key.
        name: String,
        /// Of what.
        at: String,
        /// The keys that it has, in words, those most like the name first.
        has: String,
    },
    /// A map without this integer key.
    #[error("no key {key}{}; it has {has}", place(at))]
    NoKey {
        /// The key.
        key: i128,
        /// Of what.
        at: String,
        /// The keys that it has, in words.
        has: String,
    },
    /// A field of something that is no map.
    #[error("{kind} has no field `{name}`{}", place(at))]
    NoFields {
        /// What it is.
        kind: Kind,
        /// The field.
        name: String,
        /// Of what.
        at: String,
    },
    /// An element or slice of something that has none.
    #[error("{kind} has no part `{step}`{}", place(at))]
    NoElements {
        /// What it is.
        kind: Kind,
        /// The step, as written.
        step: String,
        /// Of what.
        at: String,
    },
    /// A place beyond the end.
    #[error(
        "index {index} is out of range{}: it has {len} element{}{}",
        place(at), if *len == 1 { "" } else { "s" }, in_dimension(*dimension)
    )]
    OutOfRange {
        /// The index.
        index: i128,
        /// Of what.
        at: String,
        /// How many elements there are.
        len: u64,
        /// For an array of several dimensions: which of them, from 1.
        dimension: Option<usize>,
    },
    /// More items in a step than the value has dimensions.
    #[error(
        "{kind} of {dimensions} dimension{} takes no {items} indices{}",
        if *dimensions == 1 { "" } else { "s" }, place(at)
    )]
    TooManyItems {
        /// What it is.
        kind: Kind,
        /// Its dimensions' count.
        dimensions: usize,
        /// The items' count.
        items: usize,
        /// Of what.
        at: String,
    },
    /// Too much that would have to be copied together.
    #[error(
        "the selected parts lie apart and are more than {} MiB together",
        caps::SCATTERED_BYTES >> 20
    )]
    Scattered,
    /// The source is no well-formed value.
    #[error("the value is damaged at byte {at}")]
    Damaged {
        /// Where.
        at: u64,
    },
    /// The source can't be read.
    #[error("reading the value failed")]
    Source(#[source] E),
}

impl<E: std::error::Error + 'static> SelectError<E> {
    /// What to write instead, where that is likely.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            SelectError::NoFields { kind: Kind::List, name, at } => {
                Some(format!("`{at}[:].{name}` takes the field of each element"))
            }
            SelectError::Scattered => {
                Some("select slices with a step of 1, or fewer elements".to_owned())
            }
            _ => None,
        }
    }
}

fn place(at: &str) -> String {
    if at.is_empty() { String::new() } else { format!(" at `{at}`") }
}

fn in_dimension(dimension: Option<usize>) -> String {
    dimension.map_or(String::new(), |dimension| format!(" in dimension {dimension}"))
}
