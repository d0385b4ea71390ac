//! What is left of a guest's stack between calls.
//!
//! wasmtime keeps a store's stack for its next call, with every page that was ever used: a
//! deep recursion leaves megabytes, which nothing counts, in an instance that does nothing.

use super::Instance;

#[cfg(target_os = "linux")]
use lower::Probe;

/// What was found out of an instance's stack.
#[derive(Default)]
pub(super) struct Stack {
    /// Whether a guest ran on it since it was given back.
    is_used: bool,
    #[cfg(target_os = "linux")]
    probe: Option<Probe>,
}

impl Instance {
    /// A guest runs on its stack.
    pub(super) fn uses_stack(&mut self) {
        self.stack.is_used = true;
    }

    /// Whether there may be something to give back of its stack.
    pub(crate) fn has_used_stack(&self) -> bool {
        self.stack.is_used
    }

    /// Gives back to the system what calls have left of its stack, but for what most calls
    /// use. No guest is running in it. Does nothing but on Linux.
    pub(crate) fn give_back_stack(&mut self) {
        self.stack.is_used = false;
        #[cfg(target_os = "linux")]
        {
            let known = self.stack.probe.take();
            self.stack.probe = known.or_else(|| Probe::new(&mut self.store));
            if let Some(probe) = &self.stack.probe {
                probe.run(&mut self.store);
            }
        }
    }
}

#[cfg(target_os = "linux")]
mod lower {
    use std::hint::black_box;
    use std::ptr::{from_ref, without_provenance_mut};
    use std::task::{Context, Poll, Waker};

    use rustix::mm::{Advice, madvise};
    use wasmtime::{Store, TypedFunc};

    use crate::sandbox::engine::FIBER_STACK;
    use crate::sandbox::host::Host;

    /// What stays of a stack below the frame that gives the rest back.
    const KEPT: usize = 32 * 1024;

    /// At most how far from the top of its stack that frame is. There are only wasmtime's
    /// own frames above it, a few hundred bytes each.
    const ABOVE: usize = 256 * 1024;

    const PAGE: usize = 4096;

    /// A function of the host, which runs on the guest's stack and gives back what lies
    /// below itself.
    pub(super) struct Probe(TypedFunc<u64, ()>);

    impl Probe {
        pub(super) fn new(store: &mut Store<Host>) -> Option<Probe> {
            let func = wasmtime::Func::wrap(&mut *store, give_back_below);
            func.typed(&*store).ok().map(Probe)
        }

        pub(super) fn run(&self, store: &mut Store<Host>) {
            let mut call = Box::pin(self.0.call_async(store, here() as u64));
            // It does not wait for anything; nothing is wrong if it could not begin.
            let polled: Poll<_> = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            if let Poll::Ready(Err(error)) = polled {
                tracing::debug!(%error, "a guest's stack is not given back");
            }
        }
    }

    /// An address in the caller's frame, or beside it.
    #[inline(never)]
    fn here() -> usize {
        let local = 0u8;
        from_ref(black_box(&local)).addr()
    }

    fn give_back_below(outside: u64) {
        let here = here();
        // Whoever called this runs on another stack; if not, nothing is known of this one.
        if here.abs_diff(outside as usize) < 2 * FIBER_STACK {
            return;
        }
        let end = (here - KEPT) / PAGE * PAGE;
        let begin = (here - (FIBER_STACK - ABOVE)).next_multiple_of(PAGE);
        #[expect(unsafe_code, reason = "a stack is no object that could be borrowed")]
        // SAFETY: this frame is on a stack of `FIBER_STACK` bytes that a store made for its
        // guests, at most `ABOVE` below its top; so the range lies in it. It ends `KEPT`
        // below this frame, and a stack grows downwards: nothing that is still in use lies
        // there, and nothing that this function calls reaches there.
        let given =
            unsafe { madvise(without_provenance_mut(begin), end - begin, Advice::LinuxDontNeed) };
        if let Err(error) = given {
            tracing::debug!(%error, "a guest's stack is not given back");
        }
    }
}
