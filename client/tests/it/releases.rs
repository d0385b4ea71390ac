//! Dropped references: batched, and behind what was said before.

use farside::{Far, RefId};
use farside_protocol::{Reply, Request, caps};

use crate::peer::{SESSION, WRITER, seq, session, session_with, value};

fn far_ids(range: std::ops::RangeInclusive<u64>) -> Vec<RefId> {
    range.map(|number| RefId::new(WRITER, seq(number))).collect()
}

#[tokio::test(start_paused = true)]
async fn dropped_references_are_released_in_one_message() {
    let (session, mut peer) = session().await;
    let fars: Vec<Far<u32>> = (0..10u32).map(|n| session.put(&n)).collect();
    assert_eq!(peer.frame().await.unwrap().len(), 10);
    drop(fars);
    let release = Request::Release { seq: seq(11), refs: far_ids(1..=10) };
    assert_eq!(peer.frame().await.unwrap(), [release]);
}

#[tokio::test(start_paused = true)]
async fn a_release_goes_before_the_next_question() {
    let (session, mut peer) = session().await;
    let first: Far<u32> = session.put(&1);
    let second: Far<u32> = session.put(&2);
    drop(first);
    let (two, ()) = tokio::join!(second.get(), async {
        let frame = peer.frame().await.unwrap();
        assert_eq!(frame[2], Request::Release { seq: seq(3), refs: far_ids(1..=1) });
        assert!(matches!(&frame[3], Request::Get { .. }), "{frame:?}");
        peer.send(&[value(4, &2)]).await;
    });
    assert_eq!(two.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_release_does_not_overtake_a_call_that_waits_for_credit() {
    let (session, mut peer) = session_with(SESSION, 1, 1000).await;
    let f = session.function("f");
    let data: Far<u32> = session.put(&1);
    let _first: Far<u32> = f.call((&data,));
    let _second: Far<u32> = f.call((&data,));
    drop(data);
    assert_eq!(peer.frame().await.unwrap().len(), 2, "the put and the first call");
    assert_eq!(peer.next_now().await, None);
    peer.send(&[Reply::Ack { taken: 2, calls: 2, bytes: 1000 }]).await;
    let frame = peer.frame().await.unwrap();
    assert!(matches!(&frame[0], Request::Call { seq: number, .. } if *number == seq(3)));
    assert_eq!(frame[1], Request::Release { seq: seq(4), refs: far_ids(1..=1) });
}

#[tokio::test(start_paused = true)]
async fn a_release_names_no_more_references_than_a_message_may() {
    let (session, mut peer) = session().await;
    let count = caps::REFS_IN_MESSAGE as u64 + 5;
    session.release(&far_ids(1..=count));
    let mut released = Vec::new();
    while released.len() < count as usize {
        let Request::Release { refs, .. } = peer.next().await else { panic!() };
        assert!(refs.len() <= caps::REFS_IN_MESSAGE);
        released.extend(refs);
    }
    assert_eq!(released, far_ids(1..=count));
}

#[tokio::test(start_paused = true)]
async fn kept_and_borrowed_references_are_not_released() {
    let (session, mut peer) = session().await;
    let id = session.put(&1).keep();
    drop(session.far::<u32>(id));
    let _: RefId = session.put("text").cast::<String>().keep();
    assert_eq!(peer.frame().await.unwrap().len(), 2);
    assert_eq!(peer.next_now().await, None);
}

#[tokio::test(start_paused = true)]
async fn the_last_handle_sends_what_is_queued_and_hangs_up() {
    let (session, mut peer) = session().await;
    let far: Far<u32> = session.put(&1);
    drop(session);
    drop(far);
    let frame = peer.frame().await.unwrap();
    assert!(matches!(&frame[0], Request::Put { .. }));
    assert!(matches!(&frame[1], Request::Release { .. }));
    assert_eq!(peer.frame().await, None);
}
