//! Where advisories come from: the RustSec database, or what of it is kept with the
//! sources, where that can't be reached.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::workspace::{self, Workspace};

const RUSTSEC: &str = "https://github.com/rustsec/advisory-db";

/// Whose commits the repository of the kept advisories has.
const AUTHOR: [&str; 4] = ["-c", "user.name=xtask", "-c", "user.email=xtask@localhost"];

pub(super) enum Database {
    RustSec,
    /// As a git repository, which is the one form that cargo-deny reads.
    Kept(PathBuf),
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Database::RustSec => f.write_str(RUSTSEC),
            Database::Kept(_) => write!(
                f,
                "those kept in {}, since {RUSTSEC} can't be reached",
                kept(Path::new("")).display()
            ),
        }
    }
}

/// The kept advisories of a checkout.
pub(super) fn kept(root: &Path) -> PathBuf {
    root.join("supply-chain").join("advisories")
}

impl Database {
    pub(super) fn find(workspace: &Workspace) -> Result<Database> {
        let mut remote = workspace.command("git");
        remote.args(["-c", "http.lowSpeedLimit=1", "-c", "http.lowSpeedTime=10"]);
        remote.args(["ls-remote", "--quiet", RUSTSEC, "HEAD"]).env("GIT_TERMINAL_PROMPT", "0");
        if workspace::output(&mut remote).is_ok() {
            return Ok(Database::RustSec);
        }
        let folder = workspace.target().join("deny").join("kept");
        if folder.exists() {
            fs::remove_dir_all(&folder).context("cannot remove the last copy of advisories")?;
        }
        copy(&kept(workspace.root()), &folder)?;
        let git = |arguments: &[&str]| {
            let mut git = workspace.command("git");
            git.current_dir(&folder).args(AUTHOR).args(arguments);
            workspace::output(&mut git).map(drop)
        };
        git(&["init", "--quiet", "--initial-branch", "main"])?;
        git(&["add", "--all"])?;
        git(&["commit", "--quiet", "--message", "Advisories"])?;
        Ok(Database::Kept(folder))
    }

    /// A configuration of cargo-deny that reads this database.
    pub(super) fn config(&self, workspace: &Workspace) -> Result<PathBuf> {
        let root = workspace.root().join("deny.toml");
        let Database::Kept(_) = self else { return Ok(root) };
        let text = fs::read_to_string(&root).context("cannot read deny.toml")?;
        let clones = workspace.target().join("deny").join("clones");
        if clones.exists() {
            fs::remove_dir_all(&clones).context("cannot remove the last clone of advisories")?;
        }
        let own = format!(
            "[advisories]\ndb-urls = [\"{RUSTSEC}\"]\ndb-path = \"{}\"\ngit-fetch-with-cli = true",
            clones.display()
        );
        let config = workspace.target().join("deny").join("deny.toml");
        fs::write(&config, text.replacen("[advisories]", &own, 1))
            .context("cannot write a configuration of cargo-deny")?;
        Ok(config)
    }
}

impl Database {
    /// Has git, which cargo-deny runs, read the kept advisories in place of the database.
    pub(super) fn redirect(&self, deny: &mut Command) {
        if let Database::Kept(folder) = self {
            let base = format!("url.file://{}.insteadOf", folder.display());
            deny.env("GIT_CONFIG_COUNT", "1").env("GIT_CONFIG_KEY_0", base);
            deny.env("GIT_CONFIG_VALUE_0", RUSTSEC);
        }
    }
}

/// Copies a folder and all in it.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("cannot make {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
