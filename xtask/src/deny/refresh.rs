//! Makes the kept advisories anew: of each crate in the lock files, which versions are
//! affected, and no more.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::MANIFESTS;
use super::database::kept;
use crate::workspace::Workspace;

/// What is kept of an advisory's own part.
const FIELDS: [&str; 6] = ["id", "package", "date", "informational", "withdrawn", "license"];

pub(super) fn refresh(workspace: &Workspace, clone: &Path) -> Result<()> {
    let from = clone.join("crates");
    ensure!(from.is_dir(), "{} is no clone of the RustSec database", clone.display());
    let to = kept(workspace.root()).join("crates");
    if to.exists() {
        fs::remove_dir_all(&to).context("cannot remove the last advisories")?;
    }
    let mut count = 0;
    for name in locked(workspace.root())? {
        let Ok(advisories) = fs::read_dir(from.join(&name)) else { continue };
        let folder = to.join(&name);
        fs::create_dir_all(&folder).context("cannot keep advisories")?;
        for advisory in advisories {
            let advisory = advisory?;
            let text = fs::read_to_string(advisory.path())?;
            let brief = brief(&text);
            let brief =
                brief.with_context(|| format!("{} has another form", advisory.path().display()))?;
            fs::write(folder.join(advisory.file_name()), brief)?;
            count += 1;
        }
    }
    println!("kept {count} advisories; say in supply-chain/README.md of which day they are");
    Ok(())
}

/// The crates of all lock files.
fn locked(root: &Path) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for manifest in MANIFESTS {
        let lock = root.join(manifest).with_extension("lock");
        let text =
            fs::read_to_string(&lock).with_context(|| format!("cannot read {}", lock.display()))?;
        let name = |line: &str| Some(line.strip_prefix("name = \"")?.strip_suffix('"')?.to_owned());
        names.extend(text.lines().filter_map(name));
    }
    Ok(names)
}

/// An advisory's versions and title.
fn brief(text: &str) -> Option<String> {
    let (head, rest) = text.strip_prefix("```toml\n")?.split_once("```")?;
    let title = rest.lines().find(|line| line.starts_with("# "))?;
    let mut kept = String::from("```toml\n");
    let mut section = "";
    for line in head.lines() {
        if line.starts_with('[') {
            section = line;
        }
        let field = line.split('=').next().unwrap_or_default().trim();
        let is_kept = match section {
            "[advisory]" => line == section || FIELDS.contains(&field),
            "[versions]" => !line.is_empty(),
            _ => false,
        };
        if is_kept {
            kept += if line == "[versions]" { "\n" } else { "" };
            kept += line;
            kept += "\n";
        }
    }
    Some(format!("{kept}```\n\n{title}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_affected_is_kept_and_what_is_told_of_it_is_not() {
        let text = "```toml\n[advisory]\nid = \"RUSTSEC-2026-0001\"\npackage = \"a\"\n\
                    date = \"2026-01-01\"\nurl = \"https://example.com\"\n\n[affected]\n\
                    functions = { \"a::b\" = [\"< 1\"] }\n\n[versions]\npatched = [\n    \
                    \">= 1.2\",\n]\n```\n\n# It breaks\n\nAnd how.\n";
        let expected = "```toml\n[advisory]\nid = \"RUSTSEC-2026-0001\"\npackage = \"a\"\n\
                        date = \"2026-01-01\"\n\n[versions]\npatched = [\n    \">= 1.2\",\n]\n\
                        ```\n\n# It breaks\n";
        assert_eq!(brief(text).as_deref(), Some(expected));
        assert_eq!(brief("# no advisory"), None);
    }
}
