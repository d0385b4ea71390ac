//! How much memory the whole process may take.

use super::ByteSize;
use super::text::{Problem, SettingText, within};

/// The memory of the whole process: a share of the machine's or a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessMemory {
    /// Percent of the machine's memory, 1 to 100.
    Percent(u8),
    /// So much, whatever the machine has.
    Size(ByteSize),
}

/// Less than this holds no server at all.
const LEAST: ByteSize = ByteSize::mib(64);

impl ProcessMemory {
    /// Bytes allowed on a machine with `total` bytes of memory.
    #[must_use]
    pub fn bytes(self, total: u64) -> u64 {
        match self {
            ProcessMemory::Percent(percent) => total / 100 * u64::from(percent),
            ProcessMemory::Size(size) => size.bytes(),
        }
    }
}

impl SettingText for ProcessMemory {
    fn parse(text: &str) -> Result<ProcessMemory, Problem> {
        let wrong = Problem::NotA {
            expected: "a share of memory or a number of bytes",
            such_as: "70% or 8 GiB",
        };
        if let Some(percent) = text.trim().strip_suffix('%') {
            let percent = usize::parse(percent).map_err(|_| wrong)?;
            return match u8::try_from(percent) {
                Ok(0) => Err(Problem::TooSmall { least: "1%".to_owned() }),
                Ok(percent @ 1..=100) => Ok(ProcessMemory::Percent(percent)),
                _ => Err(Problem::TooLarge { most: "100%".to_owned() }),
            };
        }
        let size = ByteSize::parse(text).map_err(|_| wrong)?;
        Ok(ProcessMemory::Size(within(size, LEAST..=ByteSize::new(1 << 50))?))
    }

    fn show(&self) -> String {
        match self {
            ProcessMemory::Percent(percent) => format!("{percent}%"),
            ProcessMemory::Size(size) => size.show(),
        }
    }
}
