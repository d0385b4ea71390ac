//! What a server holds when nobody wants anything of it.

use std::time::{Duration, Instant};

use farside_tests::Process;

use crate::table::mib;

/// Memory of its own that it may hold more than at the start: tables that have grown once,
/// and what was freed in the midst of what was not.
const MEMORY: u64 = 48 << 20;

/// Descriptors that it may have open more than at the start.
const DESCRIPTORS: usize = 4;

/// How long it may take to come to rest.
const PATIENCE: Duration = Duration::from_secs(20);

/// The memory and descriptors of a server that has nothing to do.
pub(crate) struct Rest {
    process: Process,
    memory: Option<u64>,
    descriptors: Option<usize>,
}

impl Rest {
    pub(crate) fn of(process: Process) -> Rest {
        Rest { process, memory: process.own(), descriptors: process.descriptors() }
    }

    /// Waits until it holds about as much again, and says how much that is. True where the
    /// system does not tell.
    pub(crate) async fn comes_again(&self) -> bool {
        let begun = Instant::now();
        loop {
            let now = Rest::of(self.process);
            let memory = self.memory.zip(now.memory);
            let descriptors = self.descriptors.zip(now.descriptors);
            let is_at_rest = memory.is_none_or(|(was, is)| is <= was + MEMORY)
                && descriptors.is_none_or(|(was, is)| is <= was + DESCRIPTORS);
            if is_at_rest || begun.elapsed() > PATIENCE {
                if let (Some((was, is)), Some((had, has))) = (memory, descriptors) {
                    println!(
                        "at rest: {} of its own memory, {} at the start; {has} descriptors, {had} at the start",
                        mib(is),
                        mib(was),
                    );
                }
                return is_at_rest;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}
