//! Where the bytes of a value lie that is selected from.

use std::borrow::Cow;
use std::convert::Infallible;
use std::num::NonZeroU64;

use bytes::Bytes;

/// A value's bytes, in memory or in storage.
pub trait Source {
    /// Why bytes can't be read.
    type Error: std::error::Error + 'static;

    /// How many bytes there are.
    fn len(&self) -> u64;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The `len` bytes that begin at `at`; never asked beyond the end.
    ///
    /// # Errors
    /// When they can't be read.
    fn read(&mut self, at: u64, len: usize) -> Result<Cow<'_, [u8]>, Self::Error>;

    /// Asks for memory that the selection is about to take beside the source.
    ///
    /// # Errors
    /// When it may not have it.
    fn reserve(&mut self, bytes: u64) -> Result<(), Self::Error> {
        let _ = bytes;
        Ok(())
    }
}

impl Source for &[u8] {
    type Error = Infallible;

    fn len(&self) -> u64 {
        <[u8]>::len(self) as u64
    }

    fn read(&mut self, at: u64, len: usize) -> Result<Cow<'_, [u8]>, Infallible> {
        let rest = usize::try_from(at).ok().and_then(|at| self.get(at..)).unwrap_or_default();
        Ok(Cow::Borrowed(rest.get(..len).unwrap_or(rest)))
    }
}

/// A source that is read in blocks, of which it keeps the last: for storage where
/// many small reads are dear.
#[derive(Debug)]
pub struct Blocks<F> {
    len: u64,
    size: u64,
    read: F,
    start: u64,
    block: Bytes,
}

impl<F, E> Blocks<F>
where
    F: FnMut(u64, usize) -> Result<Bytes, E>,
    E: std::error::Error + 'static,
{
    /// A source of `len` bytes in blocks of `size`, each of which begins at a
    /// multiple of it; `read(at, count)` gives `count` of them.
    pub fn new(len: u64, size: NonZeroU64, read: F) -> Blocks<F> {
        Blocks { len, size: size.get(), read, start: 0, block: Bytes::new() }
    }
}

impl<F, E> Source for Blocks<F>
where
    F: FnMut(u64, usize) -> Result<Bytes, E>,
    E: std::error::Error + 'static,
{
    type Error = E;

    fn len(&self) -> u64 {
        self.len
    }

    fn read(&mut self, at: u64, len: usize) -> Result<Cow<'_, [u8]>, E> {
        let end = at.saturating_add(len as u64).min(self.len);
        if at < self.start || end > self.start + self.block.len() as u64 {
            let start = at - at % self.size;
            let until = end.next_multiple_of(self.size).min(self.len);
            self.block = (self.read)(start, until.saturating_sub(start) as usize)?;
            self.start = start;
        }
        let from = (at - self.start) as usize;
        let until = end.saturating_sub(self.start) as usize;
        Ok(Cow::Borrowed(self.block.get(from..until).unwrap_or_default()))
    }
}
