#[farside_guest::function]
fn length(text: impl AsRef<str>) -> usize {
    text.as_ref().len()
}

#[farside_guest::function]
fn numbers() -> impl Iterator<Item = i64> {
    0..3
}

fn main() {}
