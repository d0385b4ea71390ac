//! What an instance goes back to when a call in it has to be stopped: those pages of its
//! memories that it wrote to, and its mutable globals.

use std::ops::Range;
use std::sync::Arc;

use wasmtime::{AsContextMut, Val};

use super::pages;
use super::state::State;
use crate::meter::{Charge, Meter};

/// Most bytes that are kept of an instance. Copying more before each call would take
/// longer than most calls.
const MOST: usize = 16 << 20;

/// Wasm's own pages, by which a memory grows.
const WASM_PAGE: u64 = 64 * 1024;

/// The state of an instance at a moment when no guest ran in it, as far as it differs
/// from that of a new one.
pub(crate) struct Checkpoint {
    memories: Vec<Kept>,
    globals: Vec<Val>,
    counted: Charge,
}

/// What is kept of one memory.
#[derive(Default)]
struct Kept {
    len: usize,
    runs: Vec<Range<usize>>,
    /// The bytes of all runs, one after the other.
    bytes: Vec<u8>,
}

impl Checkpoint {
    /// Takes the state of an instance anew. None if there is too much of it, or the
    /// process has no memory left for it.
    pub(crate) fn take(
        state: &State,
        store: impl AsContextMut,
        memory: &Arc<Meter>,
    ) -> Option<Checkpoint> {
        let checkpoint = Checkpoint {
            memories: state.memories.iter().map(|_| Kept::default()).collect(),
            globals: Vec::new(),
            counted: memory.count(0),
        };
        checkpoint.renewed(state, store, false)
    }

    /// Takes the state of the same instance. None as from [`take`](Checkpoint::take).
    ///
    /// Where no page was written to for the first time since, they need not be looked
    /// for: the system takes 10 ns for each that is in memory.
    pub(crate) fn renewed(
        mut self,
        state: &State,
        store: impl AsContextMut,
        are_pages_the_same: bool,
    ) -> Option<Checkpoint> {
        self.renew(state, store, are_pages_the_same).then_some(self)
    }

    fn renew(
        &mut self,
        state: &State,
        mut store: impl AsContextMut,
        are_pages_the_same: bool,
    ) -> bool {
        let mut sum = 0;
        for (kept, memory) in self.memories.iter_mut().zip(&state.memories) {
            let data = memory.data(&store);
            if !are_pages_the_same || kept.len != data.len() {
                kept.runs = pages::written(data);
            }
            kept.len = data.len();
            sum += kept.runs.iter().map(ExactSizeIterator::len).sum::<usize>();
            if sum > MOST {
                return false;
            }
        }
        let counted = sum as u64;
        let before = self.counted.bytes();
        if counted > before && self.counted.grow(counted - before).is_err() {
            return false;
        }
        self.counted.shrink(before.saturating_sub(counted));
        for (kept, memory) in self.memories.iter_mut().zip(&state.memories) {
            let data = memory.data(&store);
            kept.bytes.clear();
            kept.runs.iter().for_each(|run| kept.bytes.extend_from_slice(&data[run.clone()]));
        }
        let globals = state.globals.iter().map(|(_, global)| global.get(&mut store));
        self.globals = globals.collect();
        true
    }

    /// Puts a new instance of the same module into this state.
    ///
    /// # Errors
    /// Its memory can't grow to what it was.
    pub(crate) fn restore(
        &self,
        state: &State,
        mut store: impl AsContextMut,
    ) -> wasmtime::Result<()> {
        for (kept, memory) in self.memories.iter().zip(&state.memories) {
            let missing = kept.len.saturating_sub(memory.data_size(&store));
            memory.grow(&mut store, (missing as u64).div_ceil(WASM_PAGE))?;
            let (data, mut rest) = (memory.data_mut(&mut store), &kept.bytes[..]);
            for run in &kept.runs {
                let (bytes, after) = rest.split_at(run.len());
                data[run.clone()].copy_from_slice(bytes);
                rest = after;
            }
        }
        for ((_, global), value) in state.globals.iter().zip(&self.globals) {
            global.set(&mut store, *value)?;
        }
        Ok(())
    }
}
