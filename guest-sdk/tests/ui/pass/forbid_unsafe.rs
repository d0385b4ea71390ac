//! A guest may forbid what it does not need.

#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, unreachable_pub, unused_qualifications)]

/// The square of a number.
#[farside_guest::function]
fn square(n: i64) -> i64 {
    n * n
}

fn main() {}
