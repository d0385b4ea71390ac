//! A PEM file that a setting names, or none.

use std::path::{Path, PathBuf};

use super::folders;
use super::text::{Problem, SettingText};

/// What stands for no file.
const NONE: &str = "none";

/// The path of a PEM file, if there is one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PemFile(Option<PathBuf>);

impl PemFile {
    /// That at a path.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> PemFile {
        PemFile(Some(path.into()))
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.0.as_deref()
    }
}

impl SettingText for PemFile {
    fn parse(text: &str) -> Result<PemFile, Problem> {
        match text {
            "" => {
                Err(Problem::NotA { expected: "a path", such_as: "/etc/farside/cert.pem, or none" })
            }
            NONE => Ok(PemFile::default()),
            path => Ok(PemFile(Some(folders::expand_home(path)))),
        }
    }

    fn show(&self) -> String {
        self.path().map_or_else(|| NONE.to_owned(), folders::shorten_home)
    }
}
