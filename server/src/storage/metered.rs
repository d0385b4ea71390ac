//! The quota: how much storage may hold in all.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::FutureExt;

use super::{Answer, Durability, Entry, Key, Storage, StorageError};
use crate::config::ByteSize;

/// A storage that refuses to hold more than its quota. Bytes are counted before
/// they are written; bytes that replace others count beside them until they have.
#[derive(Debug)]
pub(super) struct Metered {
    storage: Arc<dyn Storage>,
    limit: ByteSize,
    /// Held for sums only.
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    /// Bytes under the keys, and bytes on their way there.
    total: u64,
    by_key: HashMap<Key, u64>,
}

impl Metered {
    /// Counts what is there. More than the quota may be there already: then
    /// nothing is added until some is gone.
    pub(super) async fn open(
        storage: Arc<dyn Storage>,
        limit: ByteSize,
    ) -> Result<Metered, StorageError> {
        let mut held = Held::default();
        for Entry { key, len } in storage.list(None).await? {
            held.total = held.total.saturating_add(len);
            held.by_key.insert(key, len);
        }
        Ok(Metered { storage, limit, held: Mutex::new(held) })
    }

    fn with<T>(&self, act: impl FnOnce(&mut Held) -> T) -> T {
        act(&mut self.held.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn charge(&self, bytes: u64) -> Result<Charge<'_>, StorageError> {
        self.with(|held| match held.total.checked_add(bytes) {
            Some(total) if total <= self.limit.bytes() => {
                held.total = total;
                Ok(Charge { metered: self, bytes })
            }
            _ => Err(StorageError::Quota {
                asked: ByteSize::new(bytes),
                used: ByteSize::new(held.total),
                limit: self.limit,
            }),
        })
    }
}

/// Bytes that are counted and not yet written; given back on drop.
struct Charge<'m> {
    metered: &'m Metered,
    bytes: u64,
}

impl Charge<'_> {
    /// The bytes are under a key now, in place of what was there.
    fn settle(mut self, key: &Key) {
        let bytes = std::mem::take(&mut self.bytes);
        self.metered.with(|held| {
            let before = held.by_key.insert(key.clone(), bytes).unwrap_or(0);
            held.total = held.total.saturating_sub(before);
        });
    }
}

impl Drop for Charge<'_> {
    fn drop(&mut self) {
        self.metered.with(|held| held.total = held.total.saturating_sub(self.bytes));
    }
}

impl Storage for Metered {
    fn put<'a>(
        &'a self,
        key: &'a Key,
        parts: Vec<Bytes>,
        durability: Durability,
    ) -> Answer<'a, ()> {
        async move {
            let charge = self.charge(parts.iter().map(|part| part.len() as u64).sum())?;
            self.storage.put(key, parts, durability).await?;
            charge.settle(key);
            Ok(())
        }
        .boxed()
    }

    fn get<'a>(&'a self, key: &'a Key) -> Answer<'a, Bytes> {
        self.storage.get(key)
    }

    fn get_range<'a>(&'a self, key: &'a Key, range: Range<u64>) -> Answer<'a, Bytes> {
        self.storage.get_range(key, range)
    }

    fn delete<'a>(&'a self, key: &'a Key) -> Answer<'a, ()> {
        async move {
            self.storage.delete(key).await?;
            self.with(|held| {
                let before = held.by_key.remove(key).unwrap_or(0);
                held.total = held.total.saturating_sub(before);
            });
            Ok(())
        }
        .boxed()
    }

    fn list<'a>(&'a self, folder: Option<&'a Key>) -> Answer<'a, Vec<Entry>> {
        self.storage.list(folder)
    }
}
