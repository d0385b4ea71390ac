//! What a new instance of a module is like, and how an old one is made like it: its
//! pages then need not be unmapped, mapped and faulted in again.

use std::collections::HashMap;
use std::sync::Arc;

use wasmtime::{AsContextMut, Val};

use super::pages::{self, PAGE};
use super::state::State;
use crate::meter::{Charge, Meter};

/// Memory of a module that is looked through, at most.
const LOOKED_AT: usize = 16 << 20;

/// Bytes that are kept of it, at most.
const KEPT: usize = 1 << 20;

/// Bytes that are written to make an instance new. Beyond them another one is made in
/// less time.
const WRITTEN: usize = 128 << 10;

/// The state of an instance that no call has entered.
pub(crate) struct Pristine {
    memories: Vec<Beginning>,
    globals: Vec<Val>,
    _counted: Charge,
}

/// How a memory begins.
struct Beginning {
    len: usize,
    /// The pages that are not all zero, by their places.
    pages: HashMap<usize, Box<[u8]>>,
}

impl Pristine {
    /// Looks at a new instance. None if there is too much of it, or the process has no
    /// memory left for it.
    pub(crate) fn of(
        state: &State,
        mut store: impl AsContextMut,
        memory: &Arc<Meter>,
    ) -> Option<Pristine> {
        let blocks = state.memories.iter().map(|memory| memory.data(&store));
        if blocks.clone().map(<[u8]>::len).sum::<usize>() > LOOKED_AT {
            return None;
        }
        let memories: Vec<Beginning> = blocks.map(Beginning::of).collect();
        let kept = memories.iter().map(|memory| memory.pages.len() * PAGE).sum::<usize>();
        if kept > KEPT {
            return None;
        }
        let counted = memory.charge(kept as u64).ok()?;
        let globals = state.globals.iter().map(|(_, global)| global.get(&mut store)).collect();
        Some(Pristine { memories, globals, _counted: counted })
    }

    /// Makes an instance new in which no guest runs. False, with nothing done, if that
    /// would take more than making another one.
    pub(crate) fn renew(&self, state: &State, mut store: impl AsContextMut) -> bool {
        let mut left = WRITTEN;
        let mut written = Vec::with_capacity(self.memories.len());
        for (beginning, memory) in self.memories.iter().zip(&state.memories) {
            let data = memory.data(&store);
            if data.len() != beginning.len {
                return false;
            }
            let runs = pages::written(data);
            for run in &runs {
                let Some(rest) = left.checked_sub(run.len()) else { return false };
                left = rest;
            }
            written.push(runs);
        }
        for ((beginning, memory), runs) in self.memories.iter().zip(&state.memories).zip(written) {
            let data = memory.data_mut(&mut store);
            for at in runs.into_iter().flat_map(|run| run.step_by(PAGE)) {
                let end = data.len().min(at + PAGE);
                match beginning.pages.get(&(at / PAGE)) {
                    Some(page) => data[at..end].copy_from_slice(page),
                    None => data[at..end].fill(0),
                }
            }
        }
        // The same globals of the same module, so they take these values.
        self.globals
            .iter()
            .zip(&state.globals)
            .all(|(value, (_, global))| global.set(&mut store, *value).is_ok())
    }
}

impl Beginning {
    fn of(block: &[u8]) -> Beginning {
        let pages = block.chunks(PAGE).enumerate();
        let pages = pages.filter(|(_, page)| page.iter().any(|byte| *byte != 0));
        let pages = pages.map(|(place, page)| (place, page.into())).collect();
        Beginning { len: block.len(), pages }
    }
}
