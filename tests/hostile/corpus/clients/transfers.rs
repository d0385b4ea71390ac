//! Values and modules on their way in: pieces that do not fit, sizes that are not true.

use std::sync::Arc;

use farside::{ContentType, ModuleHash};
use farside_protocol::{Payload, Reply, Request, caps};

use super::{client, forget, goes_on, sent};
use crate::corpus::case::Case;
use crate::peer::{self, Peer, chunk, put_later};
use crate::server::Server;

const BAD: &[&str] = &["hung up: BadRequest"];

pub(super) fn cases() -> Vec<Case> {
    vec![
        client("a piece beyond the announced size", BAD, |server| pieces(server, 10, &[(0, 11)])),
        client("pieces that overlap", BAD, |server| pieces(server, 10, &[(0, 5), (4, 5)])),
        client("a piece whose offset overflows", BAD, |server| {
            pieces(server, 10, &[(u64::MAX, 5)])
        }),
        client("pieces without bytes", BAD, |server| pieces(server, 10, &[(0, 0)])),
        client(
            "all pieces at once, whatever the credit",
            &["goes on", "hung up: BadRequest"],
            |server| async move {
                let mut peer = Peer::attached(&server).await;
                let seq = peer.seq();
                let pieces = (0..32).map(|n| chunk(seq, n * 65_536, vec![0xc0; 65_536]));
                let pieces: Vec<_> = [put_later(seq, 4 << 20)].into_iter().chain(pieces).collect();
                peer.try_send_frames(&pieces).await;
                let outcome = goes_on(&mut peer).await.to_owned();
                forget(&server, &peer).await;
                outcome
            },
        ),
        client("a value of 4 GiB", &["ValueTooLarge, goes on"], |server| async move {
            answered(server, |peer| put_later(peer.seq(), caps::VALUE_BYTES)).await
        }),
        client("a value of 2^63 bytes", BAD, |server| {
            sent(server, async |peer| vec![put_later(peer.seq(), 1 << 63)])
        }),
        client("a value of no bytes, in pieces", &["BadRequest, goes on"], |server| async move {
            answered(server, |peer| put_later(peer.seq(), 0)).await
        }),
        client(
            "many values of 200 MiB that never come",
            &["QuotaExceeded, goes on"],
            |server| async move {
                let mut peer = Peer::attached(&server).await;
                for _ in 0..100 {
                    let seq = peer.seq();
                    peer.send(&[put_later(seq, 200 << 20)]).await;
                }
                first_failure(&server, &mut peer).await
            },
        ),
        client("4,097 transfers at once", &["QuotaExceeded, goes on"], |server| async move {
            let mut peer = Peer::attached(&server).await;
            let puts: Vec<_> = (0..=caps::TRANSFERS).map(|_| put_later(peer.seq(), 10)).collect();
            peer.send(&puts).await;
            first_failure(&server, &mut peer).await
        }),
        client("a module whose bytes never come", &["goes on"], |server| async move {
            let mut peer = Peer::attached(&server).await;
            let upload = offer(&mut peer, "m", 1 << 20);
            peer.send(&[upload]).await;
            let outcome = goes_on(&mut peer).await.to_owned();
            forget(&server, &peer).await;
            outcome
        }),
        client("a module of 2^64 bytes", &["ValueTooLarge, goes on"], |server| async move {
            answered(server, |peer| offer(peer, "m", u64::MAX)).await
        }),
        client(
            "a module of other bytes than announced",
            &["InvalidModule, goes on"],
            |server| async move {
                let mut peer = Peer::attached(&server).await;
                let upload = offer(&mut peer, "m", 4);
                offered(&mut peer, upload).await;
                first_failure(&server, &mut peer).await
            },
        ),
        client("a module named like a path", &["BadRequest, goes on"], |server| async move {
            answered(server, |peer| offer(peer, "../../token", 4)).await
        }),
        client(
            "a module named like an evaluator",
            &["BadRequest, goes on", "InvalidModule, goes on"],
            |server| async move {
                let mut peer = Peer::attached(&server).await;
                let upload = offer(&mut peer, "python", 4);
                offered(&mut peer, upload).await;
                first_failure(&server, &mut peer).await
            },
        ),
        client("a value of a content type of 5 KB", BAD, |server| {
            sent(server, async |peer| {
                let content = ContentType::named(&"x/".repeat(2500));
                let value = Payload::Inline(peer::packed(&1));
                vec![Request::Put { seq: peer.seq(), content, value }]
            })
        }),
        client(
            "arguments in pieces that are aborted",
            &["BadRequest, goes on"],
            |server| async move {
                let session = server.session().await;
                crate::echo::upload(&session).await;
                let mut peer = Peer::beside(&server, &session).await;
                let seq = peer.seq();
                peer.send(&[
                    peer::call(seq, "echo", Payload::Transfer { size: 1 << 20 }),
                    chunk(seq, 0, vec![0x91]),
                    Request::Abort { transfer: seq },
                ])
                .await;
                let failed = peer.get(peer.far(seq)).await.unwrap_err().root().code;
                let outcome = format!("{failed}, {}", goes_on(&mut peer).await);
                session.close().await.unwrap();
                outcome
            },
        ),
    ]
}

fn offer(peer: &mut Peer, name: &str, size: u64) -> Request {
    let hash = ModuleHash::of(b"never seen");
    Request::Upload { seq: peer.seq(), name: name.to_owned(), hash, size, metered: false }
}

/// Offers a module, and sends four bytes if they are wanted; a refusal is read by others.
async fn offered(peer: &mut Peer, upload: Request) {
    let seq = upload.seq().unwrap();
    peer.send(&[upload]).await;
    match peer.next().await {
        Reply::Wanted { .. } => peer.send(&[chunk(seq, 0, &b"\0asm"[..])]).await,
        reply => peer.put_back(reply),
    }
}

/// What becomes of a transfer of this size that gets such pieces: offset and length.
fn pieces(
    server: Arc<Server>,
    size: u64,
    pieces: &'static [(u64, usize)],
) -> impl Future<Output = String> + Send {
    of_pieces(server, size, pieces.to_vec())
}

async fn of_pieces(server: Arc<Server>, size: u64, pieces: Vec<(u64, usize)>) -> String {
    let mut peer = Peer::attached(&server).await;
    let seq = peer.seq();
    peer.try_send(&[put_later(seq, size)]).await;
    for (offset, len) in pieces {
        peer.try_send(&[chunk(seq, offset, vec![0; len])]).await;
    }
    let outcome = super::ending(&mut peer).await;
    forget(&server, &peer).await;
    outcome
}

/// What one message is answered with, and whether its session goes on.
async fn answered(server: Arc<Server>, message: fn(&mut Peer) -> Request) -> String {
    let mut peer = Peer::attached(&server).await;
    let message = message(&mut peer);
    peer.send(&[message]).await;
    first_failure(&server, &mut peer).await
}

/// The first thing that fails, and whether the session goes on.
async fn first_failure(server: &Server, peer: &mut Peer) -> String {
    let failed = loop {
        match peer.next_or_end().await {
            Some(Reply::Failed { failure, .. } | Reply::Refused { failure }) => break failure.code,
            Some(_) => {}
            None => return "hung up".to_owned(),
        }
    };
    let outcome = format!("{failed}, {}", goes_on(peer).await);
    forget(server, peer).await;
    outcome
}
