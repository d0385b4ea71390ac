//! One value in storage, read whole or in part.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use farside_protocol::value::{Blocks, Path, SelectError, Selection, select};
use tokio::runtime::Handle;
use tokio::sync::AcquireError;

use super::blocking::blocking;
use super::counted::{Counted, CountedError};
use super::values::Shared;
use super::{Damage, Key, StorageError};
use crate::meter::Charge;

/// Bytes under one checksum. A read fetches whole chunks, so that it can check
/// every byte it gives.
const CHUNK: u64 = 64 * 1024;

/// More than this is not checked on an async thread: it takes 0.1 ms.
const CHECKED_AT_ONCE: usize = 1 << 20;

/// A value in storage. It is deleted there when the last holder drops it.
pub(crate) struct StoredValue {
    shared: Arc<Shared>,
    pub(super) hash: [u8; 32],
    pub(super) key: Key,
    len: u64,
    checksums: Arc<[u32]>,
}

impl fmt::Debug for StoredValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredValue").field("key", &self.key).field("len", &self.len).finish()
    }
}

impl StoredValue {
    /// A value that is stored under `key`.
    pub(super) fn new(
        shared: Arc<Shared>,
        hash: [u8; 32],
        key: Key,
        len: u64,
        checksums: Arc<[u32]>,
    ) -> StoredValue {
        StoredValue { shared, hash, key, len, checksums }
    }

    /// Its bytes.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Reads a part of it; what lies beyond its end is left out.
    pub(crate) async fn read(&self, range: Range<u64>) -> Result<Bytes, StorageError> {
        let end = range.end.min(self.len);
        let start = range.start.min(end);
        if start == end {
            return Ok(Bytes::new());
        }
        let first = start / CHUNK;
        let covering = first * CHUNK..end.next_multiple_of(CHUNK).min(self.len);
        let within = (start - covering.start) as usize..(end - covering.start) as usize;
        let wanted = covering.end - covering.start;
        let bytes = self.shared.storage.get_range(&self.key, covering).await?;
        if bytes.len() as u64 != wanted {
            return Err(StorageError::Corrupt { key: self.key.clone(), damage: Damage::Short });
        }
        let check = {
            let (key, checksums, bytes) =
                (self.key.clone(), Arc::clone(&self.checksums), bytes.clone());
            move || check(&key, &checksums, first, &bytes)
        };
        if bytes.len() > CHECKED_AT_ONCE {
            blocking(check).await?
        } else {
            check()?
        }
        Ok(bytes.slice(within))
    }

    /// Which of its bytes are the part that `path` names. What that takes in memory is
    /// added to the charge, which comes back.
    ///
    /// # Errors
    /// Which step failed and what was there; or storage can't be read.
    pub(crate) async fn select(
        self: &Arc<Self>,
        path: Path,
        charge: Charge,
    ) -> Result<(Selection, Charge), SelectError<CountedError<StorageError>>> {
        let storage = |error| SelectError::Source(CountedError::Source(error));
        let stopping = |_: AcquireError| storage(StorageError::Stopping);
        let selections = Arc::clone(&self.shared.selections);
        let permit = selections.acquire_owned().await.map_err(stopping)?;
        let (value, runtime) = (Arc::clone(self), Handle::current());
        let selected = blocking(move || {
            let _permit = permit;
            let mut charge = charge;
            let read = |at: u64, len| runtime.block_on(value.read(at..at + len as u64));
            let source = Counted::new(Blocks::new(value.len, read), &mut charge);
            Ok(select(source, &path).map(|selection| (selection, charge)))
        });
        selected.await.map_err(storage)?
    }
}

impl Drop for StoredValue {
    fn drop(&mut self) {
        self.shared.forget(self);
    }
}

/// The checksum of each chunk.
pub(super) fn checksums(value: &[u8]) -> Arc<[u32]> {
    value.chunks(CHUNK as usize).map(crc32fast::hash).collect()
}

/// Checks chunks from number `first` on.
fn check(key: &Key, checksums: &[u32], first: u64, bytes: &[u8]) -> Result<(), StorageError> {
    let wanted = checksums.iter().skip(first as usize);
    for ((number, chunk), wanted) in (first..).zip(bytes.chunks(CHUNK as usize)).zip(wanted) {
        if crc32fast::hash(chunk) != *wanted {
            return Err(StorageError::Corrupt { key: key.clone(), damage: Damage::Chunk(number) });
        }
    }
    Ok(())
}
