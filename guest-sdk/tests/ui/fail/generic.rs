#[farside_guest::function]
fn same<T>(value: T) -> T {
    value
}

#[farside_guest::function]
fn lifetime<'a>(text: &'a str) -> &'a str {
    text
}

#[farside_guest::function]
fn clause(n: i64) -> i64
where
    i64: Copy,
{
    n
}

fn main() {}
