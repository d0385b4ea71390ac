//! Permits that are handed out in fair order between those who ask.
//!
//! Whoever asks has a key, such as an owner. Those of one key wait first come, first
//! served; between the keys it goes round, one of each, so that however many of one key
//! wait, another's first waits for one of each key at most. Nobody overtakes: while
//! anyone waits, what is free is for the one whose turn it is. As many of a key may wait
//! as the queue is told; one more is refused at once.
//!
//! A permit lives until its [`Turn`] is dropped. A future that is dropped while it
//! waits leaves the queue. How long is waited is up to the caller.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// What can be a key.
pub(crate) trait Key: Eq + Hash + Clone {}

impl<K: Eq + Hash + Clone> Key for K {}

/// Hands out permits, in turn between keys.
pub(crate) struct FairQueue<K: Key>(Arc<Shared<K>>);

/// As many of this key wait as may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{waiting} wait already")]
pub(crate) struct QueueFull {
    /// How many that are.
    pub(crate) waiting: usize,
}

/// Permits that are held until this is dropped.
pub(crate) struct Turn<K: Key> {
    queue: Arc<Shared<K>>,
    permits: u32,
}

struct Shared<K: Key> {
    /// Never held while a turn is dropped, which takes it.
    state: Mutex<State<K>>,
    permits: u32,
    bound: usize,
}

struct State<K: Key> {
    free: u32,
    /// Those who wait, by key; no queue is empty.
    waiting: HashMap<K, VecDeque<Waiter<K>>>,
    /// Each key of whom anyone waits, once, the next one first.
    order: VecDeque<K>,
    next_id: u64,
}

struct Waiter<K: Key> {
    id: u64,
    permits: u32,
    granted: oneshot::Sender<Turn<K>>,
}

/// A place in the queue, which is given up when this is dropped.
struct Waiting<K: Key> {
    queue: Arc<Shared<K>>,
    key: K,
    id: u64,
    granted: oneshot::Receiver<Turn<K>>,
}

impl<K: Key> FairQueue<K> {
    /// A queue for so many permits, in which so many of each key may wait.
    pub(crate) fn new(permits: u32, bound: usize) -> FairQueue<K> {
        let state =
            State { free: permits, waiting: HashMap::new(), order: VecDeque::new(), next_id: 0 };
        FairQueue(Arc::new(Shared { state: Mutex::new(state), permits, bound }))
    }

    /// Takes permits, no more than there are in all, once it is this key's turn.
    ///
    /// # Errors
    /// When as many of the key wait as may.
    pub(crate) async fn take(&self, key: K, permits: u32) -> Result<Turn<K>, QueueFull> {
        let mut waiting = match self.0.enter(key, permits)? {
            Entered::Now(turn) => return Ok(turn),
            Entered::Later(waiting) => waiting,
        };
        #[expect(clippy::expect_used, reason = "a waiter leaves the queue by a grant")]
        // The queue, which the place holds, drops a waiter's end only when it grants.
        let turn = (&mut waiting.granted).await.expect("a waiter is granted its turn");
        Ok(turn)
    }

    /// Takes permits if they are free and nobody waits for any.
    #[cfg_attr(not(test), expect(dead_code, reason = "compiling always may wait"))]
    pub(crate) fn try_take(&self, permits: u32) -> Option<Turn<K>> {
        let permits = permits.min(self.0.permits);
        self.0.lock().take_free(permits).then(|| self.0.turn(permits))
    }
}

/// What comes of entering a queue.
enum Entered<K: Key> {
    Now(Turn<K>),
    Later(Waiting<K>),
}

impl<K: Key> Shared<K> {
    fn lock(&self) -> MutexGuard<'_, State<K>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For permits that were taken from the free ones.
    fn turn(self: &Arc<Self>, permits: u32) -> Turn<K> {
        Turn { queue: Arc::clone(self), permits }
    }

    fn enter(self: &Arc<Self>, key: K, permits: u32) -> Result<Entered<K>, QueueFull> {
        let permits = permits.min(self.permits);
        let mut state = self.lock();
        if state.take_free(permits) {
            return Ok(Entered::Now(self.turn(permits)));
        }
        let waiting = state.waiting.get(&key).map_or(0, VecDeque::len);
        if waiting >= self.bound {
            return Err(QueueFull { waiting });
        }
        let id = state.next_id;
        state.next_id += 1;
        let (sender, granted) = oneshot::channel();
        state.push(&key, Waiter { id, permits, granted: sender });
        Ok(Entered::Later(Waiting { queue: Arc::clone(self), key, id, granted }))
    }

    /// Gives permits back, and what is free then to those whose turn it is.
    fn give(self: &Arc<Self>, permits: u32) {
        let mut state = self.lock();
        state.free += permits;
        let next = state.next();
        drop(state);
        self.grant(next);
    }

    fn grant(self: &Arc<Self>, waiters: Vec<Waiter<K>>) {
        for waiter in waiters {
            // One that has just gone gives its turn back by dropping it.
            let _ = waiter.granted.send(self.turn(waiter.permits));
        }
    }
}

impl<K: Key> State<K> {
    fn take_free(&mut self, permits: u32) -> bool {
        let free = self.order.is_empty() && permits <= self.free;
        if free {
            self.free -= permits;
        }
        free
    }

    fn push(&mut self, key: &K, waiter: Waiter<K>) {
        let queue = self.waiting.entry(key.clone()).or_default();
        if queue.is_empty() {
            self.order.push_back(key.clone());
        }
        queue.push_back(waiter);
    }

    /// Takes those out of the queue for whom there are permits now.
    fn next(&mut self) -> Vec<Waiter<K>> {
        let mut next = Vec::new();
        while let Some(key) = self.order.front()
            && let Some(queue) = self.waiting.get_mut(key)
            && let Some(waiter) = queue.pop_front_if(|waiter| waiter.permits <= self.free)
        {
            self.free -= waiter.permits;
            next.push(waiter);
            if queue.is_empty() {
                self.waiting.remove(key);
                self.order.pop_front();
            } else {
                self.order.rotate_left(1);
            }
        }
        next
    }

    /// Takes one out of the queue who waits no longer.
    fn leave(&mut self, key: &K, id: u64) {
        let Some(queue) = self.waiting.get_mut(key) else { return };
        queue.retain(|waiter| waiter.id != id);
        if queue.is_empty() {
            self.waiting.remove(key);
            self.order.retain(|other| other != key);
        }
    }
}

impl<K: Key> Drop for Waiting<K> {
    fn drop(&mut self) {
        let mut state = self.queue.lock();
        state.leave(&self.key, self.id);
        // Others may have stood behind it for whom there are permits.
        let next = state.next();
        drop(state);
        self.queue.grant(next);
    }
}

impl<K: Key> Drop for Turn<K> {
    fn drop(&mut self) {
        self.queue.give(self.permits);
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};
    use std::time::Duration;

    use proptest::prelude::*;
    use tokio::time::{Instant, sleep};

    use super::*;

    type Taking<'a> = Pin<Box<dyn Future<Output = Result<Turn<u8>, QueueFull>> + 'a>>;

    fn poll(taking: &mut Taking<'_>) -> Poll<Result<Turn<u8>, QueueFull>> {
        taking.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }

    /// One that must wait.
    fn waits(queue: &FairQueue<u8>, key: u8) -> Taking<'_> {
        let mut taking: Taking<'_> = Box::pin(queue.take(key, 1));
        assert!(poll(&mut taking).is_pending());
        taking
    }

    fn is_empty(queue: &FairQueue<u8>) -> bool {
        let state = queue.0.lock();
        state.waiting.is_empty() && state.order.is_empty() && state.free == queue.0.permits
    }

    #[test]
    fn keys_take_turns() {
        let queue = FairQueue::new(1, 8);
        let mut turn = queue.try_take(1);
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
        let turn = queue.try_take(1).unwrap();
        let two = [waits(&queue, 1), waits(&queue, 1)];
        let mut third: Taking<'_> = Box::pin(queue.take(1, 1));
        assert!(matches!(poll(&mut third), Poll::Ready(Err(QueueFull { waiting: 2 }))));
        let mut other = waits(&queue, 2);
        drop((turn, two));
        assert!(matches!(poll(&mut other), Poll::Ready(Ok(_))));
    }

    #[test]
    fn nobody_overtakes() {
        let queue = FairQueue::new(3, 8);
        let one = queue.try_take(1).unwrap();
        let mut many: Taking<'_> = Box::pin(queue.take(1, 3));
        assert!(poll(&mut many).is_pending());
        assert!(queue.try_take(1).is_none(), "two are free, for the one who waits");
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
        let one = queue.try_take(1).unwrap();
        let mut many: Taking<'_> = Box::pin(queue.take(1, 2));
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
        let turn = queue.try_take(1);
        let (first, mut second) = (waits(&queue, 1), waits(&queue, 2));
        drop(turn);
        // It was granted, and nobody looked.
        drop(first);
        assert!(poll(&mut second).is_ready());
        assert!(is_empty(&queue));
    }

    #[test]
    fn more_than_there_are_is_all_of_them() {
        let queue = FairQueue::<u8>::new(2, 8);
        let all = queue.try_take(9).unwrap();
        assert!(queue.try_take(1).is_none());
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
                let _turn = queue.take(key, 1).await.unwrap();
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
                        let mut taking: Taking<'_> = Box::pin(queue.take(key, permits));
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
}
