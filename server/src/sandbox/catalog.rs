//! The modules that this process has ready, those that it has compiled, and those
//! that it can have compiled.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Instant;

use bytes::Bytes;
use farside_protocol::manifest::Manifest;
use farside_protocol::{Failure, ModuleHash};
use wasmtime::Linker;

use super::compile::{Birth, Compiler, Order, Product};
use super::compiled::CompiledCode;
use super::host::{Grants, Host};
use super::module::{Module, ModuleError};
use super::profile::{CodeId, Profile};
use crate::auth::Owner;

/// All modules of the process. Those that no session has any more are dropped;
/// their compiled code stays on disk.
pub(crate) struct Catalog {
    linkers: Linkers,
    compiler: Compiler,
    order: Order,
    evaluator_order: Order,
    compiled: CompiledCode,
    /// Short: only looked up and inserted into.
    live: Mutex<HashMap<CodeId, Weak<Module>>>,
}

/// What modules are linked with, each of its engine.
pub(super) struct Linkers {
    pub(super) standard: Linker<Host>,
    pub(super) metered: Linker<Host>,
    pub(super) evaluator: Linker<Host>,
}

impl Linkers {
    fn of(&self, profile: Profile) -> &Linker<Host> {
        match profile {
            Profile::Standard => &self.standard,
            Profile::Metered => &self.metered,
        }
    }
}

impl Catalog {
    pub(super) fn new(
        linkers: Linkers,
        compiler: Compiler,
        order: Order,
        compiled: CompiledCode,
    ) -> Catalog {
        let ceilings = order.ceilings.of_evaluators();
        let evaluator_order = Order { ceilings, grants: Grants::EVALUATOR, ..order.clone() };
        Catalog { linkers, compiler, order, evaluator_order, compiled, live: Mutex::default() }
    }

    /// Who compiles, for people.
    pub(crate) fn compiler(&self) -> &Compiler {
        &self.compiler
    }

    /// A module that some session has.
    pub(crate) fn live(&self, id: CodeId) -> Option<Arc<Module>> {
        let live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        live.get(&id).and_then(Weak::upgrade)
    }

    fn keep(&self, module: Module) -> Arc<Module> {
        let module = Arc::new(module);
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        live.retain(|_, module| module.strong_count() > 0);
        live.insert(module.id(), Arc::downgrade(&module));
        module
    }

    /// A module that was compiled before. Reads files.
    pub(crate) fn load(&self, id: CodeId) -> Option<Arc<Module>> {
        if let Some(module) = self.live(id) {
            return Some(module);
        }
        let linker = self.linkers.of(id.profile);
        let (code, manifest, birth) = self.compiled.load(linker.engine(), id)?;
        finish(linker, id, &code, manifest, birth).map(|module| self.keep(module)).ok()
    }

    /// An evaluator that was compiled before, by this server or another one that found
    /// it at the same place. Reads files. A client's module of the same bytes is another
    /// one: it has not what evaluators are given.
    pub(crate) fn load_evaluator(&self, hash: ModuleHash, file: &Path) -> Option<Arc<Module>> {
        let (linker, id) = (&self.linkers.evaluator, CodeId::standard(hash));
        let beside = CompiledCode::beside(file).and_then(|it| it.load(linker.engine(), id));
        let found = beside.or_else(|| self.compiled.load(linker.engine(), id));
        let (code, manifest, birth) = found?;
        let module = finish(linker, id, &code, manifest, birth);
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
        let id = CodeId::standard(hash);
        let kept = CompiledCode::beside(file).is_some_and(|it| it.save(id, product).is_ok());
        let kept = if kept { Ok(()) } else { self.compiled.save(id, product) };
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
        self.compile_within(None, order, hash, bytes).await
    }

    /// Has a module compiled, when it is its owner's turn.
    ///
    /// # Errors
    /// When it is no module that runs here, or takes too much to compile, or too many of
    /// this owner's wait, or the owner has no CPU time left.
    pub(crate) async fn compile(
        &self,
        owner: &Owner,
        id: CodeId,
        bytes: Bytes,
    ) -> Result<Product, Failure> {
        let order = Order { profile: id.profile, ..self.order.clone() };
        self.compile_within(Some(owner), order, id.hash, bytes).await
    }

    async fn compile_within(
        &self,
        owner: Option<&Owner>,
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
        id: CodeId,
        product: &Product,
    ) -> Result<Arc<Module>, ModuleError> {
        if let Some(module) = self.live(id) {
            return Ok(module);
        }
        let linker = self.linkers.of(id.profile);
        match self.compiled.save(id, product) {
            Ok(()) => {
                if let Some(module) = self.load(id) {
                    return Ok(module);
                }
            }
            Err(error) => {
                let module = id.hash.short();
                tracing::warn!(%module, %error, "compiled code is not kept; the next start compiles again");
            }
        }
        #[expect(unsafe_code, reason = "compiled code comes from a child process, as bytes")]
        // SAFETY: these bytes were serialized just now by our own compiler, which is
        // this program or one that the operator named, and nothing came between.
        let code = unsafe { wasmtime::Module::deserialize(linker.engine(), &product.code) };
        let code = code.map_err(|error| ModuleError::Compile { message: format!("{error:#}") })?;
        let module = finish(linker, id, &code, product.manifest.clone(), product.birth)?;
        Ok(self.keep(module))
    }
}

fn finish(
    linker: &Linker<Host>,
    id: CodeId,
    code: &wasmtime::Module,
    manifest: Manifest,
    birth: Birth,
) -> Result<Module, ModuleError> {
    let pre = linker
        .instantiate_pre(code)
        .map_err(|error| ModuleError::Invalid { message: format!("{error:#}") })?;
    Module::new(id, code, pre, manifest, birth)
}
