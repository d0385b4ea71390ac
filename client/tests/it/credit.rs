//! Credit for calls, and the queue that holds what has none.

use std::pin::pin;

use farside::{Client, ContentType, ErrorCode, Far};
use farside_protocol::{Reply, Request};
use futures_util::poll;

use crate::peer::{Peer, SESSION, attached, seq, session_with, value};

fn call_numbers(frame: &[Request]) -> Vec<u64> {
    frame.iter().filter_map(Request::seq).map(|seq| seq.get()).collect()
}

#[tokio::test(start_paused = true)]
async fn calls_beyond_the_credit_wait_and_hold_what_is_behind_them() {
    let (session, mut peer) = session_with(SESSION, 2, 1000).await;
    let f = session.function("f");
    let fars: Vec<Far<u32>> = (0..4).map(|n| f.call((n,))).collect();
    let (third, ()) = tokio::join!(fars[3].get(), async {
        assert_eq!(call_numbers(&peer.frame().await.unwrap()), [1, 2]);
        assert_eq!(peer.next_now().await, None);
        peer.send(&[Reply::Ack { taken: 2, calls: 3, bytes: 1000 }]).await;
        assert_eq!(call_numbers(&peer.frame().await.unwrap()), [3]);
        peer.send(&[Reply::Ack { taken: 3, calls: 10, bytes: 1000 }]).await;
        assert_eq!(call_numbers(&peer.frame().await.unwrap()), [4, 5]);
        peer.send(&[value(5, &9)]).await;
    });
    assert_eq!(third.unwrap(), 9);
}

#[tokio::test(start_paused = true)]
async fn argument_bytes_are_within_the_credit() {
    let (session, mut peer) = session_with(SESSION, 100, 100).await;
    let f = session.function("f");
    let sixty = "x".repeat(57);
    let _first: Far<u32> = f.call((&sixty,));
    let _second: Far<u32> = f.call((&sixty,));
    assert_eq!(call_numbers(&peer.frame().await.unwrap()), [1]);
    assert_eq!(peer.next_now().await, None);
    peer.send(&[Reply::Ack { taken: 1, calls: 100, bytes: 160 }]).await;
    assert_eq!(call_numbers(&peer.frame().await.unwrap()), [2]);
}

#[tokio::test(start_paused = true)]
async fn arguments_that_never_fit_the_credit_break_at_once() {
    let (session, _peer) = session_with(SESSION, 100, 100).await;
    let far: Far<u32> = session.function("f").call(("x".repeat(200),));
    let failure = far.broken().unwrap();
    assert_eq!(failure.code, ErrorCode::ValueTooLarge);
    insta::assert_snapshot!(failure, @"arguments of 203 bytes; the server takes 100 at once");
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_breaks_calls_until_the_session_is_ready() {
    let (ours, theirs) = farside::memory_transport();
    let mut peer = Peer::new(theirs);
    let builder = Client::builder().token("secret").queue_bytes(1000);
    let (client, ()) = tokio::join!(builder.over(ours), peer.welcome());
    let client = client.unwrap();
    let (session, ()) = tokio::join!(client.session(), async {
        peer.next().await;
        peer.send(&[attached(SESSION, 100, 1 << 20)]).await;
    });
    let session = session.unwrap();
    let kept = |len| session.put_bytes(ContentType::named("text/plain"), vec![0; len]);
    let first = kept(1200);
    assert!(first.broken().is_none(), "one message may overshoot the queue");
    let large = kept(100_000);
    assert!(large.broken().is_none(), "large values have a queue of their own");
    let far: Far<u32> = session.function("f").call(());
    let failure = far.broken().unwrap();
    assert_eq!(failure.code, ErrorCode::QuotaExceeded);
    insta::assert_snapshot!(failure, @"the connection's queue holds 1236 bytes that the server has not taken yet");
    insta::assert_snapshot!(failure.hint.as_deref().unwrap(), @"await `session.ready()` before making more calls");
    let larger = kept(100_000);
    insta::assert_snapshot!(larger.broken().unwrap(), @"the connection's queue holds 100000 bytes that the server has not taken yet");
    session.ready().await.unwrap();
    let far: Far<u32> = session.function("f").call(());
    assert!(far.broken().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_large_value_on_its_way_breaks_no_call() {
    let (session, _peer) = session_with(SESSION, 100, 1 << 20).await;
    let kept = session.put_bytes(ContentType::named("text/plain"), vec![0; 100 << 20]);
    let far: Far<u32> = session.function("f").call((&kept,));
    assert!(far.broken().is_none(), "{far:?}");
}

#[tokio::test(start_paused = true)]
async fn ready_waits_for_credit() {
    let (session, mut peer) = session_with(SESSION, 1, 1000).await;
    session.ready().await.unwrap();
    let _far: Far<u32> = session.function("f").call(());
    let mut ready = pin!(session.ready());
    assert!(poll!(&mut ready).is_pending());
    assert_eq!(call_numbers(&peer.frame().await.unwrap()), [seq(1).get()]);
    assert!(poll!(&mut ready).is_pending());
    peer.send(&[Reply::Ack { taken: 1, calls: 2, bytes: 2000 }]).await;
    ready.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_cancel_does_not_wait_for_credit() {
    let (session, mut peer) = session_with(SESSION, 2, 1000).await;
    let f = session.function("f");
    let fars: Vec<Far<u32>> = (0..4).map(|n| f.call((n,))).collect();
    assert_eq!(call_numbers(&peer.frame().await.unwrap()), [1, 2]);
    let cancel = |far: &Far<u32>| Request::Cancel { of: far.id() };
    // One that is not sent yet is cancelled ahead of itself, once it has credit.
    fars[3].cancel();
    assert_eq!(peer.next_now().await, None);
    fars[0].cancel();
    assert_eq!(peer.next_now().await, Some(cancel(&fars[0])));
    peer.send(&[Reply::Ack { taken: 2, calls: 10, bytes: 1000 }]).await;
    let frame = peer.frame().await.unwrap();
    assert_eq!(call_numbers(&frame), [3, 4]);
    assert_eq!(frame[1], cancel(&fars[3]));
}
