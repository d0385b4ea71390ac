//! Evaluates JavaScript: QuickJS in the session's own sandbox.
//!
//! It is a guest module like any other. Its global variables live as long as the
//! instance.

mod convert;
mod engine;
mod failure;
mod native;

use std::sync::atomic::AtomicU8;

use evaluator_common::Interrupt;

use crate::engine::Engine;

/// Where the server asks for an end; QuickJS looks there.
static INTERRUPT_BYTE: AtomicU8 = AtomicU8::new(0);
const INTERRUPT: Interrupt = Interrupt::at(&INTERRUPT_BYTE);

evaluator_common::evaluator!(Engine);
