//! Clients that stand still: silent ones, ones that do not end what they began to send,
//! and ones that do not read. Their connections end; their sessions do not.

use std::time::Duration;

use bytes::Bytes;
use farside::{Client, ContentType, RefState};
use farside_protocol::{Payload, Request};
use farside_tests::Server;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::bystander::Bystander;
use crate::peer::{Peer, packed};

/// The session of a connection that was given up can be joined.
async fn is_resumable(server: &Server, peer: &Peer) {
    let (id, key) = peer.session();
    let client: Client = server.client().await;
    client.attach(id, key).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_without_a_sign_of_life_is_given_up() {
    let server = Server::builder().flag("--idle-timeout", "1s").start();
    let mut bystander = Bystander::new(&server).await;
    // The bystander's library answers when it is asked; this one is not polled.
    let peer = Peer::attached(&server).await;
    let line = server.wait_for_log("the client gave no sign of life for 1s");
    assert!(line.contains("local"), "{line}");
    bystander.goes_on().await;
    is_resumable(&server, &peer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_comes_whole_in_time_or_its_connection_ends() {
    let server = Server::builder().flag("--frame-timeout", "1s").start();
    let mut bystander = Bystander::new(&server).await;
    let mut peer = Peer::attached(&server).await;
    let socket = peer.tcp();
    // A binary message of 200 bytes, masked with zeros, whose bytes come one by one.
    socket.write_all(&[0x82, 0xfe, 0, 200, 0, 0, 0, 0]).await.unwrap();
    let mut beat = tokio::time::interval(Duration::from_millis(50));
    let mut drops = 0;
    let mut answer = [0; 64];
    loop {
        tokio::select! {
            read = socket.read(&mut answer) => {
                if matches!(read, Ok(0) | Err(_)) {
                    break;
                }
            }
            _ = beat.tick() => {
                drops += 1;
                assert!(drops < 195, "the server waits for the whole of it");
                let _ = socket.write_all(&[0]).await;
            }
        }
    }
    let _ = server.wait_for_log("a message did not come whole within 1s");
    bystander.goes_on().await;
    is_resumable(&server, &peer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_is_paused_then_given_up() {
    let server = Server::builder().flag("--send-timeout", "1s").start();
    let mut bystander = Bystander::new(&server).await;
    let session = server.session().await;
    let bytes = Bytes::from(vec![7; 64 << 20]);
    let value = session.put_bytes(ContentType::named("application/octet-stream"), bytes);
    assert_eq!(session.wait(&[value.id()], 1, None).await.unwrap(), [RefState::Ready]);
    let mut peer = Peer::beside(&server, &session).await;
    let seq = peer.seq();
    peer.send(&[Request::Get { seq, of: value.id(), path: None }]).await;
    // Credit for all of it, of which nothing is read.
    peer.send(&[Request::Credit { transfer: seq, until: u64::MAX }]).await;
    let _ = server.wait_for_log("the client read nothing for 1s");
    bystander.goes_on().await;
    assert_eq!(session.wait(&[value.id()], 1, None).await.unwrap(), [RefState::Ready]);
    is_resumable(&server, &peer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_is_waited_for() {
    let server = Server::builder().flag("--send-timeout", "1s").start();
    let session = server.session().await;
    let value = session.put(&"x".repeat(40 << 10));
    assert_eq!(session.wait(&[value.id()], 1, None).await.unwrap(), [RefState::Ready]);
    let mut peer = Peer::beside(&server, &session).await;
    // Each answer is read well within the time, all of them together not.
    let mut beat = tokio::time::interval(Duration::from_millis(100));
    for _ in 0..15 {
        let seq = peer.seq();
        peer.send(&[Request::Get { seq, of: value.id(), path: None }]).await;
        beat.tick().await;
        assert!(peer.answer(seq).await.is_ok());
    }
    let seq = peer.seq();
    peer.send(&[Request::Put {
        seq,
        content: ContentType::MSGPACK,
        value: Payload::Inline(packed(&1)),
    }])
    .await;
    assert!(peer.get(peer.far(seq)).await.is_ok());
}
