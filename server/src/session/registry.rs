//! All sessions of the process: opened, found, listed, and ended when their
//! lease runs out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use farside_protocol::outline::SessionSummary;
use farside_protocol::{AttachTo, ErrorCode, Failure, SessionId};
use subtle::ConstantTimeEq;

use super::Session;
use crate::core::Core;

/// The sessions by id.
#[derive(Default)]
pub(crate) struct Sessions {
    /// Short: only looked up, inserted into and removed from.
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    open: HashMap<SessionId, Arc<Session>>,
    /// Why none is opened or joined any more.
    retired: Option<Failure>,
}

impl Sessions {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a session.
    ///
    /// # Errors
    /// At the limits of sessions per process and per owner, and once the server has
    /// retired. There is one owner in this version, so the lower of the two counts.
    pub(crate) fn open(
        &self,
        core: &Arc<Core>,
        lease: Option<Duration>,
    ) -> Result<Arc<Session>, Failure> {
        let limits = &core.config.limits;
        let most = limits.owner_sessions.min(limits.sessions);
        let lease = lease.unwrap_or(limits.session_lease).min(limits.session_lease_max);
        let mut table = self.table();
        if let Some(failure) = &table.retired {
            return Err(failure.clone());
        }
        if table.open.len() >= most {
            let (setting, code) = match limits.owner_sessions <= limits.sessions {
                true => ("limits.owner_sessions", ErrorCode::QuotaExceeded),
                false => ("limits.sessions", ErrorCode::Unavailable),
            };
            let message = format!("there are {most} sessions already, as many as may be");
            return Err(Failure::new(code, message)
                .with_hint(format!("close sessions, or raise {setting} on the server")));
        }
        let session = Session::open(Arc::clone(core), lease);
        table.open.insert(session.id(), Arc::clone(&session));
        Ok(session)
    }

    /// The session that a client has the key of.
    ///
    /// # Errors
    /// `SessionExpired` when there is no such session or the key is wrong: which
    /// of the two is not for a stranger to know. The server's reason once it has
    /// retired.
    pub(crate) fn find(&self, to: &AttachTo) -> Result<Arc<Session>, Failure> {
        let table = self.table();
        if let Some(failure) = &table.retired {
            return Err(failure.clone());
        }
        let found = table.open.get(&to.session).cloned();
        drop(table);
        found.filter(|session| session.key.0.ct_eq(&to.key.0).into()).ok_or_else(|| {
            let message = format!("there is no session {} that this key opens", to.session);
            Failure::new(ErrorCode::SessionExpired, message).with_hint(
                "its lease ran out, it was closed, or the server was restarted; open a new one (farside session new)",
            )
        })
    }

    /// All sessions, oldest first.
    pub(crate) fn summaries(&self) -> Vec<SessionSummary> {
        let sessions = self.all();
        let now = Instant::now();
        let mut summaries: Vec<SessionSummary> =
            sessions.iter().map(|session| session.summary(now)).collect();
        summaries.sort_by_key(|summary| std::cmp::Reverse(summary.age_s));
        summaries
    }

    /// Takes a session out of the table; the caller closes it.
    ///
    /// # Errors
    /// When there is none of that id.
    pub(crate) fn remove(&self, id: SessionId) -> Result<Arc<Session>, Failure> {
        self.table().open.remove(&id).ok_or_else(|| {
            Failure::new(ErrorCode::NotFound, format!("there is no session {id}"))
                .with_hint("farside session list shows those that there are")
        })
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

    /// Calls taken and not finished, and values looked for, in all sessions.
    pub(crate) fn pending(&self) -> u64 {
        self.all().iter().map(|session| session.pending()).sum()
    }

    fn all(&self) -> Vec<Arc<Session>> {
        self.table().open.values().cloned().collect()
    }
}
