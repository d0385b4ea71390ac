//! What a guest's end means: traps, panics and refused growth as failures.

use std::fmt;

use farside_protocol::{ErrorCode, Failure, beginning, caps};
use wasmtime::{FrameInfo, FrameSymbol, PoolConcurrencyLimitError, Trap, WasmBacktrace};

use super::budget::Refused;
use super::host::Host;
use super::host_calls::TooManyHostCalls;
use crate::config::ByteSize;
use crate::meter::Exceeded;

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
        Fault::poisoning(
            Failure::new(ErrorCode::Trap, message)
                .with_hint("rebuild the guest with a current farside-guest"),
        )
    }
}

/// What an error out of wasmtime means to the client.
pub(super) fn from_wasmtime(error: &wasmtime::Error, host: &mut Host) -> Fault {
    let backtrace = error.downcast_ref::<WasmBacktrace>().map(frames).unwrap_or_default();
    let mut failure = match host.share.refused.take() {
        Some(refused) => memory_limit(refused, host),
        None => match host.panic.take() {
            Some(text) => panicked(&text),
            None => trap(error),
        },
    };
    failure.backtrace = backtrace;
    Fault::poisoning(failure)
}

fn panicked(text: &str) -> Failure {
    let failure = Failure::new(ErrorCode::Trap, format!("the guest panicked: {text}"));
    match text.starts_with("time not implemented on this platform") {
        true => failure.with_hint(
            "a guest asks for the time with farside_guest::clock::now, which the operator grants with guests.clock",
        ),
        false => failure,
    }
}

fn memory_limit(refused: Refused, host: &Host) -> Failure {
    let budget = host.share.budget();
    let (message, hint) = match refused {
        Refused::Memory { growth, wanted } => (
            format!(
                "the guest wanted another {} of memory, {} in all; the instances of the session use {} of {}",
                size(growth),
                size(wanted),
                size(budget.memory()),
                size(budget.memory_limit()),
            ),
            "pass less at once, or raise limits.session_memory on the server",
        ),
        Refused::Table { wanted } => (
            format!(
                "the guest wanted a table of {wanted} elements; all instances of the session use {} of {}",
                budget.table_elements(),
                budget.table_limit(),
            ),
            "raise limits.session_table_elements on the server",
        ),
        Refused::Process(Exceeded { asked, used, limit, setting }) => (
            format!(
                "the guest wanted another {} of memory; all sessions of the {} use {} of {}",
                asked.about(),
                if is_owners(setting) { "owner" } else { "server" },
                used.about(),
                limit.about()
            ),
            match is_owners(setting) {
                true => "try again later, or raise limits.owner_memory on the server",
                false => "try again later, or raise limits.process_memory on the server",
            },
        ),
    };
    Failure::new(ErrorCode::MemoryLimit, message).with_hint(hint)
}

/// Whether a meter's limit is that of one owner.
fn is_owners(setting: &str) -> bool {
    setting == "limits.owner_memory"
}

fn size(bytes: usize) -> impl fmt::Display {
    ByteSize::new(bytes as u64).about()
}

fn trap(error: &wasmtime::Error) -> Failure {
    if error.downcast_ref::<PoolConcurrencyLimitError>().is_some() {
        let message = "the server is full: it has no memory or table left for an instance";
        return Failure::new(ErrorCode::Unavailable, message).with_hint("try again in a moment");
    }
    if let Some(too_many) = error.downcast_ref::<TooManyHostCalls>() {
        return too_many.failure();
    }
    let Some(trap) = error.downcast_ref::<Trap>() else {
        let text = beginning(error.root_cause(), caps::FAILURE_TEXT_BYTES);
        return Failure::new(ErrorCode::Trap, format!("the guest was stopped: {text}"));
    };
    let what = trap.to_string();
    let what = what.strip_prefix("wasm trap: ").unwrap_or(&what);
    let failure = Failure::new(ErrorCode::Trap, format!("the guest trapped: {what}"));
    match trap {
        Trap::MemoryOutOfBounds => failure.with_hint(
            "a wrong address, or a recursion that is too deep for the guest's own stack",
        ),
        Trap::StackOverflow => failure.with_hint("the guest recursed too deep; its stack is 4 MiB"),
        Trap::UnreachableCodeReached => failure
            .with_hint("in Rust this is an abort, a failed allocation, or unreachable_unchecked"),
        _ => failure,
    }
}

/// Functions between the guest's own code and the host explain nothing: by the
/// beginnings of their names, and by parts of their files' paths.
const PLUMBING_NAMES: &[&str] = &[
    "std::",
    "core::",
    "alloc::",
    "<alloc::",
    "<core::",
    "<std::",
    "__rust",
    "rust_",
    "farside_guest::",
    "farside_call_",
    "{closure",
];
const PLUMBING_PART: &str = "::__farside_call";
const PLUMBING_FILES: &[&str] = &["/rustc/", "/guest-sdk/src/", "/farside-guest-"];

/// One line of a backtrace.
struct Line {
    name: String,
    place: Option<(String, u32)>,
}

impl Line {
    fn is_plumbing(&self) -> bool {
        PLUMBING_NAMES.iter().any(|beginning| self.name.starts_with(beginning))
            || self.name.contains(PLUMBING_PART)
            || self
                .place
                .as_ref()
                .is_some_and(|(file, _)| PLUMBING_FILES.iter().any(|part| file.contains(part)))
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some((file, line)) => write!(f, "{} ({file}:{line})", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// The guest's stack, innermost first, without what lies between its own code and
/// the host.
fn frames(backtrace: &WasmBacktrace) -> Vec<String> {
    let all: Vec<Line> = backtrace.frames().iter().flat_map(frame_lines).collect();
    let is_all_plumbing = all.iter().all(Line::is_plumbing);
    let lines: Vec<String> = all
        .iter()
        .filter(|line| is_all_plumbing || !line.is_plumbing())
        .map(|line| beginning(line, caps::BACKTRACE_FRAME_BYTES))
        .collect();
    let mut lines = repeats_counted(lines);
    if lines.len() > caps::BACKTRACE_FRAMES {
        let cut = lines.len() - caps::BACKTRACE_FRAMES + 1;
        lines.truncate(caps::BACKTRACE_FRAMES - 1);
        lines.push(format!(".. and {cut} more"));
    }
    lines
}

/// The lines, with one for those that repeat: a recursion has the same over and over.
fn repeats_counted(lines: Vec<String>) -> Vec<String> {
    let counted = lines.chunk_by(|one, next| one == next).map(|same| match same.len() {
        1 => same[0].clone(),
        times => format!("{} x {times}", same[0]),
    });
    counted.collect()
}

/// A frame's functions: those inlined into it first, by their own short names,
/// then the frame's, by its full name.
fn frame_lines(frame: &FrameInfo) -> Vec<Line> {
    let own = match frame.func_name() {
        Some(name) => demangle(name),
        None => format!("function {}", frame.func_index()),
    };
    let symbols = frame.symbols();
    let Some((last, inlined)) = symbols.split_last() else {
        return vec![Line { name: own, place: None }];
    };
    let inlined = inlined.iter().filter_map(|symbol| {
        symbol.name().map(|name| Line { name: demangle(name), place: place(symbol) })
    });
    inlined.chain([Line { name: own, place: place(last) }]).collect()
}

fn place(symbol: &FrameSymbol) -> Option<(String, u32)> {
    Some((symbol.file()?.to_owned(), symbol.line()?))
}

/// The name without the hashes that rustc adds, as far as a frame has room.
fn demangle(name: &str) -> String {
    beginning(format_args!("{:#}", rustc_demangle::demangle(name)), caps::BACKTRACE_FRAME_BYTES)
}
