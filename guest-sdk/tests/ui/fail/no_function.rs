#[farside_guest::function]
struct Point {
    x: f64,
}

fn main() {}
