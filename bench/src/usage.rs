//! What a process uses of memory and time, as the system tells in `/proc`.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::machine::{field, kib};

/// How long a process must do next to nothing until it counts as quiet.
const SILENCE: Duration = Duration::from_millis(20);

/// What it may do in that time: a clock that ticks is no work.
const MURMUR: Duration = Duration::from_millis(1);

/// How long a process may take to come to rest.
const PATIENCE: Duration = Duration::from_secs(60);

/// A figure of a process's memory by its name in `/proc/PID/status`, in bytes.
pub(crate) fn memory(pid: u32, name: &str) -> Result<u64> {
    let text = field(&format!("/proc/{pid}/status"), name);
    text.and_then(|text| kib(&text)).with_context(|| format!("the system does not tell {name}"))
}

/// Sets a process's peak of memory to what it holds now.
pub(crate) fn forget_peak(pid: u32) -> Result<()> {
    fs::write(format!("/proc/{pid}/clear_refs"), "5").context("cannot reset a peak of memory")
}

/// Processor time that a process's living threads have used.
pub(crate) fn cpu_time(pid: u32) -> Result<Duration> {
    let mut nanos = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task")).context("cannot list threads")? {
        let file = task?.path().join("schedstat");
        let text = fs::read_to_string(&file).unwrap_or_default();
        let used = text.split_whitespace().next().and_then(|used| used.parse::<u64>().ok());
        nanos += used.unwrap_or(0);
    }
    Ok(Duration::from_nanos(nanos))
}

/// Waits until a process has done what it does after its last answer, such as writing
/// a value to storage, so that it burdens nothing that is measured next.
pub(crate) async fn quiet(pid: u32) -> Result<()> {
    let begun = Instant::now();
    let mut before = cpu_time(pid)?;
    loop {
        tokio::time::sleep(SILENCE).await;
        let now = cpu_time(pid)?;
        // A thread that ended is not counted any more, hence the difference both ways.
        if now.abs_diff(before) <= MURMUR {
            return Ok(());
        }
        ensure!(begun.elapsed() < PATIENCE, "process {pid} does not come to rest");
        before = now;
    }
}
