//! Evaluates JavaScript: QuickJS in the session's own sandbox.
//!
//! It is a guest module like any other. Its global variables live as long as the
//! instance.

mod convert;
mod engine;
mod failure;
mod native;

use std::sync::atomic::AtomicU8;

use evaluator_common::{EvalError, Evaluator as _, Interrupt};
use farside_guest::{Raw, function};

use crate::engine::Engine;

/// Where the server asks for an end; QuickJS looks there.
static INTERRUPT_BYTE: AtomicU8 = AtomicU8::new(0);
const INTERRUPT: Interrupt = Interrupt::at(&INTERRUPT_BYTE);

evaluator_common::evaluator!(Engine);

/// Does what a caller wants, unless the server asks for an end.
fn guarded(
    work: impl FnOnce(&mut Engine) -> Result<Raw, EvalError>,
) -> Result<Raw, EvalError> {
    with_evaluator(|engine| engine.guarded(work))
}

/// Calls a function that an earlier evaluation gave.
#[function]
fn invoke(object: Raw, arguments: Raw) -> Result<Raw, EvalError> {
    guarded(|engine| engine.apply("invoke", &[object, arguments]))
}

/// An attribute of an object.
#[function]
fn attribute(object: Raw, name: Raw) -> Result<Raw, EvalError> {
    guarded(|engine| engine.apply("attribute", &[object, name]))
}

/// What an object has at an index or under a key.
#[function]
fn item(object: Raw, key: Raw) -> Result<Raw, EvalError> {
    guarded(|engine| engine.apply("item", &[object, key]))
}

/// Calls a method of an object.
#[function]
fn method(object: Raw, name: Raw, arguments: Raw) -> Result<Raw, EvalError> {
    guarded(|engine| engine.apply("method", &[object, name, arguments]))
}

/// The function that source text defines: the last one, if there are several.
#[function]
fn define(source: String) -> Result<Raw, EvalError> {
    guarded(|engine| engine.define(&source))
}

/// The results of a function for each item of a list or array.
#[function]
fn map(function: Raw, data: Raw) -> Result<Raw, EvalError> {
    guarded(|engine| engine.apply("map", &[function, data]))
}

/// The items for which a function says yes.
#[function]
fn filter(function: Raw, data: Raw) -> Result<Raw, EvalError> {
    guarded(|engine| engine.apply("filter", &[function, data]))
}

/// Puts items together, one after the other, by a function of two.
#[function]
fn reduce(function: Raw, data: Raw, initial: Option<Raw>) -> Result<Raw, EvalError> {
    guarded(|engine| engine.apply("reduce", &[function, data, initial.unwrap_or_default()]))
}
