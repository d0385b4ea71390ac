//! What all connections and sessions of one server share.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use farside_protocol::{ErrorCode, Failure, ModuleHash};
use tokio::runtime::Handle;

use crate::auth::{Owner, Owners};
use crate::config::{ByteSize, Config};
use crate::connection::{Connections, LinkPatience};
use crate::evaluators::Evaluators;
use crate::failures;
use crate::giving_back::{GivingBack, IN_FLUX, Seen};
use crate::machine;
use crate::meter::Meter;
use crate::sandbox::{CodeId, Module, ModuleError, Product, Sandbox};
use crate::session::{Selections, Sessions};
use crate::storage::{FolderLock, Modules, Values};
use crate::turns::Turns;

/// One server's configuration, sandbox, storage and sessions.
pub(crate) struct Core {
    pub(crate) config: Arc<Config>,
    pub(crate) owners: Owners,
    pub(crate) sandbox: Sandbox,
    /// Memory of values and guests, in use and allowed.
    pub(crate) memory: Arc<Meter>,
    /// Bytes that the process had for itself before it served anyone.
    pub(crate) memory_at_start: u64,
    /// When some is given back. Held by the caretaker alone.
    pub(crate) giving_back: Mutex<GivingBack>,
    pub(crate) modules: Modules,
    pub(crate) values: Values,
    pub(crate) evaluators: Arc<Evaluators>,
    pub(crate) sessions: Sessions,
    /// Whose parts of values are looked for.
    pub(crate) selections: Selections,
    pub(crate) connections: Connections,
    pub(crate) runtime: Handle,
    /// Who compiles which module.
    pub(crate) turns: Turns,
    /// Of the data folder, whatever is kept in it.
    pub(crate) _lock: FolderLock,
}

impl Core {
    /// A module that was uploaded before: ready, compiled on disk, or its bytes in
    /// storage. None if it was not. What is to be compiled waits for the owner's turn.
    pub(crate) async fn known_module(
        self: &Arc<Self>,
        owner: &Owner,
        id: CodeId,
    ) -> Option<Result<Arc<Module>, Failure>> {
        let hash = id.hash;
        if let Some(module) = self.compiled_module(id).await {
            return Some(Ok(module));
        }
        if !self.modules.contains(hash) {
            return None;
        }
        let _turn = self.turns.take(hash).await;
        if let Some(module) = self.compiled_module(id).await {
            return Some(Ok(module));
        }
        match self.modules.get(hash).await {
            Ok(bytes) => Some(match self.sandbox.catalog.compile(owner, id, bytes).await {
                Ok(product) => self.install(id, product).await,
                Err(failure) => Err(failure),
            }),
            Err(error) => {
                // The client has the bytes; asking for them again mends it.
                tracing::warn!(module = %hash.short(), %error, "a kept module can't be read");
                None
            }
        }
    }

    /// A module that is ready, or compiled on disk.
    async fn compiled_module(self: &Arc<Self>, id: CodeId) -> Option<Arc<Module>> {
        let core = Arc::clone(self);
        self.blocking(move || Ok(core.sandbox.catalog.load(id))).await.ok().flatten()
    }

    /// A module whose bytes a client just sent: checked, compiled, kept.
    pub(crate) async fn new_module(
        self: &Arc<Self>,
        owner: &Owner,
        id: CodeId,
        bytes: Bytes,
    ) -> Result<Arc<Module>, Failure> {
        let hash = id.hash;
        let (found, bytes) = self.blocking(move || Ok((ModuleHash::of(&bytes), bytes))).await?;
        if found != hash {
            let message = format!(
                "the module's bytes have SHA-256 {}, not {} as announced",
                found.short(),
                hash.short()
            );
            return Err(Failure::new(ErrorCode::InvalidModule, message).with_hint(
                "the file changed while it was sent, or the client is wrong; upload it again",
            ));
        }
        let _turn = self.turns.take(hash).await;
        if let Some(module) = self.compiled_module(id).await {
            return Ok(module);
        }
        let product = self.sandbox.catalog.compile(owner, id, bytes.clone()).await?;
        // Code is kept of those modules only whose bytes are.
        self.modules.put(hash, bytes).await.map_err(|error| failures::of_storage(&error))?;
        self.install(id, product).await
    }

    /// What is to be looked at from time to time: leases, tokens, and how much memory
    /// the system counts for this process.
    pub(crate) async fn care(self: &Arc<Self>) {
        let now = Instant::now();
        self.sessions.reap(now);
        self.connections.look(&LinkPatience::of(&self.config), now);
        let core = Arc::clone(self);
        let looked = self.blocking(move || {
            let own = machine::own_memory();
            if let Some(own) = own {
                core.give_back_memory(own.bytes());
            }
            Ok((core.owners.refresh(SystemTime::now()), own))
        });
        let Ok((refreshed, own)) = looked.await else { return };
        if let Some(own) = own {
            self.watch_memory(own.bytes());
        }
        if refreshed.recheck {
            let now = SystemTime::now();
            self.connections.refuse_those(|admission| self.owners.refusal(admission, now));
        }
        let revoked = Failure::new(ErrorCode::SessionExpired, "the token of its owner was revoked");
        self.sessions.close_of(&refreshed.revoked, &revoked);
    }

    /// Gives back what idle guests have left of their stacks, and has the allocator give
    /// back what was freed, if there is much that nothing here counts. Takes as long as
    /// there is memory.
    fn give_back_memory(&self, own: u64) {
        let uncounted = own.saturating_sub(self.memory_at_start + self.memory.used());
        let seen = Seen { uncounted, sessions: self.sessions.count() };
        if !self.giving_back.lock().unwrap_or_else(PoisonError::into_inner).look(seen) {
            return;
        }
        let begun = Instant::now();
        self.sandbox.stock.give_back_stacks();
        self.sessions.give_back_stacks();
        let stacks = begun.elapsed();
        machine::give_back_freed();
        tracing::debug!(
            uncounted = %ByteSize::new(uncounted).about(),
            ?stacks,
            all = ?begun.elapsed(),
            "memory was given back"
        );
    }

    /// Has what the system counts as this process's memory count here, as far as that is
    /// more than it began with and than what is in flux.
    fn watch_memory(&self, own: u64) {
        let was_overfull = self.memory.is_overfull();
        self.memory.saw(own.saturating_sub(self.memory_at_start + IN_FLUX));
        if self.memory.is_overfull() && !was_overfull {
            tracing::warn!(
                own = %ByteSize::new(own).about(),
                "the process has more memory than limits.process_memory: what needs more is refused"
            );
        }
    }

    async fn install(
        self: &Arc<Self>,
        id: CodeId,
        product: Product,
    ) -> Result<Arc<Module>, Failure> {
        let core = Arc::clone(self);
        self.blocking(move || {
            let module = core.sandbox.catalog.install(id, &product);
            module.map_err(ModuleError::into_failure)
        })
        .await
    }

    /// Does work that takes long, or reads files, away from the sockets' threads.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        self.runtime.spawn_blocking(work).await.unwrap_or_else(|error| {
            Err(Failure::new(ErrorCode::Internal, format!("a task of the server died: {error}")))
        })
    }
}

pub(crate) fn shutting_down() -> Failure {
    Failure::new(ErrorCode::Unavailable, "the server is shutting down")
        .with_hint("connect again once it is back; sessions do not survive a restart yet")
}
