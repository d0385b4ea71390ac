//! The connections of a server, so that each is told when the server ends.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use farside_protocol::Failure;
use tokio::sync::Notify;

use super::Outbox;

/// All open connections. Cloning is cheap.
#[derive(Clone, Default)]
pub(crate) struct Connections {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// Short: entered and left, and gone through at the end.
    table: Mutex<Table>,
    left: Notify,
}

#[derive(Default)]
struct Table {
    open: HashMap<u64, Arc<Outbox>>,
    next: u64,
}

/// A connection's place in the table, until it is dropped.
pub(super) struct Entry {
    connections: Connections,
    number: u64,
}

impl Connections {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.shared.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn enter(&self, outbox: &Arc<Outbox>) -> Entry {
        let mut table = self.table();
        let number = table.next;
        table.next += 1;
        table.open.insert(number, Arc::clone(outbox));
        Entry { connections: self.clone(), number }
    }

    /// Tells every client why its connection ends, and ends it.
    pub(crate) fn refuse_all(&self, failure: &Failure) {
        for outbox in self.table().open.values() {
            outbox.refuse(failure.clone());
        }
    }

    /// Whether every client has been sent all that it was answered.
    pub(crate) fn are_sent(&self) -> bool {
        self.table().open.values().all(|outbox| outbox.is_sent())
    }

    /// Waits until no connection is open.
    pub(crate) async fn ended(&self) {
        loop {
            let left = self.shared.left.notified();
            if self.table().open.is_empty() {
                return;
            }
            left.await;
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.connections.table().open.remove(&self.number);
        self.connections.shared.left.notify_waiters();
    }
}
