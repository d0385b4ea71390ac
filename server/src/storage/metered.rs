//! The quota: how much storage may hold in all.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::FutureExt;

use super::{Answer, Durability, Entry, Key, Storage, StorageError};
use crate::meter::{Charge, Meter};

/// A storage that refuses to hold more than there is space for. Bytes are counted
/// before they are written; bytes that replace others count beside them until they
/// have.
#[derive(Debug)]
pub(super) struct Metered {
    storage: Arc<dyn Storage>,
    space: Arc<Meter>,
    /// What each key's bytes are charged. Held for look-ups only.
    charges: Mutex<HashMap<Key, Charge>>,
}

impl Metered {
    /// Counts what is there. More than the quota may be there already: then
    /// nothing is added until some is gone.
    pub(super) async fn open(
        storage: Arc<dyn Storage>,
        space: Arc<Meter>,
    ) -> Result<Metered, StorageError> {
        let entries = storage.list(None).await?;
        let charges =
            entries.into_iter().map(|Entry { key, len }| (key, space.count(len))).collect();
        Ok(Metered { storage, space, charges: Mutex::new(charges) })
    }

    fn charges(&self) -> MutexGuard<'_, HashMap<Key, Charge>> {
        self.charges.lock().unwrap_or_else(PoisonError::into_inner)
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
            let charge = self.space.charge(parts.iter().map(|part| part.len() as u64).sum())?;
            self.storage.put(key, parts, durability).await?;
            self.charges().insert(key.clone(), charge);
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

    fn get_range_now(&self, key: &Key, range: Range<u64>) -> Option<Bytes> {
        self.storage.get_range_now(key, range)
    }

    fn delete<'a>(&'a self, key: &'a Key) -> Answer<'a, ()> {
        async move {
            self.storage.delete(key).await?;
            self.charges().remove(key);
            Ok(())
        }
        .boxed()
    }

    fn list<'a>(&'a self, folder: Option<&'a Key>) -> Answer<'a, Vec<Entry>> {
        self.storage.list(folder)
    }
}
