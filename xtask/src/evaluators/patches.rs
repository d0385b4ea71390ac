//! Copies of other people's crates with our small changes, of which only the changes
//! are kept: `evaluators/patches/NAME-VERSION.patch`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::key::Key;
use crate::workspace::{self, Workspace};

/// Makes every patched copy that is not up to date.
pub(crate) fn apply_all(workspace: &Workspace) -> Result<()> {
    let folder = workspace.root().join("evaluators/patches");
    for entry in
        fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?
    {
        let path = entry?.path();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let Some((name, version)) = stem.rsplit_once('-') else { continue };
        apply(workspace, &path, name, version)
            .with_context(|| format!("cannot patch {name} {version}"))?;
    }
    Ok(())
}

fn apply(workspace: &Workspace, patch: &Path, name: &str, version: &str) -> Result<()> {
    let mut key = Key::new(workspace);
    key.add_files(&patch.strip_prefix(workspace.root())?.to_string_lossy())?;
    let key = key.finish();
    let copies = workspace.root().join("evaluators/patched");
    let (copy, mark) = (copies.join(name), copies.join(format!("{name}.key")));
    if copy.exists() && fs::read_to_string(&mark).is_ok_and(|made| made == key) {
        return Ok(());
    }

    let source = source_of(workspace, name, version)?;
    if copy.exists() {
        fs::remove_dir_all(&copy)?;
    }
    copy_folder(&source, &copy)?;
    let mut git = workspace.command("git");
    // Not as part of this repository, which ignores the copy.
    git.current_dir(&copy).env("GIT_CEILING_DIRECTORIES", &copies);
    workspace::run(git.arg("apply").arg(patch))?;
    fs::write(&mark, key)?;
    Ok(())
}

/// Where cargo keeps a crate's sources, after fetching them. It is asked through a
/// package that depends on the crate with the versions of the evaluators' own lock
/// file, so that nothing else is fetched than what they need.
fn source_of(workspace: &Workspace, name: &str, version: &str) -> Result<PathBuf> {
    let asking = workspace.target().join("evaluators/fetch").join(name);
    fs::create_dir_all(asking.join("src"))?;
    fs::write(asking.join("src/lib.rs"), "")?;
    let manifest = asking.join("Cargo.toml");
    fs::write(&manifest, asking_manifest(name, version))?;
    let lock = fs::read_to_string(workspace.root().join("evaluators/Cargo.lock"))?;
    fs::write(asking.join("Cargo.lock"), from_registry(&lock, name, version))?;

    let mut metadata = workspace.cargo("metadata");
    metadata.args(["--quiet", "--format-version", "1", "--manifest-path"]).arg(&manifest);
    let metadata = workspace::output(&mut metadata)?;
    let place = format!("/{name}-{version}/Cargo.toml\"");
    let end = metadata.find(&place).context("cargo does not tell where its sources are")?;
    let begin = metadata[..end].rfind('"').map_or(0, |quote| quote + 1);
    let source = PathBuf::from(format!("{}/{name}-{version}", &metadata[begin..end]));
    ensure!(source.is_dir(), "there is no folder {}", source.display());
    Ok(source)
}

fn asking_manifest(name: &str, version: &str) -> String {
    format!(
        "[workspace]\n\n[package]\nname = \"fetch\"\nedition = \"2024\"\n\n[dependencies]\n\
         {name} = {{ version = \"={version}\", default-features = false }}\n"
    )
}

/// A lock file in which the crate is not the patched copy.
fn from_registry(lock: &str, name: &str, version: &str) -> String {
    let entry = format!("name = \"{name}\"\nversion = \"{version}\"\n");
    let source = "source = \"registry+https://github.com/rust-lang/crates.io-index\"\n";
    lock.replace(&entry, &format!("{entry}{source}"))
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else if entry.file_name() != "Cargo.lock" {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::from_registry;

    #[test]
    fn a_lock_file_names_the_registry_for_the_patched_crate_only() {
        let lock = "name = \"a\"\nversion = \"1.0.0\"\n\nname = \"ab\"\nversion = \"1.0.0\"\n";
        let expected = "name = \"a\"\nversion = \"1.0.0\"\n\
                        source = \"registry+https://github.com/rust-lang/crates.io-index\"\n\n\
                        name = \"ab\"\nversion = \"1.0.0\"\n";
        assert_eq!(from_registry(lock, "a", "1.0.0"), expected);
        assert_eq!(from_registry(lock, "a", "2.0.0"), lock);
    }
}
