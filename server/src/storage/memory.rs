//! `memory:`: storage that ends with the process.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use futures_util::future::ready;

use super::{Answer, Damage, Durability, Entry, Key, Storage, StorageError};

/// Storage in the process. Bytes are held as they came, in parts.
#[derive(Debug, Default)]
pub(super) struct MemoryStorage {
    /// Held for look-ups and exchanges, never while bytes are copied.
    entries: Mutex<BTreeMap<Key, Vec<Bytes>>>,
}

impl MemoryStorage {
    fn with<T>(&self, act: impl FnOnce(&mut BTreeMap<Key, Vec<Bytes>>) -> T) -> T {
        act(&mut self.entries.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn parts(&self, key: &Key) -> Result<Vec<Bytes>, StorageError> {
        self.with(|entries| entries.get(key).cloned())
            .ok_or_else(|| StorageError::NotFound { key: key.clone() })
    }
}

impl Storage for MemoryStorage {
    fn put<'a>(&'a self, key: &'a Key, parts: Vec<Bytes>, _: Durability) -> Answer<'a, ()> {
        self.with(|entries| entries.insert(key.clone(), parts));
        ready(Ok(())).boxed()
    }

    fn get<'a>(&'a self, key: &'a Key) -> Answer<'a, Bytes> {
        ready(self.parts(key).map(|parts| slice(&parts, 0..total(&parts)))).boxed()
    }

    fn get_range<'a>(&'a self, key: &'a Key, range: Range<u64>) -> Answer<'a, Bytes> {
        ready(self.parts(key).and_then(|parts| {
            if range.end > total(&parts) {
                return Err(StorageError::Corrupt { key: key.clone(), damage: Damage::Short });
            }
            Ok(slice(&parts, range))
        }))
        .boxed()
    }

    fn get_range_now(&self, key: &Key, range: Range<u64>) -> Option<Bytes> {
        let parts = self.parts(key).ok()?;
        (range.end <= total(&parts)).then(|| slice(&parts, range))
    }

    fn delete<'a>(&'a self, key: &'a Key) -> Answer<'a, ()> {
        self.with(|entries| entries.remove(key));
        ready(Ok(())).boxed()
    }

    fn list<'a>(&'a self, folder: Option<&'a Key>) -> Answer<'a, Vec<Entry>> {
        let list = self.with(|entries| {
            entries
                .iter()
                .filter(|(key, _)| folder.is_none_or(|folder| key.is_in(folder)))
                .map(|(key, parts)| Entry { key: key.clone(), len: total(parts) })
                .collect()
        });
        ready(Ok(list)).boxed()
    }
}

fn total(parts: &[Bytes]) -> u64 {
    parts.iter().map(|part| part.len() as u64).sum()
}

/// A range that lies within the parts; copied only if it lies in several.
fn slice(parts: &[Bytes], range: Range<u64>) -> Bytes {
    let mut start = 0;
    let mut found = parts.iter().filter_map(|part| {
        let from = range.start.saturating_sub(start).min(part.len() as u64);
        let until = range.end.saturating_sub(start).min(part.len() as u64);
        start += part.len() as u64;
        (from < until).then(|| part.slice(from as usize..until as usize))
    });
    let first = found.next().unwrap_or_default();
    match found.next() {
        None => first,
        Some(second) => {
            let mut together = BytesMut::with_capacity((range.end - range.start) as usize);
            together.extend_from_slice(&first);
            together.extend_from_slice(&second);
            found.for_each(|part| together.extend_from_slice(&part));
            together.freeze()
        }
    }
}
