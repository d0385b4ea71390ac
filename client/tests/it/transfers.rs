//! Payloads in pieces, each transfer within its credit, small messages first.

use bytes::Bytes;
use farside::{ContentType, ErrorCode, Failure, Far};
use farside_protocol::{Payload, Reply, Request, caps};

use crate::peer::{Peer, SESSION, packed, seq, session, session_with};

const CREDIT: usize = caps::TRANSFER_CREDIT as usize;

fn pattern(len: usize) -> Bytes {
    (0..len).map(|place| (place % 251) as u8).collect::<Vec<u8>>().into()
}

fn octets() -> ContentType {
    ContentType::named("application/octet-stream")
}

/// The pieces that come without more credit, put together.
async fn pieces(peer: &mut Peer, of: u64, into: &mut Vec<u8>) {
    while let Some(request) = peer.next_now().await {
        let Request::Chunk { transfer, offset, bytes } = request else { panic!("{request:?}") };
        assert_eq!((transfer, offset), (seq(of), into.len() as u64));
        assert!(bytes.len() <= caps::CHUNK_BYTES);
        into.extend_from_slice(&bytes);
    }
}

#[tokio::test(start_paused = true)]
async fn a_large_value_is_sent_in_pieces_within_its_credit() {
    let (session, mut peer) = session().await;
    let bytes = pattern(1_000_000);
    let _far = session.put_bytes(octets(), bytes.clone());
    let announced = Request::Put {
        seq: seq(1),
        content: octets(),
        value: Payload::Transfer { size: 1_000_000 },
    };
    assert_eq!(peer.frame().await.unwrap(), [announced]);
    let mut received = Vec::new();
    pieces(&mut peer, 1, &mut received).await;
    assert_eq!(received.len(), CREDIT);
    peer.send(&[Reply::Credit { transfer: seq(1), until: CREDIT as u64 + 1000 }]).await;
    pieces(&mut peer, 1, &mut received).await;
    assert_eq!(received.len(), CREDIT + 1000);
    peer.send(&[Reply::Credit { transfer: seq(1), until: 2_000_000 }]).await;
    pieces(&mut peer, 1, &mut received).await;
    assert_eq!(received, bytes);
}

#[tokio::test(start_paused = true)]
async fn transfers_take_turns_and_small_messages_go_before_them() {
    let (session, mut peer) = session().await;
    // The transport holds 16 frames at most, so most pieces are still to be sent.
    let fars: Vec<_> = (0..8).map(|_| session.put_bytes(octets(), pattern(CREDIT))).collect();
    assert_eq!(peer.frame().await.unwrap().len(), 8);
    let mut turns = Vec::new();
    for _ in 0..8 {
        let Request::Chunk { transfer, .. } = peer.next().await else { panic!() };
        turns.push(transfer.get());
    }
    assert_eq!(turns, [1, 2, 3, 4, 5, 6, 7, 8]);
    session.cancel(fars[0].id());
    let mut before_cancel = 0;
    while !matches!(peer.next().await, Request::Cancel { .. }) {
        before_cancel += 1;
    }
    assert!(before_cancel <= 16, "{before_cancel} pieces went before a small message");
}

#[tokio::test(start_paused = true)]
async fn flushing_waits_for_the_last_piece() {
    let (session, mut peer) = session().await;
    let _far = session.put_bytes(octets(), pattern(CREDIT + 1));
    let (flushed, ()) = tokio::join!(session.flush(), async {
        assert!(matches!(peer.next().await, Request::Put { .. }));
        let mut received = Vec::new();
        pieces(&mut peer, 1, &mut received).await;
        assert_eq!(received.len(), CREDIT, "nothing but pieces came");
        peer.send(&[Reply::Credit { transfer: seq(1), until: 2 * CREDIT as u64 }]).await;
        assert!(matches!(peer.next().await, Request::Chunk { .. }));
        assert!(matches!(peer.next().await, Request::Wait { .. }));
        peer.send(&[Reply::Waited { seq: seq(2), states: Vec::new() }]).await;
    });
    flushed.unwrap();
}

#[tokio::test(start_paused = true)]
async fn large_arguments_are_a_transfer_too() {
    let (session, mut peer) = session().await;
    let text = "x".repeat(100_000);
    let _far: Far<u32> = session.function("f").call((&text,));
    let args = packed(&(&text,));
    let Request::Call { args: payload, .. } = peer.next().await else { panic!() };
    assert_eq!(payload, Payload::Transfer { size: args.len() as u64 });
    let mut received = Vec::new();
    pieces(&mut peer, 1, &mut received).await;
    assert_eq!(received, args);
}

#[tokio::test(start_paused = true)]
async fn a_refused_transfer_is_not_sent_to_its_end() {
    let (session, mut peer) = session().await;
    let _far = session.put_bytes(octets(), pattern(1_000_000));
    peer.next().await;
    pieces(&mut peer, 1, &mut Vec::new()).await;
    let failure = Failure::new(ErrorCode::ValueTooLarge, "too large");
    peer.send(&[Reply::Failed { seq: seq(1), failure }]).await;
    peer.send(&[Reply::Credit { transfer: seq(1), until: 1_000_000 }]).await;
    assert_eq!(peer.next_now().await, None);
    session.ready().await.unwrap();
}

async fn send_pieces(peer: &mut Peer, of: u64, bytes: &Bytes, from: usize, to: usize) {
    for start in (from..to).step_by(caps::CHUNK_BYTES) {
        let piece = bytes.slice(start..to.min(start + caps::CHUNK_BYTES));
        let chunk = Reply::Chunk { transfer: seq(of), offset: start as u64, bytes: piece };
        peer.send(&[chunk]).await;
    }
}

fn announcement(of: u64, size: u64) -> Reply {
    Reply::Value { seq: seq(of), content: octets(), value: Payload::Transfer { size } }
}

#[tokio::test(start_paused = true)]
async fn a_large_value_is_received_in_pieces_with_credit_ahead_of_need() {
    let (session, mut peer) = session().await;
    let bytes = pattern(10_000_000);
    let far = session.far::<Bytes>(farside::RefId::from_bits(5));
    let (value, ()) = tokio::join!(far.get_raw(None), async {
        peer.next().await;
        peer.send(&[announcement(1, bytes.len() as u64)]).await;
        let (mut sent, mut until) = (0, CREDIT);
        while sent < bytes.len() {
            assert!(sent < until, "the client let the transfer run dry at {sent}");
            let next = until.min(sent + caps::CHUNK_BYTES);
            send_pieces(&mut peer, 1, &bytes, sent, next).await;
            sent = next;
            if until - sent < caps::CHUNK_BYTES && until < bytes.len() {
                let Request::Credit { transfer, until: granted } = peer.next().await else {
                    panic!()
                };
                assert_eq!(transfer, seq(1));
                assert!(granted as usize > until);
                until = granted as usize;
            }
        }
    });
    let (content, received) = value.unwrap();
    assert_eq!(content, octets());
    assert_eq!(received, bytes);
}

#[tokio::test(start_paused = true)]
async fn dropping_a_get_in_its_midst_aborts_the_transfer() {
    let (session, mut peer) = session().await;
    let bytes = pattern(1_000_000);
    let far = session.far::<Bytes>(farside::RefId::from_bits(5));
    tokio::select! {
        _ = far.get_raw(None) => panic!("it can't be complete"),
        () = async {
            peer.next().await;
            peer.send(&[announcement(1, 1_000_000)]).await;
            send_pieces(&mut peer, 1, &bytes, 0, 100_000).await;
            assert!(peer.next_now().await.is_some_and(|it| matches!(it, Request::Credit { .. })));
        } => {}
    }
    assert_eq!(peer.next().await, Request::Abort { transfer: seq(1) });
    send_pieces(&mut peer, 1, &bytes, 100_000, 200_000).await;
    assert_eq!(peer.next_now().await, None, "what was under way is passed over");
}

#[tokio::test(start_paused = true)]
async fn the_answer_to_a_question_given_up_is_let_go() {
    let (session, mut peer) = session().await;
    let f = session.function("f");
    for _ in 0..2 {
        tokio::select! {
            biased;
            _ = f.value::<u32>(()) => panic!("nobody answers"),
            () = async {} => {}
        }
    }
    assert_eq!(peer.frame().await.unwrap().len(), 2);
    peer.send(&[crate::peer::value(1, &1), announcement(2, 1_000_000)]).await;
    assert_eq!(peer.next().await, Request::Abort { transfer: seq(2) });
}

#[tokio::test(start_paused = true)]
async fn a_transfer_that_breaks_off_fails_the_get() {
    let (session, mut peer) = session().await;
    let far = session.far::<Bytes>(farside::RefId::from_bits(5));
    let (value, ()) = tokio::join!(far.get_raw(None), async {
        peer.next().await;
        peer.send(&[announcement(1, 1_000_000)]).await;
        send_pieces(&mut peer, 1, &pattern(1000), 0, 1000).await;
        let failure = Failure::new(ErrorCode::StorageFailed, "the disk is gone");
        peer.send(&[Reply::Failed { seq: seq(1), failure }]).await;
    });
    assert_eq!(value.unwrap_err().to_string(), "the disk is gone");
}

#[tokio::test(start_paused = true)]
async fn a_piece_out_of_place_ends_the_connection() {
    let (session, mut peer) = session_with(SESSION, 10, 1000).await;
    let far = session.far::<Bytes>(farside::RefId::from_bits(5));
    let (value, ()) = tokio::join!(far.get_raw(None), async {
        peer.next().await;
        peer.send(&[announcement(1, 1_000_000)]).await;
        let chunk = Reply::Chunk { transfer: seq(1), offset: 7, bytes: pattern(10) };
        peer.send(&[chunk]).await;
    });
    insta::assert_snapshot!(crate::errors::text(&value.unwrap_err()), @"the connection is lost: the server broke the protocol: a piece at byte 7 of transfer 1 does not fit");
}
