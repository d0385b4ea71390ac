use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use proptest::prelude::*;
use tokio::time::{Instant, sleep};

use super::*;

/// A share that is in nobody's way.
const MANY: u32 = u32::MAX;

type Taking<'a> = Pin<Box<dyn Future<Output = Result<Turn<u8>, QueueFull>> + 'a>>;

fn poll(taking: &mut Taking<'_>) -> Poll<Result<Turn<u8>, QueueFull>> {
    taking.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

/// One that must wait.
fn waits(queue: &FairQueue<u8>, key: u8) -> Taking<'_> {
    let mut taking: Taking<'_> = Box::pin(queue.take(key, 1, MANY));
    assert!(poll(&mut taking).is_pending());
    taking
}

fn is_empty(queue: &FairQueue<u8>) -> bool {
    let state = queue.0.lock();
    let nobody = state.waiting.is_empty() && state.order.is_empty() && state.held.is_empty();
    nobody && state.free == queue.0.permits
}

#[test]
fn keys_take_turns() {
    let queue = FairQueue::new(1, 8);
    let mut turn = queue.try_take(9, 1, MANY);
    let mut all: Vec<_> =
        [1, 1, 1, 2, 3, 2].into_iter().map(|key| (key, waits(&queue, key))).collect();
    let mut order = Vec::new();
    while !all.is_empty() {
        drop(turn.take());
        let at = all.iter_mut().position(|(_, taking)| match poll(taking) {
            Poll::Ready(taken) => {
                turn = taken.ok();
                true
            }
            Poll::Pending => false,
        });
        order.push(all.remove(at.unwrap()).0);
    }
    assert_eq!(order, [1, 2, 3, 1, 2, 1]);
    drop(turn);
    assert!(is_empty(&queue));
}

#[test]
fn a_full_queue_refuses_its_own_key_only() {
    let queue = FairQueue::new(1, 2);
    let turn = queue.try_take(9, 1, MANY).unwrap();
    let two = [waits(&queue, 1), waits(&queue, 1)];
    let mut third: Taking<'_> = Box::pin(queue.take(1, 1, MANY));
    assert!(matches!(poll(&mut third), Poll::Ready(Err(QueueFull { waiting: 2 }))));
    let mut other = waits(&queue, 2);
    drop((turn, two));
    assert!(matches!(poll(&mut other), Poll::Ready(Ok(_))));
}

#[test]
fn nobody_overtakes() {
    let queue = FairQueue::new(3, 8);
    let one = queue.try_take(9, 1, MANY).unwrap();
    let mut many: Taking<'_> = Box::pin(queue.take(1, 3, MANY));
    assert!(poll(&mut many).is_pending());
    assert!(queue.try_take(9, 1, MANY).is_none(), "two are free, for the one who waits");
    let mut small = waits(&queue, 2);
    drop(one);
    let Poll::Ready(Ok(turn)) = poll(&mut many) else { panic!("its turn has come") };
    assert!(poll(&mut small).is_pending());
    drop(turn);
    assert!(poll(&mut small).is_ready());
}

#[test]
fn who_goes_lets_those_behind_pass() {
    let queue = FairQueue::new(2, 8);
    let one = queue.try_take(9, 1, MANY).unwrap();
    let mut many: Taking<'_> = Box::pin(queue.take(1, 2, MANY));
    assert!(poll(&mut many).is_pending());
    let mut small = waits(&queue, 1);
    drop(many);
    assert!(poll(&mut small).is_ready());
    drop(one);
    assert!(is_empty(&queue));
}

#[test]
fn a_turn_that_is_not_taken_goes_on() {
    let queue = FairQueue::new(1, 8);
    let turn = queue.try_take(9, 1, MANY);
    let (first, mut second) = (waits(&queue, 1), waits(&queue, 2));
    drop(turn);
    // It was granted, and nobody looked.
    drop(first);
    assert!(poll(&mut second).is_ready());
    assert!(is_empty(&queue));
}

#[test]
fn a_key_that_holds_its_share_is_passed_over() {
    let queue = FairQueue::new(3, 8);
    let first = queue.try_take(1, 1, 1).unwrap();
    assert!(queue.try_take(1, 1, 1).is_none(), "its share is taken");
    let mut capped: Taking<'_> = Box::pin(queue.take(1, 1, 1));
    assert!(poll(&mut capped).is_pending());
    // Others have what is free, though one waits.
    let second = queue.try_take(2, 1, 1).unwrap();
    let third = queue.try_take(3, 1, 2).unwrap();
    let mut other = waits(&queue, 2);
    drop(third);
    let Poll::Ready(Ok(fourth)) = poll(&mut other) else { panic!("it is its turn") };
    assert!(poll(&mut capped).is_pending());
    drop(first);
    assert!(poll(&mut capped).is_ready());
    drop((second, fourth));
    drop((capped, other));
    assert!(is_empty(&queue));
}

#[test]
fn more_than_there_are_is_all_of_them() {
    let queue = FairQueue::<u8>::new(2, 8);
    let all = queue.try_take(9, 9, MANY).unwrap();
    assert!(queue.try_take(9, 1, MANY).is_none());
    drop(all);
    assert!(is_empty(&queue));
}

#[tokio::test(start_paused = true)]
async fn a_quiet_key_waits_for_one_of_a_noisy_ones() {
    const WORK: Duration = Duration::from_secs(1);
    let queue = Arc::new(FairQueue::new(2, 64));
    let spawn = |key: u8| {
        let queue = Arc::clone(&queue);
        tokio::spawn(async move {
            let begun = Instant::now();
            let _turn = queue.take(key, 1, MANY).await.unwrap();
            let waited = begun.elapsed();
            sleep(WORK).await;
            waited
        })
    };
    let noisy: Vec<_> = (0..60).map(|_| spawn(1)).collect();
    tokio::task::yield_now().await;
    let quiet = spawn(2).await.unwrap();
    assert_eq!(quiet, WORK);
    let mut last = Duration::ZERO;
    for task in noisy {
        last = last.max(task.await.unwrap());
    }
    assert_eq!(last, WORK * 30, "61 of a second each, two at once");
}

/// What happens to a queue.
#[derive(Clone, Copy, Debug)]
enum Step {
    Enter {
        key: u8,
        permits: u32,
    },
    /// One who waits, or holds a turn, goes.
    Leave {
        which: prop::sample::Index,
    },
    Finish {
        which: prop::sample::Index,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let which = any::<prop::sample::Index>;
    let step = prop_oneof![
        3 => (0_u8..4, 1_u32..=3).prop_map(|(key, permits)| Step::Enter { key, permits }),
        1 => which().prop_map(|which| Step::Leave { which }),
        2 => which().prop_map(|which| Step::Finish { which }),
    ];
    prop::collection::vec(step, 1..80)
}

proptest! {
    #[test]
    fn no_permit_is_lost_or_held_twice(steps in steps()) {
        const PERMITS: u32 = 4;
        const BOUND: usize = 5;
        let queue = FairQueue::new(PERMITS, BOUND);
        let mut waiting: Vec<(u8, u32, Taking<'_>)> = Vec::new();
        let mut held: Vec<Turn<u8>> = Vec::new();
        for step in steps {
            match step {
                Step::Enter { key, permits } => {
                    let mut taking: Taking<'_> = Box::pin(queue.take(key, permits, MANY));
                    let of_key = waiting.iter().filter(|(other, ..)| *other == key).count();
                    match poll(&mut taking) {
                        Poll::Ready(Ok(turn)) => {
                            prop_assert!(waiting.is_empty(), "it overtook");
                            held.push(turn);
                        }
                        Poll::Ready(Err(_)) => prop_assert_eq!(of_key, BOUND),
                        Poll::Pending => {
                            prop_assert!(of_key < BOUND);
                            waiting.push((key, permits, taking));
                        }
                    }
                }
                Step::Leave { which } if !waiting.is_empty() => {
                    drop(waiting.remove(which.index(waiting.len())));
                }
                Step::Finish { which } if !held.is_empty() => {
                    drop(held.swap_remove(which.index(held.len())));
                }
                Step::Leave { .. } | Step::Finish { .. } => {}
            }
            // Within a key nobody passes another.
            let mut stuck = Vec::new();
            let mut still = Vec::new();
            for (key, permits, mut taking) in waiting.drain(..) {
                match poll(&mut taking) {
                    Poll::Ready(taken) => {
                        prop_assert!(!stuck.contains(&key), "key {} was passed", key);
                        held.push(taken.unwrap());
                    }
                    Poll::Pending => {
                        stuck.push(key);
                        still.push((key, permits, taking));
                    }
                }
            }
            waiting = still;
            let in_use: u32 = held.iter().map(|turn| turn.permits).sum();
            prop_assert!(in_use <= PERMITS);
            prop_assert_eq!(queue.0.lock().free, PERMITS - in_use);
            let most = waiting.iter().map(|(_, permits, _)| *permits).max().unwrap_or(0);
            prop_assert!(waiting.is_empty() || PERMITS - in_use < most, "nobody moves");
        }
        drop(held);
        for (.., mut taking) in waiting {
            let Poll::Ready(Ok(turn)) = poll(&mut taking) else { continue };
            drop(turn);
        }
        prop_assert!(is_empty(&queue));
    }
}
