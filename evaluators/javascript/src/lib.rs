//! Evaluates JavaScript: QuickJS in the session's own sandbox.
//!
//! It is a guest module like any other. Its global variables live as long as the
//! instance.

mod convert;
mod engine;
mod failure;
mod native;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicU8;

use evaluator_common::{EvalError, Interrupt};
use farside_guest::{Raw, function, init, wake};

use crate::engine::{Engine, Wanted};

/// Where the server asks for an end.
static INTERRUPT_BYTE: AtomicU8 = AtomicU8::new(0);
const INTERRUPT: Interrupt = Interrupt::at(&INTERRUPT_BYTE);

thread_local! {
    static ENGINE: RefCell<Option<Engine>> = const { RefCell::new(None) };
}

fn with_engine<T>(f: impl FnOnce(&mut Engine) -> Result<T, EvalError>) -> Result<T, EvalError> {
    ENGINE.with_borrow_mut(|engine| match engine {
        Some(engine) => f(engine),
        None => f(engine.insert(Engine::start()?)),
    })
}

/// Starts the engine, for the image.
#[init]
fn start() {
    if let Err(error) = with_engine(|_| Ok(())) {
        panic!("the engine does not start: {}", error.traceback);
    }
}

/// Makes anew what sessions must not share.
#[wake]
fn wake_up() {
    evaluator_common::wake();
    native::seed();
}

/// Evaluates source text and gives its value: that of its last expression.
///
/// Bindings become global variables before. The name is shown where errors tell
/// their place.
#[function]
fn eval(
    source: String,
    bindings: Option<BTreeMap<String, Raw>>,
    name: Option<String>,
) -> Result<Raw, EvalError> {
    with_engine(|engine| engine.run(&source, bindings, name.as_deref(), Wanted::Value))
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
    with_engine(|engine| engine.run(&source, bindings, name.as_deref(), Wanted::Nothing))
}

/// The names that begin like this: variables, and with a dot the properties of one.
#[function]
fn names(prefix: String) -> Vec<String> {
    with_engine(|engine| engine.names(&prefix)).unwrap_or_default()
}

/// Calls a function that an earlier evaluation gave.
#[function]
fn invoke(object: Raw, arguments: Raw) -> Result<Raw, EvalError> {
    with_engine(|engine| engine.apply("invoke", &[object, arguments]))
}

/// An attribute of an object.
#[function]
fn attribute(object: Raw, name: Raw) -> Result<Raw, EvalError> {
    with_engine(|engine| engine.apply("attribute", &[object, name]))
}

/// What an object has at an index or under a key.
#[function]
fn item(object: Raw, key: Raw) -> Result<Raw, EvalError> {
    with_engine(|engine| engine.apply("item", &[object, key]))
}

/// Calls a method of an object.
#[function]
fn method(object: Raw, name: Raw, arguments: Raw) -> Result<Raw, EvalError> {
    with_engine(|engine| engine.apply("method", &[object, name, arguments]))
}

/// The function that source text defines: the last one, if there are several.
#[function]
fn define(source: String) -> Result<Raw, EvalError> {
    with_engine(|engine| engine.define(&source))
}

/// The results of a function for each item of a list or array.
#[function]
fn map(function: Raw, data: Raw) -> Result<Raw, EvalError> {
    with_engine(|engine| engine.apply("map", &[function, data]))
}

/// The items for which a function says yes.
#[function]
fn filter(function: Raw, data: Raw) -> Result<Raw, EvalError> {
    with_engine(|engine| engine.apply("filter", &[function, data]))
}

/// Puts items together, one after the other, by a function of two.
#[function]
fn reduce(function: Raw, data: Raw, initial: Option<Raw>) -> Result<Raw, EvalError> {
    with_engine(|engine| engine.apply("reduce", &[function, data, initial.unwrap_or_default()]))
}

/// Forgets every variable.
#[function]
fn reset() -> Result<(), EvalError> {
    with_engine(Engine::reset)
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
