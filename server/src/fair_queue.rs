//! Permits that are handed out in fair order between those who ask.
//!
//! Whoever asks has a key, such as an owner. Those of one key wait first come, first
//! served; between the keys it goes round, one of each, so that however many of one key
//! wait, another's first waits for one of each key at most. Nobody overtakes: while
//! anyone waits, what is free is for the one whose turn it is. Who asks says how much its
//! key may hold at once; keys that hold so much are passed over. As many of a key may
//! wait as the queue is told; one more is refused at once.
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
    key: K,
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
    /// What each key holds, where that is anything.
    held: HashMap<K, u32>,
    /// Those who wait, by key; no queue is empty.
    waiting: HashMap<K, VecDeque<Waiter<K>>>,
    /// Each key of whom anyone waits, once, the next one first.
    order: VecDeque<K>,
    next_id: u64,
}

struct Waiter<K: Key> {
    id: u64,
    asks: Asks,
    granted: oneshot::Sender<Turn<K>>,
}

/// What is asked for.
#[derive(Clone, Copy)]
struct Asks {
    permits: u32,
    /// What the key may hold.
    share: u32,
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
        let state = State {
            free: permits,
            held: HashMap::new(),
            waiting: HashMap::new(),
            order: VecDeque::new(),
            next_id: 0,
        };
        FairQueue(Arc::new(Shared { state: Mutex::new(state), permits, bound }))
    }

    /// Takes permits, no more than there are in all, once it is this key's turn and the
    /// key holds no more than its `share` with them.
    ///
    /// # Errors
    /// When as many of the key wait as may.
    pub(crate) async fn take(
        &self,
        key: K,
        permits: u32,
        share: u32,
    ) -> Result<Turn<K>, QueueFull> {
        let mut waiting = match self.0.enter(key, permits, share)? {
            Entered::Now(turn) => return Ok(turn),
            Entered::Later(waiting) => waiting,
        };
        #[expect(clippy::expect_used, reason = "a waiter leaves the queue by a grant")]
        // The queue, which the place holds, drops a waiter's end only when it grants.
        let turn = (&mut waiting.granted).await.expect("a waiter is granted its turn");
        Ok(turn)
    }

    /// Takes permits if the key may have them now.
    pub(crate) fn try_take(&self, key: K, permits: u32, share: u32) -> Option<Turn<K>> {
        let asks = self.0.clamp(permits, share);
        self.0.lock().take_free(&key, asks).then(|| self.0.turn(key, asks.permits))
    }

    /// Whether none is free.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().free == 0
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

    /// What can be had at some time: no more than there are, and a share that lets one in.
    fn clamp(&self, permits: u32, share: u32) -> Asks {
        let permits = permits.min(self.permits);
        Asks { permits, share: share.max(permits) }
    }

    /// For permits that were taken from the free ones.
    fn turn(self: &Arc<Self>, key: K, permits: u32) -> Turn<K> {
        Turn { queue: Arc::clone(self), key, permits }
    }

    fn enter(self: &Arc<Self>, key: K, permits: u32, share: u32) -> Result<Entered<K>, QueueFull> {
        let asks = self.clamp(permits, share);
        let mut state = self.lock();
        if state.take_free(&key, asks) {
            return Ok(Entered::Now(self.turn(key, asks.permits)));
        }
        let waiting = state.waiting.get(&key).map_or(0, VecDeque::len);
        if waiting >= self.bound {
            return Err(QueueFull { waiting });
        }
        let id = state.next_id;
        state.next_id += 1;
        let (sender, granted) = oneshot::channel();
        state.push(&key, Waiter { id, asks, granted: sender });
        Ok(Entered::Later(Waiting { queue: Arc::clone(self), key, id, granted }))
    }

    /// Gives permits back, and what is free then to those whose turn it is.
    fn give(self: &Arc<Self>, key: &K, permits: u32) {
        let mut state = self.lock();
        state.give_back(key, permits);
        let next = state.next();
        drop(state);
        self.grant(next);
    }

    fn grant(self: &Arc<Self>, waiters: Vec<(K, Waiter<K>)>) {
        for (key, waiter) in waiters {
            // One that has just gone gives its turn back by dropping it.
            let _ = waiter.granted.send(self.turn(key, waiter.asks.permits));
        }
    }
}

impl<K: Key> State<K> {
    /// Whether a key would hold no more than its share.
    fn is_within(&self, key: &K, asks: Asks) -> bool {
        let held = self.held.get(key).copied().unwrap_or(0);
        held.saturating_add(asks.permits) <= asks.share
    }

    /// Takes permits for a key of whom nobody waits, if nobody waits whose turn it could be.
    fn take_free(&mut self, key: &K, asks: Asks) -> bool {
        let is_free = asks.permits <= self.free
            && self.is_within(key, asks)
            && !self.waiting.contains_key(key)
            && self.first().is_none();
        if is_free {
            self.take_out(key, asks.permits);
        }
        is_free
    }

    fn take_out(&mut self, key: &K, permits: u32) {
        self.free -= permits;
        *self.held.entry(key.clone()).or_default() += permits;
    }

    fn give_back(&mut self, key: &K, permits: u32) {
        self.free += permits;
        if let Some(held) = self.held.get_mut(key) {
            *held -= permits;
            if *held == 0 {
                self.held.remove(key);
            }
        }
    }

    /// The place in the order of the first key that may hold what its first waiter asks
    /// for, and that.
    fn first(&self) -> Option<(usize, Asks)> {
        self.order.iter().enumerate().find_map(|(place, key)| {
            let asks = self.waiting.get(key)?.front()?.asks;
            self.is_within(key, asks).then_some((place, asks))
        })
    }

    fn push(&mut self, key: &K, waiter: Waiter<K>) {
        let queue = self.waiting.entry(key.clone()).or_default();
        if queue.is_empty() {
            self.order.push_back(key.clone());
        }
        queue.push_back(waiter);
    }

    /// Takes those out of the queue for whom there are permits now.
    fn next(&mut self) -> Vec<(K, Waiter<K>)> {
        let mut next = Vec::new();
        while let Some((place, asks)) = self.first()
            && asks.permits <= self.free
            && let Some(key) = self.order.remove(place)
            && let Some(queue) = self.waiting.get_mut(&key)
            && let Some(waiter) = queue.pop_front()
        {
            match queue.is_empty() {
                true => drop(self.waiting.remove(&key)),
                false => self.order.push_back(key.clone()),
            }
            self.take_out(&key, asks.permits);
            next.push((key, waiter));
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
        self.queue.give(&self.key, self.permits);
    }
}

#[cfg(test)]
mod tests;
