//! Storage that fails when a test tells it to.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;

use super::memory::MemoryStorage;
use super::{Answer, Doing, Durability, Entry, Key, Storage, StorageError};

/// What goes wrong.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// Nothing can be written: the disk is full.
    FullDisk,
    /// Only the first so many bytes of what is written are kept, and nobody says so.
    ShortWrite(usize),
    /// Nothing can be read.
    ReadError,
    /// Of what is read, this bit is another one, counted from where it is stored.
    FlippedBit(u64),
}

/// Storage in memory with at most one fault at a time.
#[derive(Debug, Default)]
pub(crate) struct FaultyStorage {
    storage: MemoryStorage,
    fault: Mutex<Option<Fault>>,
}

impl FaultyStorage {
    pub(crate) fn new() -> Arc<FaultyStorage> {
        Arc::default()
    }

    /// From now on this goes wrong, or nothing does.
    pub(crate) fn set(&self, fault: Option<Fault>) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    fn fault(&self) -> Option<Fault> {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a read gives that began at byte `start`.
    fn read(&self, key: &Key, start: u64, bytes: Bytes) -> Result<Bytes, StorageError> {
        match self.fault() {
            Some(Fault::ReadError) => Err(StorageError::Io {
                doing: Doing::Read,
                path: PathBuf::from(key.as_str()),
                source: std::io::Error::other("input/output error"),
            }),
            Some(Fault::FlippedBit(bit)) => {
                let mut bytes = BytesMut::from(bytes);
                let at = (bit / 8).checked_sub(start).map(|at| at as usize);
                if let Some(byte) = at.and_then(|at| bytes.get_mut(at)) {
                    *byte ^= 1 << (bit % 8);
                }
                Ok(bytes.freeze())
            }
            _ => Ok(bytes),
        }
    }
}

impl Storage for FaultyStorage {
    fn put<'a>(
        &'a self,
        key: &'a Key,
        parts: Vec<Bytes>,
        durability: Durability,
    ) -> Answer<'a, ()> {
        async move {
            match self.fault() {
                Some(Fault::FullDisk) => {
                    Err(StorageError::DiskFull { path: PathBuf::from(key.as_str()) })
                }
                Some(Fault::ShortWrite(len)) => {
                    let mut bytes = parts.concat();
                    bytes.truncate(len);
                    self.storage.put(key, vec![bytes.into()], durability).await
                }
                _ => self.storage.put(key, parts, durability).await,
            }
        }
        .boxed()
    }

    fn get<'a>(&'a self, key: &'a Key) -> Answer<'a, Bytes> {
        async move { self.read(key, 0, self.storage.get(key).await?) }.boxed()
    }

    fn get_range<'a>(&'a self, key: &'a Key, range: Range<u64>) -> Answer<'a, Bytes> {
        async move {
            let bytes = self.storage.get_range(key, range.clone()).await?;
            self.read(key, range.start, bytes)
        }
        .boxed()
    }

    fn get_range_now(&self, key: &Key, range: Range<u64>) -> Option<Bytes> {
        let bytes = self.storage.get_range_now(key, range.clone())?;
        self.read(key, range.start, bytes).ok()
    }

    fn delete<'a>(&'a self, key: &'a Key) -> Answer<'a, ()> {
        self.storage.delete(key)
    }

    fn list<'a>(&'a self, folder: Option<&'a Key>) -> Answer<'a, Vec<Entry>> {
        self.storage.list(folder)
    }
}
