//! The beginning of a connection: who speaks, which protocol, which session.

use std::sync::Arc;

use farside_protocol::value::Kind;
use farside_protocol::{AttachTo, ErrorCode, Failure, PROTOCOL_VERSION, Reply, Request, Seq, caps};

use super::Outbox;
use crate::core::Core;
use crate::session::{Asker, Session, description};
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

    /// Checks version and token. Gives the welcome.
    ///
    /// # Errors
    /// `VersionMismatch` or `Unauthenticated`.
    pub(super) fn check(&self, core: &Core) -> Result<Reply, Failure> {
        if self.version != PROTOCOL_VERSION {
            let message = format!(
                "the client speaks protocol version {}, the server version {PROTOCOL_VERSION}",
                self.version
            );
            return Err(Failure::new(ErrorCode::VersionMismatch, message)
                .with_hint("use a client and a server of the same release"));
        }
        if self.token.len() > caps::TOKEN_BYTES || !core.token.matches(&self.token) {
            let message = match self.token.is_empty() {
                true => "no token was given",
                false => "the token is wrong",
            };
            return Err(Failure::new(ErrorCode::Unauthenticated, message).with_hint(
                "on the server's machine, `farside token show` prints the line to export",
            ));
        }
        let agent: String = self.agent.chars().take(80).collect();
        tracing::debug!(agent, "a client connected");
        let versions = versions();
        Ok(Reply::Welcome {
            version: PROTOCOL_VERSION,
            server: versions.server.to_owned(),
            guest_abi: versions.guest_abi,
            data_format: versions.data_format,
            wasmtime: versions.wasmtime.to_owned(),
        })
    }
}

/// Opens a session or joins one.
pub(super) fn attach(
    core: &Arc<Core>,
    outbox: &Arc<Outbox>,
    to: Option<AttachTo>,
    lease_ms: Option<u64>,
) -> Result<(Arc<Session>, Asker, Reply), Failure> {
    let lease =
        lease_ms.map(|ms| caps::duration_from_ms(ms).min(core.config.limits.session_lease_max));
    let session = match &to {
        Some(to) => core.sessions.find(to)?,
        None => core.sessions.open(core, lease)?,
    };
    let (asker, reply) = session.attach(outbox, lease)?;
    Ok((session, asker, reply))
}

pub(super) fn list_sessions(core: &Core, outbox: &Outbox, seq: Seq) {
    match description(&core.sessions.summaries(), Kind::List, &core.memory) {
        Ok(list) => outbox.send_description(seq, list),
        Err(failure) => outbox.send(Reply::Failed { seq, failure }),
    }
}
