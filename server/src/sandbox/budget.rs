//! The memory that a session's instances share: one budget over all its stores,
//! within the memory of the process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use wasmtime::ResourceLimiter;

use crate::meter::{Charge, Exceeded, Meter};

/// What all instances of one session may use together.
#[derive(Debug)]
pub(crate) struct Budget {
    memory: AtomicUsize,
    memory_limit: usize,
    table_elements: AtomicUsize,
    table_limit: usize,
    instances: AtomicU64,
    process: Arc<Meter>,
}

impl Budget {
    /// A budget within the memory of the `process`.
    pub(crate) fn new(memory_limit: usize, table_limit: usize, process: Arc<Meter>) -> Budget {
        Budget {
            process,
            memory: AtomicUsize::new(0),
            memory_limit,
            table_elements: AtomicUsize::new(0),
            table_limit,
            instances: AtomicU64::new(0),
        }
    }

    /// Linear memory in use, in bytes.
    pub(crate) fn memory(&self) -> usize {
        self.memory.load(Ordering::Relaxed)
    }

    /// Live instances, fresh calls included.
    pub(crate) fn instances(&self) -> u64 {
        self.instances.load(Ordering::Relaxed)
    }

    pub(super) fn memory_limit(&self) -> usize {
        self.memory_limit
    }

    /// Elements of all tables in use.
    pub(super) fn table_elements(&self) -> usize {
        self.table_elements.load(Ordering::Relaxed)
    }

    pub(super) fn table_limit(&self) -> usize {
        self.table_limit
    }
}

/// Adds to a counter unless that passes the limit.
fn charge(counter: &AtomicUsize, amount: usize, limit: usize) -> bool {
    counter
        .try_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            used.checked_add(amount).filter(|sum| *sum <= limit)
        })
        .is_ok()
}

/// What an element of a table is counted as in the memory of the process.
const ELEMENT_BYTES: u64 = 16;

/// One store's share of its session's budget; gives it back when dropped.
pub(super) struct Share {
    budget: Arc<Budget>,
    memory: usize,
    process: Charge,
    /// Bytes of its first memory that are the module's own and count for the process
    /// only once, with the module.
    shared: u64,
    table_elements: usize,
    /// While it is set aside: what it counted for the process.
    aside: Option<u64>,
    /// What was last granted, to be taken back if the growth then fails.
    granted: Growth,
    /// What was last refused; a trap after that is a `MemoryLimit`.
    pub(super) refused: Option<Refused>,
}

#[derive(Clone, Copy, Default)]
struct Growth {
    memory: usize,
    table_elements: usize,
}

/// A growth that the budget did not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    Memory {
        growth: usize,
        wanted: usize,
    },
    Table {
        wanted: usize,
    },
    /// The session may have it, the process can't.
    Process(Exceeded),
}

impl Share {
    /// A share of which so many bytes are shared with other instances.
    pub(super) fn of(budget: Arc<Budget>, shared: u64) -> Share {
        budget.instances.fetch_add(1, Ordering::Relaxed);
        let process = budget.process.count(0);
        Share {
            budget,
            memory: 0,
            process,
            shared,
            table_elements: 0,
            aside: None,
            granted: Growth::default(),
            refused: None,
        }
    }

    fn grow_memory(&mut self, growth: usize, wanted: usize) -> Result<(), Refused> {
        if !charge(&self.budget.memory, growth, self.budget.memory_limit) {
            return Err(Refused::Memory { growth, wanted });
        }
        let private = (growth as u64).saturating_sub(std::mem::take(&mut self.shared));
        self.process.grow(private).map_err(|exceeded| {
            self.budget.memory.fetch_sub(growth, Ordering::Relaxed);
            Refused::Process(exceeded)
        })?;
        self.memory += growth;
        Ok(())
    }

    fn grow_table(&mut self, growth: usize, wanted: usize) -> Result<(), Refused> {
        if !charge(&self.budget.table_elements, growth, self.budget.table_limit) {
            return Err(Refused::Table { wanted });
        }
        self.process.grow(growth as u64 * ELEMENT_BYTES).map_err(|exceeded| {
            self.budget.table_elements.fetch_sub(growth, Ordering::Relaxed);
            Refused::Process(exceeded)
        })?;
        self.table_elements += growth;
        Ok(())
    }

    /// Gives it back to the session while its store is not in use.
    pub(super) fn set_aside(&mut self) {
        if self.aside.is_none() {
            self.aside = Some(self.process.bytes());
            self.process.shrink(self.process.bytes());
            self.give_back();
        }
    }

    /// Takes the same share again; false, with nothing taken, if it is not to be had.
    pub(super) fn take_up(&mut self) -> bool {
        let Some(counted) = self.aside else { return true };
        let Budget { memory, memory_limit, table_elements, table_limit, instances, .. } =
            &*self.budget;
        if !charge(memory, self.memory, *memory_limit) {
            return false;
        }
        if !charge(table_elements, self.table_elements, *table_limit) {
            memory.fetch_sub(self.memory, Ordering::Relaxed);
            return false;
        }
        if self.process.grow(counted).is_err() {
            memory.fetch_sub(self.memory, Ordering::Relaxed);
            table_elements.fetch_sub(self.table_elements, Ordering::Relaxed);
            return false;
        }
        instances.fetch_add(1, Ordering::Relaxed);
        self.aside = None;
        true
    }

    fn give_back(&self) {
        self.budget.memory.fetch_sub(self.memory, Ordering::Relaxed);
        self.budget.table_elements.fetch_sub(self.table_elements, Ordering::Relaxed);
        self.budget.instances.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn budget(&self) -> &Arc<Budget> {
        &self.budget
    }

    /// The memory of the process, which it counts in.
    pub(super) fn process(&self) -> &Arc<Meter> {
        &self.budget.process
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if self.aside.is_none() {
            self.give_back();
        }
    }
}

impl ResourceLimiter for Share {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let growth = desired.saturating_sub(current);
        let grown = self.grow_memory(growth, desired);
        self.granted.memory = if grown.is_ok() { growth } else { 0 };
        self.refused = grown.err().or(self.refused);
        Ok(grown.is_ok())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let growth = desired.saturating_sub(current);
        let grown = self.grow_table(growth, desired);
        self.granted.table_elements = if grown.is_ok() { growth } else { 0 };
        self.refused = grown.err().or(self.refused);
        Ok(grown.is_ok())
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        let granted = std::mem::take(&mut self.granted.memory);
        self.memory -= granted;
        self.process.shrink(granted as u64);
        self.budget.memory.fetch_sub(granted, Ordering::Relaxed);
        Ok(())
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        let granted = std::mem::take(&mut self.granted.table_elements);
        self.table_elements -= granted;
        self.process.shrink(granted as u64 * ELEMENT_BYTES);
        self.budget.table_elements.fetch_sub(granted, Ordering::Relaxed);
        Ok(())
    }

    fn instances(&self) -> usize {
        1
    }

    fn memories(&self) -> usize {
        16
    }

    fn tables(&self) -> usize {
        16
    }
}
