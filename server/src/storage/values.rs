//! Values that were written to storage.
//!
//! A value is kept as long as somebody holds it; equal values that are held at the
//! same time are kept once. What is no longer held is deleted by a task of its own.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, oneshot};

use super::blocking::{blocking, detached};
use super::value::{StoredValue, checksums, head};
use super::{Durability, Key, Storage, StorageError};

/// The values in a storage. Cloning is cheap.
#[derive(Clone, Debug)]
pub(crate) struct Values {
    shared: Arc<Shared>,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) storage: Arc<dyn Storage>,
    /// Values that are held, by SHA-256. Held for look-ups only; a value must not
    /// be dropped meanwhile, since its end takes this lock.
    held: Mutex<HashMap<[u8; 32], Weak<StoredValue>>>,
    writings: AtomicU64,
    deletions: mpsc::UnboundedSender<Deletion>,
}

enum Deletion {
    /// Free this key.
    Of(Key),
    /// Say when everything before is freed.
    Upto(oneshot::Sender<()>),
}

impl Values {
    /// Clears what an earlier process left, and begins the task that deletes. Must
    /// be called in a tokio runtime.
    pub(crate) async fn open(storage: Arc<dyn Storage>) -> Result<Values, StorageError> {
        for entry in storage.list(Some(&Key::VALUES)).await? {
            storage.delete(&entry.key).await?;
        }
        let (deletions, orders) = mpsc::unbounded_channel();
        tokio::spawn(delete(Arc::clone(&storage), orders));
        Ok(Values {
            shared: Arc::new(Shared {
                storage,
                held: Mutex::default(),
                writings: AtomicU64::new(0),
                deletions,
            }),
        })
    }

    /// Writes a value, unless an equal one is held already. If the future is
    /// dropped, so is the value.
    pub(crate) async fn write(&self, value: Bytes) -> Result<Arc<StoredValue>, StorageError> {
        detached(Arc::clone(&self.shared).write(value)).await
    }

    /// Waits until all values that nobody holds now are deleted.
    pub(crate) async fn flush(&self) {
        let (done, wait) = oneshot::channel();
        if self.shared.deletions.send(Deletion::Upto(done)).is_ok() {
            // No answer means that the task ended with its runtime.
            let _ = wait.await;
        }
    }
}

impl Shared {
    async fn write(self: Arc<Shared>, value: Bytes) -> Result<Arc<StoredValue>, StorageError> {
        let bytes = value.clone();
        let (hash, checksums) =
            blocking(move || Ok((Sha256::digest(&bytes).into(), checksums(&bytes)))).await?;
        if let Some(held) = self.find(&hash) {
            return Ok(held);
        }
        let key = Key::value(hash, self.writings.fetch_add(1, Ordering::Relaxed));
        let (len, head) = (value.len() as u64, head(&value));
        self.storage.put(&key, vec![value], Durability::Process).await?;
        let written =
            Arc::new(StoredValue::new(Arc::clone(&self), hash, key, len, checksums, head));
        Ok(self.hold(hash, written))
    }

    /// The value of this hash, if it is held.
    fn find(&self, hash: &[u8; 32]) -> Option<Arc<StoredValue>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).get(hash)?.upgrade()
    }

    /// Holds a value that was just written, or gives the equal one that somebody
    /// else has written meanwhile.
    fn hold(&self, hash: [u8; 32], written: Arc<StoredValue>) -> Arc<StoredValue> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        match held.get(&hash).and_then(Weak::upgrade) {
            Some(other) => {
                drop(held);
                other
            }
            None => {
                held.insert(hash, Arc::downgrade(&written));
                written
            }
        }
    }

    /// Nobody holds `value` any more.
    pub(super) fn forget(&self, value: &StoredValue) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.get(&value.hash).is_some_and(|other| std::ptr::eq(other.as_ptr(), value)) {
            held.remove(&value.hash);
        }
        drop(held);
        // Without the task there is no runtime any more; the next start clears.
        let _ = self.deletions.send(Deletion::Of(value.key.clone()));
    }
}

async fn delete(storage: Arc<dyn Storage>, mut orders: mpsc::UnboundedReceiver<Deletion>) {
    while let Some(order) = orders.recv().await {
        match order {
            Deletion::Of(key) => {
                if let Err(error) = storage.delete(&key).await {
                    tracing::warn!(%key, %error, "a value that nobody holds stays in storage");
                }
            }
            Deletion::Upto(done) => {
                // Who asked may have gone.
                let _ = done.send(());
            }
        }
    }
}
