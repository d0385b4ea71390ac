//! One at a time for each module: who wants what another is compiling waits for it, and
//! finds it compiled.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use farside_protocol::ModuleHash;
use tokio::sync::OwnedMutexGuard;

/// The modules that are being compiled.
#[derive(Debug, Default)]
pub(crate) struct Turns(Mutex<HashMap<ModuleHash, Weak<Turn>>>);

type Turn = tokio::sync::Mutex<()>;

impl Turns {
    /// Waits until nobody else compiles the module, and keeps others from it while the
    /// guard lives.
    pub(crate) async fn take(&self, hash: ModuleHash) -> OwnedMutexGuard<()> {
        let turn = self.turn(hash);
        turn.lock_owned().await
    }

    fn turn(&self, hash: ModuleHash) -> Arc<Turn> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = turns.get(&hash).and_then(Weak::upgrade) {
            return turn;
        }
        turns.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::default();
        turns.insert(hash, Arc::downgrade(&turn));
        turn
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_modules_turns_come_one_after_the_other() {
        let turns = Turns::default();
        let (one, other) = (ModuleHash([1; 32]), ModuleHash([2; 32]));
        let first = turns.take(one).await;
        let _other = turns.take(other).await;
        let second = turns.take(one);
        tokio::pin!(second);
        assert!(tokio::time::timeout(Duration::from_secs(1), &mut second).await.is_err());
        drop(first);
        drop(second.await);
        assert_eq!(turns.0.lock().unwrap().len(), 2);
        let _fourth = turns.turn(ModuleHash([3; 32]));
        assert_eq!(turns.0.lock().unwrap().len(), 2, "turns that are over are forgotten");
    }
}
