//! The connections of a server, so that each is told when the server ends.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use farside_protocol::Failure;
use tokio::sync::Notify;

use super::Outbox;
use super::activity::{Activity, Patience, Verdict, Watch};
use crate::auth::Admission;

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
    open: HashMap<u64, Open>,
    next: u64,
}

struct Open {
    outbox: Arc<Outbox>,
    /// Once it has said who it is.
    admission: Option<Admission>,
    /// What passes over its link, where that is counted.
    watched: Option<(Arc<Activity>, Watch)>,
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

    pub(super) fn enter(&self, outbox: &Arc<Outbox>, activity: Option<Arc<Activity>>) -> Entry {
        let mut table = self.table();
        let number = table.next;
        table.next += 1;
        let outbox = Arc::clone(outbox);
        let watched = activity.map(|activity| (activity, Watch::new(Instant::now())));
        table.open.insert(number, Open { outbox, admission: None, watched });
        Entry { connections: self.clone(), number }
    }

    /// Tells every client why its connection ends, and ends it.
    pub(crate) fn refuse_all(&self, failure: &Failure) {
        for open in self.table().open.values() {
            open.outbox.refuse(failure.clone());
        }
    }

    /// Ends those connections of clients that may not stay, and tells them why.
    pub(crate) fn refuse_those(&self, why: impl Fn(&Admission) -> Option<Failure>) {
        for Open { outbox, admission, .. } in self.table().open.values() {
            if let Some(failure) = admission.as_ref().and_then(&why) {
                outbox.refuse(failure);
            }
        }
    }

    /// Asks silent clients for a sign of life, and gives up links that stand still.
    pub(crate) fn look(&self, patience: &Patience, now: Instant) {
        for (number, open) in &mut self.table().open {
            let Some((activity, watch)) = &mut open.watched else { continue };
            match watch.look(activity, patience, now) {
                Verdict::Nothing => {}
                Verdict::Probe => open.outbox.probe(),
                Verdict::GiveUp(stall) => {
                    let owner = open.admission.as_ref().map(|admission| admission.owner.name());
                    tracing::info!(connection = number, owner, "a connection is given up: {stall}");
                    open.outbox.give_up();
                }
            }
        }
    }

    /// Whether every client has been sent all that it was answered.
    pub(crate) fn are_sent(&self) -> bool {
        self.table().open.values().all(|open| open.outbox.is_sent())
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

impl Entry {
    /// The connection's client was let in.
    pub(super) fn admitted(&self, admission: &Admission) {
        if let Some(open) = self.connections.table().open.get_mut(&self.number) {
            open.admission = Some(admission.clone());
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.connections.table().open.remove(&self.number);
        self.connections.shared.left.notify_waiters();
    }
}
