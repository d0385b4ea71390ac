//! One value in storage, read whole or in part.

use std::fmt;
use std::num::NonZeroU64;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use farside_protocol::value::{Blocks, Path, SelectError, Selection, select, select_within};
use tokio::runtime::Handle;

use super::blocking::blocking;
use super::counted::{Counted, CountedError};
use super::values::Shared;
use super::{Damage, Key, StorageError};
use crate::meter::Charge;

/// Bytes under one checksum. A read fetches whole chunks, so that it can check
/// every byte it gives.
const CHUNK: u64 = 4 * 1024;

/// What a selection reads at once, where reading takes hops between threads.
const BLOCK: NonZeroU64 = NonZeroU64::new(64 * 1024).unwrap();

/// What it reads at once where it takes none.
const BLOCK_NOW: NonZeroU64 = NonZeroU64::new(CHUNK).unwrap();

/// Bytes that one selection reads, and those that it copies together, at most without
/// waiting. It takes the thread that long.
const MOST_NOW: u64 = 64 * 1024;

/// More than this is not checked on an async thread: it takes 0.1 ms.
const CHECKED_AT_ONCE: usize = 1 << 20;

/// A value in storage. It is deleted there when the last holder drops it.
pub(crate) struct StoredValue {
    shared: Arc<Shared>,
    pub(super) hash: [u8; 32],
    pub(super) key: Key,
    len: u64,
    checksums: Arc<[u32]>,
    /// Its first chunk, which every selection looks at.
    head: Bytes,
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
        head: Bytes,
    ) -> StoredValue {
        StoredValue { shared, hash, key, len, checksums, head }
    }

    /// Its bytes.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Reads a part of it; what lies beyond its end is left out.
    pub(crate) async fn read(&self, range: Range<u64>) -> Result<Bytes, StorageError> {
        let Some(Covering { first, range, within }) = self.covering(range) else {
            return Ok(Bytes::new());
        };
        let wanted = range.end - range.start;
        let bytes = self.shared.storage.get_range(&self.key, range).await?;
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

    /// Reads a part of it if that takes no waiting; what lies beyond its end is left
    /// out. None says no more than that [`read`](StoredValue::read) is to be asked.
    pub(crate) fn read_now(&self, range: Range<u64>) -> Option<Bytes> {
        if range.start <= range.end && range.end <= self.head.len() as u64 {
            return Some(self.head.slice(range.start as usize..range.end as usize));
        }
        let Some(Covering { first, range, within }) = self.covering(range) else {
            return Some(Bytes::new());
        };
        let wanted = range.end - range.start;
        let bytes = self.shared.storage.get_range_now(&self.key, range)?;
        let is_whole = bytes.len() as u64 == wanted;
        (is_whole && check(&self.key, &self.checksums, first, &bytes).is_ok())
            .then(|| bytes.slice(within))
    }

    /// The chunks around a range, unless that is empty.
    fn covering(&self, range: Range<u64>) -> Option<Covering> {
        let end = range.end.min(self.len);
        let start = range.start.min(end);
        let first = start / CHUNK;
        let covering = first * CHUNK..end.next_multiple_of(CHUNK).min(self.len);
        let within = (start - covering.start) as usize..(end - covering.start) as usize;
        (start < end).then_some(Covering { first, range: covering, within })
    }

    /// Which of its bytes are the part that `path` names, if a few reads that take no
    /// waiting tell. None says no more than that [`select`](StoredValue::select) is to
    /// be asked.
    pub(crate) fn select_now(&self, path: &Path) -> Option<Selection> {
        let mut left = MOST_NOW;
        let read = |at: u64, len: usize| {
            let len = len as u64;
            left = left.checked_sub(len).ok_or(WouldWait)?;
            self.read_now(at..at + len).ok_or(WouldWait)
        };
        select_within(Blocks::new(self.len, BLOCK_NOW, read), path, MOST_NOW).ok()
    }

    /// Which of its bytes are the part that `path` names. What that takes in memory is
    /// added to the charge, which comes back. It keeps a blocking thread that waits for
    /// reads, which need another one: so it must never have all of these threads.
    ///
    /// # Errors
    /// Which step failed and what was there; or storage can't be read.
    pub(crate) async fn select(
        self: &Arc<Self>,
        path: Path,
        charge: Charge,
    ) -> Result<(Selection, Charge), SelectError<CountedError<StorageError>>> {
        let storage = |error| SelectError::Source(CountedError::Source(error));
        let (value, runtime) = (Arc::clone(self), Handle::current());
        let selected = blocking(move || {
            let mut charge = charge;
            let read = |at: u64, len| runtime.block_on(value.read(at..at + len as u64));
            let source = Counted::new(Blocks::new(value.len, BLOCK, read), &mut charge);
            Ok(select(source, &path).map(|selection| (selection, charge)))
        });
        selected.await.map_err(storage)?
    }
}

/// Why a selection can't be told at once.
#[derive(Debug, thiserror::Error)]
#[error("it takes waiting")]
struct WouldWait;

/// Whole chunks around a range of a value.
struct Covering {
    /// The number of the first one.
    first: u64,
    /// Where they lie in the value.
    range: Range<u64>,
    /// Where the range lies in them.
    within: Range<usize>,
}

impl Drop for StoredValue {
    fn drop(&mut self) {
        self.shared.forget(self);
    }
}

/// A copy of the first chunk.
pub(super) fn head(value: &[u8]) -> Bytes {
    Bytes::copy_from_slice(&value[..value.len().min(CHUNK as usize)])
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
