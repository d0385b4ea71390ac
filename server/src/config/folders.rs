//! The account's folders, where nothing else is said.

use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;

/// The data folder: `~/.local/share/farside`, `%APPDATA%\farside` on Windows, and
/// `.farside` in the working folder for an account without a home.
pub(super) fn data() -> PathBuf {
    etcetera::choose_base_strategy()
        .map_or_else(|_| PathBuf::from(".farside"), |folders| folders.data_dir().join("farside"))
}

/// Where a config file is looked for: `~/.config/farside/farside.toml` and its
/// like. None for an account without a home.
pub(super) fn config_file() -> Option<PathBuf> {
    let folders = etcetera::choose_base_strategy().ok()?;
    Some(folders.config_dir().join("farside").join("farside.toml"))
}

/// The same for people, with `~` for the account's home.
#[must_use]
pub fn usual_file() -> Option<String> {
    config_file().map(|path| shorten_home(&path))
}

/// A path whose leading `~/` stands for the account's home.
pub(super) fn expand_home(text: &str) -> PathBuf {
    match (text.strip_prefix("~/"), etcetera::home_dir()) {
        (Some(rest), Ok(home)) => home.join(rest),
        _ => PathBuf::from(text),
    }
}

/// The text that [`expand_home`] takes back.
pub(super) fn shorten_home(path: &Path) -> String {
    let home = etcetera::home_dir().ok();
    match home.and_then(|home| path.strip_prefix(home).ok()) {
        Some(rest) if !rest.as_os_str().is_empty() => format!("~/{}", rest.display()),
        _ => path.display().to_string(),
    }
}
