//! Which files evaluate which languages.

use std::collections::BTreeMap;
use std::path::PathBuf;

use farside_protocol::caps;

use super::folders;
use super::text::{Problem, SettingText};

/// Evaluator modules by the names of their languages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EvaluatorFiles(BTreeMap<String, PathBuf>);

impl EvaluatorFiles {
    /// Each language and its file.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&String, &PathBuf)> {
        self.0.iter()
    }
}

/// No file at all, as text: an empty variable would say nothing.
const NONE: &str = "none";

const WRONG: Problem = Problem::NotA {
    expected: "a list of evaluators",
    such_as: "python=/opt/python.wasm, mine=mine.wasm",
};

/// Whether a language can have this name: that of a module of a session.
fn is_name(name: &str) -> bool {
    (1..=caps::NAME_BYTES).contains(&name.len())
        && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'))
        && !name.starts_with('-')
}

impl SettingText for EvaluatorFiles {
    fn parse(text: &str) -> Result<EvaluatorFiles, Problem> {
        if text.trim() == NONE {
            return Ok(EvaluatorFiles::default());
        }
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        let file = |item: &str| {
            let (name, path) = item.split_once('=').ok_or(WRONG)?;
            let (name, path) = (name.trim(), path.trim());
            match is_name(name) && !path.is_empty() {
                true => Ok((name.to_owned(), folders::expand_home(path))),
                false => Err(WRONG),
            }
        };
        items.map(file).collect::<Result<_, _>>().map(EvaluatorFiles)
    }

    fn show(&self) -> String {
        if self.0.is_empty() {
            return NONE.to_owned();
        }
        let files = self.0.iter();
        let files = files.map(|(name, path)| format!("{name}={}", folders::shorten_home(path)));
        files.collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_written_as_they_are_read() {
        for (text, shown) in [
            ("none", "none"),
            ("", "none"),
            ("mine=m.wasm", "mine=m.wasm"),
            (" b = /x/b.wasm ,a=a=1.wasm,", "a=a=1.wasm, b=/x/b.wasm"),
        ] {
            let files = EvaluatorFiles::parse(text).unwrap();
            assert_eq!(files.show(), shown);
            assert_eq!(EvaluatorFiles::parse(&files.show()), Ok(files));
        }
        for wrong in ["m.wasm", "=m.wasm", "m=", "-m=m.wasm", "a b=m.wasm"] {
            assert_eq!(EvaluatorFiles::parse(wrong), Err(WRONG), "{wrong}");
        }
    }
}
