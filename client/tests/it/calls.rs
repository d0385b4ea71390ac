//! Calls and references: what goes out, in which frames and in which order.

use bytes::Bytes;
use farside::{Far, RefId, RefState};
use farside_protocol::value::FarArg;
use farside_protocol::{CallFlags, Payload, Reply, Request, Target};

use crate::peer::{WRITER, packed, seq, session, session_with, value};

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
        peer.send(&[value(seq(1), &49)]).await;
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
        assert_eq!(frame.len(), 102, "100 calls, the get, and the release of 99");
        let last = RefId::new(WRITER, seq(99));
        let Request::Call { seq: number, args, .. } = &frame[99] else { panic!("{frame:?}") };
        assert_eq!(*number, seq(100));
        assert_eq!(*args, Payload::Inline(packed(&(FarArg(last), 99))));
        assert_eq!(frame[100], Request::Get { seq: seq(101), of: far.id(), path: None });
        assert!(matches!(&frame[101], Request::Release { refs, .. } if refs.len() == 99));
        peer.send(&[Reply::Ack { taken: 101, calls: 10_100, bytes: 64 << 20 }]).await;
        peer.send(&[value(seq(101), &4950)]).await;
    });
    assert_eq!(result.unwrap(), 4950);
    let after = session.wire();
    assert_eq!(after.frames_sent - before.frames_sent, 1);
    assert_eq!(after.round_trips - before.round_trips, 1);
}
