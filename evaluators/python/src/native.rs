//! What `boot.py` gets from outside of the language.

use std::cell::RefCell;

use evaluator_common::{DEFAULT_NAME, Lines, Objects, Sources};
use farside_guest::session;
use rustpython_vm::builtins::{PyStrRef, PyUtf8StrRef};
use rustpython_vm::{PyObjectRef, PyResult, VirtualMachine};

use crate::convert::{self, Forms};

thread_local! {
    /// What was evaluated.
    pub(crate) static SOURCES: RefCell<Sources> = const { RefCell::new(Sources::new()) };
}

/// The functions, by the names that `boot.py` knows them by.
pub(crate) fn functions(vm: &VirtualMachine) -> [(&'static str, PyObjectRef); 6] {
    [
        ("_out", vm.new_function("_out", out).into()),
        ("_err", vm.new_function("_err", err).into()),
        ("_random", vm.new_function("_random", random).into()),
        ("_now", vm.new_function("_now", now).into()),
        ("_source", vm.new_function("_source", source).into()),
        ("_keep", vm.new_function("_keep", keep).into()),
    ]
}

/// What calls a function of the session with arguments by position, or with those of a
/// dictionary by name: gives whether it succeeded, and its value or its failure.
pub(crate) fn caller(vm: &VirtualMachine, forms: Forms) -> PyObjectRef {
    let call = move |name: PyUtf8StrRef, arguments: PyObjectRef, vm: &VirtualMachine| -> PyResult {
        let arguments = convert::write(vm, &forms, &arguments);
        let arguments = arguments.map_err(|failure| failure.raised(vm))?;
        let (succeeded, answer) = match session::call(name.as_str(), arguments.as_bytes()) {
            Ok(value) => (true, value),
            Err(failure) => (false, failure),
        };
        // No object leaves its evaluator, so there is none in an answer.
        let answer = convert::read(vm, &forms, &Objects::new(), &answer);
        let answer = answer.map_err(|failure| failure.raised(vm))?;
        let outcome = vec![vm.ctx.new_bool(succeeded).into(), answer];
        Ok(vm.ctx.new_tuple(outcome).into())
    };
    vm.new_function("_call", call).into()
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

/// Keeps a text that came without a name; gives the name for the interpreter.
fn keep(text: PyStrRef) -> String {
    SOURCES.with_borrow_mut(|sources| sources.keep(DEFAULT_NAME, &text.to_string_lossy()))
}
