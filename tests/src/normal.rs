//! Text with what differs from run to run replaced by a name, so that it can be kept
//! as a snapshot.

use std::fs;
use std::path::Path;

use farside::ModuleHash;

use crate::built;

/// What is replaced, and by what.
#[derive(Clone, Debug, Default)]
pub(crate) struct Normal {
    names: Vec<(String, &'static str)>,
}

impl Normal {
    /// The guests' folder gets the name `[guests]`; their hashes, whole or short,
    /// get the name `[hash]`.
    pub(crate) fn of_guests() -> Normal {
        let mut normal = Normal::default();
        let guests = built::guests();
        normal.name_path(&guests, "[guests]");
        for file in fs::read_dir(guests).into_iter().flatten().flatten() {
            let path = file.path();
            let is_guest = path.extension().is_some_and(|extension| extension == "wasm");
            if let (true, Ok(bytes)) = (is_guest, fs::read(&path)) {
                normal.name(ModuleHash::of(&bytes).short(), "[hash]");
            }
        }
        normal
    }

    /// A text gets a name; the longest text that fits is replaced first.
    pub(crate) fn name(&mut self, text: impl Into<String>, name: &'static str) {
        self.names.push((text.into(), name));
        self.names.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
    }

    /// A path gets a name, also as it is without symbolic links.
    pub(crate) fn name_path(&mut self, path: &Path, name: &'static str) {
        self.name(path.to_string_lossy(), name);
        if let Ok(path) = path.canonicalize() {
            self.name(path.to_string_lossy(), name);
        }
    }

    /// The text as it is in every run. Beside the names given, any 64 hex digits are
    /// a `[hash]` and any 32 are a `[session]`.
    pub(crate) fn apply(&self, text: &str) -> String {
        let text = name_hex(text, 64, "[hash]");
        let mut text = name_hex(&text, 32, "[session]");
        for (from, to) in &self.names {
            text = text.replace(from, to);
        }
        text
    }
}

/// The text with each run of exactly `len` lower-case hex digits replaced.
fn name_hex(text: &str, len: usize, name: &str) -> String {
    let is_hex = |c: char| matches!(c, '0'..='9' | 'a'..='f');
    let mut named = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(is_hex) {
        let (before, run) = rest.split_at(start);
        let (run, after) = run.split_at(run.find(|c| !is_hex(c)).unwrap_or(run.len()));
        let is_word =
            !before.ends_with(char::is_alphanumeric) && !after.starts_with(char::is_alphanumeric);
        named.push_str(before);
        named.push_str(if run.len() == len && is_word { name } else { run });
        rest = after;
    }
    named.push_str(rest);
    named
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_given_names_are_replaced() {
        let mut normal = Normal::default();
        normal.name("127.0.0.1:40123", "127.0.0.1:[port]");
        normal.name("/tmp/x", "[data]");
        normal.name("/tmp/x/home", "[home]");
        let text = format!(
            "session {} at 127.0.0.1:40123, module {}, in /tmp/x/home and /tmp/x, far:65543",
            "0a".repeat(16),
            "1b".repeat(32),
        );
        assert_eq!(
            normal.apply(&text),
            "session [session] at 127.0.0.1:[port], module [hash], in [home] and [data], far:65543"
        );
    }

    #[test]
    fn other_runs_of_hex_digits_stay() {
        let text = "facade 0123456789 deadbeef, and x0123456789abcdef0123456789abcdef";
        assert_eq!(Normal::default().apply(text), text);
    }
}
