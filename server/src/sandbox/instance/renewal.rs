//! Instances that serve one fresh call after another of the same session, each as new.

use std::sync::Arc;

use super::Instance;
use crate::sandbox::fault::{self, Fault};
use crate::sandbox::image::{Pristine, State};

/// Memory that a guest's allocator is made to have before the first call, in bytes. It
/// takes memory by growing, which can't be undone: a call that had to grow it would be
/// its instance's last. Whole pages of 64 KiB are taken, in which this and the
/// allocator's own data fit.
const HEAP: u32 = 48 << 10;

/// What an instance is made new with.
pub(super) struct Renewal {
    state: State,
    pristine: Arc<Pristine>,
}

impl Instance {
    /// Finds out how it can be made new again, while it is. What can't be is dropped
    /// after its call.
    ///
    /// # Errors
    /// The guest's allocator traps.
    pub(super) async fn find_renewal(&mut self) -> Result<(), Fault> {
        if !self.module.renews() {
            return Ok(());
        }
        self.grow_heap().await?;
        let code = self.module.pre().module();
        if let Ok(state) = State::of(code, &self.instance, &mut self.store) {
            let memory = Arc::clone(self.store.data().share.process());
            let pristine = self.module.pristine(|| Pristine::of(&state, &mut self.store, &memory));
            self.renewal = pristine.map(|pristine| Renewal { state, pristine });
        }
        Ok(())
    }

    async fn grow_heap(&mut self) -> Result<(), Fault> {
        let free = self.instance.get_typed_func::<(u32, u32), ()>(&mut self.store, "farside_free");
        let (Some(alloc), Ok(free)) = (self.alloc.clone(), free) else { return Ok(()) };
        let grown = match alloc.call_async(&mut self.store, HEAP).await {
            // There is no room for it, which may be no matter for the call.
            Ok(0) => Ok(()),
            Ok(at) => free.call_async(&mut self.store, (at, HEAP)).await,
            Err(error) => Err(error),
        };
        let host = self.store.data_mut();
        host.share.refused = None;
        grown.map_err(|error| fault::from_wasmtime(&error, host))
    }

    /// Makes it as it was before its first call; false if it is to be dropped.
    pub(crate) fn renew(&mut self) -> bool {
        let Some(Renewal { state, pristine }) = &self.renewal else { return false };
        self.store.data_mut().forget_call();
        pristine.renew(state, &mut self.store)
    }

    /// Its memory no longer counts as its session's.
    pub(crate) fn set_aside(&mut self) {
        self.store.data_mut().share.set_aside();
    }

    /// It counts as its session's again; false if the session has no room for it.
    pub(crate) fn take_up(&mut self) -> bool {
        self.store.data_mut().share.take_up()
    }

    pub(crate) fn is_of(&self, module: &Arc<super::Module>) -> bool {
        Arc::ptr_eq(&self.module, module)
    }
}
