//! What the bench calls: functions that do next to nothing, so that what is measured
//! is the way to them and back. None is pure: they share a warm instance unless a
//! fresh one is asked for.

#![forbid(unsafe_code)]

use std::hint;

use farside_guest::Array;
use serde::{Deserialize, Serialize};

/// The square of a number.
#[farside_guest::function]
fn square(n: i64) -> i64 {
    n.wrapping_mul(n)
}

/// The sum of two numbers.
#[farside_guest::function]
fn add(a: i64, b: i64) -> i64 {
    a.wrapping_add(b)
}

/// An order as a shop keeps it: about 1 KiB.
#[derive(Debug, Serialize, Deserialize)]
struct Order {
    /// Its number.
    number: u64,
    /// Who ordered.
    customer: String,
    /// Whether it is paid.
    paid: bool,
    /// What was ordered.
    lines: Vec<Line>,
}

/// One line of an order.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    /// What it is.
    article: String,
    /// How many.
    count: u32,
    /// What one costs.
    price: f64,
}

/// What an order comes to.
#[farside_guest::function]
fn total(order: Order) -> f64 {
    order.lines.iter().map(|line| f64::from(line.count) * line.price).sum()
}

/// Every number twice as large.
#[farside_guest::function]
fn double(data: Array<f64>) -> Option<Array<f64>> {
    let doubled = data.data().iter().map(|number| number * 2.0).collect();
    Array::from_shape(data.shape().to_vec(), doubled)
}

/// The same numbers.
#[farside_guest::function]
fn echo(data: Array<f64>) -> Array<f64> {
    data
}

/// Computes for a while: so many steps of some nanoseconds each.
#[farside_guest::function]
fn burn(steps: u64) -> u64 {
    // A linear congruential step, which no compiler foresees (Knuth, MMIX).
    (0..steps).fold(1, |sum: u64, _| {
        hint::black_box(sum).wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1)
    })
}

/// Runs forever, until its deadline or a cancel stops it.
#[farside_guest::function]
fn spin() {
    loop {
        hint::spin_loop();
    }
}
