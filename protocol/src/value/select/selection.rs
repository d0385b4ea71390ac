//! What a selection is made of.

use std::ops::Range;

/// A piece of a selected value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Bytes that the source does not have in this form: headers, and small parts
    /// that lie apart from each other.
    Bytes(Vec<u8>),
    /// A range of the source.
    Range(Range<u64>),
}

/// A part of a value: a value of its own, in pieces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    pieces: Vec<Piece>,
    len: u64,
}

impl Selection {
    /// The pieces, in order.
    #[must_use]
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// The pieces, in order.
    #[must_use]
    pub fn into_pieces(self) -> Vec<Piece> {
        self.pieces
    }

    /// Bytes of the selected value.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a value has one byte at least")]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// The range of the source that it is, if it is a single one.
    #[must_use]
    pub fn as_range(&self) -> Option<Range<u64>> {
        match &self.pieces[..] {
            [Piece::Range(range)] => Some(range.clone()),
            _ => None,
        }
    }

    /// The selected value's bytes, given all bytes of the source.
    ///
    /// # Panics
    /// When `source` is shorter than what was selected from.
    #[must_use]
    pub fn assemble(&self, source: &[u8]) -> Vec<u8> {
        let mut value = Vec::with_capacity(self.len as usize);
        for piece in &self.pieces {
            value.extend_from_slice(match piece {
                Piece::Bytes(bytes) => bytes,
                Piece::Range(range) => &source[range.start as usize..range.end as usize],
            });
        }
        value
    }

    pub(super) fn put(&mut self, bytes: &[u8]) {
        self.len += bytes.len() as u64;
        match self.pieces.last_mut() {
            Some(Piece::Bytes(last)) => last.extend_from_slice(bytes),
            _ => self.pieces.push(Piece::Bytes(bytes.to_vec())),
        }
    }

    pub(super) fn put_range(&mut self, range: Range<u64>) {
        self.len += range.end - range.start;
        match self.pieces.last_mut() {
            Some(Piece::Range(last)) if last.end == range.start => last.end = range.end,
            _ => self.pieces.push(Piece::Range(range)),
        }
    }

    /// Whether a range that begins at `start` goes on from the last piece.
    pub(super) fn goes_on_at(&self, start: u64) -> bool {
        matches!(self.pieces.last(), Some(Piece::Range(last)) if last.end == start)
    }
}
