//! The limit inside the sandbox: the bench's guest called in this process through
//! wasmtime, with the engine settings of the server and nothing else.

use std::fs;
use std::path::Path;

use anyhow::{Context, Error, Result, anyhow, ensure};
use farside_protocol::manifest::Manifest;
use wasmtime::{
    Config, Engine, Instance, InstanceAllocationStrategy, InstancePre, Linker, Memory, Module,
    PoolingAllocationConfig, Store, TypedFunc, WasmBacktraceDetails,
};

/// The guest's entry for `square`.
const ENTRY: &str = "farside_call_square";

/// Instances that the pool has room for: of the size of the server's.
const SLOTS: u32 = 10_000;

/// The most memory of one instance: the server's default for a session.
const MEMORY: usize = 256 << 20;

/// A compiled guest that is ready to be instantiated.
pub(crate) struct Wasm {
    engine: Engine,
    pre: InstancePre<()>,
    /// Where the guest takes small arguments.
    inbox: u32,
    args: Vec<u8>,
}

/// An instance in a store of its own.
pub(crate) struct Warm {
    store: Store<()>,
    memory: Memory,
    entry: TypedFunc<(u32, u32), u64>,
}

/// An engine with the settings of the server's.
pub(crate) fn engine() -> Result<Engine> {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_core_instances(SLOTS)
        .total_memories(SLOTS)
        .total_tables(SLOTS)
        .total_stacks(SLOTS)
        .max_memories_per_module(4)
        .max_tables_per_module(4)
        .max_memory_size(MEMORY)
        .table_elements(100_000)
        .table_keep_resident(8 << 10);
    let mut config = Config::new();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        .memory_reservation(4 << 30)
        .epoch_interruption(true)
        .max_wasm_stack(4 << 20)
        .async_stack_size(6 << 20)
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        .concurrency_support(false)
        .wasm_multi_memory(true)
        .wasm_backtrace_details(WasmBacktraceDetails::Enable);
    Engine::new(&config).map_err(broken)
}

impl Wasm {
    /// Compiles the bench's guest.
    pub(crate) fn load(guest: &Path, manifest: &Manifest) -> Result<Wasm> {
        let engine = engine()?;
        let code = fs::read(guest).with_context(|| format!("cannot read {}", guest.display()))?;
        let module = Module::new(&engine, &code).map_err(broken)?;
        let mut linker = Linker::new(&engine);
        // The guest imports what `square` does not call.
        linker.define_unknown_imports_as_traps(&module).map_err(broken)?;
        let pre = linker.instantiate_pre(&module).map_err(broken)?;
        let inbox = manifest.inbox.context("the guest has no inbox")?.address;
        Ok(Wasm { engine, pre, inbox, args: rmp_serde::to_vec(&(1_234_567_i64,))? })
    }

    /// Instantiates it in a store of its own.
    pub(crate) fn instantiate(&self) -> Result<Warm> {
        let mut store = self.store();
        let instance = self.pre.instantiate(&mut store).map_err(broken)?;
        Warm::new(store, instance)
    }

    /// The same on a fiber, as the server does it.
    pub(crate) async fn instantiate_async(&self) -> Result<Warm> {
        let mut store = self.store();
        let instance = self.pre.instantiate_async(&mut store).await.map_err(broken)?;
        Warm::new(store, instance)
    }

    fn store(&self) -> Store<()> {
        let mut store = Store::new(&self.engine, ());
        // Nothing ticks here.
        store.set_epoch_deadline(1);
        store
    }

    /// Writes the arguments, calls `square` and looks at the answer.
    pub(crate) fn call(&self, warm: &mut Warm) -> Result<()> {
        self.write(warm)?;
        let packed = warm.entry.call(&mut warm.store, self.range()).map_err(broken)?;
        check(warm, packed)
    }

    /// The same on a fiber, as the server does it.
    pub(crate) async fn call_async(&self, warm: &mut Warm) -> Result<()> {
        self.write(warm)?;
        let packed = warm.entry.call_async(&mut warm.store, self.range()).await.map_err(broken)?;
        check(warm, packed)
    }

    fn range(&self) -> (u32, u32) {
        (self.inbox, self.args.len() as u32)
    }

    fn write(&self, warm: &mut Warm) -> Result<()> {
        Ok(warm.memory.write(&mut warm.store, self.inbox as usize, &self.args)?)
    }
}

impl Warm {
    fn new(mut store: Store<()>, instance: Instance) -> Result<Warm> {
        let memory = instance.get_memory(&mut store, "memory").context("no memory")?;
        let entry = instance.get_typed_func(&mut store, ENTRY).map_err(broken)?;
        Ok(Warm { store, memory, entry })
    }
}

/// Wasmtime's error is not a standard one.
fn broken(error: wasmtime::Error) -> Error {
    anyhow!("{error:#}")
}

/// Copies the answer out, as a host must, and checks it.
fn check(warm: &Warm, packed: u64) -> Result<()> {
    let (at, len) = (packed as u32 as usize, (packed >> 32) as usize & 0x7fff_ffff);
    let answer = warm.memory.data(&warm.store).get(at..at + len).context("no answer")?.to_vec();
    let squared: i64 = rmp_serde::from_slice(&answer)?;
    ensure!(squared == 1_524_155_677_489 && packed >> 63 == 0, "a wrong square: {squared}");
    Ok(())
}
