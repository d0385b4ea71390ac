//! A module: compiled code, what it exports, and what it may not import.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use farside_protocol::manifest::{GUEST_ABI, Manifest};
use farside_protocol::{ErrorCode, Failure, ModuleHash, caps};
use wasmtime::{Engine, ExternType, InstancePre, ModuleExport};

use super::compile::Birth;
use super::host::Host;
use super::image::Pristine;
use super::plain;
use super::profile::{CodeId, Profile};
use super::shape::Part;
use crate::config::ByteSize;

/// Marks the entry of an SDK function; the function's name follows.
pub(super) const CALL_PREFIX: &str = "farside_call_";

/// How the names of exports begin that are for the host alone.
const HOSTS: &str = "farside_";

/// What every module of the SDK exports.
pub(super) const ABI: &str = "farside_abi";

/// The export that makes anew, in each instance, what must differ between them.
const WAKE: &str = "farside_wake";

/// Wasm code ready to be instantiated, with its description. Immutable.
pub(crate) struct Module {
    id: CodeId,
    manifest: Manifest,
    manifest_bytes: Bytes,
    function_names: OnceLock<Arc<[String]>>,
    pre: InstancePre<Host>,
    entries: Vec<Entry>,
    /// What every new instance runs before its first call.
    wake: Option<ModuleExport>,
    birth: Birth,
    /// How instances begin, once it was looked at; none if they are not made new again.
    pristine: OnceLock<Option<Arc<Pristine>>>,
    is_evaluator: bool,
    /// By function: whether its last call took longer than a tick.
    long: Vec<AtomicBool>,
}

/// How a function of the manifest is entered.
pub(super) enum Entry {
    /// By the SDK's ABI.
    Sdk(ModuleExport),
    /// As it is, with numbers.
    Plain(ModuleExport),
}

/// Why bytes do not become a module.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ModuleError {
    #[error("the bytes are no WebAssembly: they begin with {beginning}")]
    NotWasm { beginning: String },
    #[error("the WAT text can't be read: {message}")]
    Wat { message: String },
    #[error("the bytes are a WebAssembly component; only core modules run here")]
    Component,
    #[error("the bytes are no valid WebAssembly module: {message}")]
    Invalid { message: String },
    #[error("the module imports what Farside does not provide: {}", imports.join("; "))]
    Imports { imports: Vec<String>, hint: String },
    #[error("the module was built for guest ABI {found}, the server runs ABI {GUEST_ABI}")]
    Abi { found: u32 },
    #[error("the module could not be compiled: {message}")]
    Compile { message: String },
    #[error("the module has more than {most} {what}")]
    TooMany { what: &'static str, most: usize },
    #[error("the module {}; there may be {most}", part.told(*found))]
    Shape { part: Part, found: u64, most: u64 },
    #[error("the module begins with a memory of {}; a session may have {}", needed.about(), most.about())]
    Memory { needed: ByteSize, most: ByteSize },
    #[error("the module begins with a table of {needed} elements; a session may have {most}")]
    Table { needed: u64, most: usize },
    #[error("the module does not describe itself properly: {message}")]
    Manifest { message: String, cause: Option<Box<Failure>> },
    #[error("the module can't be prepared: {obstacle}")]
    Unpreparable { obstacle: String },
    #[error("the module's init failed")]
    Init { cause: Box<Failure> },
    #[error("the module's init takes more than {most:?} of CPU time")]
    InitTime { most: Duration },
    #[error("the module's init takes more than {} of memory", most.about())]
    ImageSize { most: ByteSize },
}

impl ModuleError {
    /// What the client is told.
    pub(crate) fn into_failure(self) -> Failure {
        let message = self.to_string();
        match self {
            ModuleError::NotWasm { .. } => Failure::new(ErrorCode::InvalidModule, message).with_hint(
                "upload a .wasm file (for Rust: cargo build --target wasm32-unknown-unknown) or WAT text",
            ),
            ModuleError::Wat { .. } => Failure::new(ErrorCode::InvalidModule, message),
            ModuleError::Component => Failure::new(ErrorCode::InvalidModule, message).with_hint(
                "build a core module instead; for Rust that is the target wasm32-unknown-unknown",
            ),
            ModuleError::Invalid { .. } => Failure::new(ErrorCode::InvalidModule, message)
                .with_hint("the file may be damaged or cut short, or use a proposal that is switched off (threads, GC)"),
            ModuleError::Imports { hint, .. } => {
                Failure::new(ErrorCode::UnsupportedImport, message).with_hint(hint)
            }
            ModuleError::Abi { .. } => Failure::new(ErrorCode::VersionMismatch, message)
                .with_hint("rebuild the guest with the farside-guest of the server's release"),
            ModuleError::Compile { .. } => Failure::new(ErrorCode::CompileFailed, message),
            ModuleError::TooMany { .. } => Failure::new(ErrorCode::InvalidModule, message)
                .with_hint("split it into several modules"),
            ModuleError::Shape { part, .. } => {
                Failure::new(ErrorCode::CompileLimit, message).with_hint(part.hint())
            }
            ModuleError::Memory { .. } => Failure::new(ErrorCode::MemoryLimit, message)
                .with_hint("raise limits.session_memory on the server"),
            ModuleError::Table { .. } => Failure::new(ErrorCode::MemoryLimit, message)
                .with_hint("raise limits.session_table_elements on the server"),
            ModuleError::Unpreparable { .. } => Failure::new(ErrorCode::InvalidModule, message)
                .with_hint("what farside_init leaves behind must lie in memories and globals"),
            ModuleError::Init { cause } => Failure::new(ErrorCode::InvalidModule, message)
                .with_hint("look at what the function under #[farside_guest::init] does")
                .with_cause(*cause),
            ModuleError::InitTime { .. } => Failure::new(ErrorCode::CompileLimit, message)
                .with_hint("do less in it, or raise limits.init_cpu on the server"),
            ModuleError::ImageSize { .. } => Failure::new(ErrorCode::CompileLimit, message)
                .with_hint("do less in it, or raise limits.image_bytes on the server"),
            ModuleError::Manifest { cause, .. } => {
                let failure = Failure::new(ErrorCode::InvalidModule, message)
                    .with_hint("rebuild the guest with a current farside-guest");
                match cause {
                    Some(cause) => failure.with_cause(*cause),
                    None => failure,
                }
            }
        }
    }
}

impl Module {
    pub(super) fn new(
        id: CodeId,
        code: &wasmtime::Module,
        pre: InstancePre<Host>,
        manifest: Manifest,
        birth: Birth,
    ) -> Result<Module, ModuleError> {
        let is_sdk = manifest.abi.is_some();
        let entries = manifest
            .functions
            .iter()
            .map(|function| {
                let export = |name: &str| {
                    code.get_export_index(name).ok_or_else(|| ModuleError::Manifest {
                        message: format!("there is no export for function {}", function.name),
                        cause: None,
                    })
                };
                if is_sdk {
                    export(&format!("{CALL_PREFIX}{}", function.name)).map(Entry::Sdk)
                } else {
                    export(&function.name).map(Entry::Plain)
                }
            })
            .collect::<Result<_, _>>()?;
        let manifest_bytes = farside_protocol::outline::encode(&manifest)
            .map_err(|error| ModuleError::Manifest { message: error.to_string(), cause: None })?
            .into();
        let long = manifest.functions.iter().map(|_| AtomicBool::new(false)).collect();
        let function_names = OnceLock::new();
        let wake = code.get_export_index(WAKE);
        Ok(Module {
            id,
            manifest,
            manifest_bytes,
            function_names,
            pre,
            entries,
            wake,
            birth,
            pristine: OnceLock::new(),
            is_evaluator: false,
            long,
        })
    }

    /// The same module, as an evaluator.
    pub(super) fn evaluating(self) -> Module {
        Module { is_evaluator: true, ..self }
    }

    /// Whether it evaluates source text.
    pub(super) fn is_evaluator(&self) -> bool {
        self.is_evaluator
    }

    pub(crate) fn hash(&self) -> ModuleHash {
        self.id.hash
    }

    /// Which code it is.
    pub(crate) fn id(&self) -> CodeId {
        self.id
    }

    /// Whether the fuel of its calls is counted.
    pub(crate) fn is_metered(&self) -> bool {
        self.id.profile == Profile::Metered
    }

    pub(crate) fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Places in the pool that an instance of it takes.
    pub(super) fn places(&self) -> u32 {
        let needs = self.pre.module().resources_required();
        needs.num_memories.max(needs.num_tables).max(1)
    }

    /// The names of its functions, which outlive it where its handles do.
    pub(crate) fn function_names(&self) -> Arc<[String]> {
        let names = || self.manifest.functions.iter().map(|function| function.name.clone());
        Arc::clone(self.function_names.get_or_init(|| names().collect()))
    }

    /// The manifest as it crosses the wire.
    pub(crate) fn manifest_bytes(&self) -> Bytes {
        self.manifest_bytes.clone()
    }

    /// Whether a function's last call took longer than a tick: the next one is
    /// not worth beginning on a connection's thread.
    pub(crate) fn is_long(&self, function: u32) -> bool {
        self.long.get(function as usize).is_some_and(|long| long.load(Ordering::Relaxed))
    }

    pub(crate) fn found_long(&self, function: u32, long: bool) {
        if let Some(known) = self.long.get(function as usize) {
            known.store(long, Ordering::Relaxed);
        }
    }

    /// The export that every new instance runs first, if there is one.
    pub(super) fn wake(&self) -> Option<&ModuleExport> {
        self.wake.as_ref()
    }

    /// Bytes of memory that its instances share until they write to them.
    pub(super) fn image(&self) -> u64 {
        self.birth.image
    }

    /// Whether an instance can be made as new after a call: nothing but its memories and
    /// globals can have changed, and no two instances begin differently.
    pub(super) fn renews(&self) -> bool {
        self.manifest.obstacle.is_none()
            && !self.birth.starts
            && self.wake.is_none()
            && !self.is_evaluator
    }

    /// How its instances begin, looked at once.
    pub(super) fn pristine(
        &self,
        look: impl FnOnce() -> Option<Pristine>,
    ) -> Option<Arc<Pristine>> {
        self.pristine.get_or_init(|| look().map(Arc::new)).clone()
    }

    pub(super) fn pre(&self) -> &InstancePre<Host> {
        &self.pre
    }

    pub(super) fn engine(&self) -> &Engine {
        self.pre.module().engine()
    }

    /// The entry of the manifest's function of that place, which exists.
    pub(super) fn entry(&self, function: u32) -> &Entry {
        &self.entries[function as usize]
    }
}

/// The binary module in `bytes`, which may be WAT text.
pub(super) fn to_binary(bytes: &Bytes) -> Result<Bytes, ModuleError> {
    if bytes.starts_with(b"\0asm") {
        // Layer 1 is the component model; layer 0 a core module.
        return match bytes.get(6) {
            Some(1) => Err(ModuleError::Component),
            _ => Ok(bytes.clone()),
        };
    }
    let text = std::str::from_utf8(bytes).ok().map(str::trim_start);
    match text {
        Some(text)
            if text.starts_with("(module") || text.starts_with(";;") || text.starts_with("(;") =>
        {
            let binary = wat::parse_str(text)
                .map_err(|error| ModuleError::Wat { message: error.to_string() })?;
            Ok(binary.into())
        }
        Some(text) if text.starts_with("(component") => Err(ModuleError::Component),
        _ => Err(ModuleError::NotWasm { beginning: beginning(bytes) }),
    }
}

fn beginning(bytes: &[u8]) -> String {
    let known: [(&[u8], &str); 6] = [
        (b"\x7fELF", "the mark of an ELF program for this machine"),
        (b"MZ", "the mark of a Windows program"),
        (b"\xcf\xfa\xed\xfe", "the mark of a macOS program"),
        (b"PK\x03\x04", "the mark of a ZIP archive"),
        (b"\x1f\x8b", "the mark of gzip"),
        (b"#!", "the mark of a script"),
    ];
    if let Some((_, name)) = known.iter().find(|(mark, _)| bytes.starts_with(mark)) {
        return (*name).to_owned();
    }
    match bytes {
        [] => "nothing, they are empty".to_owned(),
        _ => format!("{:?}", String::from_utf8_lossy(&bytes[..bytes.len().min(16)])),
    }
}

/// The names of an SDK module's functions, sorted; none for a plain module.
pub(super) fn sdk_functions(code: &wasmtime::Module) -> Option<Vec<String>> {
    code.get_export(ABI)?;
    let mut names: Vec<String> = code
        .exports()
        .filter_map(|export| export.name().strip_prefix(CALL_PREFIX).map(str::to_owned))
        .collect();
    names.sort_unstable();
    Some(names)
}

/// The description of a module without the SDK: its functions over numbers. One
/// whose name is too long for a message, or the host's, is left out.
///
/// # Errors
/// When it would be too large.
pub(super) fn plain_manifest(code: &wasmtime::Module) -> Result<Manifest, ModuleError> {
    let mut functions = Vec::new();
    let mut params = 0;
    for export in code.exports() {
        let ExternType::Func(ty) = export.ty() else { continue };
        if !is_plain(export.name()) {
            continue;
        }
        params += ty.params().len();
        check_counts(functions.len() + 1, params)?;
        functions.extend(plain::describe(export.name(), &ty));
    }
    Ok(Manifest { functions, ..Manifest::default() })
}

/// Whether an exported function of this name is one to call, in a module without the SDK.
pub(super) fn is_plain(name: &str) -> bool {
    name.len() <= caps::NAME_BYTES && !name.starts_with(HOSTS)
}

/// Parameters that all functions of a module may have together.
const PARAMS: usize = 8 * caps::FUNCTIONS;

pub(super) fn check_counts(functions: usize, params: usize) -> Result<(), ModuleError> {
    let too_many = |what, most| Err(ModuleError::TooMany { what, most });
    match (functions, params) {
        (functions, _) if functions > caps::FUNCTIONS => too_many("functions", caps::FUNCTIONS),
        (_, params) if params > PARAMS => too_many("parameters", PARAMS),
        _ => Ok(()),
    }
}

/// Checks what an SDK module said of itself against its exports.
pub(super) fn check_manifest(manifest: &Manifest, names: &[String]) -> Result<(), ModuleError> {
    let wrong = |message: String| ModuleError::Manifest { message, cause: None };
    for (function, name) in manifest.functions.iter().zip(names) {
        if function.name != *name {
            return Err(wrong(format!(
                "the description of {name} is of a function named {:?}",
                function.name
            )));
        }
        if function.name.len() > caps::NAME_BYTES {
            return Err(wrong(format!("a function's name is longer than {}", caps::NAME_BYTES)));
        }
    }
    Ok(())
}
