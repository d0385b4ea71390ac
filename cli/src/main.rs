mod commands;
mod exit;
mod shell;
mod show;
mod words;
fn main() {}
