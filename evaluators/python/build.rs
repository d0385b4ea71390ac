//! A smaller stack in linear memory than `.cargo/config.toml` gives.

fn main() {
    // RustPython measures how much of it is left, and raises a `RecursionError` in time.
    // It must run out before the guest's own stack does, which the server bounds to
    // 4 MiB, and of which the deepest calls use up to four times as much.
    println!("cargo::rustc-link-arg-cdylib=-zstack-size=1048576");
    println!("cargo::rerun-if-changed=build.rs");
}
