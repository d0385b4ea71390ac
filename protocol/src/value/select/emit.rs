//! From the part that a path names to the pieces of a value.

use std::ops::Range;

use crate::codec;
use crate::value::path::Step;

use super::error::SelectError;
use super::run::Run;
use super::source::Source;
use super::view::{Dim, View, number};
use super::walk::{Part, Places, Walk};

/// Ranges shorter than this are copied where they would be pieces of their own.
const COPIED: u64 = 128;

/// What a piece of its own, or a place kept for later, costs in memory, about.
const KEPT: u64 = 32;

/// Memory that a range of this length takes in a selection.
fn cost(len: u64) -> u64 {
    if len < COPIED { len } else { KEPT }
}

impl<'p, S: Source> Walk<'p, S> {
    pub(super) fn emit(&mut self, part: Part) -> Result<(), SelectError<S::Error>> {
        match part {
            Part::Value(at) => {
                let end = self.reader.skip(at, 1)?;
                self.take(at..end)
            }
            Part::Places(Places::List { first, run, .. }) => self.emit_list(first, run, &[]),
            Part::Places(Places::Text { body, run }) => self.emit_text(body, run),
            Part::Places(Places::View(view)) => self.emit_view(&view),
            Part::Number(dtype, at) => {
                let bytes = self.reader.read(at, dtype.size() as u64)?;
                let number = number(dtype, &bytes).ok_or(SelectError::Damaged { at })?;
                self.selection.put(&number);
                Ok(())
            }
        }
    }

    /// A new list of elements, or of what the steps take of each.
    pub(super) fn emit_list(
        &mut self,
        first: u64,
        run: Run,
        steps: &'p [Step],
    ) -> Result<(), SelectError<S::Error>> {
        let mut header = Vec::with_capacity(5);
        codec::put_array(&mut header, run.count as u32);
        self.selection.put(&header);
        if run.step == 1 && steps.is_empty() {
            let start = self.reader.skip(first, run.start)?;
            let end = self.reader.skip(start, run.count)?;
            return self.take(start..end);
        }
        let (mut at, mut place) = (first, 0);
        if run.step > 0 {
            for nth in 0..run.count {
                at = self.reader.skip(at, run.place(nth) - place)?;
                place = run.place(nth);
                self.element(at, place, steps)?;
            }
            return Ok(());
        }
        let mut found = Vec::new();
        for nth in (0..run.count).rev() {
            at = self.reader.skip(at, run.place(nth) - place)?;
            place = run.place(nth);
            self.scatter(KEPT)?;
            found.push((at, place));
        }
        found.into_iter().rev().try_for_each(|(at, place)| self.element(at, place, steps))
    }

    fn emit_text(&mut self, body: Range<u64>, run: Run) -> Result<(), SelectError<S::Error>> {
        let mut header = Vec::with_capacity(5);
        if run.step == 1 {
            let (mut start, mut end) = (body.end, body.end);
            self.reader.text(body, |char, at, _| {
                if char == run.start {
                    start = start.min(at);
                } else if char == run.start + run.count {
                    end = end.min(at);
                }
            })?;
            let end = if run.count == 0 { start } else { end };
            codec::put_str_header(&mut header, (end - start) as usize);
            self.selection.put(&header);
            return self.take(start..end);
        }
        self.scatter(body.end - body.start)?;
        let (one, other) = (run.start, run.place(run.count - 1));
        let within = one.min(other)..=one.max(other);
        let mut bytes = Vec::new();
        self.reader.text(body.clone(), |char, _, byte| {
            let nth = i128::from(char.abs_diff(run.start));
            if within.contains(&char) && nth % run.step == 0 {
                bytes.push(byte);
            }
        })?;
        let text = String::from_utf8(bytes).map_err(|_| SelectError::Damaged { at: body.start })?;
        let text = if run.step < 0 { text.chars().rev().collect() } else { text };
        codec::put_str_header(&mut header, text.len());
        self.selection.put(&header);
        self.selection.put(text.as_bytes());
        Ok(())
    }

    fn emit_view(&mut self, view: &View) -> Result<(), SelectError<S::Error>> {
        self.selection.put(&view.header());
        if view.data_len() == 0 {
            return Ok(());
        }
        let (outer, together) = view.blocks();
        self.scatter(cost(together).saturating_mul(view.data_len() / together))?;
        self.blocks(i128::from(view.at), outer, together)
    }

    fn blocks(
        &mut self,
        at: i128,
        outer: &[Dim],
        together: u64,
    ) -> Result<(), SelectError<S::Error>> {
        match outer {
            [dim, inner @ ..] => (0..i128::from(dim.len))
                .try_for_each(|place| self.blocks(at + place * dim.stride, inner, together)),
            [] => self.append(at as u64..at as u64 + together),
        }
    }

    /// Counts a range of the source and appends it.
    fn take(&mut self, range: Range<u64>) -> Result<(), SelectError<S::Error>> {
        self.scatter(cost(range.end - range.start))?;
        self.append(range)
    }

    /// Appends a range of the source: as a piece, or copied if it is a small one
    /// apart from the last.
    fn append(&mut self, range: Range<u64>) -> Result<(), SelectError<S::Error>> {
        let len = range.end - range.start;
        let first = self.selection.pieces().is_empty();
        if first || len >= COPIED || self.selection.goes_on_at(range.start) {
            self.selection.put_range(range);
        } else {
            let bytes = self.reader.read(range.start, len)?;
            self.selection.put(&bytes);
        }
        Ok(())
    }

    /// Counts memory before it is taken.
    fn scatter(&mut self, bytes: u64) -> Result<(), SelectError<S::Error>> {
        let left = self.scattered_left.checked_sub(bytes);
        self.scattered_left = left.ok_or(SelectError::Scattered)?;
        self.reader.reserve(bytes)
    }
}
