#[farside_guest::function]
async fn wait(n: i64) -> i64 {
    n
}

fn main() {}
