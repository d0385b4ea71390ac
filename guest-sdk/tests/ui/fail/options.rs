#[farside_guest::function(fast)]
fn one() {}

#[farside_guest::function(pure = true)]
fn two() {}

#[farside_guest::function(pure, pure)]
fn three() {}

fn main() {}
