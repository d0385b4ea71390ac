//! What a process uses, as the system tells in `/proc`: on Linux only. Elsewhere there is
//! no figure, and what asks for one is told so.

use std::fs;

/// A process to look at.
#[derive(Clone, Copy, Debug)]
pub struct Process {
    pid: u32,
}

impl Process {
    /// The process of an id.
    #[must_use]
    pub fn of(pid: u32) -> Process {
        Process { pid }
    }

    /// Memory that it holds now, in bytes.
    #[must_use]
    pub fn resident(&self) -> Option<u64> {
        self.memory("VmRSS:")
    }

    /// Memory of its own that it holds now, in bytes: not that of files, which the system
    /// takes back as it likes.
    #[must_use]
    pub fn own(&self) -> Option<u64> {
        self.memory("RssAnon:")
    }

    /// The most memory that it held since [`forget_peak`](Process::forget_peak), in bytes.
    #[must_use]
    pub fn peak(&self) -> Option<u64> {
        self.memory("VmHWM:")
    }

    /// Begins anew to look for the most memory held. Where that can't be done, a peak is
    /// that of the whole life.
    pub fn forget_peak(&self) {
        let _ = fs::write(format!("/proc/{}/clear_refs", self.pid), "5");
    }

    /// Descriptors that it has open.
    #[must_use]
    pub fn descriptors(&self) -> Option<usize> {
        Some(fs::read_dir(format!("/proc/{}/fd", self.pid)).ok()?.count())
    }

    /// The processes that it started and that have not ended.
    #[must_use]
    pub fn children(&self) -> Vec<Process> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.pid)).into_iter().flatten();
        let lists = tasks
            .flatten()
            .filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
        lists
            .flat_map(|list| list.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
            .filter_map(|pid| pid.parse().ok())
            .map(Process::of)
            .collect()
    }

    fn memory(&self, name: &str) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        kib.checked_mul(1024)
    }
}
