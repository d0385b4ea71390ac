//! Numbers of messages and references: reused, out of order, forged.

use std::sync::Arc;

use farside::{RefId, WriterId};
use farside_protocol::value::FarArg;
use farside_protocol::{
    CallFlags, Each, ErrorCode, Payload, Reply, Request, Seq, Subject, Target, caps,
};

use super::values::put;
use super::{client, forget, goes_on, sent};
use crate::corpus::case::Case;
use crate::peer::{self, Peer, packed};
use crate::server::Server;

pub(super) fn cases() -> Vec<Case> {
    vec![
        client("a number left out", &["hung up: BadRequest"], |server| {
            sent(server, async |peer| {
                peer.seq();
                vec![put(peer.seq(), &packed(&1))]
            })
        }),
        client("a number used twice", &["1"], |server| async move {
            let mut peer = Peer::attached(&server).await;
            let seq = peer.seq();
            peer.send(&[put(seq, &packed(&1)), put(seq, &packed(&2))]).await;
            given(&server, &mut peer, seq).await
        }),
        client("descending numbers", &["2"], |server| async move {
            let mut peer = Peer::attached(&server).await;
            let (first, second) = (peer.seq(), peer.seq());
            let one = put(first, &packed(&1));
            peer.send(&[one.clone(), put(second, &packed(&2)), one.clone(), one]).await;
            given(&server, &mut peer, second).await
        }),
        client("another session's references", &["NotFound, Gone, goes on"], anothers),
        client(
            "another writer's reference that is not made yet",
            &["BadRequest"],
            |server| async move {
                let mut one = Peer::attached(&server).await;
                let (session, key) = one.session();
                let to = farside_protocol::AttachTo { session, key };
                let other = Peer::attached_to(&server, Some(to)).await;
                let outcome = code(one.get(other.far(Seq::FIRST)).await);
                forget(&server, &one).await;
                outcome
            },
        ),
        client("references of the server's own", &["NotFound"], |server| async move {
            let mut peer = Peer::attached(&server).await;
            let outcome = code(peer.get(RefId::new(WriterId(0), Seq::FIRST)).await);
            forget(&server, &peer).await;
            outcome
        }),
        client("a call that is its own argument", &["BadRequest"], |server| async move {
            called(server, async |peer, seq| Payload::Inline(packed(&(FarArg(peer.far(seq)),))))
                .await
        }),
        client("a call with forged references", &["NotFound"], |server| async move {
            called(server, async |_, _| {
                Payload::Inline(packed(&(FarArg(RefId::from_bits(u64::MAX)),)))
            })
            .await
        }),
        client("16,384 releases of what never was", &["goes on"], |server| async move {
            let mut peer = Peer::attached(&server).await;
            for writer in [0, 1, 77] {
                let refs = (1..=caps::REFS_IN_MESSAGE as u64)
                    .map(|seq| RefId::new(WriterId(writer), Seq::new(seq + 1000).unwrap()))
                    .collect();
                let seq = peer.seq();
                peer.send(&[Request::Release { seq, refs }]).await;
            }
            on(&server, &mut peer).await
        }),
        client("the same release a thousand times", &["goes on"], |server| async move {
            let mut peer = Peer::attached(&server).await;
            let value = peer.seq();
            peer.send(&[put(value, &packed(&1))]).await;
            let refs = vec![peer.far(value); 1000];
            let seq = peer.seq();
            peer.send(&[Request::Release { seq, refs }]).await;
            on(&server, &mut peer).await
        }),
        client("cancels and credits of what is not there", &["goes on"], |server| async move {
            let mut peer = Peer::attached(&server).await;
            for number in 1..1000 {
                let transfer = Seq::new(number).unwrap();
                let of = RefId::new(WriterId(9), transfer);
                peer.send(&[
                    Request::Cancel { of },
                    Request::Credit { transfer, until: u64::MAX },
                    Request::Abort { transfer },
                    peer::chunk(transfer, u64::MAX, vec![1]),
                ])
                .await;
            }
            on(&server, &mut peer).await
        }),
        client("1,025 cancels ahead of their calls", &["hung up: BadRequest"], |server| {
            sent(server, async |peer| {
                let ahead = 0..=caps::CANCELS_AHEAD as u64;
                ahead
                    .map(|n| Request::Cancel { of: peer.far(Seq::new(5000 + n).unwrap()) })
                    .collect()
            })
        }),
        client("a wait for 16,384 times the same", &["answered"], |server| async move {
            let mut peer = Peer::attached(&server).await;
            let value = peer.seq();
            let refs = vec![peer.far(value); caps::REFS_IN_MESSAGE];
            let seq = peer.seq();
            let wait = Request::Wait { seq, refs, count: u32::MAX, timeout_ms: Some(u64::MAX) };
            peer.send(&[put(value, &packed(&1)), wait]).await;
            let outcome = match peer.next().await {
                Reply::Waited { .. } => "answered".to_owned(),
                other => format!("{other:?}"),
            };
            forget(&server, &peer).await;
            outcome
        }),
        client(
            "functions by impossible numbers",
            &["NotFound, NotFound, NotFound"],
            |server| async move {
                let mut peer = Peer::attached(&server).await;
                let mut outcomes = Vec::new();
                for target in [
                    Target::Index { module: u32::MAX, function: u32::MAX },
                    Target::Beside { of: RefId::from_bits(7), function: "f".to_owned() },
                    Target::Each {
                        how: Each::Map,
                        function: Box::new(Target::Index { module: 0, function: 0 }),
                    },
                ] {
                    let seq = peer.seq();
                    peer.send(&[to(seq, target)]).await;
                    outcomes.push(code(peer.get(peer.far(seq)).await));
                }
                forget(&server, &peer).await;
                outcomes.join(", ")
            },
        ),
        client("a description of what never was", &["Gone, NotFound"], |server| async move {
            let mut peer = Peer::attached(&server).await;
            let own = peer.far(Seq::FIRST);
            let mut outcomes = Vec::new();
            for of in [own, RefId::from_bits(u64::MAX)] {
                let seq = peer.seq();
                peer.send(&[Request::Describe { seq, subject: Subject::Ref(of) }]).await;
                outcomes.push(code(peer.answer(seq).await));
            }
            forget(&server, &peer).await;
            outcomes.join(", ")
        }),
    ]
}

fn code(answer: Result<bytes::Bytes, farside::Failure>) -> String {
    answer.map_or_else(|failure| failure.root().code, |_| ErrorCode::Internal).to_string()
}

fn to(seq: Seq, target: Target) -> Request {
    let (flags, args) = (CallFlags::default(), Payload::Inline(packed(&[0; 0])));
    Request::Call { seq, target, flags, timeout_ms: None, args }
}

/// The number that a reference holds.
async fn given(server: &Server, peer: &mut Peer, seq: Seq) -> String {
    let value = peer.get(peer.far(seq)).await.unwrap();
    forget(server, peer).await;
    rmp_serde::from_slice::<u64>(&value).unwrap().to_string()
}

async fn on(server: &Server, peer: &mut Peer) -> String {
    let outcome = goes_on(peer).await.to_owned();
    forget(server, peer).await;
    outcome
}

/// Asks one session for what another one holds.
async fn anothers(server: Arc<Server>) -> String {
    let mut owner = Peer::attached(&server).await;
    let mut thief = Peer::attached(&server).await;
    let (session, key) = owner.session();
    let second = farside_protocol::AttachTo { session, key };
    let mut second = Peer::attached_to(&server, Some(second)).await;
    let seq = second.seq();
    second.send(&[put(seq, &packed(&"secret"))]).await;
    second.get(second.far(seq)).await.unwrap();
    // The second writer is one that the thief's session has not; the first is its own.
    let foreign = code(thief.get(second.far(seq)).await);
    let own = thief.far(Seq::FIRST);
    let own = code(thief.get(own).await);
    let outcome = format!("{foreign}, {own}, {}", goes_on(&mut owner).await);
    forget(&server, &owner).await;
    forget(&server, &thief).await;
    outcome
}

/// What a call of a module that is there fails with.
async fn called(server: Arc<Server>, args: impl AsyncFnOnce(&Peer, Seq) -> Payload) -> String {
    let session = server.session().await;
    crate::echo::upload(&session).await;
    let mut peer = Peer::beside(&server, &session).await;
    let seq = peer.seq();
    let args = args(&peer, seq).await;
    peer.send(&[peer::call(seq, "echo", args)]).await;
    let outcome = code(peer.get(peer.far(seq)).await);
    session.close().await.unwrap();
    outcome
}
