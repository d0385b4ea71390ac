//! First steps: a square, a greeting, and every way in which a call can fail.

#![forbid(unsafe_code)]

use std::hint;

use serde::{Deserialize, Serialize};

/// The square of a number.
#[farside_guest::function]
fn square(n: i64) -> i64 {
    n * n
}

/// The sum of two numbers.
#[farside_guest::function(pure)]
fn add(a: i64, b: i64) -> i64 {
    a + b
}

/// A greeting for somebody.
#[farside_guest::function]
fn greet(name: String) -> String {
    format!("Hello, {name}!")
}

/// Why [`fail`] failed.
#[derive(Debug, Serialize, Deserialize)]
struct Refusal {
    /// What the caller said.
    reason: String,
    /// How often it has to be said.
    attempts: u32,
}

/// Always fails with an error value that holds the reason given. The instance
/// goes on.
#[farside_guest::function]
fn fail(reason: String) -> Result<(), Refusal> {
    Err(Refusal { reason, attempts: 1 })
}

/// Panics with a message, two functions deep. The instance is poisoned.
#[farside_guest::function]
fn boom(message: String) {
    outer(&message);
}

#[inline(never)]
fn outer(message: &str) {
    inner(message);
}

#[inline(never)]
fn inner(message: &str) {
    panic!("{message}");
}

/// Runs forever, until its deadline or a cancel stops it.
#[farside_guest::function]
fn spin() {
    loop {
        hint::spin_loop();
    }
}
