//! Hashes of module files that this process has read before: a file that did not change
//! since need not be read and hashed again to ask whether the server knows it.

use std::collections::HashMap;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use farside_protocol::ModuleHash;

/// A file that changed more recently than this before it was read may change once more
/// without showing it: file systems count time in steps, some of them of two seconds.
const SETTLED: Duration = Duration::from_secs(3);

/// Files that are remembered. A program has few modules; one that has more reads them.
const MOST: usize = 256;

/// What tells a file's contents from those before and after, as far as the system says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    len: u64,
    modified: SystemTime,
    /// Device, number, and when any of it changed, which no program can set.
    #[cfg(unix)]
    inode: (u64, u64, i64, i64),
}

/// A module file as it was read last.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    stamp: Stamp,
    pub(crate) hash: ModuleHash,
    /// Bytes of the module, which may have been translated from text.
    pub(crate) size: u64,
}

fn files() -> MutexGuard<'static, HashMap<PathBuf, Known>> {
    static FILES: LazyLock<Mutex<HashMap<PathBuf, Known>>> = LazyLock::new(Mutex::default);
    FILES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The file as it was read last, if it is still the same.
pub(crate) fn recall(path: &Path) -> Option<Known> {
    let known = files().get(path)?.clone();
    (Stamp::now(path)? == known.stamp).then_some(known)
}

/// A stamp of a file that is about to be read, if it has been as it is for long enough.
pub(crate) fn before_reading(path: &Path) -> Option<Stamp> {
    let stamp = Stamp::now(path)?;
    let age = SystemTime::now().duration_since(stamp.changed()).ok()?;
    (age >= SETTLED).then_some(stamp)
}

/// Remembers what was read of a file.
pub(crate) fn remember(path: &Path, stamp: Stamp, hash: ModuleHash, size: u64) {
    let mut files = files();
    if files.len() < MOST || files.contains_key(path) {
        files.insert(path.to_owned(), Known { stamp, hash, size });
    }
}

/// The next upload reads the file again.
pub(crate) fn forget(path: &Path) {
    files().remove(path);
}

impl Stamp {
    fn now(path: &Path) -> Option<Stamp> {
        Stamp::of(&fs::metadata(path).ok()?)
    }

    #[cfg(unix)]
    fn of(metadata: &Metadata) -> Option<Stamp> {
        use std::os::unix::fs::MetadataExt as _;
        let inode = (metadata.dev(), metadata.ino(), metadata.ctime(), metadata.ctime_nsec());
        Some(Stamp { len: metadata.len(), modified: metadata.modified().ok()?, inode })
    }

    #[cfg(not(unix))]
    fn of(metadata: &Metadata) -> Option<Stamp> {
        Some(Stamp { len: metadata.len(), modified: metadata.modified().ok()? })
    }

    /// When the file last changed.
    fn changed(&self) -> SystemTime {
        #[cfg(unix)]
        if let Ok(seconds) = u64::try_from(self.inode.2) {
            let changed = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            return changed.max(self.modified);
        }
        self.modified
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed_before(path: &Path, age: Duration) {
        let file = fs::File::options().write(true).open(path).unwrap();
        file.set_modified(SystemTime::now() - age).unwrap();
    }

    #[test]
    fn a_file_is_recalled_until_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wasm");
        fs::write(&path, "first").unwrap();
        let stamp = Stamp::now(&path).unwrap();
        assert!(recall(&path).is_none());
        remember(&path, stamp, ModuleHash::of(b"first"), 5);
        assert_eq!(recall(&path).map(|known| known.hash), Some(ModuleHash::of(b"first")));
        fs::write(&path, "other").unwrap();
        // As by a program that hides its change.
        changed_before(&path, SETTLED);
        assert!(recall(&path).is_none());
        fs::remove_file(&path).unwrap();
        assert!(recall(&path).is_none());
    }

    #[test]
    fn a_file_that_has_just_changed_is_not_trusted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wasm");
        fs::write(&path, "first").unwrap();
        assert!(before_reading(&path).is_none());
        // When it was written to can be set back; when it changed can't.
        changed_before(&path, 2 * SETTLED);
        assert_eq!(before_reading(&path).is_some(), !cfg!(unix));
    }
}
