//! How a client comes to its connections.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
#[cfg(feature = "tls")]
use std::sync::OnceLock;
use std::time::Duration;

use farside_protocol::{
    DEFAULT_PORT, ErrorCode, Failure, PROTOCOL_VERSION, REFUSAL_HEADER, Request, SPEAKS_HEADER,
    SUBPROTOCOL, TLS_HEADER, Transport,
};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite;

use crate::ask::Answer;
use crate::client::{Client, ServerVersions, TIMEOUT};
use crate::connect_error::ConnectError;
use crate::disconnected::Disconnected;
use crate::link::Connection;
use crate::outbox::QUEUE_BYTES;
use crate::socket::Socket;
#[cfg(feature = "tls")]
use crate::tls::Tls;
use crate::websocket::WebSocket;

/// How to connect; from [`Client::builder`].
///
/// The URL begins as `FARSIDE_URL` or `ws://127.0.0.1:7327`, the token as
/// `FARSIDE_TOKEN` or none, the file of trusted CAs as `FARSIDE_CA` or none.
#[derive(Clone)]
pub struct ClientBuilder {
    url: String,
    token: String,
    ca_file: Option<PathBuf>,
    #[cfg(feature = "tls")]
    tls: Arc<OnceLock<Tls>>,
    agent: String,
    pub(crate) timeout: Duration,
    pub(crate) lease: Option<Duration>,
    queue_bytes: usize,
}

/// The token is a secret.
impl std::fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientBuilder").field("url", &self.url).finish_non_exhaustive()
    }
}

impl ClientBuilder {
    pub(crate) fn from_environment() -> ClientBuilder {
        let said = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let url = std::env::var("FARSIDE_URL").ok().filter(|url| !url.is_empty());
        ClientBuilder {
            url: url.unwrap_or_else(|| format!("ws://127.0.0.1:{DEFAULT_PORT}")),
            token: std::env::var("FARSIDE_TOKEN").unwrap_or_default(),
            ca_file: said("FARSIDE_CA").map(PathBuf::from),
            #[cfg(feature = "tls")]
            tls: Arc::default(),
            agent: concat!("farside-rust/", env!("CARGO_PKG_VERSION")).to_owned(),
            timeout: TIMEOUT,
            lease: None,
            queue_bytes: QUEUE_BYTES,
        }
    }

    /// The server's `ws://` URL, or `wss://` where it speaks TLS.
    #[must_use]
    pub fn url(mut self, url: &str) -> ClientBuilder {
        url.clone_into(&mut self.url);
        self
    }

    /// The owner's token, as `farside token show` prints it.
    #[must_use]
    pub fn token(mut self, token: &str) -> ClientBuilder {
        token.clone_into(&mut self.token);
        self
    }

    /// A PEM file of CA certificates that are trusted in place of the machine's own: for
    /// a server whose certificate a private CA has signed. It matters to `wss://` alone.
    #[must_use]
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> ClientBuilder {
        self.ca_file = Some(path.into());
        #[cfg(feature = "tls")]
        {
            self.tls = Arc::default();
        }
        self
    }

    /// The program and its version, for the server's log.
    #[must_use]
    pub fn agent(mut self, agent: &str) -> ClientBuilder {
        agent.clone_into(&mut self.agent);
        self
    }

    /// How long to wait for a connection, and for a session; 10 seconds by default.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> ClientBuilder {
        self.timeout = timeout;
        self
    }

    /// How long a session shall outlive its last connection; the server's own
    /// default otherwise, and its maximum always.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> ClientBuilder {
        self.lease = Some(lease);
        self
    }

    /// Bytes that a session's queue may hold before a call breaks locally; 64 MiB
    /// by default. Large values and arguments have a queue of their own, of the same
    /// size. One message may overshoot each.
    #[must_use]
    pub fn queue_bytes(mut self, bytes: usize) -> ClientBuilder {
        self.queue_bytes = bytes;
        self
    }

    /// Connects.
    ///
    /// # Errors
    /// Why there is no connection; each variant has its own hint.
    pub async fn connect(self) -> Result<Client, ConnectError> {
        let (connection, versions) = open(&self).await?;
        Ok(Client::new(self, true, connection, versions))
    }

    /// Connects over a transport of one's own; the URL is not used.
    ///
    /// # Errors
    /// When the server refuses, or the transport ends.
    pub async fn over(mut self, transport: impl Transport) -> Result<Client, ConnectError> {
        "the given transport".clone_into(&mut self.url);
        let connection = Connection::start(transport, self.queue_bytes);
        let greeted = async { welcomed(&self, connection.greet(&hello(&self)).await) };
        let versions = within(&self, greeted).await?;
        Ok(Client::new(self, false, connection, versions))
    }
}

/// Opens a connection that is greeted and not attached to a session.
#[tracing::instrument(level = "debug", target = "farside::client", name = "connect", skip_all, fields(url = settings.url))]
pub(crate) async fn open(
    settings: &ClientBuilder,
) -> Result<(Connection, ServerVersions), ConnectError> {
    within(settings, async {
        let connection = start(settings).await?;
        let versions = welcomed(settings, connection.greet(&hello(settings)).await)?;
        Ok((connection, versions))
    })
    .await
}

/// Opens a connection and has it join a session, both in one round trip after the
/// transport's own. Gives the answer to `attach`.
#[tracing::instrument(level = "debug", target = "farside::client", name = "connect", skip_all, fields(url = settings.url))]
pub(crate) async fn open_joined(
    settings: &ClientBuilder,
    attach: &Request,
) -> Result<(Connection, Result<Answer, Arc<Disconnected>>), ConnectError> {
    within(settings, async {
        let connection = start(settings).await?;
        let greeted = connection.greet(&hello(settings));
        let joined = connection.join(attach);
        welcomed(settings, greeted.await)?;
        let answer = joined.await;
        Ok((connection, answer))
    })
    .await
}

async fn start(settings: &ClientBuilder) -> Result<Connection, ConnectError> {
    let url = settings.url.as_str();
    let is_encrypted = check_url(url)?;
    let (host, port) = host_and_port(url, is_encrypted)?;
    let socket = TcpStream::connect((host.as_str(), port)).await.map_err(|source| {
        let url = url.to_owned();
        match source.kind() {
            io::ErrorKind::ConnectionRefused => ConnectError::NoServer { url, source },
            _ => ConnectError::Unreachable { url, source },
        }
    })?;
    // Small messages must not wait for the peer's acknowledgement.
    let _ = socket.set_nodelay(true);
    let socket = match is_encrypted {
        true => encrypt(settings, &host, socket).await?,
        false => Socket::Plain(socket),
    };
    let socket = WebSocket::over(socket, url).await;
    let socket = socket.map_err(|error| connect_error(url, error))?;
    Ok(Connection::start(socket, settings.queue_bytes))
}

#[cfg(feature = "tls")]
async fn encrypt(
    settings: &ClientBuilder,
    host: &str,
    socket: TcpStream,
) -> Result<Socket, ConnectError> {
    let tls = match settings.tls.get() {
        Some(tls) => tls.clone(),
        None => {
            let file = settings.ca_file.clone();
            let tls = tokio::task::spawn_blocking(|| Tls::trusting(file)).await;
            let tls = tls.map_err(|error| ConnectError::Encryption {
                url: settings.url.clone(),
                source: io::Error::other(error),
            })??;
            settings.tls.get_or_init(|| tls).clone()
        }
    };
    let socket = tls.handshake(&settings.url, host, socket).await?;
    Ok(Socket::Encrypted(Box::new(socket)))
}

#[cfg(not(feature = "tls"))]
async fn encrypt(
    settings: &ClientBuilder,
    _host: &str,
    _socket: TcpStream,
) -> Result<Socket, ConnectError> {
    Err(ConnectError::Tls { url: settings.url.clone() })
}

/// Where a URL leads.
fn host_and_port(url: &str, is_encrypted: bool) -> Result<(String, u16), ConnectError> {
    let no_url = |reason: String| ConnectError::Url { url: url.to_owned(), reason };
    let uri: tungstenite::http::Uri = url
        .parse()
        .map_err(|error: tungstenite::http::uri::InvalidUri| no_url(error.to_string()))?;
    let host = uri.host().ok_or_else(|| no_url("it names no host".to_owned()))?;
    // The colons of an IPv6 address stand in brackets.
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let usual = if is_encrypted { 443 } else { 80 };
    Ok((host.to_owned(), uri.port_u16().unwrap_or(usual)))
}

async fn within<T>(
    settings: &ClientBuilder,
    work: impl Future<Output = Result<T, ConnectError>>,
) -> Result<T, ConnectError> {
    let after = settings.timeout;
    match tokio::time::timeout(after, work).await {
        Ok(done) => done,
        Err(_) => Err(ConnectError::Timeout { url: settings.url.clone(), after }),
    }
}

fn hello(settings: &ClientBuilder) -> Request {
    Request::Hello {
        version: PROTOCOL_VERSION,
        token: settings.token.clone(),
        agent: settings.agent.clone(),
    }
}

/// What the server's answer to the greeting means.
fn welcomed(
    settings: &ClientBuilder,
    answer: Result<Answer, Arc<Disconnected>>,
) -> Result<ServerVersions, ConnectError> {
    let url = || settings.url.clone();
    match answer {
        Ok(Answer::Welcome(versions)) if versions.protocol == PROTOCOL_VERSION => Ok(*versions),
        Ok(Answer::Welcome(versions)) => {
            let theirs = format!("it speaks version {}", versions.protocol);
            let failure = Failure::new(ErrorCode::VersionMismatch, theirs).into();
            Err(ConnectError::Version { url: url(), failure })
        }
        Ok(other) => {
            Err(ConnectError::Refused { url: url(), failure: other.into_failure().into() })
        }
        Err(reason) => Err(match &*reason {
            Disconnected::Refused { failure } => {
                let failure = Box::new(failure.clone());
                match failure.code {
                    ErrorCode::Unauthenticated if settings.token.is_empty() => {
                        ConnectError::NoToken { url: url() }
                    }
                    ErrorCode::Unauthenticated => ConnectError::WrongToken { url: url(), failure },
                    ErrorCode::VersionMismatch => ConnectError::Version { url: url(), failure },
                    _ => ConnectError::Refused { url: url(), failure },
                }
            }
            _ => ConnectError::Disconnected { url: url(), source: reason },
        }),
    }
}

/// Whether a URL asks for encryption.
fn check_url(url: &str) -> Result<bool, ConnectError> {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let no_url = |reason: String| ConnectError::Url { url: url.to_owned(), reason };
    let port = match port(rest) {
        Some("") => return Err(no_url("no port follows the colon".to_owned())),
        Some(port) if !port.bytes().all(|digit| digit.is_ascii_digit()) => {
            return Err(no_url(format!("`{port}` is no port")));
        }
        port => port.unwrap_or_default(),
    };
    if rest.is_empty() {
        return Err(no_url("it names no host".to_owned()));
    }
    if !port.is_empty() && port.parse::<u16>().is_err() {
        return Err(no_url(format!("ports go up to {}, and this is {port}", u16::MAX)));
    }
    let url = || url.to_owned();
    match scheme.to_ascii_lowercase().as_str() {
        "ws" => Ok(false),
        "wss" if cfg!(feature = "tls") => Ok(true),
        "wss" => Err(ConnectError::Tls { url: url() }),
        _ => Err(ConnectError::Scheme { url: url(), meant: format!("ws://{rest}") }),
    }
}

/// The port of an address without its scheme, if it names one.
pub(crate) fn port(address: &str) -> Option<&str> {
    let host = address.split(['/', '?']).next().unwrap_or_default();
    // The colons of an IPv6 address stand in brackets.
    let after = host.rfind(']').map_or(host, |end| &host[end..]);
    after.rsplit_once(':').map(|(_, port)| port)
}

fn connect_error(url: &str, error: tungstenite::Error) -> ConnectError {
    use tungstenite::Error;
    use tungstenite::error::ProtocolError;
    use tungstenite::http::HeaderValue;

    let url = url.to_owned();
    match error {
        Error::Io(source) => ConnectError::Unreachable { url, source },
        Error::Url(error) => ConnectError::Url { url, reason: error.to_string() },
        Error::HttpFormat(error) => ConnectError::Url { url, reason: error.to_string() },
        Error::Http(response) => {
            if response.headers().contains_key(TLS_HEADER) {
                return ConnectError::NeedsTls { url };
            }
            let header = |name: &'static str| response.headers().get(name).map(HeaderValue::to_str);
            match (header(REFUSAL_HEADER), header(SPEAKS_HEADER)) {
                (Some(Ok(why)), _) => {
                    let failure = Failure::new(ErrorCode::Unavailable, why)
                        .with_hint("try again later, or raise `connections` on the server");
                    ConnectError::Refused { url, failure: failure.into() }
                }
                (_, Some(Ok(theirs))) => {
                    let message = format!("it speaks {theirs}, this client {SUBPROTOCOL}");
                    let failure = Failure::new(ErrorCode::VersionMismatch, message);
                    ConnectError::Version { url, failure: failure.into() }
                }
                _ => ConnectError::NotFarside { url, found: format!("HTTP {}", response.status()) },
            }
        }
        Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(_)) => {
            ConnectError::NotFarside { url, found: "a WebSocket of another protocol".to_owned() }
        }
        other => ConnectError::NotFarside { url, found: other.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_are_none_are_told_apart() {
        let told = |url: &str| match check_url(url) {
            Ok(_) => "fine".to_owned(),
            Err(error) => format!("{error}; {}", error.hint().unwrap_or_default()),
        };
        for fine in ["ws://a:7327", "ws://[::1]:7327/there", "ws://[::1]", "WS://a", "ws://a/b:c"] {
            assert_eq!(told(fine), "fine", "{fine}");
        }
        let like = "a server's address looks like `ws://127.0.0.1:7327`";
        assert_eq!(told(""), format!("`` is no URL: it names no host; {like}"));
        assert_eq!(
            told("unix:/tmp/x"),
            format!("`unix:/tmp/x` is no URL: no port follows the colon; {like}")
        );
        assert_eq!(
            told("ws://a:99999"),
            format!("`ws://a:99999` is no URL: ports go up to 65535, and this is 99999; {like}")
        );
        assert_eq!(told("a:7327"), "`a:7327` is no WebSocket address; say `ws://a:7327`");
    }
}
