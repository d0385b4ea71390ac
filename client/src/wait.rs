//! Waiting for references without fetching them.

use std::sync::Arc;
use std::time::Duration;

use farside_protocol::{Failure, RefId, RefState, Request, caps};

use crate::ask::Answer;
use crate::disconnected::Disconnected;
use crate::session::Session;
use crate::time::millis;

impl Session {
    /// Waits until `count` of the references are ready or failed, and tells the
    /// state of each. With a timeout, it tells what is settled by then.
    ///
    /// # Errors
    /// When there are more than 16,384 references, or the connection is lost.
    #[tracing::instrument(level = "debug", target = "farside::client", name = "wait", skip_all, fields(refs = refs.len(), count))]
    pub async fn wait(
        &self,
        refs: &[RefId],
        count: usize,
        timeout: Option<Duration>,
    ) -> Result<Vec<RefState>, WaitError> {
        if refs.len() > caps::REFS_IN_MESSAGE {
            return Err(WaitError::TooMany { count: refs.len() });
        }
        let refs = refs.to_vec();
        let count = count.min(refs.len()) as u32;
        let timeout_ms = timeout.map(millis);
        match self.link().ask(|seq| Request::Wait { seq, refs, count, timeout_ms }).await {
            Ok(Answer::Waited(states)) => Ok(states),
            Ok(other) => Err(WaitError::Failed(other.into_failure())),
            Err(reason) => Err(WaitError::Disconnected(reason)),
        }
    }
}

/// Why references were not waited for.
#[derive(Debug, thiserror::Error)]
pub enum WaitError {
    /// More references than fit a message.
    #[error("{count} references at once; at most {} can be waited for", caps::REFS_IN_MESSAGE)]
    TooMany {
        /// How many.
        count: usize,
    },
    /// The server says why.
    #[error(transparent)]
    Failed(Failure),
    /// The connection was lost.
    #[error("the connection is lost")]
    Disconnected(#[source] Arc<Disconnected>),
}

impl WaitError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        match self {
            WaitError::TooMany { .. } => Some("wait for them in several goes"),
            WaitError::Failed(failure) => failure.hint.as_deref(),
            WaitError::Disconnected(reason) => reason.hint(),
        }
    }
}
