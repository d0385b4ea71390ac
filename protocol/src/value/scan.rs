//! One linear pass over a value's bytes: form, depth and references.

use crate::array::ArrayHeader;
use crate::{RefId, caps};

use super::head::{Head, Kind};
use super::{OBJECT, Object};

/// Why bytes are no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    /// They end inside it.
    #[error("the bytes end inside a value")]
    Truncated,
    /// A byte that begins no value.
    #[error("no value begins with byte 0xc1 (at {at})")]
    Marker {
        /// Where.
        at: usize,
    },
    /// There is more after the value.
    #[error("there are bytes after the value's end (at {at})")]
    Trailing {
        /// Where.
        at: usize,
    },
    /// Nested too deep.
    #[error("the value is nested deeper than {} levels", caps::VALUE_DEPTH)]
    TooDeep,
    /// Text that is not UTF-8.
    #[error("text that is not UTF-8 (at {at})")]
    NotUtf8 {
        /// Where.
        at: usize,
    },
    /// An extension with wrong bytes.
    #[error("{what} (at {at})")]
    Extension {
        /// What is wrong.
        what: &'static str,
        /// Where.
        at: usize,
    },
}

/// Where a reference stands in a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefSite {
    /// Where its bytes begin.
    pub at: usize,
    /// Bytes that it takes.
    pub len: usize,
    /// Which one it is.
    pub id: RefId,
}

/// What a scan found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scanned {
    /// The kind of the value.
    pub kind: Kind,
    /// The references in it, in order.
    pub refs: Vec<RefSite>,
    /// The deepest nesting: 0 for a plain number.
    pub depth: usize,
}

/// Checks that `bytes` are exactly one well-formed value no deeper than
/// [`caps::VALUE_DEPTH`], and finds its references.
///
/// Byte strings and arrays cost nothing by their length.
///
/// # Errors
/// Where and why the bytes are no value.
pub fn scan(bytes: &[u8]) -> Result<Scanned, ScanError> {
    // Values still to come at each level above the current one.
    let mut above = [0u64; caps::VALUE_DEPTH];
    let mut deepest = 0;
    let mut depth = 0;
    let mut left = 1u64;
    let mut at = 0;
    let mut refs = Vec::new();
    let mut kind = None;
    loop {
        while left == 0 {
            if depth == 0 {
                let kind = kind.ok_or(ScanError::Truncated)?;
                return if at == bytes.len() {
                    Ok(Scanned { kind, refs, depth: deepest })
                } else {
                    Err(ScanError::Trailing { at })
                };
            }
            depth -= 1;
            left = above[depth];
        }
        left -= 1;
        let rest = &bytes[at..];
        let head = Head::read(rest).ok_or(match rest.first() {
            Some(0xc1) => ScanError::Marker { at },
            _ => ScanError::Truncated,
        })?;
        kind = kind.or(Some(head.kind));
        let body = rest
            .get(head.len..)
            .and_then(|body| body.get(..usize::try_from(head.body).ok()?))
            .ok_or(ScanError::Truncated)?;
        match head.kind {
            Kind::String if std::str::from_utf8(body).is_err() => {
                return Err(ScanError::NotUtf8 { at });
            }
            Kind::Reference => {
                let bits = body.try_into().map_err(|_| ScanError::Extension {
                    what: "a reference that is not of 8 bytes",
                    at,
                })?;
                let id = RefId::from_bits(u64::from_be_bytes(bits));
                refs.push(RefSite { at, len: head.len + body.len(), id });
            }
            Kind::Timestamp if !matches!(body.len(), 4 | 8 | 12) => {
                let what = "a timestamp that is not of 4, 8 or 12 bytes";
                return Err(ScanError::Extension { what, at });
            }
            Kind::Array => {
                ArrayHeader::decode(body, head.body)
                    .map_err(|what| ScanError::Extension { what, at })?;
            }
            Kind::Extension(OBJECT) if at > 0 || Object::read_body(body).is_none() => {
                let what = "an object, which is a value only where its evaluator gives it";
                return Err(ScanError::Extension { what, at });
            }
            _ => {}
        }
        at += head.len + body.len();
        if matches!(head.kind, Kind::List | Kind::Map) {
            // Every element takes a byte at least.
            if head.items > (bytes.len() - at) as u64 {
                return Err(ScanError::Truncated);
            }
            *above.get_mut(depth).ok_or(ScanError::TooDeep)? = left;
            depth += 1;
            deepest = deepest.max(depth);
            left = head.items;
        }
    }
}
