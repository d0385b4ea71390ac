//! Sessions: a client's instances, references and calls on the server.
//!
//! A [`Session`] outlives its connections. Its state is changed by synchronous
//! functions under one lock (`state`), which say what to do next as [`Step`]s;
//! `drive` carries them out with the lock released.

mod arguments;
mod arrivals;
mod asks;
mod calls;
mod drive;
mod ids;
mod nested;
mod objects;
mod questions;
mod refs;
mod registry;
mod releases;
mod resolve;
mod rest;
mod select;
mod series;
mod slot;
mod state;
mod step;
mod taking;
#[cfg(test)]
mod tests;
mod transfers;
mod value;
mod writer;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use farside_protocol::outline::SessionSummary;
use farside_protocol::{
    Failure, LogLevel, RefId, Reply, Request, ResumeKey, Seq, SessionId, WriterId,
};

pub(crate) use asks::description;
pub(crate) use drive::Patience;
pub(crate) use registry::{Opening, Sessions};
pub(crate) use select::Selections;
pub(crate) use state::Asker;
pub(crate) use value::{Body, Value};

use crate::auth::{Owner, OwnerId, OwnerSession};
use crate::config::Config;
use crate::connection::Outbox;
use crate::core::Core;
use crate::cpu::CpuAccount;
use crate::fair_queue::Turn;
use crate::meter::Meter;
use crate::sandbox::{Budget, HostCallRate, Lane, LogSink};
use state::State;

/// One client's state on the server. Shared by its connections and running calls.
pub(crate) struct Session {
    id: SessionId,
    key: ResumeKey,
    lane: Lane,
    core: Arc<Core>,
    /// Its place among its owner's sessions.
    of_owner: OwnerSession,
    /// Its place among all.
    _place: Turn<OwnerId>,
    /// The server's config, with the owner's limits as they were when it was opened.
    config: Arc<Config>,
    opened: Instant,
    budget: Arc<Budget>,
    cpu: Arc<CpuAccount>,
    host_calls: Arc<HostCallRate>,
    lease: Mutex<Lease>,
    /// Whether an instance's state may have to be kept before its next call.
    unkept: AtomicBool,
    /// Short: decisions only; never held while waiting or running a guest.
    state: Mutex<State>,
}

struct Lease {
    length: Duration,
    /// When the last connection went.
    idle_since: Option<Instant>,
}

/// Numbers sessions for the executor's round.
static LANES: AtomicU64 = AtomicU64::new(0);

impl Session {
    fn open(
        core: Arc<Core>,
        of_owner: OwnerSession,
        place: Turn<OwnerId>,
        lease: Duration,
    ) -> Arc<Session> {
        let owner = Arc::clone(of_owner.owner());
        let config = owner.config();
        let limits = &config.limits;
        let budget = Arc::new(Budget::new(
            usize::try_from(limits.session_memory.bytes()).unwrap_or(usize::MAX),
            limits.session_table_elements,
            Arc::clone(owner.memory()),
        ));
        let cpu = Arc::new(CpuAccount::new(limits.session_cpu, Arc::clone(owner.cpu())));
        let id = SessionId(rand::random());
        let state = State::new(
            id,
            owner,
            Arc::clone(&config),
            Arc::clone(&core.evaluators),
            Arc::clone(&budget),
            Arc::clone(&cpu),
        );
        let lane =
            Lane { owner: of_owner.owner().id(), session: LANES.fetch_add(1, Ordering::Relaxed) };
        let lease = Lease { length: lease, idle_since: Some(Instant::now()) };
        Arc::new(Session {
            id,
            key: ResumeKey(rand::random()),
            lane,
            core,
            of_owner,
            _place: place,
            opened: Instant::now(),
            budget,
            cpu,
            host_calls: HostCallRate::new(config.limits.session_host_calls, Instant::now()),
            config,
            lease: Mutex::new(lease),
            unkept: AtomicBool::new(false),
            state: Mutex::new(state),
        })
    }

    pub(crate) fn id(&self) -> SessionId {
        self.id
    }

    pub(crate) fn owner(&self) -> &Arc<Owner> {
        self.of_owner.owner()
    }

    /// Memory of its owner's sessions.
    fn memory(&self) -> &Arc<Meter> {
        self.owner().memory()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lease(&self) -> MutexGuard<'_, Lease> {
        self.lease.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a connection a writer of this session. Gives the greeting.
    ///
    /// # Errors
    /// When the session is closed, or has had too many writers.
    pub(crate) fn attach(
        &self,
        outbox: &Arc<Outbox>,
        lease: Option<Duration>,
    ) -> Result<(Asker, Reply), Failure> {
        let mut state = self.state();
        let writer = state.attach(Arc::clone(outbox))?;
        let (calls, bytes) = state.totals(writer);
        let mut own = self.lease();
        own.idle_since = None;
        if let Some(length) = lease {
            own.length = length;
        }
        let lease_ms = u64::try_from(own.length.as_millis()).unwrap_or(u64::MAX);
        state.lease_ms = lease_ms;
        drop(state);
        let (session, key) = (self.id, self.key);
        let greeting = Reply::Attached { session, key, writer, taken: 0, calls, bytes, lease_ms };
        Ok((Asker { writer, outbox: Arc::clone(outbox) }, greeting))
    }

    /// A connection ended.
    pub(crate) fn detach(self: &Arc<Self>, writer: WriterId) {
        let mut steps = Vec::new();
        let mut state = self.state();
        state.detach(writer, &mut steps);
        if state.attached.is_empty() {
            self.lease().idle_since = Some(Instant::now());
        }
        drop(state);
        self.drive(steps, &mut Patience::none());
    }

    /// Takes one message of a writer, which came `now`, and does what follows from it.
    ///
    /// # Errors
    /// When the client broke the protocol; its connection is to be closed.
    pub(crate) fn handle(
        self: &Arc<Self>,
        asker: &Asker,
        request: Request,
        now: Instant,
        patience: &mut Patience,
    ) -> Result<(), Failure> {
        let mut steps = Vec::new();
        let taken = self.state().take(asker, request, now, &mut steps);
        self.drive(steps, patience);
        taken
    }

    /// Whether a numbered message that the state does not see is the next one.
    pub(crate) fn is_next(&self, asker: &Asker, seq: Seq) -> Result<bool, Failure> {
        self.state().is_next(asker, seq)
    }

    /// Ends the session and frees all that it holds.
    pub(crate) fn close(self: &Arc<Self>, failure: Failure) {
        let mut steps = Vec::new();
        self.state().close(failure, &mut steps);
        self.drive(steps, &mut Patience::none());
    }

    /// When its lease runs out, if nothing is attached.
    fn expires_at(&self) -> Option<Instant> {
        let lease = self.lease();
        lease.idle_since.and_then(|since| since.checked_add(lease.length))
    }

    /// Takes no more calls, values and modules.
    fn retire(&self, failure: Failure) {
        self.state().retired = Some(failure);
    }

    /// Calls taken and not finished, and parts of values that are looked for.
    fn pending(&self) -> u64 {
        let state = self.state();
        state.pending_calls + state.parts_sought
    }

    fn summary(&self, now: Instant) -> SessionSummary {
        let expires_in = self.expires_at().map(|at| at.saturating_duration_since(now).as_secs());
        let state = self.state();
        let mut modules: Vec<String> = state.names.keys().map(|name| name.to_string()).collect();
        modules.sort_unstable();
        SessionSummary {
            session: self.id,
            owner: self.owner().name().to_owned(),
            age_s: now.saturating_duration_since(self.opened).as_secs(),
            connections: state.attached.len() as u64,
            modules,
            refs: state.refs.len() as u64,
            kept_bytes: state.refs.kept_bytes(),
            expires_in_s: expires_in,
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.core.sandbox.stock.forget(self.lane);
    }
}

impl LogSink for Session {
    fn line(&self, of: RefId, level: LogLevel, text: &str) {
        tracing::debug!(session = %self.id, call = %of, ?level, "guest: {text}");
        let outbox = self.state().attached.get(&of.writer()).cloned();
        if let Some(outbox) = outbox {
            outbox.send_log(of, level, text);
        }
    }
}
