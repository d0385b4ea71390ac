//! Which pages of a block of memory were written to since it was mapped.

use std::ops::Range;

/// Bytes of a page, as far as this module counts: a page of the system may be larger.
pub(super) const PAGE: usize = 4096;

/// The parts of a block that may have been written to, ascending; all of it where the
/// system does not tell.
///
/// On Linux `/proc/self/pagemap` has an entry of 64 bits for each page. Bit 63 says that
/// it is in memory, bit 62 that it is swapped out or about to be moved, and bit 61 that it
/// is a file's: an image's own page, which was only read (Documentation/admin-guide/mm/
/// pagemap.rst of the kernel).
pub(super) fn written(block: &[u8]) -> Vec<Range<usize>> {
    #[cfg(target_os = "linux")]
    if let Ok(runs) = linux::written(block) {
        return runs;
    }
    std::iter::once(0..block.len()).collect()
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs::File;
    use std::io;
    use std::ops::Range;
    use std::os::unix::fs::FileExt as _;
    use std::sync::OnceLock;

    use super::PAGE;

    /// Pages whose entries are read at once.
    const AT_ONCE: usize = 4096;

    const PRESENT: u64 = 1 << 63;
    const SWAPPED: u64 = 1 << 62;
    const OF_FILE: u64 = 1 << 61;

    fn pagemap() -> io::Result<&'static File> {
        static PAGEMAP: OnceLock<io::Result<File>> = OnceLock::new();
        let file = PAGEMAP.get_or_init(|| match rustix::param::page_size() {
            PAGE => File::open("/proc/self/pagemap"),
            _ => Err(io::ErrorKind::Unsupported.into()),
        });
        file.as_ref().map_err(|error| error.kind().into())
    }

    pub(super) fn written(block: &[u8]) -> io::Result<Vec<Range<usize>>> {
        let file = pagemap()?;
        let first = block.as_ptr().addr() / PAGE;
        let pages = block.len().div_ceil(PAGE);
        let mut entries = vec![0; AT_ONCE.min(pages) * size_of::<u64>()];
        let mut runs: Vec<Range<usize>> = Vec::new();
        for begin in (0..pages).step_by(AT_ONCE) {
            let entries = &mut entries[..AT_ONCE.min(pages - begin) * size_of::<u64>()];
            file.read_exact_at(entries, ((first + begin) * size_of::<u64>()) as u64)?;
            let entries = entries.as_chunks().0.iter().map(|entry| u64::from_ne_bytes(*entry));
            for (place, entry) in entries.enumerate() {
                let is_own = entry & SWAPPED != 0 || entry & (PRESENT | OF_FILE) == PRESENT;
                if !is_own {
                    continue;
                }
                let at = (begin + place) * PAGE;
                match runs.last_mut().filter(|run| run.end == at) {
                    Some(run) => run.end = at + PAGE,
                    None => runs.push(at..at + PAGE),
                }
            }
        }
        if let Some(last) = runs.last_mut() {
            last.end = last.end.min(block.len());
        }
        Ok(runs)
    }
}
