//! A toolchain that builds guests: the active one with the wasm target, which rustup
//! adds; or, where rustup cannot fetch it, Debian's `rustc-web` from the system's
//! mirror, which builds the standard library from source along with the guests.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::Setup;
use crate::apt;
use crate::workspace::{self, Workspace};

/// The target that guests are built for.
pub(crate) const WASM_TARGET: &str = "wasm32-unknown-unknown";

const DEBIAN_PACKAGES: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];
const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_STD_SOURCE: &str = "/usr/lib/rustlib/src/rust/library/std";

/// What compiles guests on this machine.
pub(crate) enum Toolchain {
    /// The one that compiles everything else.
    Active,
    /// Debian's, with a linker for WebAssembly, which it lacks.
    Debian { linker: PathBuf },
}

impl Toolchain {
    /// What its compiler says of itself.
    pub(crate) fn version(&self, workspace: &Workspace) -> Result<String> {
        let mut rustc = match self {
            Toolchain::Active => active_rustc(workspace),
            Toolchain::Debian { .. } => workspace.command(DEBIAN_RUSTC),
        };
        workspace::output(rustc.args(["--version", "--verbose"]))
    }

    /// `cargo build` with this toolchain.
    pub(crate) fn cargo_build(&self, workspace: &Workspace) -> Command {
        match self {
            Toolchain::Active => workspace.cargo("build"),
            Toolchain::Debian { linker } => {
                let mut cargo = workspace.command(DEBIAN_CARGO);
                cargo.args(["build", "-Zbuild-std=std,panic_abort"]);
                cargo.env("RUSTC", DEBIAN_RUSTC).env("RUSTC_BOOTSTRAP", "1");
                cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
                cargo
            }
        }
    }
}

/// Finds a toolchain that builds guests, and adds what it lacks as far as that is
/// allowed.
pub(crate) fn set_up(workspace: &Workspace, setup: Setup) -> Result<Toolchain> {
    let refused = match add_to_active(workspace) {
        Ok(()) => return Ok(Toolchain::Active),
        Err(refused) => refused,
    };
    if !debian_is_installed() {
        install_debian(workspace, setup)
            .with_context(|| format!("this machine cannot build for {WASM_TARGET}: {refused:#}"))?;
    }
    Ok(Toolchain::Debian { linker: active_linker(workspace)? })
}

/// Adds the target to the active toolchain, unless it is there already.
fn add_to_active(workspace: &Workspace) -> Result<()> {
    if active_has_std(workspace) {
        return Ok(());
    }
    workspace::run(workspace.command("rustup").args(["target", "add", WASM_TARGET]))
}

fn active_has_std(workspace: &Workspace) -> bool {
    let mut rustc = active_rustc(workspace);
    let folder =
        workspace::output(rustc.args(["--print", "target-libdir", "--target", WASM_TARGET]));
    let Ok(files) = folder.and_then(|folder| Ok(fs::read_dir(folder)?)) else { return false };
    files.flatten().any(|file| file.file_name().to_string_lossy().starts_with("libstd-"))
}

fn debian_is_installed() -> bool {
    [DEBIAN_CARGO, DEBIAN_RUSTC, DEBIAN_STD_SOURCE].iter().all(|path| Path::new(path).exists())
}

/// Makes [`debian_is_installed`] true, if that is allowed; otherwise says how to.
fn install_debian(workspace: &Workspace, setup: Setup) -> Result<()> {
    if !apt::is_there() {
        bail!(
            "no other way is known here\n\nhint: install Rust with rustup, from https://rustup.rs"
        );
    }
    if !setup.install {
        bail!(
            "another toolchain is not installed without `--install`\n\n\
             hint: say `--install`, or run\n{}",
            apt::lines(&DEBIAN_PACKAGES)
        );
    }
    apt::install(workspace, &DEBIAN_PACKAGES)
}

/// The linker that the active toolchain brings along.
fn active_linker(workspace: &Workspace) -> Result<PathBuf> {
    let sysroot = workspace::output(active_rustc(workspace).args(["--print", "sysroot"]))?;
    let targets = Path::new(&sysroot).join("lib/rustlib");
    let entries =
        fs::read_dir(&targets).with_context(|| format!("cannot list {}", targets.display()))?;
    entries
        .flatten()
        .map(|entry| entry.path().join("bin/rust-lld"))
        .find(|linker| linker.exists())
        .with_context(|| format!("there is no rust-lld under {}", targets.display()))
}

fn active_rustc(workspace: &Workspace) -> Command {
    workspace.command(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
}
