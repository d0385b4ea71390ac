//! Selections that are counted as memory before they are built.

use std::borrow::Cow;
use std::error::Error;

use farside_protocol::value::Source;

use crate::meter::{Charge, Exceeded};

/// Counted at once, so that small pieces do not each go to the meter.
const STEP: u64 = 64 * 1024;

/// A source whose selections are charged.
pub(crate) struct Counted<'c, S> {
    source: S,
    charge: &'c mut Charge,
    /// Charged, and not taken yet.
    spare: u64,
}

/// Why nothing was selected.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CountedError<E: Error + 'static> {
    #[error(transparent)]
    Source(E),
    #[error("there is no memory for the selection")]
    Full(Exceeded),
}

impl<'c, S> Counted<'c, S> {
    pub(crate) fn new(source: S, charge: &'c mut Charge) -> Counted<'c, S> {
        Counted { source, charge, spare: 0 }
    }
}

impl<S: Source> Source for Counted<'_, S> {
    type Error = CountedError<S::Error>;

    fn len(&self) -> u64 {
        self.source.len()
    }

    fn read(&mut self, at: u64, len: usize) -> Result<Cow<'_, [u8]>, Self::Error> {
        self.source.read(at, len).map_err(CountedError::Source)
    }

    fn reserve(&mut self, bytes: u64) -> Result<(), Self::Error> {
        if self.spare < bytes {
            let more = (bytes - self.spare).next_multiple_of(STEP);
            self.charge.grow(more).map_err(CountedError::Full)?;
            self.spare += more;
        }
        self.spare -= bytes;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use farside_protocol::value::{SelectError, select};

    use super::*;
    use crate::config::ByteSize;
    use crate::meter::Meter;

    #[test]
    fn what_is_scattered_is_charged_before_it_is_built() {
        // A list of 50,000 small numbers, of which every second one is taken.
        let mut list = vec![0xdc, 0xc3, 0x50];
        list.resize(3 + 50_000, 7);
        let path = "[::-2]".parse().unwrap();
        let meter = Meter::new(ByteSize::mib(1));
        let mut charge = meter.count(0);
        let selected = select(Counted::new(&list[..], &mut charge), &path).unwrap();
        assert_eq!(selected.len(), 3 + 25_000);
        assert!((800_000..900_000).contains(&meter.used()), "{} bytes", meter.used());
        let error = select(Counted::new(&list[..], &mut charge), &path).unwrap_err();
        assert!(matches!(error, SelectError::Source(CountedError::Full(_))), "{error}");
    }
}
