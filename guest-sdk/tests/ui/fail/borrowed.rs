use std::borrow::Cow;

#[farside_guest::function]
fn sum(numbers: &[f64]) -> f64 {
    numbers.iter().sum()
}

#[farside_guest::function]
fn grow(text: &mut String) {
    text.push('!');
}

#[farside_guest::function]
fn name(text: &'static str) -> Cow<'static, str> {
    text.into()
}

#[farside_guest::function]
fn nested(lists: Vec<&String>) -> usize {
    lists.len()
}

#[farside_guest::function]
fn pointer(address: *const u8) -> bool {
    address.is_null()
}

fn main() {}
