//! The places for instances in the pool: one for each that may live.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::module::Module;

/// As many places as instances may live at once.
pub(crate) struct Places {
    permits: Arc<Semaphore>,
    count: u32,
}

impl Places {
    pub(super) fn new(count: u32) -> Places {
        Places { permits: Arc::new(Semaphore::new(count as usize)), count }
    }

    /// What an instance of a module takes. The pool has one memory and one table for
    /// each place, of which a module may have several.
    fn needed(&self, module: &Module) -> u32 {
        module.places().min(self.count)
    }

    /// Whether none is free.
    pub(super) fn are_taken(&self) -> bool {
        self.permits.available_permits() == 0
    }

    /// Takes the places of an instance, if they are free.
    pub(super) fn try_take(&self, module: &Module) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.permits).try_acquire_many_owned(self.needed(module)).ok()
    }

    /// Takes the places of an instance once they are free.
    pub(crate) async fn take(&self, module: &Module) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.permits).acquire_many_owned(self.needed(module)).await.ok()
    }
}
