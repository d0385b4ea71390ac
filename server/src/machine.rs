//! How much memory this machine has, as far as this process may use it.

use std::fs;

use crate::config::{ByteSize, ProcessMemory};

/// Assumed where the system does not say, which is anywhere but on Linux.
const ASSUMED: ByteSize = ByteSize::gib(8);

/// Descriptors that this process may have open, after its own limit was raised to
/// what the system allows; none where there is no such limit.
pub(crate) fn descriptors() -> Option<u64> {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        let raised = Rlimit { current: maximum, maximum };
        match setrlimit(Resource::Nofile, raised) {
            Ok(()) => maximum,
            Err(_) => current,
        }
    }
    #[cfg(not(unix))]
    {
        None
    }
}

/// Memory that only this process has, and that the system would have to write somewhere
/// to take it back; none where it does not say, which is anywhere but on Linux.
pub(crate) fn own_memory() -> Option<ByteSize> {
    let text = fs::read_to_string("/proc/self/status").ok()?;
    in_kib(&text, "RssAnon:")
}

/// Has this program's allocator keep little of what is freed: call it in `main`, before
/// other threads are started.
///
/// It is for programs that run a server for long. glibc has a heap for every few threads,
/// lets what each keeps free at its end grow to 64 MiB, and gives back none of that when
/// it is asked to. Does nothing with other allocators.
pub fn keep_little_freed() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        /// Blocks from here on are the system's as soon as they are freed. Without a fixed
        /// number this one grows, too.
        const MAPPED: i32 = 4 << 20;
        /// What a heap keeps at its end.
        const KEPT: i32 = 4 << 20;
        for (parameter, bytes) in [(libc::M_MMAP_THRESHOLD, MAPPED), (libc::M_TRIM_THRESHOLD, KEPT)]
        {
            #[expect(unsafe_code, reason = "there is no safe call for it")]
            // SAFETY: it takes no pointers. It is not to be called while other threads use
            // the allocator (mallopt(3): MT-Unsafe init), which the caller sees to; were
            // there any, they would read a number that is the old or the new one.
            let _ = unsafe { libc::mallopt(parameter, bytes) };
        }
    }
}

/// Has the allocator give back to the system what was freed and is kept for use again.
/// Elsewhere than with glibc, allocators do so by themselves.
pub(crate) fn give_back_freed() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        #[expect(unsafe_code, reason = "there is no safe call for it")]
        // SAFETY: it takes no pointers, and may be called from any thread at any time
        // (malloc_trim(3): MT-Safe).
        let _ = unsafe { libc::malloc_trim(0) };
    }
}

/// The memory that a setting allows on this machine.
pub(crate) fn allowed_memory(setting: ProcessMemory) -> ByteSize {
    let total = || {
        memory().unwrap_or_else(|| {
            tracing::warn!(
                "the system does not say how much memory it has; {ASSUMED} are assumed \
                 (set limits.process_memory to a size)"
            );
            ASSUMED
        })
    };
    match setting {
        ProcessMemory::Size(size) => size,
        ProcessMemory::Percent(_) => ByteSize::new(setting.bytes(total().bytes())),
    }
}

/// The machine's memory, or that of the container around this process.
fn memory() -> Option<ByteSize> {
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| in_meminfo(&text));
    let container = fs::read_to_string("/sys/fs/cgroup/memory.max")
        .ok()
        .and_then(|text| text.trim().parse().ok().map(ByteSize::new));
    machine.into_iter().chain(container).min()
}

/// The total in the text of `/proc/meminfo`.
fn in_meminfo(text: &str) -> Option<ByteSize> {
    in_kib(text, "MemTotal:")
}

/// The value of a line of such a text.
fn in_kib(text: &str, name: &str) -> Option<ByteSize> {
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = value.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    Some(ByteSize::new(kib.saturating_mul(1024)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_found_among_other_figures() {
        let text = "MemFree:  10 kB\nMemTotal:       16303428 kB\nMemAvailable: 1 kB\n";
        assert_eq!(in_meminfo(text), Some(ByteSize::new(16_303_428 * 1024)));
        for other in ["", "MemTotal: 1 MB", "MemTotal: kB", "MemTotal: -1 kB"] {
            assert_eq!(in_meminfo(other), None, "{other}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn descriptors_are_as_many_as_the_system_allows() {
        let most = descriptors();
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
        assert_eq!((limit.current, limit.current), (most, limit.maximum));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn own_memory_grows_with_what_is_written() {
        let before = own_memory().unwrap().bytes();
        let written = std::hint::black_box(vec![1_u8; 256 << 20]);
        let after = own_memory().unwrap().bytes();
        drop(written);
        // Other tests of this process may give some back meanwhile.
        assert!(after > before + (128 << 20), "{before} {after}");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_machine_has_memory() {
        assert!(memory() > Some(ByteSize::mib(64)));
    }
}
