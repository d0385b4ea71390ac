//! What a guest's end means: traps, panics and refused growth as failures.

use farside_protocol::{ErrorCode, Failure, caps};
use wasmtime::{Trap, WasmBacktrace};

use super::budget::Refused;
use super::host::Host;

/// Why a call did not give a value.
#[derive(Debug)]
pub(crate) struct Fault {
    /// What the client is told.
    pub(crate) failure: Failure,
    /// Whether the instance's state can't be relied on any more.
    pub(crate) poisons: bool,
}

impl Fault {
    /// The guest said no in an orderly way; its instance goes on.
    pub(super) fn orderly(failure: Failure) -> Fault {
        Fault { failure, poisons: false }
    }

    /// The guest was stopped in the midst of something.
    pub(super) fn poisoning(failure: Failure) -> Fault {
        Fault { failure, poisons: true }
    }

    /// The guest did not keep to the ABI.
    pub(super) fn broken_contract(message: impl Into<String>) -> Fault {
        Fault::poisoning(Failure::new(ErrorCode::Trap, message).with_hint(
            "rebuild the guest with a current farside-guest; a plain module must take and return numbers",
        ))
    }
}

/// What an error out of wasmtime means to the client.
pub(super) fn from_wasmtime(error: &wasmtime::Error, host: &mut Host) -> Fault {
    let backtrace = error.downcast_ref::<WasmBacktrace>().map(frames).unwrap_or_default();
    let mut failure = match host.share.refused.take() {
        Some(refused) => memory_limit(refused, host),
        None => match host.panic.take() {
            Some(text) => Failure::new(ErrorCode::Trap, format!("the guest {text}")),
            None => trap(error),
        },
    };
    failure.backtrace = backtrace;
    Fault::poisoning(failure)
}

fn memory_limit(refused: Refused, host: &Host) -> Failure {
    let budget = host.share.budget();
    match refused {
        Refused::Memory { wanted } => Failure::new(
            ErrorCode::MemoryLimit,
            format!(
                "the guest wanted its memory to be {} MiB; all instances of the session together may have {} MiB",
                wanted.div_ceil(1 << 20),
                budget.memory_limit() >> 20,
            ),
        )
        .with_hint("pass less at once, or raise limits.session_memory on the server"),
        Refused::Table { wanted } => Failure::new(
            ErrorCode::MemoryLimit,
            format!("the guest wanted a table of {wanted} elements, beyond what its session may have"),
        )
        .with_hint("raise limits.session_table_elements on the server"),
    }
}

fn trap(error: &wasmtime::Error) -> Failure {
    let Some(trap) = error.downcast_ref::<Trap>() else {
        let text = error.root_cause().to_string();
        return Failure::new(ErrorCode::Trap, format!("the guest was stopped: {text}"));
    };
    let what = trap.to_string();
    let what = what.strip_prefix("wasm trap: ").unwrap_or(&what);
    let failure = Failure::new(ErrorCode::Trap, format!("the guest trapped: {what}"));
    match trap {
        Trap::StackOverflow => failure.with_hint("the guest recursed too deep; its stack is 4 MiB"),
        Trap::UnreachableCodeReached => failure
            .with_hint("in Rust this is an abort, a failed allocation, or unreachable_unchecked"),
        _ => failure,
    }
}

/// Functions between the guest's own code and the host that explain nothing.
const PLUMBING: &[&str] = &[
    "std::panicking",
    "core::panicking",
    "std::sys",
    "std::rt",
    "std::alloc::rust_oom",
    "alloc::alloc::handle_alloc_error",
    "__rust",
    "rust_panic",
    "rust_begin_unwind",
    "core::ops::function",
    "farside_guest::",
    "<alloc::boxed::Box",
];

fn frames(backtrace: &WasmBacktrace) -> Vec<String> {
    let all: Vec<String> = backtrace.frames().iter().flat_map(frame_lines).collect();
    let telling: Vec<String> = all
        .iter()
        .filter(|line| !PLUMBING.iter().any(|prefix| line.starts_with(prefix)))
        .cloned()
        .collect();
    let mut lines = if telling.is_empty() { all } else { telling };
    if lines.len() > caps::BACKTRACE_FRAMES {
        let cut = lines.len() - caps::BACKTRACE_FRAMES + 1;
        lines.truncate(caps::BACKTRACE_FRAMES - 1);
        lines.push(format!(".. and {cut} more"));
    }
    lines
}

/// A frame's functions, inlined ones first: `name (file:line)`.
fn frame_lines(frame: &wasmtime::FrameInfo) -> Vec<String> {
    let symbols = frame.symbols();
    if symbols.iter().all(|symbol| symbol.name().is_none()) {
        let name = frame.func_name().map_or_else(
            || format!("function {}", frame.func_index()),
            |name| without_hash(&rustc_demangle::demangle(name).to_string()).to_owned(),
        );
        return vec![name];
    }
    symbols
        .iter()
        .map(|symbol| {
            let name = symbol.name().map(|name| rustc_demangle::demangle(name).to_string());
            let name = name.as_deref().map_or("?", without_hash);
            match (symbol.file(), symbol.line()) {
                (Some(file), Some(line)) => format!("{name} ({file}:{line})"),
                _ => name.to_owned(),
            }
        })
        .collect()
}

/// A demangled name without the hash that rustc appends.
fn without_hash(name: &str) -> &str {
    match name.rsplit_once("::h") {
        Some((path, hash)) if hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()) => {
            path
        }
        _ => name,
    }
}
