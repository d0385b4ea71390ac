//! What cases do below the client library: sockets with bytes of any kind on them, and
//! uploads of which the client looks at nothing.

use std::sync::Arc;
use std::time::Duration;

use farside::ModuleHash;
use farside_protocol::{AttachTo, Reply, Request, SUBPROTOCOL, caps};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::peer::{self, Peer};
use crate::server::Server;

/// How long a server may take to do what it is going to do to a socket.
const PATIENCE: Duration = Duration::from_secs(20);

/// What becomes of bytes that are uploaded as they are.
pub(super) async fn upload(server: Arc<Server>, bytes: impl Into<Vec<u8>>) -> String {
    let bytes = bytes.into();
    let mut peer = Peer::attached(&server).await;
    let (seq, hash, size) = (peer.seq(), ModuleHash::of(&bytes), bytes.len() as u64);
    peer.send(&[Request::Upload { seq, name: "m".to_owned(), hash, size, metered: false }]).await;
    let (mut sent, mut granted) = (0, 0);
    let outcome = loop {
        while sent < granted.min(bytes.len()) {
            let end = granted.min(bytes.len()).min(sent + caps::CHUNK_BYTES);
            peer.send(&[peer::chunk(seq, sent as u64, bytes[sent..end].to_vec())]).await;
            sent = end;
        }
        match peer.next_or_end().await {
            Some(Reply::Wanted { .. }) => granted = caps::TRANSFER_CREDIT as usize,
            Some(Reply::Credit { until, .. }) => granted = until as usize,
            Some(Reply::Uploaded { .. }) => break "taken".to_owned(),
            Some(Reply::Failed { failure, .. }) => break format!("refused: {}", failure.code),
            Some(Reply::Refused { failure }) => break format!("hung up: {}", failure.code),
            Some(_) => {}
            None => break "hung up".to_owned(),
        }
    };
    close(&mut peer).await;
    outcome
}

/// Ends the session of a peer that is still heard.
pub(super) async fn close(peer: &mut Peer) {
    let seq = peer.seq();
    peer.try_send(&[Request::CloseSession { seq, session: None }]).await;
}

/// A bare connection to the server.
pub(super) struct Socket {
    stream: TcpStream,
}

impl Socket {
    pub(super) async fn open(server: &Server) -> Socket {
        let address = server.url().trim_start_matches("ws://");
        Socket { stream: TcpStream::connect(address).await.unwrap() }
    }

    /// One that is a WebSocket already.
    pub(super) async fn upgraded(server: &Server) -> Socket {
        let mut socket = Socket::open(server).await;
        socket.send(upgrade(SUBPROTOCOL).as_bytes()).await;
        let head = socket.head().await;
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        socket
    }

    /// One whose token was accepted and that is a writer of a new session.
    pub(super) async fn attached(server: &Server) -> Socket {
        Socket::attached_to(server, None).await
    }

    /// One that is another writer of a session.
    pub(super) async fn beside(server: &Server, to: AttachTo) -> Socket {
        Socket::attached_to(server, Some(to)).await
    }

    async fn attached_to(server: &Server, session: Option<AttachTo>) -> Socket {
        let mut socket = Socket::upgraded(server).await;
        let hello = peer::hello(farside_protocol::PROTOCOL_VERSION, &server.token());
        socket.send(&frame(BINARY, &encoded(&[hello]))).await;
        let attach = Request::Attach { session, lease_ms: Some(1000) };
        socket.send(&frame(BINARY, &encoded(&[attach]))).await;
        socket
    }

    /// Sends as much as the server takes; a server that has hung up takes none.
    pub(super) async fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }

    /// The head of an HTTP answer.
    async fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.stream.read_u8().await.unwrap());
        }
        String::from_utf8(head).unwrap()
    }

    /// What the server does next: the first line of what it says, if that is HTTP, and
    /// whether it hangs up within `patience`.
    pub(super) async fn ending_within(&mut self, patience: Duration) -> String {
        let mut answer = Vec::new();
        let ended = tokio::time::timeout(patience, self.stream.read_to_end(&mut answer)).await;
        let line = String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned();
        let said = match line.strip_prefix("HTTP/1.1 ") {
            Some(status) => format!("{}, ", status.split(' ').next().unwrap_or_default()),
            None => String::new(),
        };
        match ended {
            Ok(_) => format!("{said}hung up"),
            Err(_) => format!("{said}stays"),
        }
    }

    pub(super) async fn ending(&mut self) -> String {
        self.ending_within(PATIENCE).await
    }

    /// Says that nothing more will be sent.
    pub(super) async fn shut(&mut self) {
        let _ = self.stream.shutdown().await;
    }

    /// Breaks off so that the system sends a reset.
    pub(super) fn reset(self) {
        let _ = self.stream.set_zero_linger();
    }
}

pub(super) const TEXT: u8 = 1;
pub(super) const BINARY: u8 = 2;
pub(super) const PING: u8 = 9;

/// A request to become a WebSocket that speaks a subprotocol.
pub(super) fn upgrade(subprotocol: &str) -> String {
    format!(
        "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Protocol: {subprotocol}\r\n\r\n"
    )
}

/// A frame's head: first byte as it is, a length of this many bytes, a mask of zeros.
pub(super) fn head(first: u8, len: u64) -> Vec<u8> {
    let mut bytes = vec![first];
    match len {
        0..=125 => bytes.push(0x80 | len as u8),
        126..=0xffff => {
            bytes.push(0x80 | 126);
            bytes.extend((len as u16).to_be_bytes());
        }
        _ => {
            bytes.push(0x80 | 127);
            bytes.extend(len.to_be_bytes());
        }
    }
    bytes.extend([0; 4]);
    bytes
}

/// A whole frame.
pub(super) fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = head(0x80 | opcode, payload.len() as u64);
    bytes.extend(payload);
    bytes
}

/// Messages as the bytes of a frame.
pub(super) fn encoded(requests: &[Request]) -> Vec<u8> {
    let mut bytes = Vec::new();
    requests.iter().for_each(|request| request.encode(&mut bytes));
    bytes
}
