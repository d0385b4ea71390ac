//! What `boot.py` gets from outside of the language.

use std::cell::RefCell;

use evaluator_common::{Lines, Sources};
use rustpython_vm::builtins::PyStrRef;
use rustpython_vm::{PyObjectRef, PyResult, VirtualMachine};

thread_local! {
    /// What was evaluated.
    pub(crate) static SOURCES: RefCell<Sources> = const { RefCell::new(Sources::new()) };
}

/// The functions, by the names that `boot.py` knows them by.
pub(crate) fn functions(vm: &VirtualMachine) -> [(&'static str, PyObjectRef); 5] {
    [
        ("_out", vm.new_function("_out", out).into()),
        ("_err", vm.new_function("_err", err).into()),
        ("_random", vm.new_function("_random", random).into()),
        ("_now", vm.new_function("_now", now).into()),
        ("_source", vm.new_function("_source", source).into()),
    ]
}

fn out(text: PyStrRef) -> usize {
    Lines::Out.write(&text.to_string_lossy());
    text.char_len()
}

/// Warnings and tracebacks name what was evaluated.
fn err(text: PyStrRef) -> usize {
    let shown = SOURCES.with_borrow(|sources| sources.show_names(&text.to_string_lossy()));
    Lines::Err.write(&shown);
    text.char_len()
}

fn random(len: usize, vm: &VirtualMachine) -> PyResult {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(len).map_err(|_| vm.no_memory_error())?;
    bytes.resize(len, 0);
    evaluator_common::random(&mut bytes);
    Ok(vm.ctx.new_bytes(bytes).into())
}

/// Nanoseconds since 1970.
fn now() -> u64 {
    u64::try_from(evaluator_common::now().as_nanos()).unwrap_or(u64::MAX)
}

/// The text that was evaluated under a name.
fn source(name: PyStrRef) -> Option<String> {
    SOURCES.with_borrow(|sources| sources.text(&name.to_string_lossy()).map(str::to_owned))
}
