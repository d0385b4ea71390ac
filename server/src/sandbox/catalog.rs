//! The modules that this process has ready, those that it has compiled, and those
//! that it can have compiled.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Instant;

use bytes::Bytes;
use farside_protocol::manifest::Manifest;
use farside_protocol::{Failure, ModuleHash};
use wasmtime::{Engine, Linker};

use super::compile::{Birth, Compiler, Order, Product};
use super::compiled::CompiledCode;
use super::host::{Grants, Host};
use super::module::{Module, ModuleError};
use crate::auth::OwnerId;

/// All modules of the process. Those that no session has any more are dropped;
/// their compiled code stays on disk.
pub(crate) struct Catalog {
    engine: Engine,
    linker: Linker<Host>,
    evaluator_linker: Linker<Host>,
    compiler: Compiler,
    order: Order,
    evaluator_order: Order,
    compiled: CompiledCode,
    /// Short: only looked up and inserted into.
    live: Mutex<HashMap<ModuleHash, Weak<Module>>>,
}

impl Catalog {
    pub(super) fn new(
        engine: Engine,
        [linker, evaluator_linker]: [Linker<Host>; 2],
        compiler: Compiler,
        order: Order,
        compiled: CompiledCode,
    ) -> Catalog {
        let ceilings = order.ceilings.of_evaluators();
        let evaluator_order = Order { ceilings, grants: Grants::EVALUATOR, ..order.clone() };
        Catalog {
            engine,
            linker,
            evaluator_linker,
            compiler,
            order,
            evaluator_order,
            compiled,
            live: Mutex::default(),
        }
    }

    /// Who compiles, for people.
    pub(crate) fn compiler(&self) -> &Compiler {
        &self.compiler
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
        let (code, manifest, birth) = self.compiled.load(&self.engine, hash)?;
        self.finish(hash, &code, manifest, birth).map(|module| self.keep(module)).ok()
    }

    /// An evaluator that was compiled before, by this server or another one that found
    /// it at the same place. Reads files. A client's module of the same bytes is another
    /// one: it has not what evaluators are given.
    pub(crate) fn load_evaluator(&self, hash: ModuleHash, file: &Path) -> Option<Arc<Module>> {
        let beside = CompiledCode::beside(file).and_then(|it| it.load(&self.engine, hash));
        let (code, manifest, birth) = beside.or_else(|| self.compiled.load(&self.engine, hash))?;
        let module = self.finish_with(&self.evaluator_linker, hash, &code, manifest, birth);
        module.map(|module| Arc::new(module.evaluating())).ok()
    }

    /// Makes a module of an evaluator's compiled code, which is kept beside its file
    /// for other servers, or else in the data folder. Writes and reads files.
    ///
    /// # Errors
    /// When the code can't be kept, or is not this engine's.
    pub(crate) fn install_evaluator(
        &self,
        hash: ModuleHash,
        product: &Product,
        file: &Path,
    ) -> Result<Arc<Module>, ModuleError> {
        let kept = CompiledCode::beside(file).is_some_and(|it| it.save(hash, product).is_ok());
        let kept = if kept { Ok(()) } else { self.compiled.save(hash, product) };
        let failed = |message| ModuleError::Compile { message };
        kept.map_err(|error| failed(error.to_string()))?;
        self.load_evaluator(hash, file).ok_or_else(|| failed("its code is not whole".to_owned()))
    }

    /// Has an evaluator compiled, within ceilings of its own.
    ///
    /// # Errors
    /// As [`compile`](Catalog::compile).
    pub(crate) async fn compile_evaluator(
        &self,
        hash: ModuleHash,
        bytes: Bytes,
    ) -> Result<Product, Failure> {
        let order = self.evaluator_order.clone();
        self.compile_within(OwnerId::OPERATOR, order, hash, bytes).await
    }

    /// Has a module compiled, when it is its owner's turn.
    ///
    /// # Errors
    /// When it is no module that runs here, or takes too much to compile, or too many of
    /// this owner's wait.
    pub(crate) async fn compile(
        &self,
        owner: OwnerId,
        hash: ModuleHash,
        bytes: Bytes,
    ) -> Result<Product, Failure> {
        self.compile_within(owner, self.order.clone(), hash, bytes).await
    }

    async fn compile_within(
        &self,
        owner: OwnerId,
        order: Order,
        hash: ModuleHash,
        bytes: Bytes,
    ) -> Result<Product, Failure> {
        let (started, size) = (Instant::now(), bytes.len());
        let product = self.compiler.compile(owner, order, bytes).await?;
        tracing::info!(
            module = %hash.short(),
            bytes = size,
            functions = product.manifest.functions.len(),
            elapsed = ?started.elapsed(),
            "compiled a module"
        );
        Ok(product)
    }

    /// Makes a module of compiled code, from disk if it can be kept there. Writes and
    /// reads files.
    ///
    /// # Errors
    /// When the code is not this engine's.
    pub(crate) fn install(
        &self,
        hash: ModuleHash,
        product: &Product,
    ) -> Result<Arc<Module>, ModuleError> {
        if let Some(module) = self.live(hash) {
            return Ok(module);
        }
        match self.compiled.save(hash, product) {
            Ok(()) => {
                if let Some(module) = self.load(hash) {
                    return Ok(module);
                }
            }
            Err(error) => {
                let module = hash.short();
                tracing::warn!(%module, %error, "compiled code is not kept; the next start compiles again");
            }
        }
        #[expect(unsafe_code, reason = "compiled code comes from a child process, as bytes")]
        // SAFETY: these bytes were serialized just now by our own compiler, which is
        // this program or one that the operator named, and nothing came between.
        let code = unsafe { wasmtime::Module::deserialize(&self.engine, &product.code) };
        let code = code.map_err(|error| ModuleError::Compile { message: format!("{error:#}") })?;
        let module = self.finish(hash, &code, product.manifest.clone(), product.birth)?;
        Ok(self.keep(module))
    }

    fn finish(
        &self,
        hash: ModuleHash,
        code: &wasmtime::Module,
        manifest: Manifest,
        birth: Birth,
    ) -> Result<Module, ModuleError> {
        self.finish_with(&self.linker, hash, code, manifest, birth)
    }

    fn finish_with(
        &self,
        linker: &Linker<Host>,
        hash: ModuleHash,
        code: &wasmtime::Module,
        manifest: Manifest,
        birth: Birth,
    ) -> Result<Module, ModuleError> {
        let pre = linker
            .instantiate_pre(code)
            .map_err(|error| ModuleError::Invalid { message: format!("{error:#}") })?;
        Module::new(hash, code, pre, manifest, birth)
    }
}
