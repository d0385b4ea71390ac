//! Calls and references: what goes out, in which frames and in which order.

use std::time::Duration;

use farside::{ContentType, Far, LogLevel, RefId, RefState};
use farside_protocol::value::FarArg;
use farside_protocol::{CallFlags, Payload, Reply, Request, Subject, Target};

use crate::peer::{WRITER, packed, seq, session, value};

#[tokio::test(start_paused = true)]
async fn a_call_and_its_value_are_one_message_each_way() {
    let (session, mut peer) = session().await;
    let before = session.wire();
    let square = session.function("hello.square");
    let (result, ()) = tokio::join!(square.value::<i64>((7,)), async {
        let call = Request::Call {
            seq: seq(1),
            target: Target::Name("hello.square".into()),
            flags: CallFlags { fresh: false, get: true, release: true },
            timeout_ms: None,
            args: Payload::Inline(packed(&(7,))),
        };
        assert_eq!(peer.frame().await.unwrap(), [call]);
        peer.send(&[value(1, &49)]).await;
    });
    assert_eq!(result.unwrap(), 49);
    let after = session.wire();
    assert_eq!(after.round_trips - before.round_trips, 1);
    assert_eq!(after.messages_sent - before.messages_sent, 1);
    assert_eq!(after.messages_received - before.messages_received, 1);
    assert_eq!(peer.next_now().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_chain_of_100_calls_is_one_frame_and_one_round_trip() {
    let (session, mut peer) = session().await;
    let before = session.wire();
    let add = session.function("add");
    let mut far: Far<i64> = add.call((0, 1));
    for step in 1..100 {
        far = add.call((&far, step));
    }
    let (result, ()) = tokio::join!(far.get(), async {
        let frame = peer.frame().await.unwrap();
        assert_eq!(frame.len(), 102, "100 calls, the release of 99, and the get");
        let last = RefId::new(WRITER, seq(99));
        let Request::Call { seq: number, args, .. } = &frame[99] else { panic!("{frame:?}") };
        assert_eq!(*number, seq(100));
        assert_eq!(*args, Payload::Inline(packed(&(FarArg(last), 99))));
        assert!(matches!(&frame[100], Request::Release { refs, .. } if refs.len() == 99));
        assert_eq!(frame[101], Request::Get { seq: seq(102), of: far.id(), path: None });
        peer.send(&[Reply::Ack { taken: 102, calls: 10_100, bytes: 64 << 20 }]).await;
        peer.send(&[value(102, &4950)]).await;
    });
    assert_eq!(result.unwrap(), 4950);
    let after = session.wire();
    assert_eq!(after.frames_sent - before.frames_sent, 1);
    assert_eq!(after.round_trips - before.round_trips, 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_nobody_waits_for_leaves_by_itself() {
    let (session, mut peer) = session().await;
    let far: Far<()> = session.function("log").fresh().timeout(Duration::from_micros(1)).call(());
    let Request::Call { flags, timeout_ms, args, .. } = peer.next().await else { panic!() };
    assert_eq!(flags, CallFlags { fresh: true, get: false, release: false });
    assert_eq!(timeout_ms, Some(1), "a little is not nothing");
    assert_eq!(args, Payload::Inline(vec![0x90].into()));
    drop(far);
}

#[tokio::test(start_paused = true)]
async fn pipelined_values_share_a_frame_and_may_come_in_any_order() {
    let (session, mut peer) = session().await;
    let square = session.function("square");
    let values = futures_util::future::join_all((0..1000).map(|n| square.value::<u64>((n,))));
    let (values, ()) = tokio::join!(values, async {
        let calls = peer.frame().await.unwrap();
        assert_eq!(calls.len(), 1000);
        let replies: Vec<Reply> = (0..1000).rev().map(|n| value(n + 1, &(n * n))).collect();
        peer.send(&replies).await;
    });
    for (n, value) in values.into_iter().enumerate() {
        assert_eq!(value.unwrap(), (n * n) as u64);
    }
}

#[tokio::test(start_paused = true)]
async fn many_small_messages_are_cut_into_frames() {
    let (session, mut peer) = session().await;
    let text = "x".repeat(1000);
    let fars: Vec<Far<str>> = (0..500).map(|_| session.put(text.as_str())).collect();
    let mut puts = 0;
    while puts < fars.len() {
        let frame = peer.frame().await.unwrap();
        let bytes: usize = frame.iter().map(encoded_len).sum();
        assert!(bytes <= 64 * 1024, "a frame of {bytes} bytes");
        puts += frame.len();
    }
}

fn encoded_len(request: &Request) -> usize {
    let mut bytes = Vec::new();
    request.encode(&mut bytes);
    bytes.len()
}

#[tokio::test(start_paused = true)]
async fn parts_are_selected_and_fetched_by_path() {
    let (session, mut peer) = session().await;
    let rows: Far<Vec<i64>> = session.put(&vec![1, 2, 3]);
    let tail: Far<Vec<i64>> = rows.select("[1:]");
    let (last, ()) = tokio::join!(tail.get_part::<i64>("[-1]"), async {
        let frame = peer.frame().await.unwrap();
        let put = Request::Put {
            seq: seq(1),
            content: ContentType::MSGPACK,
            value: Payload::Inline(packed(&[1, 2, 3])),
        };
        let select = Request::Select { seq: seq(2), of: rows.id(), path: "[1:]".into() };
        let get = Request::Get { seq: seq(3), of: tail.id(), path: Some("[-1]".into()) };
        assert_eq!(frame, [put, select, get]);
        peer.send(&[value(3, &3)]).await;
    });
    assert_eq!(last.unwrap(), 3);
    let wrong: Far<i64> = rows.select("[1:");
    assert!(wrong.broken().is_some());
    assert!(rows.get_part::<i64>("[1:").await.is_err());
    assert_eq!(peer.next_now().await, None, "a wrong path does not cross the wire");
}

#[tokio::test(start_paused = true)]
async fn waiting_and_cancelling_are_messages_of_their_own() {
    let (session, mut peer) = session().await;
    let far: Far<i64> = session.function("spin").call(());
    let ids = [far.id()];
    let (states, ()) = tokio::join!(session.wait(&ids, 5, Some(Duration::from_secs(2))), async {
        peer.next().await;
        let wait =
            Request::Wait { seq: seq(2), refs: ids.to_vec(), count: 1, timeout_ms: Some(2000) };
        assert_eq!(peer.next().await, wait);
        peer.send(&[Reply::Waited { seq: seq(2), states: vec![RefState::Pending] }]).await;
    });
    assert_eq!(states.unwrap(), [RefState::Pending]);
    far.cancel();
    assert_eq!(peer.next().await, Request::Cancel { of: far.id() });
}

#[tokio::test(start_paused = true)]
async fn a_session_is_described_and_flushed() {
    let (session, mut peer) = session().await;
    let (refs, ()) = tokio::join!(session.refs(), async {
        assert_eq!(peer.next().await, Request::Describe { seq: seq(1), subject: Subject::Refs });
        let body = Payload::Inline(packed(&Vec::<()>::new()));
        peer.send(&[Reply::Described { seq: seq(1), body }]).await;
    });
    assert_eq!(refs.unwrap(), []);
    let (flushed, ()) = tokio::join!(session.flush(), async {
        assert!(
            matches!(peer.next().await, Request::Wait { refs, count: 0, .. } if refs.is_empty())
        );
        peer.send(&[Reply::Waited { seq: seq(2), states: vec![] }]).await;
    });
    flushed.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_of_logs_loses_the_oldest_lines() {
    let (session, mut peer) = session().await;
    let mut logs = session.logs();
    let of = RefId::from_bits(1);
    let line = |text: String| Reply::Log { of, level: LogLevel::Info, text };
    for batch in 0..165 {
        let lines: Vec<_> = (0..100).map(|n| line(format!("{}", batch * 100 + n))).collect();
        peer.send(&lines).await;
    }
    let (flushed, ()) = tokio::join!(session.flush(), async {
        peer.next().await;
        peer.send(&[Reply::Waited { seq: seq(1), states: vec![] }]).await;
    });
    flushed.unwrap();
    assert_eq!(logs.next().await.unwrap().text, "116");
    assert_eq!(logs.missed(), 116);
    drop(peer);
    let mut last = None;
    while let Some(line) = logs.next().await {
        last = Some(line.text);
    }
    assert_eq!(last.as_deref(), Some("16499"));
}
