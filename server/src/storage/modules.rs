//! Modules as they were uploaded, kept from one server process to the next.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use farside_protocol::ModuleHash;

use super::blocking::{blocking, detached};
use super::{Damage, Durability, Key, Storage, StorageError};

/// The modules in a storage. Cloning is cheap.
#[derive(Clone, Debug)]
pub(crate) struct Modules {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    storage: Arc<dyn Storage>,
    /// Those that are there. Held for look-ups only.
    known: Mutex<HashSet<ModuleHash>>,
    /// The marks of who has shown which. Held for look-ups only.
    shown: Mutex<HashSet<Key>>,
}

impl Modules {
    /// Finds what is there.
    pub(crate) async fn open(storage: Arc<dyn Storage>) -> Result<Modules, StorageError> {
        let entries = storage.list(Some(&Key::MODULES)).await?;
        let known = entries.iter().filter_map(|entry| entry.key.name().parse().ok()).collect();
        let marks = storage.list(Some(&Key::KNOWN)).await?;
        let shown = Mutex::new(marks.into_iter().map(|entry| entry.key).collect());
        Ok(Modules { shared: Arc::new(Shared { storage, known: Mutex::new(known), shown }) })
    }

    /// Whether an owner has ever sent a module. To all others its hash is unknown.
    pub(crate) fn was_shown(&self, owner: &str, hash: ModuleHash) -> bool {
        self.shown().contains(&Key::known(owner, hash))
    }

    /// An owner has sent a module. If the mark can't be kept, it is sent again after the
    /// next start.
    pub(crate) async fn note_shown(&self, owner: &str, hash: ModuleHash) {
        let key = Key::known(owner, hash);
        if !self.shown().insert(key.clone()) {
            return;
        }
        let modules = self.clone();
        let kept = detached(async move {
            let mark = vec![Bytes::from_static(b"1")];
            modules.shared.storage.put(&key, mark, Durability::Process).await
        });
        if let Err(error) = kept.await {
            tracing::warn!(module = %hash.short(), %error, "who has sent a module is not kept");
        }
    }

    fn shown(&self) -> MutexGuard<'_, HashSet<Key>> {
        self.shared.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a module is there. One that was found damaged is not.
    pub(crate) fn contains(&self, hash: ModuleHash) -> bool {
        self.with_known(|known| known.contains(&hash))
    }

    /// Keeps a module whose hash was checked to be `hash`. When it is done, the
    /// module outlasts a crash. It is done even if the future is dropped.
    pub(crate) async fn put(&self, hash: ModuleHash, module: Bytes) -> Result<(), StorageError> {
        let modules = self.clone();
        detached(async move {
            let key = Key::module(hash);
            modules.shared.storage.put(&key, vec![module], Durability::Disk).await?;
            modules.with_known(|known| known.insert(hash));
            Ok(())
        })
        .await
    }

    /// A module's bytes, whose hash is checked again.
    pub(crate) async fn get(&self, hash: ModuleHash) -> Result<Bytes, StorageError> {
        let key = Key::module(hash);
        let found = match self.shared.storage.get(&key).await {
            Ok(module) => {
                blocking(move || match ModuleHash::of(&module) == hash {
                    true => Ok(module),
                    false => Err(StorageError::Corrupt { key, damage: Damage::Hash }),
                })
                .await
            }
            Err(error) => Err(error),
        };
        if let Err(StorageError::Corrupt { .. } | StorageError::NotFound { .. }) = found {
            // The next upload brings it back.
            self.with_known(|known| known.remove(&hash));
        }
        found
    }

    fn with_known<T>(&self, act: impl FnOnce(&mut HashSet<ModuleHash>) -> T) -> T {
        act(&mut self.shared.known.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
