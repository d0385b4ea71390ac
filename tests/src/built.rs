//! Where the programs and guests lie that were built before the tests ran.

use std::env;
use std::fs::File;
use std::path::PathBuf;

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

/// A turn at having an evaluator compiled: who comes first does it, and the others find
/// the code beside its file. It ends when the file is dropped.
///
/// # Panics
/// When the lock can't be had.
#[must_use]
pub fn evaluator_turn(language: &str) -> Option<File> {
    let lock = evaluator(language)?.with_extension("lock");
    let turn = File::create(&lock).and_then(|file| file.lock().map(|()| file));
    Some(turn.unwrap_or_else(|error| panic!("cannot lock {}: {error}", lock.display())))
}

/// The folder of the profile that this program was built in: cargo puts tests into its
/// `deps`.
fn profile() -> PathBuf {
    let program = env::current_exe()
        .unwrap_or_else(|error| panic!("cannot tell where this program lies: {error}"));
    let folder = match program.parent() {
        Some(folder) if folder.ends_with("deps") => folder.parent(),
        folder => folder,
    };
    folder.unwrap_or_else(|| panic!("{} lies in no target folder", program.display())).to_owned()
}

fn existing(path: PathBuf) -> PathBuf {
    assert!(
        path.exists(),
        "{} is not built\n\nhint: run the tests with `cargo xtask test`, which builds it first",
        path.display()
    );
    path
}
