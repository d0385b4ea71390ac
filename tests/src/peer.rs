//! A client that sends what a test tells it to, right or wrong, message by message.
#![expect(clippy::unwrap_used, reason = "it is for tests, which may panic; that is how they fail")]

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use farside::{ContentType, Failure, RefId, Session, WriterId};
use farside_protocol::{
    AttachTo, CallFlags, PROTOCOL_VERSION, Payload, Reply, Request, ResumeKey, SUBPROTOCOL, Seq,
    SessionId, Target,
};
use futures_util::{SinkExt, StreamExt};
use serde::Serialize;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::server::Server;

/// A connection of which every message is the test's own.
pub struct Peer {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    received: VecDeque<Reply>,
    next: Seq,
    writer: WriterId,
    session: Option<AttachTo>,
}

impl Peer {
    /// One that has said nothing yet.
    pub async fn silent(server: &Server) -> Peer {
        let mut request = server.url().into_client_request().unwrap();
        request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL.parse().unwrap());
        let (socket, _) = connect_async(request).await.unwrap();
        Peer {
            socket,
            received: VecDeque::new(),
            next: Seq::FIRST,
            writer: WriterId(0),
            session: None,
        }
    }

    /// One whose token and version the server has accepted.
    pub async fn greeted(server: &Server) -> Peer {
        let mut peer = Peer::silent(server).await;
        peer.send(&[hello(PROTOCOL_VERSION, &server.token())]).await;
        assert!(matches!(peer.next().await, Reply::Welcome { version: PROTOCOL_VERSION, .. }));
        peer
    }

    /// A writer of a new session.
    pub async fn attached(server: &Server) -> Peer {
        Peer::attached_to(server, None).await
    }

    /// Another writer of a session.
    pub async fn beside(server: &Server, session: &Session) -> Peer {
        let to = AttachTo { session: session.id(), key: session.key() };
        Peer::attached_to(server, Some(to)).await
    }

    /// A writer of a new session, or another one of a session.
    pub async fn attached_to(server: &Server, to: Option<AttachTo>) -> Peer {
        Peer::attached_for(server, to, None).await
    }

    /// The same, with a lease of so many milliseconds.
    pub async fn attached_for(
        server: &Server,
        session: Option<AttachTo>,
        lease_ms: Option<u64>,
    ) -> Peer {
        let mut peer = Peer::greeted(server).await;
        peer.send(&[Request::Attach { session, lease_ms }]).await;
        match peer.next().await {
            Reply::Attached { session, key, writer, taken: 0, .. } => {
                peer.writer = writer;
                peer.session = Some(AttachTo { session, key });
            }
            other => panic!("attaching was answered with {other:?}"),
        }
        peer
    }

    /// The session's id and key.
    pub fn session(&self) -> (SessionId, ResumeKey) {
        let AttachTo { session, key } = self.session.clone().unwrap();
        (session, key)
    }

    /// The socket under its messages.
    pub fn tcp(&mut self) -> &mut TcpStream {
        match self.socket.get_mut() {
            MaybeTlsStream::Plain(socket) => socket,
            _ => panic!("the server of tests speaks plainly"),
        }
    }

    /// The next number of this writer.
    pub fn seq(&mut self) -> Seq {
        let seq = self.next;
        self.next = seq.next();
        seq
    }

    /// The reference that a message of this writer makes.
    pub fn far(&self, seq: Seq) -> RefId {
        RefId::new(self.writer, seq)
    }

    /// Sends messages in one frame.
    pub async fn send(&mut self, requests: &[Request]) {
        let mut frame = Vec::new();
        requests.iter().for_each(|request| request.encode(&mut frame));
        self.send_message(Message::binary(frame)).await;
    }

    /// The same to a server that may have hung up.
    pub async fn try_send(&mut self, requests: &[Request]) {
        let mut frame = Vec::new();
        requests.iter().for_each(|request| request.encode(&mut frame));
        let _ = self.socket.send(Message::binary(frame)).await;
    }

    /// Sends messages in frames of their own, to a server that may have hung up.
    pub async fn try_send_frames(&mut self, requests: &[Request]) {
        for request in requests {
            self.try_send(std::slice::from_ref(request)).await;
        }
    }

    /// Sends a WebSocket message, whatever is in it.
    pub async fn send_message(&mut self, message: Message) {
        self.socket.send(message).await.unwrap();
    }

    /// Sends messages in frames of their own, which leave together.
    pub async fn send_frames(&mut self, requests: &[Request]) {
        self.feed_frames(requests).await;
        self.socket.flush().await.unwrap();
    }

    /// The same, and a goodbye behind them.
    pub async fn send_last_frames(&mut self, requests: &[Request]) {
        self.feed_frames(requests).await;
        self.send_message(Message::Close(None)).await;
    }

    async fn feed_frames(&mut self, requests: &[Request]) {
        for request in requests {
            let mut frame = Vec::new();
            request.encode(&mut frame);
            self.socket.feed(Message::binary(frame)).await.unwrap();
        }
    }

    /// The next reply.
    pub async fn next(&mut self) -> Reply {
        match self.next_or_end().await {
            Some(reply) => reply,
            None => panic!("the server hung up"),
        }
    }

    /// Whether nothing comes for now.
    pub async fn is_quiet(&mut self) -> bool {
        const NOW: Duration = Duration::from_millis(100);
        self.received.is_empty() && tokio::time::timeout(NOW, self.socket.next()).await.is_err()
    }

    /// Has a reply read again, as the next one.
    pub fn put_back(&mut self, reply: Reply) {
        self.received.push_front(reply);
    }

    /// The next reply; none once the server has hung up.
    pub async fn next_or_end(&mut self) -> Option<Reply> {
        while self.received.is_empty() {
            match self.socket.next().await? {
                Ok(Message::Binary(frame)) => {
                    self.received = Reply::decode_frame(frame).collect::<Result<_, _>>().unwrap();
                }
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
        self.received.pop_front()
    }

    /// Why the server ends the connection; it does so next.
    pub async fn refusal(&mut self) -> Failure {
        loop {
            if let Reply::Refused { failure } = self.next().await {
                assert_eq!(self.next_or_end().await, None, "nothing follows a refusal");
                return failure;
            }
        }
    }

    /// Calls a function by name with encoded arguments; gives the call's number.
    pub async fn call(&mut self, function: &str, args: &impl Serialize) -> Seq {
        let seq = self.seq();
        self.send(&[call(seq, function, Payload::Inline(packed(args)))]).await;
        seq
    }

    /// Asks for a value that is small; passes over what is not the answer.
    pub async fn get(&mut self, of: RefId) -> Result<Bytes, Failure> {
        let seq = self.seq();
        self.send(&[Request::Get { seq, of, path: None }]).await;
        self.answer(seq).await
    }

    /// The value or failure that answers a message.
    pub async fn answer(&mut self, to: Seq) -> Result<Bytes, Failure> {
        loop {
            match self.next().await {
                Reply::Value { seq, value: Payload::Inline(bytes), .. } if seq == to => {
                    return Ok(bytes);
                }
                Reply::Failed { seq, failure } if seq == to => return Err(failure),
                Reply::Refused { failure } => panic!("the server refuses: {failure}"),
                _ => {}
            }
        }
    }
}

/// The first message of a connection.
pub fn hello(version: u16, token: &str) -> Request {
    Request::Hello { version, token: token.to_owned(), agent: "test".to_owned() }
}

/// A call by name.
pub fn call(seq: Seq, function: &str, args: Payload) -> Request {
    Request::Call {
        seq,
        target: Target::Name(function.to_owned()),
        flags: CallFlags::default(),
        timeout_ms: None,
        args,
    }
}

/// Announces a value that comes in pieces.
pub fn put_later(seq: Seq, size: u64) -> Request {
    Request::Put { seq, content: ContentType::MSGPACK, value: Payload::Transfer { size } }
}

/// A piece of a transfer.
pub fn chunk(transfer: Seq, offset: u64, bytes: impl Into<Bytes>) -> Request {
    Request::Chunk { transfer, offset, bytes: bytes.into() }
}

/// A value as MessagePack, structs as maps.
pub fn packed(value: &impl Serialize) -> Bytes {
    let mut bytes = Vec::new();
    value.serialize(&mut rmp_serde::Serializer::new(&mut bytes).with_struct_map()).unwrap();
    bytes.into()
}
