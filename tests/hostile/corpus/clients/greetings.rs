//! Before there is a session: no WebSocket, no greeting, a wrong one, another's session.

use std::sync::Arc;
use std::time::Duration;

use farside_protocol::{
    AttachTo, PROTOCOL_VERSION, Reply, Request, ResumeKey, SUBPROTOCOL, Seq, SessionId,
};

use super::{client, ending, forget, goes_on};
use crate::corpus::case::Case;
use crate::corpus::raw::{BINARY, Socket, encoded, frame, upgrade};
use crate::peer::{self, Peer};
use crate::server::Server;

pub(super) fn cases() -> Vec<Case> {
    vec![
        client("says nothing", &["hung up"], |server| says(server, Vec::new())),
        client("half of an HTTP request", &["hung up"], |server| {
            says(server, b"GET / HTTP/1.1\r\nHost: ".to_vec())
        }),
        client("bytes that are no HTTP", &["400, hung up", "hung up"], |server| {
            says(server, b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n\r\n".to_vec())
        }),
        client("a megabyte of HTTP headers", &["431, hung up", "hung up"], |server| {
            let header = format!("X-Long: {}\r\n", "x".repeat(1000));
            says(server, format!("GET / HTTP/1.1\r\n{}", header.repeat(1000)).into_bytes())
        }),
        client("an HTTP body that never comes", &["426, hung up"], |server| {
            says(server, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n".to_vec())
        }),
        client("plain HTTP that is kept open", &["426, hung up"], |server| {
            says(server, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec())
        }),
        client("another subprotocol", &["400, hung up"], |server| {
            says(server, upgrade("mqtt").into_bytes())
        }),
        client("a WebSocket that says nothing", &["101, hung up"], |server| {
            says(server, upgrade(SUBPROTOCOL).into_bytes())
        }),
        client("a WebSocket that says it byte by byte", &["hung up"], byte_by_byte),
        client("a wrong token", &["hung up: Unauthenticated"], |server| {
            greets(server, |token| peer::hello(PROTOCOL_VERSION, &token[1..]))
        }),
        client("no token", &["hung up: Unauthenticated"], |server| {
            greets(server, |_| peer::hello(PROTOCOL_VERSION, ""))
        }),
        client("a token of 2,000 bytes", &["hung up: BadRequest"], |server| {
            greets(server, |token| peer::hello(PROTOCOL_VERSION, &token.repeat(50)[..2000]))
        }),
        client("another version", &["hung up: VersionMismatch"], |server| {
            greets(server, |token| peer::hello(u16::MAX, token))
        }),
        client("a session before a greeting", &["hung up: BadRequest"], |server| {
            greets(server, |_| Request::Attach { session: None, lease_ms: None })
        }),
        client("a greeting twice", &["hung up: BadRequest"], |server| async move {
            let mut peer = Peer::attached(&server).await;
            peer.send(&[peer::hello(PROTOCOL_VERSION, &server.token())]).await;
            let outcome = ending(&mut peer).await;
            forget(&server, &peer).await;
            outcome
        }),
        client("a handshake that is replayed", &["another session"], replayed),
        client(
            "a session's id with a wrong key",
            &["hung up: SessionExpired, goes on"],
            |server| {
                joins(server, |(session, ResumeKey(key))| {
                    let mut key = key;
                    key[15] ^= 1;
                    AttachTo { session, key: ResumeKey(key) }
                })
            },
        ),
        client("a session's id as its key", &["hung up: SessionExpired, goes on"], |server| {
            joins(server, |(session, _)| AttachTo { session, key: ResumeKey(session.0) })
        }),
        client(
            "a session's key with a forged id",
            &["hung up: SessionExpired, goes on"],
            |server| joins(server, |(_, key)| AttachTo { session: SessionId([0; 16]), key }),
        ),
        client("a lease of 600 million years", &["seven days"], |server| async move {
            let mut peer = Peer::greeted(&server).await;
            let attach = Request::Attach { session: None, lease_ms: Some(u64::MAX) };
            peer.send(&[attach]).await;
            let outcome = match peer.next().await {
                Reply::Attached { lease_ms: 604_800_000, .. } => "seven days".to_owned(),
                other => format!("{other:?}"),
            };
            let seq = Seq::FIRST;
            peer.send(&[Request::CloseSession { seq, session: None }]).await;
            ending(&mut peer).await;
            outcome
        }),
        client("closes a session that is not there", &["NotFound"], |server| async move {
            let mut peer = Peer::greeted(&server).await;
            let session = Some(SessionId([7; 16]));
            peer.send(&[Request::CloseSession { seq: Seq::FIRST, session }]).await;
            match peer.next().await {
                Reply::Failed { failure, .. } => failure.code.to_string(),
                other => format!("{other:?}"),
            }
        }),
    ]
}

/// What becomes of a bare connection that sends this and then waits.
async fn says(server: Arc<Server>, bytes: Vec<u8>) -> String {
    let mut socket = Socket::open(&server).await;
    socket.send(&bytes).await;
    socket.ending().await
}

async fn byte_by_byte(server: Arc<Server>) -> String {
    let mut socket = Socket::upgraded(&server).await;
    let hello = frame(BINARY, &encoded(&[peer::hello(PROTOCOL_VERSION, &server.token())]));
    // It would take longer than a greeting may.
    for byte in &hello {
        socket.send(&[*byte]).await;
        if socket.ending_within(Duration::from_millis(100)).await == "hung up" {
            return "hung up".to_owned();
        }
    }
    socket.ending().await
}

/// What is said to who begins like this.
async fn greets(server: Arc<Server>, first: fn(&str) -> Request) -> String {
    let mut peer = Peer::silent(&server).await;
    peer.send(&[first(&server.token())]).await;
    ending(&mut peer).await
}

/// The same bytes on two connections: neither is in the other's session.
async fn replayed(server: Arc<Server>) -> String {
    let hello = peer::hello(PROTOCOL_VERSION, &server.token());
    let attach = Request::Attach { session: None, lease_ms: None };
    let handshake = [hello, attach, super::values::put(Seq::FIRST, &peer::packed(&1))];
    let mut sessions = Vec::new();
    for _ in 0..2 {
        let mut peer = Peer::silent(&server).await;
        peer.send(&handshake).await;
        peer.next().await;
        let Reply::Attached { session, .. } = peer.next().await else {
            return "no session".to_owned();
        };
        sessions.push(session);
    }
    let client = server.client().await;
    for session in &sessions {
        client.close_session(*session).await.unwrap();
    }
    if sessions[0] == sessions[1] { "the same session" } else { "another session" }.to_owned()
}

/// What is said to who wants to join a session by this, and whether that goes on.
async fn joins(server: Arc<Server>, by: fn((SessionId, ResumeKey)) -> AttachTo) -> String {
    let mut owner = Peer::attached(&server).await;
    let mut thief = Peer::greeted(&server).await;
    let session = Some(by(owner.session()));
    thief.send(&[Request::Attach { session, lease_ms: None }]).await;
    let outcome = format!("{}, {}", ending(&mut thief).await, goes_on(&mut owner).await);
    forget(&server, &owner).await;
    outcome
}
