//! How a connection ends.

use std::io;
use std::sync::Arc;

use farside_protocol::Failure;
use farside_protocol::codec::DecodeError;

/// Why a connection is of no use any more. All that waited on it ends with this;
/// the session lives on at the server until its lease runs out.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Disconnected {
    /// The server said why it hangs up.
    #[error("the server ended it")]
    Refused {
        /// Its reason.
        #[source]
        failure: Failure,
    },
    /// The server, or something between, closed it without a word.
    #[error("the other side closed it")]
    Closed,
    /// The transport failed.
    #[error("the transport failed")]
    Transport {
        /// How.
        #[source]
        source: Arc<io::Error>,
    },
    /// A message that this client can't read.
    #[error("the server sent what is no message")]
    BadMessage {
        /// What is wrong with it.
        #[source]
        source: DecodeError,
    },
    /// A message that has no place in the protocol where it came.
    #[error("the server broke the protocol: {what}")]
    Unexpected {
        /// Which, and why it is wrong.
        what: String,
    },
    /// This program closed it.
    #[error("this program closed it")]
    Ended,
}

impl Disconnected {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        match self {
            Disconnected::Refused { failure } => failure.hint.as_deref(),
            Disconnected::Closed | Disconnected::Transport { .. } => Some(
                "the session outlives the connection: join it again by its id and resume key \
                 (`Client::attach`)",
            ),
            Disconnected::BadMessage { .. } | Disconnected::Unexpected { .. } => {
                Some("client and server may be of different versions: compare `farside version`")
            }
            Disconnected::Ended => None,
        }
    }
}
