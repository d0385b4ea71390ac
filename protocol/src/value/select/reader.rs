//! Reading values where they lie: heads, lengths, and the entries of maps.

use std::borrow::Cow;
use std::ops::Range;

use crate::caps;
use crate::value::nearest::{distance, letters};
use crate::value::{Head, Kind};

use super::error::SelectError;
use super::source::Source;

/// Bytes of a string that are looked at in one read.
const TEXT_BLOCK: u64 = 64 * 1024;

/// Bytes of heads that are looked at in one read.
const HEADS_BLOCK: u64 = 4096;

/// Keys that an error names.
const KEYS_NAMED: usize = 8;

/// Keys that are looked at for those that an error names.
const KEYS_SEEN: u64 = 1000;

pub(super) struct Reader<S> {
    source: S,
    len: u64,
}

/// A key of a map.
#[derive(Clone, Copy)]
pub(super) enum Key<'k> {
    Text(&'k str),
    Integer(i128),
}

impl<S: Source> Reader<S> {
    pub(super) fn new(source: S) -> Reader<S> {
        let len = source.len();
        Reader { source, len }
    }

    pub(super) fn reserve(&mut self, bytes: u64) -> Result<(), SelectError<S::Error>> {
        self.source.reserve(bytes).map_err(SelectError::Source)
    }

    pub(super) fn read(
        &mut self,
        at: u64,
        len: u64,
    ) -> Result<Cow<'_, [u8]>, SelectError<S::Error>> {
        let damaged = SelectError::Damaged { at };
        if len > self.len.saturating_sub(at) {
            return Err(damaged);
        }
        let bytes = self.source.read(at, len as usize).map_err(SelectError::Source)?;
        if bytes.len() as u64 == len { Ok(bytes) } else { Err(damaged) }
    }

    /// The head at `at`, whose bytes and body lie in the source.
    pub(super) fn head(&mut self, at: u64) -> Result<Head, SelectError<S::Error>> {
        let left = self.len.saturating_sub(at);
        let bytes = self.read(at, left.min(Head::MAX as u64))?;
        match Head::read(&bytes) {
            Some(head) if head.len as u64 + head.body <= left => Ok(head),
            _ => Err(SelectError::Damaged { at }),
        }
    }

    /// Where the value ends that is `count` values after the one before `at`.
    pub(super) fn skip(&mut self, mut at: u64, count: u64) -> Result<u64, SelectError<S::Error>> {
        let mut left = count;
        while left > 0 {
            let rest = self.len.saturating_sub(at);
            // Up to where a source that reads in blocks may have another one.
            let until = (HEADS_BLOCK - at % HEADS_BLOCK).max(Head::MAX as u64);
            let wanted = left.saturating_mul(Head::MAX as u64).min(until);
            let block = self.read(at, rest.min(wanted))?;
            let mut inside = 0;
            // Heads that lie whole in the block; at the end of the value all do.
            let last = match block.len() as u64 == rest {
                true => block.len(),
                false => block.len().saturating_sub(Head::MAX - 1),
            };
            let mut beyond = 0;
            while left > 0 && inside < last {
                if is_one_byte(block[inside]) {
                    inside += 1;
                    left -= 1;
                    continue;
                }
                let damaged = SelectError::Damaged { at: at + inside as u64 };
                let Some(head) = Head::read(&block[inside..]) else { return Err(damaged) };
                let end = inside as u64 + head.len as u64 + head.body;
                if end > rest {
                    return Err(damaged);
                }
                left = (left - 1).saturating_add(head.items);
                match usize::try_from(end).ok().filter(|end| *end <= last) {
                    Some(end) => inside = end,
                    None => {
                        beyond = end - inside as u64;
                        break;
                    }
                }
            }
            if left > 0 && inside == 0 && beyond == 0 {
                return Err(SelectError::Damaged { at });
            }
            at += inside as u64 + beyond;
        }
        Ok(at)
    }

    /// Where the value lies of a map's key, given where its first key lies.
    pub(super) fn find(
        &mut self,
        first: u64,
        pairs: u64,
        wanted: Key<'_>,
    ) -> Result<Option<u64>, SelectError<S::Error>> {
        let mut at = first;
        for _ in 0..pairs {
            let head = self.head(at)?;
            let value = self.skip(at, 1)?;
            let found = match wanted {
                Key::Integer(key) => head.integer() == Some(key),
                Key::Text(name) if head.kind == Kind::String && head.body == name.len() as u64 => {
                    self.read(at + head.len as u64, head.body)?.as_ref() == name.as_bytes()
                }
                Key::Text(_) => false,
            };
            if found {
                return Ok(Some(value));
            }
            at = self.skip(value, 1)?;
        }
        Ok(None)
    }

    /// The keys of a map in words, those most like the wanted one first.
    pub(super) fn keys(
        &mut self,
        first: u64,
        pairs: u64,
        wanted: Key<'_>,
    ) -> Result<String, SelectError<S::Error>> {
        let mut at = first;
        let mut keys = Vec::new();
        for _ in 0..pairs.min(KEYS_SEEN) {
            let head = self.head(at)?;
            let key = match head.integer() {
                Some(key) => Some(format!("`{key}`")),
                None if head.kind == Kind::String && head.body <= caps::NAME_BYTES as u64 => {
                    let text = self.read(at + head.len as u64, head.body)?;
                    Some(format!("`{}`", String::from_utf8_lossy(&text).escape_debug()))
                }
                None => None,
            };
            keys.extend(key);
            at = self.skip(at, 2)?;
        }
        if let Key::Text(name) = wanted {
            let name = letters(name);
            keys.sort_by_cached_key(|key| distance(&name, &letters(key.trim_matches('`'))));
        }
        keys.truncate(KEYS_NAMED);
        let more = pairs - keys.len() as u64;
        Ok(match (keys.join(", "), more) {
            (_, 0) if keys.is_empty() => "no keys".to_owned(),
            (_, more) if keys.is_empty() => format!("{more} keys of another kind"),
            (named, 0) => named,
            (named, more) => format!("{named} and {more} more"),
        })
    }

    /// Shows each byte of a string with its character's number and its own place,
    /// and counts the characters.
    pub(super) fn text(
        &mut self,
        body: Range<u64>,
        mut see: impl FnMut(u64, u64, u8),
    ) -> Result<u64, SelectError<S::Error>> {
        let (mut at, mut chars) = (body.start, 0u64);
        while at < body.end {
            for byte in self.read(at, TEXT_BLOCK.min(body.end - at))?.iter() {
                let continues = byte & 0xc0 == 0x80;
                chars += u64::from(!continues || chars == 0);
                see(chars - 1, at, *byte);
                at += 1;
            }
        }
        Ok(chars)
    }
}

/// Whether a value that begins with this byte is that byte: a small integer, nil, a bool.
fn is_one_byte(marker: u8) -> bool {
    matches!(marker, 0x00..=0x7f | 0xc0 | 0xc2 | 0xc3 | 0xe0..=0xff)
}
