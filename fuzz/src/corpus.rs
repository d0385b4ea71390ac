//! The kept inputs, in `fuzz/corpus/TARGET`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::Target;

fn folder(target: Target) -> PathBuf {
    Path::new(env!("FARSIDE_CHECKOUT")).join("fuzz/corpus").join(target.name())
}

/// The inputs that are kept for a target, in the order of their names.
///
/// # Errors
/// When they can't be read.
pub fn kept(target: Target) -> io::Result<Vec<Vec<u8>>> {
    let mut files = fs::read_dir(folder(target))?
        .map(|file| file.map(|file| file.path()))
        .collect::<io::Result<Vec<_>>>()?;
    files.sort_unstable();
    files.iter().map(fs::read).collect()
}

/// Keeps an input, which made its target panic; gives its file.
///
/// # Errors
/// When it can't be written.
pub fn keep(target: Target, input: &[u8]) -> io::Result<PathBuf> {
    let folder = folder(target);
    fs::create_dir_all(&folder)?;
    let hash = Sha256::digest(input);
    let name: String = hash[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    let file = folder.join(format!("crash-{name}"));
    fs::write(&file, input)?;
    Ok(file)
}
