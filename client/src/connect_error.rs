//! Why a client can't connect, and what to do about it.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use farside_protocol::{DEFAULT_PORT, Failure, PROTOCOL_VERSION};

use crate::connect::port;
use crate::disconnected::Disconnected;

/// Why a server's certificate is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateProblem {
    /// Nobody who is trusted has signed it.
    #[error("is signed by nobody that is trusted here")]
    Issuer,
    /// Its time is over.
    #[error("has expired")]
    Expired,
    /// Its time has not begun.
    #[error("is not valid yet")]
    Early,
    /// It is another server's.
    #[error("{}", for_names(names))]
    Name {
        /// Those that it is for.
        names: Vec<String>,
    },
    /// It may sign others and is no server's own.
    #[error("is that of a CA, which is none for a server")]
    OfCa,
    /// Something else is wrong with it.
    #[error("is no good: {reason}")]
    Other {
        /// What.
        reason: String,
    },
}

fn for_names(names: &[String]) -> String {
    match names {
        [] => "names no host (it has no subjectAltName)".to_owned(),
        names => format!("is for other names: {}", names.join(", ")),
    }
}

/// Why there is no connection to a server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URL's scheme is none that a Farside server answers to.
    #[error("`{url}` is no WebSocket address")]
    Scheme {
        /// The URL.
        url: String,
        /// What it was probably meant to be.
        meant: String,
    },
    /// TLS is not built in.
    #[error("`{url}` needs TLS, which this client was built without")]
    Tls {
        /// The URL.
        url: String,
    },
    /// The server speaks TLS, and the URL says that it does not.
    #[error("{url} speaks TLS")]
    NeedsTls {
        /// The URL.
        url: String,
    },
    /// The server does not speak TLS, and the URL says that it does.
    #[error("{url} does not speak TLS")]
    NoTls {
        /// The URL.
        url: String,
    },
    /// The server's certificate is not accepted.
    #[error("the certificate of {url} {problem}")]
    Certificate {
        /// The URL.
        url: String,
        /// Why not.
        problem: CertificateProblem,
    },
    /// There is no encrypted connection, for another reason.
    #[error("there is no encrypted connection to {url}")]
    Encryption {
        /// The URL.
        url: String,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// The file of trusted CAs is no good.
    #[error("the CA certificates in {} can't be used: {reason}", path.display())]
    Ca {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The text is no URL.
    #[error("`{url}` is no URL: {reason}")]
    Url {
        /// The text.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Nothing listens there.
    #[error("no server listens at {url}")]
    NoServer {
        /// The URL.
        url: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The host can't be found or reached.
    #[error("could not reach {url}")]
    Unreachable {
        /// The URL.
        url: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Something else than a Farside server answered.
    #[error("what answers at {url} is no Farside server: {found}")]
    NotFarside {
        /// The URL.
        url: String,
        /// What it answered.
        found: String,
    },
    /// Client and server speak different versions of the protocol.
    #[error("{url} speaks another version of the protocol than this client ({PROTOCOL_VERSION})")]
    Version {
        /// The URL.
        url: String,
        /// What the server says.
        #[source]
        failure: Box<Failure>,
    },
    /// The server wants a token, and none was given.
    #[error("{url} wants a token, and none was given")]
    NoToken {
        /// The URL.
        url: String,
    },
    /// The token is not the server's.
    #[error("{url} does not accept the token")]
    WrongToken {
        /// The URL.
        url: String,
        /// What the server says.
        #[source]
        failure: Box<Failure>,
    },
    /// The server refuses for another reason.
    #[error("{url} refuses the connection")]
    Refused {
        /// The URL.
        url: String,
        /// What the server says.
        #[source]
        failure: Box<Failure>,
    },
    /// The connection ended before the server said anything.
    #[error("{url} hung up during the handshake")]
    Disconnected {
        /// The URL.
        url: String,
        /// How.
        #[source]
        source: Arc<Disconnected>,
    },
    /// The server did not answer in time.
    #[error("{url} did not answer within {after:?}")]
    Timeout {
        /// The URL.
        url: String,
        /// The time it had.
        after: Duration,
    },
}

impl ConnectError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            ConnectError::Scheme { meant, .. } => return Some(format!("say `{meant}`")),
            ConnectError::Tls { .. } => "build it with the feature `tls` of the crate farside",
            ConnectError::NeedsTls { url } => {
                return Some(format!("say `{}`", with_scheme(url, "wss")));
            }
            ConnectError::NoTls { url } => {
                return Some(format!(
                    "`{}` reaches it, and then whoever is on the way can read the token; a server \
                     speaks TLS with tls_certificate and tls_key",
                    with_scheme(url, "ws")
                ));
            }
            ConnectError::Certificate { problem, .. } => match problem {
                CertificateProblem::Issuer => {
                    "name the PEM file of a private CA with FARSIDE_CA, or `ca_file` in a program"
                }
                CertificateProblem::Expired => {
                    "the server's operator renews it; a server reads it again by itself"
                }
                CertificateProblem::Early => "is the clock of this machine right?",
                CertificateProblem::Name { names } if names.is_empty() => {
                    "its operator makes one with the host's name in it (openssl: `-addext \
                     subjectAltName=DNS:NAME`)"
                }
                CertificateProblem::Name { .. } => "use the name that the certificate is for",
                CertificateProblem::OfCa => {
                    "its operator makes one that is not (openssl: `-addext \
                     basicConstraints=critical,CA:FALSE`)"
                }
                CertificateProblem::Other { .. } => "the server's operator replaces it",
            },
            ConnectError::Encryption { .. } => "is the port right? The server's log may say more",
            ConnectError::Ca { .. } => {
                "FARSIDE_CA, or `ca_file` in a program, names a file with -----BEGIN CERTIFICATE-----"
            }
            ConnectError::Url { .. } => "a server's address looks like `ws://127.0.0.1:7327`",
            ConnectError::NoServer { url, .. }
                if url.split_once("://").is_some_and(|(_, rest)| port(rest).is_none()) =>
            {
                return Some(format!(
                    "without a port the address means port 80; a server's is {DEFAULT_PORT} unless \
                     it says otherwise"
                ));
            }
            ConnectError::NoServer { .. } => {
                "start one with `farside serve`, or name another address with FARSIDE_URL"
            }
            ConnectError::Unreachable { .. } => "is the host's name right, and the network up?",
            ConnectError::NotFarside { .. } => {
                "is the port right? `farside serve` prints its address, and a server that is \
                 mounted in another application has a path"
            }
            ConnectError::Version { .. } => {
                "use a client and a server of the same release: compare `farside version`"
            }
            ConnectError::NoToken { .. } | ConnectError::WrongToken { .. } => {
                "the server's operator makes one with `farside token new NAME`; the server's own \
                 is printed by `farside token show` where it runs. FARSIDE_TOKEN takes either"
            }
            ConnectError::Refused { failure, .. } => failure.hint.as_deref()?,
            ConnectError::Disconnected { .. } => {
                "a server that shuts down does that: try again, or look at its log"
            }
            ConnectError::Timeout { .. } => {
                "is the address right? A server that is only busy answers sooner or later: try a \
                 longer timeout"
            }
        };
        Some(text.to_owned())
    }
}

/// A URL with another scheme.
fn with_scheme(url: &str, scheme: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    format!("{scheme}://{rest}")
}
