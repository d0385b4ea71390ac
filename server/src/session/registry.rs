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
    table: Mutex<HashMap<SessionId, Arc<Session>>>,
}

impl Sessions {
    fn table(&self) -> MutexGuard<'_, HashMap<SessionId, Arc<Session>>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a session.
    ///
    /// # Errors
    /// At the limits of sessions per process and per owner. There is one owner in
    /// this version, so the lower of the two counts.
    pub(crate) fn open(
        &self,
        core: &Arc<Core>,
        lease: Option<Duration>,
    ) -> Result<Arc<Session>, Failure> {
        let limits = &core.config.limits;
        let most = limits.owner_sessions.min(limits.sessions);
        let lease = lease.unwrap_or(limits.session_lease).min(limits.session_lease_max);
        let mut table = self.table();
        if table.len() >= most {
            let (setting, code) = match limits.owner_sessions <= limits.sessions {
                true => ("limits.owner_sessions", ErrorCode::QuotaExceeded),
                false => ("limits.sessions", ErrorCode::Unavailable),
            };
            let message = format!("there are {most} sessions already, as many as may be");
            return Err(Failure::new(code, message)
                .with_hint(format!("close sessions, or raise {setting} on the server")));
        }
        let session = Session::open(Arc::clone(core), lease);
        table.insert(session.id(), Arc::clone(&session));
        Ok(session)
    }

    /// The session that a client has the key of.
    ///
    /// # Errors
    /// `SessionExpired` when there is no such session or the key is wrong: which
    /// of the two is not for a stranger to know.
    pub(crate) fn find(&self, to: &AttachTo) -> Result<Arc<Session>, Failure> {
        let found = self.table().get(&to.session).cloned();
        found.filter(|session| session.key.0.ct_eq(&to.key.0).into()).ok_or_else(|| {
            let message = format!("there is no session {} that this key opens", to.session);
            Failure::new(ErrorCode::SessionExpired, message).with_hint(
                "its lease ran out, it was closed, or the server was restarted; open a new one (farside session new)",
            )
        })
    }

    /// All sessions, oldest first.
    pub(crate) fn summaries(&self) -> Vec<SessionSummary> {
        let mut sessions: Vec<Arc<Session>> = self.table().values().cloned().collect();
        sessions.sort_unstable_by_key(|session| session.opened);
        let now = Instant::now();
        sessions.iter().map(|session| session.summary(now)).collect()
    }

    /// Takes a session out of the table; the caller closes it.
    ///
    /// # Errors
    /// When there is none of that id.
    pub(crate) fn remove(&self, id: SessionId) -> Result<Arc<Session>, Failure> {
        self.table().remove(&id).ok_or_else(|| {
            Failure::new(ErrorCode::NotFound, format!("there is no session {id}"))
                .with_hint("farside session list shows those that there are")
        })
    }

    /// Ends the sessions whose lease has run out by `now`.
    pub(crate) fn reap(&self, now: Instant) {
        let expired: Vec<Arc<Session>> = self
            .table()
            .extract_if(|_, session| session.expires_at().is_some_and(|at| at <= now))
            .map(|(_, session)| session)
            .collect();
        for session in expired {
            tracing::info!(session = %session.id(), "a session's lease ran out");
            session.close(Failure::new(ErrorCode::SessionExpired, "the session's lease ran out"));
        }
    }

    /// Ends every session.
    pub(crate) fn close_all(&self, failure: &Failure) {
        let all: Vec<Arc<Session>> = self.table().drain().map(|(_, session)| session).collect();
        for session in all {
            session.close(failure.clone());
        }
    }

    /// Calls taken and not finished, in all sessions.
    pub(crate) fn pending_calls(&self) -> u64 {
        let sessions: Vec<Arc<Session>> = self.table().values().cloned().collect();
        sessions.iter().map(|session| session.pending_calls()).sum()
    }
}
