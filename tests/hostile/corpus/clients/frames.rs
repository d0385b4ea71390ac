//! Frames and messages that are none.

use std::sync::Arc;
use std::time::Duration;

use farside_protocol::{Request, Subject, caps};
use tokio_tungstenite::tungstenite::Message;

use super::{client, ending, forget, goes_on};
use crate::corpus::case::Case;
use crate::corpus::raw::{BINARY, PING, Socket, TEXT, encoded, frame, head};
use crate::peer::Peer;
use crate::server::Server;

const BAD: &[&str] = &["hung up: BadRequest"];

pub(super) fn cases() -> Vec<Case> {
    vec![
        client("a message cut short", BAD, |server| async move {
            let mut peer = Peer::attached(&server).await;
            let seq = peer.seq();
            let mut bytes = encoded(&[Request::Describe { seq, subject: Subject::Session }]);
            bytes.pop();
            sends(&server, peer, bytes).await
        }),
        client("an array of 4 billion fields", BAD, |server| {
            message(server, b"\xdd\xff\xff\xff\xff")
        }),
        client("an unknown message", BAD, |server| message(server, &[0x91, 0xcd, 3, 0xe7])),
        client("arrays nested 250,000 deep", BAD, |server| message(server, &[0x91; 250_000])),
        client("message number 0", BAD, |server| message(server, &[0x93, 18, 0, 0x92, 1, 0xc0])),
        client("message number 2^64-1", BAD, |server| {
            message(server, b"\x93\x12\xcf\xff\xff\xff\xff\xff\xff\xff\xff\x92\x01\xc0")
        }),
        client("a list that says it has 4 billion references", BAD, |server| {
            message(server, b"\x93\x10\x01\xdd\xff\xff\xff\xff")
        }),
        client("more references than a message may name", BAD, |server| async move {
            super::sent(server, async |peer| {
                let refs = vec![peer.far(farside_protocol::Seq::FIRST); caps::REFS_IN_MESSAGE + 1];
                vec![Request::Release { seq: peer.seq(), refs }]
            })
            .await
        }),
        client("unknown flags of a call", BAD, |server| {
            message(server, b"\x96\x0a\x01\xa1f\x08\xc0\xc4\x01\x90")
        }),
        client("a text that is no UTF-8", BAD, |server| {
            message(server, b"\x93\x13\x01\xa2\xff\xfe")
        }),
        client("a path of 5,000 bytes", BAD, |server| async move {
            super::sent(server, async |peer| {
                let (seq, path) = (peer.seq(), "a.".repeat(2500));
                vec![Request::Select { seq, of: peer.far(seq), path }]
            })
            .await
        }),
        client("a text frame", BAD, |server| async move {
            let mut peer = Peer::attached(&server).await;
            peer.send_message(Message::text("{}")).await;
            let outcome = ending(&mut peer).await;
            forget(&server, &peer).await;
            outcome
        }),
        client("a frame of one byte too many", BAD, |server| {
            message(server, vec![0xc1; caps::FRAME_BYTES + 1])
        }),
        client("a frame of more messages than there may be", BAD, |server| async move {
            let mut peer = Peer::attached(&server).await;
            let credit = Request::Credit { transfer: peer.seq(), until: 0 };
            let frame = encoded(&[credit]).repeat(caps::MESSAGES_IN_FRAME + 1);
            sends(&server, peer, frame).await
        }),
        client("a frame that says it has 2^63 bytes", &["hung up"], |server| {
            bytes(server, head(0x80 | BINARY, 1 << 62))
        }),
        client("a frame of 10 MiB in small fragments", &["hung up"], |server| {
            let mut all = head(BINARY, 1000);
            all.extend([0; 1000]);
            for _ in 0..10_000 {
                all.extend(head(0, 1000));
                all.extend([0; 1000]);
            }
            bytes(server, all)
        }),
        client("frames without a mask", &["hung up"], |server| bytes(server, vec![0x82, 1, 0x90])),
        client("reserved bits", &["hung up"], |server| bytes(server, head(0xf0 | BINARY, 0))),
        client("a reserved opcode", &["hung up"], |server| bytes(server, frame(7, b"x"))),
        client("a ping of 200 bytes", &["hung up"], |server| bytes(server, frame(PING, &[0; 200]))),
        client("a continuation of nothing", &["hung up"], |server| bytes(server, frame(0, b"x"))),
        client("text frames that are no UTF-8", &["hung up"], |server| {
            bytes(server, frame(TEXT, b"\xff\xfe"))
        }),
        client("100,000 pings", &["goes on"], |server| async move {
            let mut socket = Socket::attached(&server).await;
            let pings = frame(PING, b"").repeat(1000);
            for _ in 0..100 {
                socket.send(&pings).await;
            }
            // What it answers is read by nobody.
            let outcome = match socket.ending_within(Duration::from_millis(200)).await {
                stays if stays == "stays" => "goes on".to_owned(),
                other => other,
            };
            drop(socket);
            outcome
        }),
        client("empty frames", &["goes on"], |server| async move {
            let mut peer = Peer::attached(&server).await;
            for _ in 0..10_000 {
                peer.send_message(Message::binary(Vec::new())).await;
            }
            let outcome = goes_on(&mut peer).await.to_owned();
            forget(&server, &peer).await;
            outcome
        }),
    ]
}

/// What a peer is told when it sends a frame of these bytes.
async fn message(server: Arc<Server>, bytes: impl Into<Vec<u8>>) -> String {
    let peer = Peer::attached(&server).await;
    sends(&server, peer, bytes.into()).await
}

async fn sends(server: &Server, mut peer: Peer, bytes: Vec<u8>) -> String {
    peer.send_message(Message::binary(bytes)).await;
    let outcome = ending(&mut peer).await;
    forget(server, &peer).await;
    outcome
}

/// What becomes of an attached connection that sends these bytes outside of all rules.
async fn bytes(server: Arc<Server>, bytes: Vec<u8>) -> String {
    let mut socket = Socket::attached(&server).await;
    socket.send(&bytes).await;
    socket.ending().await
}
