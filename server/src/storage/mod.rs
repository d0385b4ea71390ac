//! Where modules and values are kept, behind one trait.
//!
//! A storage keeps bytes by [`Key`]; a [`StorageUrl`] chooses it, and a quota lies
//! over all that it keeps. Upon it, values and modules say what is kept and check
//! what comes back. Sessions are not kept: values are those of this process and are
//! cleared when it starts.
//!
//! Nothing here waits for a disk on an async thread.

mod blocking;
mod counted;
mod error;
#[cfg(test)]
pub(crate) mod faulty;
mod file;
mod folder;
mod key;
mod memory;
mod metered;
mod modules;
#[cfg(target_os = "linux")]
mod open_files;
#[cfg(test)]
mod tests;
mod url;
mod value;
mod values;

use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;

use crate::meter::Meter;
use file::FileStorage;
use memory::MemoryStorage;
use metered::Metered;

pub(crate) use counted::{Counted, CountedError};
pub use error::{Damage, Doing, StorageError};
pub(crate) use folder::FolderLock;
pub(crate) use folder::make as make_folder;
pub use key::Key;
pub(crate) use modules::Modules;
pub use url::{StorageUrl, StorageUrlError};
pub(crate) use value::StoredValue;
pub(crate) use values::Values;

/// What a storage's methods return.
pub(crate) type Answer<'a, T> = BoxFuture<'a, Result<T, StorageError>>;

/// Bytes kept by key.
///
/// Any number of calls may be under way at once. What is read under a key is all
/// of one `put` or another, never a mixture. A `put` or `delete` whose future is
/// dropped may have happened or not.
pub(crate) trait Storage: fmt::Debug + Send + Sync + 'static {
    /// Keeps `parts`, one after the other, under a key, in place of what was there.
    /// After an error what was there is there still.
    fn put<'a>(&'a self, key: &'a Key, parts: Vec<Bytes>, durability: Durability)
    -> Answer<'a, ()>;

    /// All bytes under a key.
    fn get<'a>(&'a self, key: &'a Key) -> Answer<'a, Bytes>;

    /// A range of the bytes under a key. Bytes that end before the range does are
    /// [`Damage::Short`].
    fn get_range<'a>(&'a self, key: &'a Key, range: Range<u64>) -> Answer<'a, Bytes>;

    /// A range of the bytes under a key, if it can be had without waiting. None says
    /// no more than that [`get_range`](Storage::get_range) is to be asked.
    fn get_range_now(&self, key: &Key, range: Range<u64>) -> Option<Bytes>;

    /// Frees a key. It need not be there.
    fn delete<'a>(&'a self, key: &'a Key) -> Answer<'a, ()>;

    /// The keys in a folder, at any depth, in no order; with none, all keys.
    fn list<'a>(&'a self, folder: Option<&'a Key>) -> Answer<'a, Vec<Entry>>;
}

/// Whether a `put` must outlast a crash of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    /// No: it is useless to another process anyway. Values are so.
    Process,
    /// Yes: it is on the disk when `put` is done. Modules are so.
    Disk,
}

/// What a listing says of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) key: Key,
    /// Its bytes.
    pub(crate) len: u64,
}

/// Opens the storage at `url`; what it keeps is counted as `space`. Files go into
/// `data`, of which the caller holds the lock, unless the URL names a folder.
///
/// # Errors
/// The folder is another server's or cannot be used.
pub(crate) async fn open(
    url: &StorageUrl,
    data: &Path,
    space: &Arc<Meter>,
) -> Result<Arc<dyn Storage>, StorageError> {
    let storage: Arc<dyn Storage> = match url {
        StorageUrl::Memory => Arc::new(MemoryStorage::default()),
        StorageUrl::File { folder: None } => {
            Arc::new(FileStorage::open(data.join("storage"), None).await?)
        }
        StorageUrl::File { folder: Some(folder) } => {
            let locked = (!is_same(folder, data)).then(|| folder.clone());
            Arc::new(FileStorage::open(folder.clone(), locked).await?)
        }
    };
    Ok(Arc::new(Metered::open(storage, Arc::clone(space)).await?))
}

fn is_same(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    }
}
