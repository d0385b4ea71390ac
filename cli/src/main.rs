mod show;
mod words;
fn main() {}
