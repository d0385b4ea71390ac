//! A C compiler for WebAssembly, which QuickJS needs.

use std::env;
use std::process::Command;

use anyhow::{Result, ensure};

use crate::Setup;
use crate::apt;
use crate::workspace::{self, Workspace};

/// The oldest version of clang that QuickJS is built with.
const OLDEST: u32 = 14;

/// The newest version that is looked for by number.
const NEWEST: u32 = 23;

const DEBIAN_PACKAGES: [&str; 2] = ["clang", "llvm"];

/// The variables by which the build script of QuickJS is told.
const CC: &str = "CC_wasm32_unknown_unknown";
const AR: &str = "AR_wasm32_unknown_unknown";

/// A compiler and an archiver that belong together.
pub(crate) struct Clang {
    compiler: String,
    archiver: String,
    /// What the compiler says of itself.
    pub(crate) version: String,
}

impl Clang {
    /// Makes a build use it.
    pub(crate) fn tell(&self, cargo: &mut Command) {
        cargo.env(CC, &self.compiler).env(AR, &self.archiver);
    }

    /// A compiler by its name, if it is there and compiles to WebAssembly.
    fn named(workspace: &Workspace, compiler: &str) -> Option<Clang> {
        let ask = |question| workspace::output(workspace.command(compiler).arg(question)).ok();
        let version = ask("--version")?;
        let number = ask("-dumpversion")?.split('.').next()?.parse::<u32>().ok()?;
        let targets = ask("--print-targets")?;
        // A path, if the program is there.
        let archiver = ask("--print-prog-name=llvm-ar")?;
        let fits = number >= OLDEST && targets.contains("wasm32") && archiver.contains('/');
        fits.then(|| Clang { compiler: compiler.to_owned(), archiver, version })
    }
}

/// Finds a compiler, or what to do about it; installs one if that is allowed.
pub(crate) fn find(workspace: &Workspace, setup: Setup) -> Result<Result<Clang, String>> {
    if let Some(clang) = search(workspace) {
        return Ok(Ok(clang));
    }
    if !apt::is_there() {
        return Ok(Err(format!(
            "it needs clang {OLDEST} or newer with the target wasm32, and llvm-ar"
        )));
    }
    if !setup.install {
        return Ok(Err(format!(
            "it needs clang with the target wasm32, and llvm-ar, which are not installed without \
             `--install`\n\nhint: say `--install`, or run\n{}",
            apt::lines(&DEBIAN_PACKAGES)
        )));
    }
    apt::install(workspace, &DEBIAN_PACKAGES)?;
    let clang = search(workspace);
    ensure!(clang.is_some(), "the installed clang does not compile to wasm32");
    Ok(clang.ok_or_else(String::new))
}

fn search(workspace: &Workspace) -> Option<Clang> {
    if let (Ok(compiler), Ok(archiver)) = (env::var(CC), env::var(AR)) {
        let version = workspace::output(workspace.command(&compiler).arg("--version")).ok()?;
        return Some(Clang { compiler, archiver, version });
    }
    let numbered = (OLDEST..=NEWEST).rev().map(|number| format!("clang-{number}"));
    let mut names = std::iter::once("clang".to_owned()).chain(numbered);
    names.find_map(|name| Clang::named(workspace, &name))
}
