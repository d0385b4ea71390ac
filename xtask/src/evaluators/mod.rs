//! The evaluators, as WebAssembly. They are built in a workspace of their own, which
//! takes minutes, and only if something changed that they are made of.

mod clang;
mod key;
mod patches;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use self::clang::Clang;
use self::key::Key;
use crate::Setup;
use crate::wasm_target::{Toolchain, WASM_TARGET};
use crate::workspace::{self, Workspace};

/// An evaluator's package, which is also its language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Evaluator {
    Python,
    JavaScript,
}

impl Evaluator {
    const ALL: [Evaluator; 2] = [Evaluator::JavaScript, Evaluator::Python];

    fn name(self) -> &'static str {
        match self {
            Evaluator::Python => "python",
            Evaluator::JavaScript => "javascript",
        }
    }

    /// What it is made of, besides what all are made of.
    fn sources(self) -> &'static [&'static str] {
        match self {
            Evaluator::Python => &["evaluators/python", "evaluators/patches"],
            Evaluator::JavaScript => &["evaluators/javascript"],
        }
    }
}

/// What all evaluators are made of.
const SHARED_SOURCES: [&str; 7] = [
    "Cargo.toml",
    "evaluators/.cargo",
    "evaluators/Cargo.lock",
    "evaluators/Cargo.toml",
    "evaluators/common",
    "guest-sdk",
    "protocol",
];

/// The folder that [`build`] leaves the evaluators in, as `NAME.wasm`.
pub(crate) fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target().join("share/farside/evaluators")
}

/// Builds evaluators that are not up to date. One for which this machine lacks a
/// compiler is left out, with a word about it.
pub(crate) fn build(workspace: &Workspace, setup: Setup, toolchain: &Toolchain) -> Result<()> {
    // The workspace of the evaluators can't be read without them, be it only to test.
    patches::apply_all(workspace)?;
    for evaluator in Evaluator::ALL {
        let compiler = match evaluator {
            Evaluator::Python => None,
            Evaluator::JavaScript => match clang::find(workspace, setup)? {
                Ok(clang) => Some(clang),
                Err(missing) => {
                    eprintln!("note: the JavaScript evaluator is left out: {missing}");
                    continue;
                }
            },
        };
        build_one(workspace, toolchain, evaluator, compiler.as_ref())
            .with_context(|| format!("the evaluator {} is not built", evaluator.name()))?;
        let file = folder(workspace).join(evaluator.name()).with_extension("wasm");
        eprintln!("the evaluator {}: {}", evaluator.name(), file.display());
    }
    Ok(())
}

fn build_one(
    workspace: &Workspace,
    toolchain: &Toolchain,
    evaluator: Evaluator,
    compiler: Option<&Clang>,
) -> Result<()> {
    let name = evaluator.name();
    let mut key = Key::new(workspace);
    key.add_text(&toolchain.version(workspace)?);
    key.add_text(compiler.map_or("", |clang| clang.version.as_str()));
    for source in SHARED_SOURCES.iter().chain(evaluator.sources()) {
        key.add_files(source)?;
    }
    let key = key.finish();
    let module = folder(workspace).join(name).with_extension("wasm");
    let mark = module.with_extension("key");
    if module.exists() && fs::read_to_string(&mark).is_ok_and(|built| built == key) {
        return Ok(());
    }

    let target = workspace.target().join("evaluators");
    let mut cargo = toolchain.cargo_build(workspace);
    // There, for its `.cargo/config.toml`.
    cargo.current_dir(workspace.root().join("evaluators")).env("CARGO_TARGET_DIR", &target);
    // RustPython's parser asks for a newer Rust than it needs.
    cargo.args(["--locked", "--release", "--ignore-rust-version"]);
    cargo.args(["--target", WASM_TARGET, "--package", name]);
    if let Some(clang) = compiler {
        clang.tell(&mut cargo);
    }
    eprintln!("building the evaluator {name}, which takes minutes the first time");
    workspace::run(&mut cargo)?;

    let built = target.join(WASM_TARGET).join("release").join(name).with_extension("wasm");
    fs::create_dir_all(folder(workspace))?;
    fs::copy(&built, &module).with_context(|| format!("cannot copy {}", built.display()))?;
    fs::write(&mark, key).with_context(|| format!("cannot write {}", mark.display()))
}
