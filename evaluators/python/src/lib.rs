//! Evaluates Python: RustPython in the session's own sandbox.
//!
//! It is a guest module like any other. Its global variables live as long as the
//! instance.

mod array;
mod convert;
mod failure;
mod interpreter;
mod native;

use std::cell::RefCell;
use std::collections::BTreeMap;

use evaluator_common::{EvalError, Interrupt};
use farside_guest::{Raw, function, init, wake};

use crate::interpreter::{Python, Wanted};

/// Where the server asks for an end: RustPython itself looks there.
const INTERRUPT: Interrupt = Interrupt::at(&rustpython_vm::signal::INTERRUPT);

thread_local! {
    static PYTHON: RefCell<Option<Python>> = const { RefCell::new(None) };
}

fn with_python<T>(f: impl FnOnce(&mut Python) -> Result<T, EvalError>) -> Result<T, EvalError> {
    PYTHON.with_borrow_mut(|python| match python {
        Some(python) => f(python),
        None => f(python.insert(Python::start()?)),
    })
}

/// Starts the interpreter and imports what most code uses, for the image.
#[init]
fn start() {
    if let Err(error) = with_python(|_| Ok(())) {
        panic!("the interpreter does not start: {}", error.traceback);
    }
}

/// Makes anew what sessions must not share.
#[wake]
fn wake_up() {
    evaluator_common::wake();
    if let Err(error) = with_python(|python| python.wake()) {
        panic!("the interpreter does not wake: {}", error.traceback);
    }
}

/// Evaluates source text and gives the value of its last statement, if that is an
/// expression.
///
/// Bindings become global variables before. The name is shown where errors tell
/// their place.
#[function]
fn eval(
    source: String,
    bindings: Option<BTreeMap<String, Raw>>,
    name: Option<String>,
) -> Result<Raw, EvalError> {
    with_python(|python| python.run(&source, bindings, name.as_deref(), Wanted::Value))
}

/// Runs source text and gives nothing.
///
/// Bindings become global variables before. The name is shown where errors tell
/// their place.
#[function]
fn execute(
    source: String,
    bindings: Option<BTreeMap<String, Raw>>,
    name: Option<String>,
) -> Result<Raw, EvalError> {
    with_python(|python| python.run(&source, bindings, name.as_deref(), Wanted::Nothing))
}

/// The names that begin like this: variables and builtins, and with a dot the
/// attributes of one.
#[function]
fn names(prefix: String) -> Vec<String> {
    with_python(|python| python.names(&prefix)).unwrap_or_default()
}

/// Forgets every variable.
#[function]
fn reset() -> Result<(), EvalError> {
    with_python(Python::reset)
}

/// Where the server stores a byte to stop what runs.
#[cfg(target_arch = "wasm32")]
mod exports {
    #[expect(unsafe_code, reason = "the server finds it by name")]
    #[unsafe(no_mangle)]
    extern "C" fn farside_interrupt() -> u32 {
        super::INTERRUPT.address()
    }
}
