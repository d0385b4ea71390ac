//! The modules that this process has ready, and how bytes become one of them:
//! look, check imports, compile, describe, keep.

use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use farside_protocol::manifest::{GUEST_ABI, Manifest};
use farside_protocol::value::scan;
use farside_protocol::{ErrorCode, Failure, ModuleHash, caps};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::{Engine, Linker};

use super::budget::Budget;
use super::capacity::Capacity;
use super::compiled::CompiledCode;
use super::engine::Ticker;
use super::executor::thread_cpu_time;
use super::fault::Fault;
use super::host::{Grants, Host};
use super::imports;
use super::instance::Instance;
use super::module::{self, Module, ModuleError};
use super::needs;
use crate::meter::Meter;

/// Memory of the throw-away instance that describes a module.
const DESCRIBE_MEMORY: usize = 64 << 20;
const DESCRIBE_TABLE: usize = 100_000;

/// CPU time that a module may take to describe itself.
const DESCRIBE_TIME: Duration = Duration::from_secs(1);

/// Modules compiled and described at once.
pub(super) const COMPILING: usize = 2;

/// All modules of the process. Those that no session has any more are dropped;
/// their compiled code stays on disk.
pub(crate) struct Catalog {
    engine: Engine,
    linker: Linker<Host>,
    grants: Grants,
    capacity: Capacity,
    compiled: CompiledCode,
    memory: Arc<Meter>,
    ticker: Arc<Ticker>,
    /// Short: only looked up and inserted into.
    live: Mutex<HashMap<ModuleHash, Weak<Module>>>,
    compiling: Arc<Semaphore>,
}

impl Catalog {
    pub(super) fn new(
        engine: Engine,
        linker: Linker<Host>,
        grants: Grants,
        capacity: Capacity,
        compiled: CompiledCode,
        memory: Arc<Meter>,
        ticker: Arc<Ticker>,
    ) -> Catalog {
        Catalog {
            engine,
            linker,
            grants,
            capacity,
            compiled,
            memory,
            ticker,
            live: Mutex::default(),
            compiling: Arc::new(Semaphore::new(COMPILING)),
        }
    }

    /// The right to compile; few do at once.
    pub(crate) async fn compile_permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.compiling).acquire_owned().await.ok()
    }

    /// A module that some session has.
    pub(crate) fn live(&self, hash: ModuleHash) -> Option<Arc<Module>> {
        let live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        live.get(&hash).and_then(Weak::upgrade)
    }

    fn keep(&self, module: Module) -> Arc<Module> {
        let module = Arc::new(module);
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        live.retain(|_, module| module.strong_count() > 0);
        live.insert(module.hash(), Arc::downgrade(&module));
        module
    }

    /// A module that was compiled before. Reads files.
    pub(crate) fn load(&self, hash: ModuleHash) -> Option<Arc<Module>> {
        if let Some(module) = self.live(hash) {
            return Some(module);
        }
        let (code, manifest) = self.compiled.load(&self.engine, hash)?;
        self.finish(hash, &code, manifest).ok()
    }

    /// Makes a module of its bytes. Takes long; the permit says that the caller
    /// waited for its turn.
    pub(crate) fn compile(
        &self,
        hash: ModuleHash,
        bytes: &Bytes,
        permit: OwnedSemaphorePermit,
    ) -> Result<Arc<Module>, ModuleError> {
        let binary = module::to_binary(bytes)?;
        imports::check(&binary, self.grants)?;
        wasmtime::Module::validate(&self.engine, &binary)
            .map_err(|error| ModuleError::Invalid { message: format!("{error:#}") })?;
        needs::check(&binary, &self.capacity)?;
        let started = Instant::now();
        let code = wasmtime::Module::new(&self.engine, &binary)
            .map_err(|error| ModuleError::Compile { message: format!("{error:#}") })?;
        let manifest = self.describe(hash, &code, permit)?;
        tracing::info!(
            module = %hash.short(),
            bytes = binary.len(),
            functions = manifest.functions.len(),
            elapsed = ?started.elapsed(),
            "compiled a module"
        );
        self.finish(hash, &code, manifest)
    }

    /// Keeps a module's compiled code on disk, if it can be. Writes files.
    pub(crate) fn save(&self, module: &Module) {
        let code = module.pre().module();
        if let Err(error) = self.compiled.save(module.hash(), code, module.manifest()) {
            let module = module.hash().short();
            tracing::warn!(%module, %error, "compiled code is not kept; the next start compiles again");
        }
    }

    fn finish(
        &self,
        hash: ModuleHash,
        code: &wasmtime::Module,
        manifest: Manifest,
    ) -> Result<Arc<Module>, ModuleError> {
        let pre = self
            .linker
            .instantiate_pre(code)
            .map_err(|error| ModuleError::Invalid { message: format!("{error:#}") })?;
        Ok(self.keep(Module::new(hash, code, pre, manifest)?))
    }

    fn describe(
        &self,
        hash: ModuleHash,
        code: &wasmtime::Module,
        permit: OwnedSemaphorePermit,
    ) -> Result<Manifest, ModuleError> {
        let Some(names) = module::sdk_functions(code) else {
            return module::plain_manifest(code);
        };
        module::check_counts(names.len(), 0)?;
        let mut linker = Linker::new(&self.engine);
        linker
            .define_unknown_imports_as_traps(code)
            .map_err(|error| ModuleError::Invalid { message: format!("{error:#}") })?;
        let pre = linker
            .instantiate_pre(code)
            .map_err(|error| ModuleError::Invalid { message: format!("{error:#}") })?;
        let unnamed = Arc::new(Module::new(hash, code, pre, Manifest::default())?);
        let budget =
            Arc::new(Budget::new(DESCRIBE_MEMORY, DESCRIBE_TABLE, Arc::clone(&self.memory)));
        let described = async {
            let mut instance =
                Instance::create(unnamed, budget, permit, None).await.map_err(broken)?;
            let abi = instance.abi().await.map_err(broken)?;
            if abi != GUEST_ABI {
                return Err(ModuleError::Abi { found: abi });
            }
            let bytes = instance
                .describe("farside_describe", caps::MANIFEST_BYTES)
                .await
                .map_err(broken)?;
            let mut left = caps::MANIFEST_BYTES - bytes.len();
            let mut manifest = decode(&bytes)?;
            manifest.abi = Some(abi);
            manifest.functions.clear();
            for name in &names {
                let export = format!("farside_describe_{name}");
                let bytes = instance.describe(&export, left).await.map_err(broken)?;
                left -= bytes.len();
                let part = decode(&bytes)?;
                if manifest.docs.is_empty() {
                    manifest.docs = part.docs;
                }
                manifest.functions.extend(part.functions.into_iter().take(1));
            }
            if manifest.functions.len() != names.len() {
                let message = "a function has no description".to_owned();
                return Err(ModuleError::Manifest { message, cause: None });
            }
            module::check_manifest(&manifest, &names)?;
            Ok(manifest)
        };
        self.run_blocking(described).unwrap_or_else(|| {
            let message = format!("its description takes more than {DESCRIBE_TIME:?}");
            Err(ModuleError::Manifest { message, cause: None })
        })
    }

    /// Polls a guest's future on this thread until it ends or its time is up.
    fn run_blocking<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        let until = thread_cpu_time() + DESCRIBE_TIME;
        let mut future = pin!(future);
        let mut context = Context::from_waker(Waker::noop());
        while thread_cpu_time() < until {
            self.ticker.guest_runs();
            if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                return Some(output);
            }
        }
        None
    }
}

fn broken(fault: Fault) -> ModuleError {
    // What to do about it is the same whatever went wrong.
    let cause = Failure { hint: None, ..fault.failure };
    ModuleError::Manifest {
        message: "its description failed".to_owned(),
        cause: Some(Box::new(cause)),
    }
}

fn decode(bytes: &[u8]) -> Result<Manifest, ModuleError> {
    let wrong = |message: String| ModuleError::Manifest {
        message: "its description can't be read".to_owned(),
        cause: Some(Box::new(Failure::new(ErrorCode::InvalidModule, message))),
    };
    scan(bytes).map_err(|error| wrong(error.to_string()))?;
    farside_protocol::outline::decode(bytes).map_err(|error| wrong(error.to_string()))
}
