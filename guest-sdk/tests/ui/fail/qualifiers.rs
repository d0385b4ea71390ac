#[farside_guest::function]
unsafe fn read(n: i64) -> i64 {
    n
}

#[farside_guest::function]
extern "C" fn add(n: i64) -> i64 {
    n
}

fn main() {}
