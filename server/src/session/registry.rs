//! All sessions of the process: opened, found, listed, and ended when their
//! lease runs out.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use farside_protocol::outline::SessionSummary;
use farside_protocol::{AttachTo, ErrorCode, Failure, SessionId};
use subtle::ConstantTimeEq;

use super::Session;
use crate::auth::{Owner, OwnerId, OwnerSession, Permission};
use crate::config::Limits;
use crate::core::Core;
use crate::fair_queue::{FairQueue, Turn};

/// Sessions of an owner that may wait for places at once.
const WAITING: usize = 256;

/// The sessions by id.
pub(crate) struct Sessions {
    places: FairQueue<OwnerId>,
    /// Short: only looked up, inserted into and removed from.
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    open: HashMap<SessionId, Arc<Session>>,
    /// Why none is opened or joined any more.
    retired: Option<Failure>,
}

/// A session that was asked for.
pub(crate) enum Opening {
    Now(Arc<Session>),
    /// It waits for a place.
    Later(Pin<Box<dyn Future<Output = Result<Arc<Session>, Failure>> + Send>>),
}

impl Sessions {
    /// No sessions yet, of at most so many.
    pub(crate) fn new(most: usize) -> Sessions {
        let places = FairQueue::new(u32::try_from(most).unwrap_or(u32::MAX), WAITING);
        Sessions { places, table: Mutex::default() }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a session, or has it wait for a place, in fair order of the owners.
    ///
    /// # Errors
    /// When the owner has as many as it may, and once the server has retired; later, when
    /// no place came free.
    pub(crate) fn open(
        &self,
        core: &Arc<Core>,
        owner: &Arc<Owner>,
        lease: Option<Duration>,
    ) -> Result<Opening, Failure> {
        if let Some(failure) = &self.table().retired {
            return Err(failure.clone());
        }
        let of_owner = owner.open_session()?;
        if let Some(place) = self.places.try_take(owner.id(), 1, u32::MAX) {
            return self.begin(core, of_owner, place, lease).map(Opening::Now);
        }
        let core = Arc::clone(core);
        Ok(Opening::Later(Box::pin(async move {
            let place = core.sessions.wait(of_owner.owner().id(), &core.config.limits).await?;
            core.sessions.begin(&core, of_owner, place, lease)
        })))
    }

    /// Waits for a place.
    async fn wait(&self, owner: OwnerId, limits: &Limits) -> Result<Turn<OwnerId>, Failure> {
        let (most, wait) = (limits.sessions, limits.session_wait);
        let why = match tokio::time::timeout(wait, self.places.take(owner, 1, u32::MAX)).await {
            Ok(Ok(place)) => return Ok(place),
            Ok(Err(full)) => full.to_string(),
            Err(_) => format!("none ended within {wait:?}"),
        };
        let message = format!("there are {most} sessions already, as many as may be, and {why}");
        Err(Failure::new(ErrorCode::Unavailable, message).with_hint(
            "try again in some seconds; close sessions, or raise limits.sessions on the server",
        ))
    }

    fn begin(
        &self,
        core: &Arc<Core>,
        of_owner: OwnerSession,
        place: Turn<OwnerId>,
        lease: Option<Duration>,
    ) -> Result<Arc<Session>, Failure> {
        let config = of_owner.owner().config();
        let limits = &config.limits;
        let lease = lease.unwrap_or(limits.session_lease).min(limits.session_lease_max);
        let mut table = self.table();
        if let Some(failure) = &table.retired {
            return Err(failure.clone());
        }
        let session = Session::open(Arc::clone(core), of_owner, place, lease);
        table.open.insert(session.id(), Arc::clone(&session));
        Ok(session)
    }

    /// The session that a client has the key of.
    ///
    /// # Errors
    /// `SessionExpired` when there is no such session, or it is another owner's, or the
    /// key is wrong: which of these is not for a stranger to know. The server's reason
    /// once it has retired.
    pub(crate) fn find(&self, to: &AttachTo, owner: &Owner) -> Result<Arc<Session>, Failure> {
        let table = self.table();
        if let Some(failure) = &table.retired {
            return Err(failure.clone());
        }
        let found = table.open.get(&to.session).cloned();
        drop(table);
        let is_it = |session: &Arc<Session>| {
            let has_key: bool = session.key.0.ct_eq(&to.key.0).into();
            has_key && session.owner().id() == owner.id()
        };
        found.filter(is_it).ok_or_else(|| {
            let message = format!("there is no session {} that this key opens", to.session);
            Failure::new(ErrorCode::SessionExpired, message).with_hint(
                "its lease ran out, it was closed, or the server was restarted; open a new one (farside session new)",
            )
        })
    }

    /// The sessions of an owner, or of all, oldest first.
    pub(crate) fn summaries(&self, of: Option<OwnerId>) -> Vec<SessionSummary> {
        let mut sessions = self.all();
        sessions.retain(|session| of.is_none_or(|owner| session.owner().id() == owner));
        sessions.sort_unstable_by_key(|session| session.opened);
        let now = Instant::now();
        sessions.iter().map(|session| session.summary(now)).collect()
    }

    /// Takes a session out of the table for its owner, or for one who administers; the
    /// caller closes it.
    ///
    /// # Errors
    /// When there is none of that id, or it is another owner's.
    pub(crate) fn remove(&self, id: SessionId, owner: &Owner) -> Result<Arc<Session>, Failure> {
        let mut table = self.table();
        let may_end = |session: &Arc<Session>| {
            session.owner().id() == owner.id() || owner.may(Permission::Admin)
        };
        let found = table.open.get(&id).is_some_and(may_end);
        found.then(|| table.open.remove(&id)).flatten().ok_or_else(|| {
            Failure::new(ErrorCode::NotFound, format!("there is no session {id}"))
                .with_hint("farside session list shows those that there are")
        })
    }

    /// Ends a session that nobody was told of.
    pub(crate) fn discard(&self, session: &Arc<Session>) {
        self.table().open.remove(&session.id());
        session.close(Failure::new(ErrorCode::SessionExpired, "nobody joined the session"));
    }

    /// Ends the sessions whose lease has run out by `now`.
    pub(crate) fn reap(&self, now: Instant) {
        let expired: Vec<Arc<Session>> = self
            .table()
            .open
            .extract_if(|_, session| session.expires_at().is_some_and(|at| at <= now))
            .map(|(_, session)| session)
            .collect();
        for session in expired {
            tracing::info!(session = %session.id(), "a session's lease ran out");
            session.close(Failure::new(ErrorCode::SessionExpired, "the session's lease ran out"));
        }
    }

    /// Ends the sessions of some owners.
    pub(crate) fn close_of(&self, owners: &[OwnerId], failure: &Failure) {
        let is_of = |session: &Session| owners.contains(&session.owner().id());
        if owners.is_empty() {
            return;
        }
        let closed: Vec<_> = self.table().open.extract_if(|_, session| is_of(session)).collect();
        for (_, session) in closed {
            session.close(failure.clone());
        }
    }

    /// Gives back what calls have left of guests' stacks, in sessions' idle instances.
    pub(crate) fn give_back_stacks(&self) {
        for session in self.all() {
            session.give_back_stacks();
        }
    }

    /// Takes nothing more: no session is opened or joined, and those that there are
    /// go on only with what they have taken.
    pub(crate) fn retire(&self, failure: &Failure) {
        self.table().retired = Some(failure.clone());
        for session in self.all() {
            session.retire(failure.clone());
        }
    }

    /// Ends every session.
    pub(crate) fn close_all(&self, failure: &Failure) {
        let all: Vec<_> = self.table().open.drain().map(|(_, session)| session).collect();
        for session in all {
            session.close(failure.clone());
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.table().open.len()
    }

    /// Calls taken and not finished, and values looked for, in all sessions.
    pub(crate) fn pending(&self) -> u64 {
        self.all().iter().map(|session| session.pending()).sum()
    }

    fn all(&self) -> Vec<Arc<Session>> {
        self.table().open.values().cloned().collect()
    }
}
