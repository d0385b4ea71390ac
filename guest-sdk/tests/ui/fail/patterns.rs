#[farside_guest::function]
fn swap((a, b): (i64, i64)) -> (i64, i64) {
    (b, a)
}

#[farside_guest::function]
fn ignore(_: i64) {}

#[farside_guest::function]
fn reference(ref text: String) -> usize {
    text.len()
}

#[farside_guest::function]
fn attribute(#[cfg(true)] n: i64) -> i64 {
    n
}

fn main() {}
