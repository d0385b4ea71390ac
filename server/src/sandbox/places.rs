//! The places for instances in the pool: one for each that may live. Those who wait for
//! one have their turns by owner.

use farside_protocol::{ErrorCode, Failure};

use super::module::Module;
use crate::auth::{Owner, OwnerId};
use crate::fair_queue::{FairQueue, Turn};

/// Instances of an owner that may wait for places at once.
const WAITING: usize = 1024;

/// As many places as instances may live at once.
pub(crate) struct Places {
    queue: FairQueue<OwnerId>,
    count: u32,
}

/// The places of one instance, until this is dropped.
pub(crate) struct Permit(#[expect(dead_code, reason = "it is held")] Turn<OwnerId>);

impl Places {
    pub(super) fn new(count: u32) -> Places {
        Places { queue: FairQueue::new(count, WAITING), count }
    }

    /// What an instance of a module takes. The pool has one memory and one table for
    /// each place, of which a module may have several.
    fn needed(&self, module: &Module) -> u32 {
        module.places().min(self.count)
    }

    /// Whether none is free.
    pub(super) fn are_taken(&self) -> bool {
        self.queue.is_empty()
    }

    /// The one place of an instance that nobody else asks for.
    pub(super) fn take_only(&self) -> Option<Permit> {
        self.queue.try_take(OwnerId::OPERATOR, 1, 1).map(Permit)
    }

    /// Takes the places of an owner's instance, if they are free and it may have them.
    pub(super) fn try_take(&self, module: &Module, owner: &Owner) -> Option<Permit> {
        let needed = self.needed(module);
        self.queue.try_take(owner.id(), needed, owner.instances()).map(Permit)
    }

    /// Takes the places of an owner's instance once it may have them.
    ///
    /// # Errors
    /// `Unavailable` when too many of the owner's wait already.
    pub(crate) async fn take(&self, module: &Module, owner: &Owner) -> Result<Permit, Failure> {
        let taken = self.queue.take(owner.id(), self.needed(module), owner.instances()).await;
        taken.map(Permit).map_err(|full| {
            let message = format!("the server is full: {full} for an instance");
            Failure::new(ErrorCode::Unavailable, message)
                .with_hint("try again in a second, with fewer calls at once")
        })
    }
}
