//! The walk that `cargo xtask demo` shows.

use std::process::Command;

use farside_tests::{guests, program};

#[test]
fn the_demo_finds_every_answer_right() {
    let mut demo = Command::new(program("farside-demo"));
    demo.arg("--server").arg(program("farside")).arg("--guests").arg(guests()).arg("--quick");
    let output = demo.output().unwrap();
    let page = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && page.contains("every answer was right"),
        "{page}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
