//! A module: compiled code, what it exports, and what it may not import.

use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use farside_protocol::manifest::{Function, GUEST_ABI, Manifest};
use farside_protocol::{ErrorCode, Failure, ModuleHash, caps};
use wasmparser::{Parser, Payload, TypeRef};
use wasmtime::{Engine, ExternType, InstancePre, ModuleExport};

use super::host::{Grants, Host, IMPORT_MODULE, import_grant};
use super::plain;

/// Marks the entry of an SDK function; the function's name follows.
const CALL_PREFIX: &str = "farside_call_";

/// Wasm code ready to be instantiated, with its description. Immutable.
pub(crate) struct Module {
    hash: ModuleHash,
    manifest: Manifest,
    manifest_bytes: Bytes,
    pre: InstancePre<Host>,
    entries: Vec<Entry>,
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
    #[error("the module imports what Farside does not provide: {}", imports.join(", "))]
    Imports { imports: Vec<String>, hint: String },
    #[error("the module was built for guest ABI {found}, the server runs ABI {GUEST_ABI}")]
    Abi { found: u32 },
    #[error("the module could not be compiled: {message}")]
    Compile { message: String },
    #[error("the module does not describe itself properly: {message}")]
    Manifest { message: String, cause: Option<Box<Failure>> },
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
        hash: ModuleHash,
        code: &wasmtime::Module,
        pre: InstancePre<Host>,
        manifest: Manifest,
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
        Ok(Module { hash, manifest, manifest_bytes, pre, entries, long })
    }

    pub(crate) fn hash(&self) -> ModuleHash {
        self.hash
    }

    pub(crate) fn manifest(&self) -> &Manifest {
        &self.manifest
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

/// Refuses a module that imports what is not there, or is not granted.
pub(super) fn check_imports(binary: &[u8], grants: Grants) -> Result<(), ModuleError> {
    let invalid =
        |error: wasmparser::BinaryReaderError| ModuleError::Invalid { message: error.to_string() };
    let mut missing = Vec::new();
    let mut modules = Vec::new();
    let mut withheld = Vec::new();
    for payload in Parser::new(0).parse_all(binary) {
        let Payload::ImportSection(imports) = payload.map_err(invalid)? else { continue };
        for import in imports.into_imports() {
            let import = import.map_err(invalid)?;
            let grant = (import.module == IMPORT_MODULE && matches!(import.ty, TypeRef::Func(_)))
                .then(|| import_grant(import.name, grants))
                .flatten();
            if grant == Some(true) {
                continue;
            }
            if grant == Some(false) {
                withheld.push(import.name.to_owned());
            }
            modules.push(import.module.to_owned());
            missing.push(format!("{}.{} ({})", import.module, import.name, import_kind(import.ty)));
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    Err(ModuleError::Imports { hint: import_hint(&modules, &withheld), imports: missing })
}

fn import_kind(ty: TypeRef) -> &'static str {
    match ty {
        TypeRef::Func(_) | TypeRef::FuncExact(_) => "function",
        TypeRef::Table(_) => "table",
        TypeRef::Memory(_) => "memory",
        TypeRef::Global(_) => "global",
        TypeRef::Tag(_) => "tag",
    }
}

fn import_hint(modules: &[String], withheld: &[String]) -> String {
    if let Some(name) = withheld.first() {
        return format!("the operator grants it with the setting guests.{name} = true");
    }
    if modules.iter().any(|module| module.starts_with("wasi_") || module.starts_with("wasi:")) {
        return "this is a WASI module; guests have no files, environment or network here: build for \
                wasm32-unknown-unknown instead of wasm32-wasi"
            .to_owned();
    }
    if modules.iter().any(|module| module.contains("wbindgen")) {
        return "this module was made for a browser (wasm-bindgen); leave out the crates that need JavaScript"
            .to_owned();
    }
    "guests may import farside.log and farside.panic only".to_owned()
}

/// The names of an SDK module's functions, sorted; none for a plain module.
pub(super) fn sdk_functions(code: &wasmtime::Module) -> Option<Vec<String>> {
    code.get_export("farside_abi")?;
    let mut names: Vec<String> = code
        .exports()
        .filter_map(|export| export.name().strip_prefix(CALL_PREFIX).map(str::to_owned))
        .collect();
    names.sort_unstable();
    Some(names)
}

/// The description of a module without the SDK: its functions over numbers.
pub(super) fn plain_manifest(code: &wasmtime::Module) -> Manifest {
    let functions: Vec<Function> = code
        .exports()
        .filter_map(|export| match export.ty() {
            ExternType::Func(ty) => plain::describe(export.name(), &ty),
            _ => None,
        })
        .take(caps::FUNCTIONS)
        .collect();
    Manifest { functions, ..Manifest::default() }
}

/// Checks what an SDK module said of itself against its exports.
pub(super) fn check_manifest(manifest: &Manifest, names: &[String]) -> Result<(), ModuleError> {
    let wrong = |message: String| ModuleError::Manifest { message, cause: None };
    if manifest.functions.len() > caps::FUNCTIONS {
        return Err(wrong(format!("it has more than {} functions", caps::FUNCTIONS)));
    }
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
