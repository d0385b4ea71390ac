//! A peer that speaks the server's half of the protocol as a test tells it to.

use std::collections::VecDeque;

use bytes::Bytes;
use farside::{Client, ContentType, ResumeKey, Session, SessionId, Transport, WriterId};
use farside_protocol::{PROTOCOL_VERSION, Payload, Reply, Request, Seq};
use futures_util::{SinkExt, StreamExt};
use serde::Serialize;

pub(crate) const SESSION: SessionId = SessionId([0xab; 16]);
pub(crate) const KEY: ResumeKey = ResumeKey([7; 16]);
pub(crate) const WRITER: WriterId = WriterId(7);

pub(crate) struct Peer {
    transport: Box<dyn Transport>,
    received: VecDeque<Request>,
}

impl Peer {
    pub(crate) fn new(transport: impl Transport) -> Peer {
        Peer { transport: Box::new(transport), received: VecDeque::new() }
    }

    /// The messages of the next frame; none once the client has hung up.
    pub(crate) async fn frame(&mut self) -> Option<Vec<Request>> {
        assert!(self.received.is_empty(), "a frame is read to its end first");
        let frame = self.transport.next().await?.unwrap();
        Some(Request::decode_frame(frame).collect::<Result<_, _>>().unwrap())
    }

    /// The next message.
    pub(crate) async fn next(&mut self) -> Request {
        while self.received.is_empty() {
            self.received = self.frame().await.expect("the client hung up").into();
        }
        self.received.pop_front().unwrap()
    }

    /// The next message, if it comes without any more being done.
    pub(crate) async fn next_now(&mut self) -> Option<Request> {
        let soon = std::time::Duration::from_secs(1);
        tokio::time::timeout(soon, self.next()).await.ok()
    }

    /// Sends messages in one frame.
    pub(crate) async fn send(&mut self, replies: &[Reply]) {
        let mut frame = Vec::new();
        replies.iter().for_each(|reply| reply.encode(&mut frame));
        self.transport.send(frame.into()).await.unwrap();
    }

    pub(crate) async fn send_bytes(&mut self, frame: &[u8]) {
        self.transport.send(Bytes::copy_from_slice(frame)).await.unwrap();
    }

    pub(crate) async fn welcome(&mut self) {
        assert!(matches!(self.next().await, Request::Hello { version: PROTOCOL_VERSION, .. }));
        self.send(&[welcome(PROTOCOL_VERSION)]).await;
    }
}

pub(crate) fn welcome(version: u16) -> Reply {
    Reply::Welcome {
        version,
        server: "scripted/1".into(),
        guest_abi: 1,
        data_format: 1,
        wasmtime: "48".into(),
    }
}

pub(crate) fn attached(session: SessionId, calls: u64, bytes: u64) -> Reply {
    Reply::Attached { session, key: KEY, writer: WRITER, taken: 0, calls, bytes, lease_ms: 60_000 }
}

/// A client and its peer, greeted.
pub(crate) async fn client() -> (Client, Peer) {
    let (ours, theirs) = farside::memory_transport();
    let mut peer = Peer::new(theirs);
    let (client, ()) = tokio::join!(Client::over(ours, "secret"), peer.welcome());
    (client.unwrap(), peer)
}

/// A session and its peer, with credit for so many calls and argument bytes.
pub(crate) async fn session_with(id: SessionId, calls: u64, bytes: u64) -> (Session, Peer) {
    let (client, mut peer) = client().await;
    let (session, ()) = tokio::join!(client.session(), async {
        assert_eq!(peer.next().await, Request::Attach { session: None, lease_ms: None });
        peer.send(&[attached(id, calls, bytes)]).await;
    });
    (session.unwrap(), peer)
}

pub(crate) async fn session() -> (Session, Peer) {
    session_with(SESSION, 10_000, 64 << 20).await
}

pub(crate) fn packed(value: &impl Serialize) -> Bytes {
    let mut bytes = Vec::new();
    value.serialize(&mut rmp_serde::Serializer::new(&mut bytes).with_struct_map()).unwrap();
    bytes.into()
}

pub(crate) fn value(number: u64, value: &impl Serialize) -> Reply {
    Reply::Value {
        seq: seq(number),
        content: ContentType::MSGPACK,
        value: Payload::Inline(packed(value)),
    }
}

pub(crate) fn seq(number: u64) -> Seq {
    Seq::new(number).unwrap()
}
