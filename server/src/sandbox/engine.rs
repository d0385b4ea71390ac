//! The engines, one for each profile and two configurations in all, and the clock
//! that interrupts guests.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle, Thread};
use std::time::Duration;

use farside_protocol::caps;
use wasmtime::{
    Config, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig,
    WasmBacktraceDetails,
};

use super::capacity::{Capacity, Sizes};
use super::profile::Profile;

/// The wasmtime release that compiles and runs guests.
pub(crate) const WASMTIME_VERSION: &str = "48.0.8";

/// Stack that a guest may use. Python guests need more than 512 KiB.
const GUEST_STACK: usize = 4 << 20;

/// Stack of the fiber that a guest runs on; the difference is for host functions.
pub(super) const FIBER_STACK: usize = 6 << 20;

/// Linear memories, and tables, that one module may define.
pub(super) const PER_MODULE: u32 = 4;

/// What a slot of the pool keeps of an instance's table when that ends: it is zeroed, not
/// given back to the system, which would take a call then and a page fault later. Linear
/// memory is given back: its low addresses are mostly unused stack. To find the used
/// pages instead, wasmtime asks the kernel, and does not see those that are swapped out
/// or moved at that moment: the next guest could read them.
const TABLE_KEPT: usize = 8 * 1024;

/// What a slot of the pool keeps of a guest's stack when its instance ends. The rest is
/// given back: a deep recursion would leave megabytes in each slot otherwise.
const STACK_KEPT: usize = 16 * 1024;

/// How often running guests are interrupted to let others run.
pub(crate) const TICK: Duration = Duration::from_millis(1);

/// Ticks without any guest run after which the ticker sleeps.
const IDLE_TICKS: u32 = 64;

/// The engine that runs most guests.
pub(super) fn new_engine(capacity: &Capacity) -> wasmtime::Result<Engine> {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_core_instances(capacity.instances)
        .total_memories(capacity.instances)
        .total_tables(capacity.instances)
        .total_stacks(capacity.instances)
        .max_memories_per_module(PER_MODULE)
        .max_tables_per_module(PER_MODULE)
        .max_memory_size(capacity.sizes.memory_bytes)
        .table_elements(capacity.sizes.table_elements)
        .table_keep_resident(TABLE_KEPT)
        .async_stack_keep_resident(STACK_KEPT);
    let mut config = settings(&capacity.sizes, Profile::Standard);
    config.async_stack_zeroing(true);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    Engine::new(&config)
}

/// The engine that runs guests whose fuel is counted. They are few: it reserves nothing
/// for them, and their instances take the places that others would.
pub(super) fn metered_engine(capacity: &Capacity) -> wasmtime::Result<Engine> {
    Engine::new(&settings(&capacity.sizes, Profile::Metered))
}

/// An engine that compiles for one that runs guests, and runs a few itself: what
/// is compiled does not depend on how instances are allocated.
pub(super) fn compiler_engine(
    sizes: &Sizes,
    profile: Profile,
    level: OptLevel,
) -> wasmtime::Result<Engine> {
    Engine::new(settings(sizes, profile).cranelift_opt_level(level))
}

/// What those of a profile have in common: all that compiled code depends on.
fn settings(sizes: &Sizes, profile: Profile) -> Config {
    let mut config = Config::new();
    config
        .consume_fuel(profile == Profile::Metered)
        .memory_reservation(sizes.reservation_bytes)
        .epoch_interruption(true)
        .max_wasm_stack(GUEST_STACK)
        .async_stack_size(FIBER_STACK)
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        .concurrency_support(false)
        .wasm_multi_memory(true)
        .wasm_backtrace_max_frames(NonZeroUsize::new(caps::BACKTRACE_FRAMES))
        .wasm_backtrace_details(WasmBacktraceDetails::Enable);
    config
}

/// The clock of all guests: one thread that advances the epoch every [`TICK`]
/// while any guest runs.
pub(crate) struct Ticker {
    shared: Arc<TickerShared>,
    thread: Option<JoinHandle<()>>,
}

struct TickerShared {
    /// Counts guest polls; the ticker sleeps when it stands still.
    polls: AtomicU64,
    asleep: AtomicBool,
    stopping: AtomicBool,
}

impl Ticker {
    /// The clock of the guests of these engines.
    pub(super) fn start(engines: Vec<Engine>) -> std::io::Result<Ticker> {
        let shared = Arc::new(TickerShared {
            polls: AtomicU64::new(0),
            asleep: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
        });
        let thread = thread::Builder::new().name("farside-ticker".to_owned()).spawn({
            let shared = Arc::clone(&shared);
            move || shared.run(&engines)
        })?;
        Ok(Ticker { shared, thread: Some(thread) })
    }

    /// Must be called before a guest runs, so that it will be interrupted.
    pub(super) fn guest_runs(&self) {
        self.shared.polls.fetch_add(1, Ordering::SeqCst);
        if self.shared.asleep.load(Ordering::SeqCst)
            && let Some(thread) = self.thread.as_ref().map(JoinHandle::thread)
        {
            thread.unpark();
        }
    }
}

impl TickerShared {
    fn run(&self, engines: &[Engine]) {
        let (mut seen, mut idle) = (0, 0);
        while !self.stopping.load(Ordering::Relaxed) {
            thread::sleep(TICK);
            engines.iter().for_each(Engine::increment_epoch);
            let polls = self.polls.load(Ordering::SeqCst);
            idle = if polls == seen { idle + 1 } else { 0 };
            seen = polls;
            if idle < IDLE_TICKS {
                continue;
            }
            self.asleep.store(true, Ordering::SeqCst);
            // A guest that began since `polls` was read did not see `asleep`.
            while self.polls.load(Ordering::SeqCst) == seen && !self.stopping.load(Ordering::SeqCst)
            {
                thread::park();
            }
            self.asleep.store(false, Ordering::SeqCst);
            idle = 0;
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            Thread::unpark(thread.thread());
            // The thread's only work is the loop above, which does not panic.
            let _ = thread.join();
        }
    }
}
