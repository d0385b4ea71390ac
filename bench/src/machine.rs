//! The machine that a report was made on.

use std::fs;
use std::thread;

use serde::{Deserialize, Serialize};

/// What figures depend on besides the program.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Machine {
    /// The processor's name.
    pub(crate) cpu: String,
    /// Cores that this process may use.
    pub(crate) cores: usize,
    /// Memory, in bytes.
    pub(crate) memory: u64,
    /// Operating system and release.
    pub(crate) kernel: String,
}

impl Machine {
    /// This machine, as far as the system tells.
    pub(crate) fn here() -> Machine {
        let unknown = || "unknown".to_owned();
        Machine {
            cpu: field("/proc/cpuinfo", "model name").unwrap_or_else(unknown),
            cores: thread::available_parallelism().map_or(1, usize::from),
            memory: field("/proc/meminfo", "MemTotal").and_then(|text| kib(&text)).unwrap_or(0),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")
                .map_or_else(|_| unknown(), |release| format!("Linux {}", release.trim())),
        }
    }
}

/// The rest of the first line of a file that begins with a name and a colon.
pub(crate) fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim_start().strip_prefix(':').map(|value| value.trim().to_owned())
}

/// Bytes of a text like `123 kB`.
pub(crate) fn kib(text: &str) -> Option<u64> {
    let kib: u64 = text.strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}
