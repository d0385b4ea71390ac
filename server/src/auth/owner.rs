//! Whom a token speaks for: what its sessions may do and use, all of them together.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use farside_protocol::{ErrorCode, Failure};

use super::permission::{Permission, Permissions};
use crate::config::Config;
use crate::cpu::CpuRate;
use crate::machine;
use crate::meter::Meter;

/// Numbers the owners of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct OwnerId(pub(crate) u64);

impl OwnerId {
    /// The owner of the server's own token.
    pub(crate) const LOCAL: OwnerId = OwnerId(0);

    /// The operator, who is no client.
    pub(crate) const OPERATOR: OwnerId = OwnerId(u64::MAX);
}

/// An owner, while it has a token or sessions.
pub(crate) struct Owner {
    id: OwnerId,
    name: String,
    /// [`Permissions`] as they are now; looked at for each message that needs one.
    permissions: AtomicU8,
    /// The server's config with the owner's limits, for sessions that are opened from
    /// now on. Short: cloned and replaced.
    config: Mutex<Arc<Config>>,
    /// Memory of all its sessions, within that of the process.
    memory: Arc<Meter>,
    /// Bytes of all values that its sessions keep.
    kept: Arc<Meter>,
    /// CPU time of all its sessions.
    cpu: Arc<CpuRate>,
    sessions: AtomicUsize,
    /// Whether it has no token any more; an owner of the same name later is another one.
    revoked: AtomicBool,
}

impl fmt::Debug for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Owner({})", self.name)
    }
}

impl Owner {
    pub(super) fn new(
        id: OwnerId,
        name: String,
        permissions: Permissions,
        config: Arc<Config>,
        process: &Arc<Meter>,
    ) -> Arc<Owner> {
        let memory = machine::allowed_memory(config.limits.owner_memory);
        let kept = config.limits.owner_kept_bytes;
        let cpu = CpuRate::new(config.limits.owner_cpu_per_minute, Instant::now());
        Arc::new(Owner {
            id,
            name,
            permissions: AtomicU8::new(permissions.bits()),
            config: Mutex::new(config),
            memory: Meter::within(process, "limits.owner_memory", memory),
            kept: Meter::of_setting("limits.owner_kept_bytes", kept),
            cpu,
            sessions: AtomicUsize::new(0),
            revoked: AtomicBool::new(false),
        })
    }

    pub(crate) fn id(&self) -> OwnerId {
        self.id
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The server's config with this owner's limits.
    pub(crate) fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn memory(&self) -> &Arc<Meter> {
        &self.memory
    }

    pub(crate) fn kept(&self) -> &Arc<Meter> {
        &self.kept
    }

    pub(crate) fn cpu(&self) -> &Arc<CpuRate> {
        &self.cpu
    }

    /// Instances that its sessions may have at once.
    pub(crate) fn instances(&self) -> u32 {
        u32::try_from(self.config().limits.owner_instances).unwrap_or(u32::MAX)
    }

    /// Its token says other things from now on.
    pub(super) fn change(&self, permissions: Permissions, config: Arc<Config>) {
        self.permissions.store(permissions.bits(), Ordering::Relaxed);
        self.memory.set_limit(machine::allowed_memory(config.limits.owner_memory));
        self.kept.set_limit(config.limits.owner_kept_bytes);
        self.cpu.set_per_minute(config.limits.owner_cpu_per_minute);
        *self.config.lock().unwrap_or_else(PoisonError::into_inner) = config;
    }

    /// It has no token any more: it opens no session, and may do nothing.
    pub(super) fn revoke(&self) {
        self.revoked.store(true, Ordering::Relaxed);
        self.permissions.store(Permissions::default().bits(), Ordering::Relaxed);
    }

    /// Whether it may do something now.
    pub(crate) fn may(&self, permission: Permission) -> bool {
        Permissions::from_bits(self.permissions.load(Ordering::Relaxed)).contain(permission)
    }

    /// Lets it do something, in words `what`.
    ///
    /// # Errors
    /// `Forbidden`, if its token does not permit that.
    pub(crate) fn permit(&self, permission: Permission, what: &str) -> Result<(), Failure> {
        if self.may(permission) {
            return Ok(());
        }
        let message = format!("the token of {} does not permit {what}", self.name);
        Err(Failure::new(ErrorCode::Forbidden, message).with_hint(format!(
            "the operator can give it the permission `{permission}` (farside token new --replace)"
        )))
    }

    /// A place for another session of it.
    ///
    /// # Errors
    /// `QuotaExceeded` when it has as many as it may, `Unauthenticated` when its token was
    /// revoked.
    pub(crate) fn open_session(self: &Arc<Self>) -> Result<OwnerSession, Failure> {
        if self.revoked.load(Ordering::Relaxed) {
            return Err(Failure::new(ErrorCode::Unauthenticated, "the token was revoked"));
        }
        let most = self.config().limits.owner_sessions;
        let below = |count: usize| (count < most).then_some(count + 1);
        match self.sessions.try_update(Ordering::Relaxed, Ordering::Relaxed, below) {
            Ok(_) => Ok(OwnerSession(Arc::clone(self))),
            Err(_) => {
                let message = format!("there are {most} sessions already, as many as may be");
                Err(Failure::new(ErrorCode::QuotaExceeded, message)
                    .with_hint("close sessions, or raise limits.owner_sessions on the server"))
            }
        }
    }
}

/// One of an owner's sessions, until it is dropped.
#[derive(Debug)]
pub(crate) struct OwnerSession(Arc<Owner>);

impl OwnerSession {
    pub(crate) fn owner(&self) -> &Arc<Owner> {
        &self.0
    }
}

impl Drop for OwnerSession {
    fn drop(&mut self) {
        self.0.sessions.fetch_sub(1, Ordering::Relaxed);
    }
}
