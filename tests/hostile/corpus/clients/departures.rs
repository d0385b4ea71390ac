//! Clients that are slow, or gone in the midst of something.

use std::sync::Arc;
use std::time::Duration;

use farside::ModuleHash;
use farside_protocol::{AttachTo, Request, ResumeKey, SessionId};

use super::{client, forget};
use crate::corpus::case::Case;
use crate::corpus::raw::{BINARY, Socket, encoded, frame, head};
use crate::peer::{self, Peer, packed};
use crate::server::Server;

/// What becomes of who does not send the rest of a frame, or does not read: that they are
/// hung up on is not promised yet, and that they hold up nobody is.
const STAYS_OR_NOT: &[&str] = &["stays", "hung up"];

/// How long such a client is watched.
const LOOK: Duration = Duration::from_millis(500);

pub(super) fn cases() -> Vec<Case> {
    vec![
        client("half of a frame, and no more", STAYS_OR_NOT, |server| async move {
            let mut socket = Socket::attached(&server).await;
            socket.send(&head(0x80 | BINARY, 100_000)).await;
            socket.send(&[0x91; 50_000]).await;
            socket.ending_within(LOOK).await
        }),
        client("a frame byte by byte", STAYS_OR_NOT, |server| async move {
            let mut socket = Socket::attached(&server).await;
            for byte in frame(BINARY, &[0x90; 200]) {
                socket.send(&[byte]).await;
            }
            socket.ending_within(LOOK).await
        }),
        client(
            "a large value that is asked for and not read",
            &["stays", "hung up"],
            |server| async move {
                let session = server.session().await;
                let value = session.put(&"x".repeat(20 << 20));
                session.wait(&[value.id()], 1, None).await.unwrap();
                let mut peer = Peer::beside(&server, &session).await;
                let seq = peer.seq();
                let transfer = seq;
                peer.send(&[
                    Request::Get { seq, of: value.id(), path: None },
                    Request::Credit { transfer, until: u64::MAX },
                ])
                .await;
                session.close().await.unwrap();
                "stays".to_owned()
            },
        ),
        client(
            "a session that is ended while its answers are not read",
            &["ended"],
            |server| async move {
                let mut peer = Peer::attached(&server).await;
                let value = peer.seq();
                peer.send(&[super::values::put(value, &packed(&"x".repeat(60_000)))]).await;
                let of = peer.far(value);
                let gets: Vec<_> =
                    (0..2000).map(|_| Request::Get { seq: peer.seq(), of, path: None }).collect();
                peer.send(&gets).await;
                forget(&server, &peer).await;
                match super::ending(&mut peer).await.as_str() {
                    "hung up" | "hung up: SessionExpired" => "ended".to_owned(),
                    other => other.to_owned(),
                }
            },
        ),
        client("closes its half of the connection", &["hung up"], |server| async move {
            let mut socket = Socket::attached(&server).await;
            socket.shut().await;
            socket.ending().await
        }),
        client("a reset in the midst of a frame", &["freed"], |server| async move {
            let peer = leaving(&server).await;
            let (session, key) = peer.session();
            let mut socket = Socket::beside(&server, AttachTo { session, key }).await;
            socket.send(&head(0x80 | BINARY, 100_000)).await;
            socket.reset();
            drop(peer);
            until_gone(&server, session).await
        }),
        client("gone in the midst of an upload", &["freed"], |server| async move {
            leaves(server, |peer| {
                let (seq, hash) = (peer.seq(), ModuleHash::of(b"never"));
                vec![
                    Request::Upload {
                        seq,
                        name: "m".to_owned(),
                        hash,
                        size: 1 << 20,
                        metered: false,
                    },
                    peer::chunk(seq, 0, vec![0; 1000]),
                ]
            })
            .await
        }),
        client("gone in the midst of a value", &["freed"], |server| async move {
            leaves(server, |peer| {
                let seq = peer.seq();
                vec![peer::put_later(seq, 200 << 20), peer::chunk(seq, 0, vec![0; 60_000])]
            })
            .await
        }),
        client("gone while a guest of its runs for ever", &["freed"], |server| async move {
            let client = farside::Client::builder().url(server.url()).token(&server.token());
            let client = client.lease(Duration::from_millis(50)).connect().await.unwrap();
            let session = client.session().await.unwrap();
            let id = session.id();
            let wat = r#"(module (func (export "f") (loop (br 0))))"#;
            let module = session.uploader(wat.as_bytes().to_vec()).name("m").send().await.unwrap();
            module.call::<()>("f", ()).keep();
            session.flush().await.unwrap();
            drop((module, session, client));
            until_gone(&server, id).await
        }),
        client(
            "a session closed by another connection in the midst of calls",
            &["closed"],
            |server| async move {
                let session = server.session().await;
                let echo = crate::echo::upload(&session).await;
                let calls: Vec<farside::Far<u32>> =
                    (0..1000).map(|n| echo.function("echo").unwrap().fresh().call((n,))).collect();
                session.flush().await.unwrap();
                server.client().await.close_session(session.id()).await.unwrap();
                // Each has its value, or went with the session.
                for (n, call) in calls.iter().enumerate() {
                    match call.get().await {
                        Ok(value) if value as usize == n => {}
                        Ok(value) => return format!("{value} for {n}"),
                        Err(_) => {}
                    }
                }
                "closed".to_owned()
            },
        ),
        client("100 sessions, each left at once", &["freed"], |server| async move {
            let mut last = leaving(&server).await;
            for _ in 0..100 {
                last = leaving(&server).await;
            }
            let (session, _) = last.session();
            drop(last);
            until_gone(&server, session).await
        }),
        client("joins a session that is gone", &["hung up: SessionExpired"], |server| async move {
            let peer = Peer::attached(&server).await;
            let (session, key) = peer.session();
            forget(&server, &peer).await;
            let mut late = Peer::greeted(&server).await;
            let session = Some(AttachTo { session: SessionId(session.0), key: ResumeKey(key.0) });
            late.send(&[Request::Attach { session, lease_ms: None }]).await;
            super::ending(&mut late).await
        }),
        client("a goodbye in front of messages", &["hung up"], |server| async move {
            let mut socket = Socket::attached(&server).await;
            let mut bytes = frame(8, b"");
            let seq = farside_protocol::Seq::FIRST;
            let put = encoded(&[super::values::put(seq, &packed(&1))]);
            (0..100).for_each(|_| bytes.extend(frame(BINARY, &put)));
            socket.send(&bytes).await;
            socket.ending().await
        }),
    ]
}

/// A writer of a session that is gone soon after it.
async fn leaving(server: &Server) -> Peer {
    Peer::attached_for(server, None, Some(50)).await
}

/// Waits until a session's lease has run out.
async fn until_gone(server: &Server, id: SessionId) -> String {
    let client = server.client().await;
    while client.sessions().await.unwrap().iter().any(|session| session.session == id) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    "freed".to_owned()
}

/// What becomes of the session of a client that sends this and is gone.
async fn leaves(server: Arc<Server>, messages: fn(&mut Peer) -> Vec<Request>) -> String {
    let mut peer = leaving(&server).await;
    let messages = messages(&mut peer);
    peer.send(&messages).await;
    let (session, _) = peer.session();
    drop(peer);
    until_gone(&server, session).await
}
