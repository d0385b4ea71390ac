//! Every direct dependency stands in ARCHITECTURE.md with a reason, and no other does.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The direct dependencies in a manifest that are not the project's own.
fn of_manifest(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut is_in = false;
    for line in text.lines() {
        if line.starts_with('[') {
            is_in = line.trim_end().ends_with("dependencies]");
        } else if is_in && line.starts_with(|first: char| first.is_ascii_alphabetic()) {
            let end = line.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-')));
            names.insert(line[..end.unwrap_or(line.len())].to_owned());
        }
    }
    let is_own = |name: &String| name.starts_with("farside") || name == "evaluator-common";
    names.into_iter().filter(|name| !is_own(name)).collect()
}

/// The names in the first column of the table.
fn of_table(text: &str) -> BTreeSet<String> {
    let table = text.split("\n## Dependencies\n").nth(1).unwrap_or_default();
    let table = table.split("\n## ").next().unwrap_or_default();
    let cells = table.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    cells.flat_map(|cell| cell.split('`').step_by(2).map(str::to_owned)).collect()
}

fn manifests(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        // A patched copy of another's crate is not ours.
        let is_others = ["target", "patched", "template", "node_modules"].contains(&&*name);
        if path.is_dir() && !is_others && !name.starts_with('.') {
            manifests(&path, found);
        } else if name == "Cargo.toml" {
            found.push(path);
        }
    }
}

#[test]
fn every_direct_dependency_has_its_reason() {
    let root = Path::new(env!("FARSIDE_CHECKOUT"));
    let mut found = Vec::new();
    manifests(root, &mut found);
    let used: BTreeSet<String> = found
        .iter()
        .flat_map(|manifest| of_manifest(&fs::read_to_string(manifest).unwrap()))
        .collect();
    let listed = of_table(&fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap());
    let missing: Vec<_> = used.difference(&listed).collect();
    let unused: Vec<_> = listed.difference(&used).collect();
    assert!(missing.is_empty() && unused.is_empty(), "missing: {missing:?}; unused: {unused:?}");
}

#[test]
fn names_are_found_in_manifests_and_in_the_table() {
    let manifest = "[package]\nname = \"a\"\n[dependencies]\nbytes.workspace = true\n\
                    farside.workspace = true\n# serde\n[target.'cfg(unix)'.dev-dependencies]\n\
                    tokio = \"1\"\n[lints]\nworkspace = true\n";
    assert_eq!(of_manifest(manifest), BTreeSet::from(["bytes".to_owned(), "tokio".to_owned()]));
    let table = "# A\n## Dependencies\n| crate | for |\n| `a`, `b-c` | `d` |\n## E\n| `f` | |\n";
    assert_eq!(of_table(table), BTreeSet::from(["a".to_owned(), "b-c".to_owned()]));
}
