//! A number of bytes, as people write it.

use std::fmt;

use super::text::{Problem, SettingText, number_and_unit};

/// A number of bytes: `32 MiB`, `64KiB`, `10 GB` or a plain number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(u64);

impl ByteSize {
    /// So many bytes.
    #[must_use]
    pub const fn new(bytes: u64) -> ByteSize {
        ByteSize(bytes)
    }

    /// So many times 1024 bytes.
    #[must_use]
    pub const fn kib(count: u32) -> ByteSize {
        ByteSize((count as u64) << 10)
    }

    /// So many times 1024^2 bytes.
    #[must_use]
    pub const fn mib(count: u32) -> ByteSize {
        ByteSize((count as u64) << 20)
    }

    /// So many times 1024^3 bytes.
    #[must_use]
    pub const fn gib(count: u32) -> ByteSize {
        ByteSize((count as u64) << 30)
    }

    /// The number of bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// About this size, for people: in the largest unit that is not larger, with one
    /// decimal where it is not exact.
    pub(crate) fn about(self) -> impl fmt::Display {
        let (unit, size) =
            UNITS[1..6].iter().rfind(|(_, size)| *size <= self.0).unwrap_or(&UNITS[1]);
        match self.0.is_multiple_of(*size) {
            true => format!("{} {unit}", self.0 / size),
            false => format!("{:.1} {unit}", self.0 as f64 / *size as f64),
        }
    }

    /// The number of bytes as a length in memory; more than there can be is the
    /// most that there can be.
    #[must_use]
    pub fn as_len(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

const UNITS: [(&str, u64); 10] = [
    ("", 1),
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
];

impl SettingText for ByteSize {
    fn parse(text: &str) -> Result<ByteSize, Problem> {
        number_and_unit(text)
            .and_then(|(number, unit)| {
                let (_, size) = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
                Some(ByteSize(number.saturating_mul(*size)))
            })
            .ok_or(Problem::NotA { expected: "a number of bytes", such_as: "32 MiB or 10 GiB" })
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

/// In the largest binary unit that needs no fraction.
impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, size) = UNITS[1..6]
            .iter()
            .rfind(|(_, size)| self.0 != 0 && self.0.is_multiple_of(*size))
            .unwrap_or(&UNITS[1]);
        write!(f, "{} {unit}", self.0 / size)
    }
}
