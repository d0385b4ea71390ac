//! Where the programs and guests lie that were built before the tests ran.

use std::env;
use std::path::{Path, PathBuf};

/// A program of the workspace, such as `farside`.
///
/// # Panics
/// When it is not built.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    existing(profile().join(name).with_extension(env::consts::EXE_EXTENSION))
}

/// An example program of one of the workspace's packages.
///
/// # Panics
/// When it is not built.
#[must_use]
pub fn example(name: &str) -> PathBuf {
    existing(profile().join("examples").join(name).with_extension(env::consts::EXE_EXTENSION))
}

/// An example guest as WebAssembly, such as `hello`.
///
/// # Panics
/// When it is not built.
#[must_use]
pub fn guest(name: &str) -> PathBuf {
    existing(guests().join(name).with_extension("wasm"))
}

/// The folder of the example guests, each as `NAME.wasm`.
#[must_use]
pub fn guests() -> PathBuf {
    let profile = profile();
    let target = profile.parent().unwrap_or(&profile);
    target.join("wasm32-unknown-unknown").join("guest")
}

/// An evaluator of a language, if this machine could build it.
#[must_use]
pub fn evaluator(language: &str) -> Option<PathBuf> {
    let profile = profile();
    let target = profile.parent().unwrap_or(&profile);
    let path = target.join("share/farside/evaluators").join(language).with_extension("wasm");
    path.exists().then_some(path)
}

/// The folder of the profile that this test was built in: cargo puts tests into its
/// `deps`.
fn profile() -> PathBuf {
    let test = env::current_exe()
        .unwrap_or_else(|error| panic!("cannot tell where this test lies: {error}"));
    let folder = test.parent().and_then(Path::parent);
    folder.unwrap_or_else(|| panic!("{} lies in no target folder", test.display())).to_owned()
}

fn existing(path: PathBuf) -> PathBuf {
    assert!(
        path.exists(),
        "{} is not built\n\nhint: run the tests with `cargo xtask test`, which builds it first",
        path.display()
    );
    path
}
