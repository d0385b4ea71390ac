//! What stands for the state of sources: a hash of their names and contents.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use sha2::{Digest as _, Sha256};

use crate::workspace::Workspace;

/// Folders that are made, not written.
const MADE: [&str; 2] = ["patched", "target"];

/// A hash in the making.
pub(crate) struct Key<'a> {
    workspace: &'a Workspace,
    hash: Sha256,
}

impl Key<'_> {
    pub(crate) fn new(workspace: &Workspace) -> Key<'_> {
        Key { workspace, hash: Sha256::new() }
    }

    /// Adds a text, told apart from what comes before and after.
    pub(crate) fn add_text(&mut self, text: &str) {
        self.add(text.as_bytes());
    }

    /// Adds a file, or all files of a folder, by its path in the checkout.
    pub(crate) fn add_files(&mut self, path: &str) -> Result<()> {
        let full = self.workspace.root().join(path);
        self.add_path(&full).with_context(|| format!("cannot read {}", full.display()))
    }

    fn add_path(&mut self, path: &Path) -> Result<()> {
        if path.is_file() {
            self.add(path.strip_prefix(self.workspace.root())?.to_string_lossy().as_bytes());
            self.add(&fs::read(path)?);
            return Ok(());
        }
        let mut inside = fs::read_dir(path)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<Vec<_>, _>>()?;
        inside.retain(|path| MADE.iter().all(|made| !path.ends_with(made)));
        inside.sort_unstable();
        inside.iter().try_for_each(|path| self.add_path(path))
    }

    fn add(&mut self, bytes: &[u8]) {
        self.hash.update((bytes.len() as u64).to_le_bytes());
        self.hash.update(bytes);
    }

    pub(crate) fn finish(self) -> String {
        self.hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
