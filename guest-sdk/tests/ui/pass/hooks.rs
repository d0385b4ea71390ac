#![forbid(unsafe_code)]

#[farside_guest::init]
fn start() {}

/// Anew in each instance.
#[farside_guest::wake]
fn seed() -> () {}

fn main() {
    start();
    seed();
}
