//! The beginning of a connection: who speaks, which protocol, which session.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use farside_protocol::value::Kind;
use farside_protocol::{AttachTo, ErrorCode, Failure, PROTOCOL_VERSION, Reply, Request, Seq, caps};

use super::Outbox;
use crate::auth::{Admission, Owner, Permission};
use crate::core::Core;
use crate::session::{Opening, description};
use crate::versions;

/// What a client says first.
pub(super) struct Greeting {
    version: u16,
    token: String,
    agent: String,
}

impl Greeting {
    /// # Errors
    /// When the first message is another one.
    pub(super) fn of(request: Request) -> Result<Greeting, Failure> {
        match request {
            Request::Hello { version, token, agent } => Ok(Greeting { version, token, agent }),
            other => {
                let message = format!("the first message was {}, not Hello", other.name());
                Err(Failure::new(ErrorCode::BadRequest, message))
            }
        }
    }

    /// Checks version and token. Gives who it is, and the welcome.
    ///
    /// # Errors
    /// `VersionMismatch` or `Unauthenticated`.
    pub(super) fn check(&self, core: &Core) -> Result<(Admission, Reply), Failure> {
        if self.version != PROTOCOL_VERSION {
            let message = format!(
                "the client speaks protocol version {}, the server version {PROTOCOL_VERSION}",
                self.version
            );
            return Err(Failure::new(ErrorCode::VersionMismatch, message)
                .with_hint("use a client and a server of the same release"));
        }
        let admission = core.owners.admit(&self.token, SystemTime::now())?;
        let agent: String = self.agent.chars().take(80).collect();
        tracing::debug!(agent, owner = admission.owner.name(), "a client connected");
        let versions = versions();
        let welcome = Reply::Welcome {
            version: PROTOCOL_VERSION,
            server: versions.server.to_owned(),
            guest_abi: versions.guest_abi,
            data_format: versions.data_format,
            wasmtime: versions.wasmtime.to_owned(),
        };
        Ok((admission, welcome))
    }
}

/// Finds the session that a client asks for, or opens one, with the time that it is to
/// outlive its connections.
pub(super) fn find_or_open(
    core: &Arc<Core>,
    owner: &Arc<Owner>,
    to: Option<AttachTo>,
    lease_ms: Option<u64>,
) -> Result<(Opening, Option<Duration>), Failure> {
    let longest = owner.config().limits.session_lease_max;
    let lease = lease_ms.map(|ms| caps::duration_from_ms(ms).min(longest));
    let opening = match &to {
        Some(to) => Opening::Now(core.sessions.find(to, owner)?),
        None => core.sessions.open(core, owner, lease)?,
    };
    Ok((opening, lease))
}

/// Lists an owner's sessions, or those of all for one who administers.
pub(super) fn list_sessions(core: &Core, owner: &Owner, outbox: &Outbox, seq: Seq) {
    let of = (!owner.may(Permission::Admin)).then(|| owner.id());
    match description(&core.sessions.summaries(of), Kind::List, owner.memory()) {
        Ok(list) => outbox.send_description(seq, list),
        Err(failure) => outbox.send(Reply::Failed { seq, failure }),
    }
}
