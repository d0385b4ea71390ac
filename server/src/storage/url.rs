//! Which storage a server keeps things in.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// A storage, as settings name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StorageUrl {
    /// `memory:`: in the process, gone with it.
    Memory,
    /// `file:` or `file:/PATH`: in files.
    File {
        /// The folder; none means inside the data folder.
        folder: Option<PathBuf>,
    },
}

/// Text that names no storage that this server has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StorageUrlError {
    /// One that a later version will have.
    #[error("{scheme}: storage is not built into this version")]
    NotBuiltIn {
        /// Its scheme.
        scheme: &'static str,
    },
    /// Nothing known.
    #[error("not a storage")]
    Unknown,
    /// A file storage on another machine, or with a relative path.
    #[error("not an absolute path")]
    NotAbsolute,
}

impl StorageUrlError {
    /// What to write instead.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            StorageUrlError::NotBuiltIn { .. } | StorageUrlError::Unknown => {
                "use file: (in the data folder), file:/PATH or memory:"
            }
            StorageUrlError::NotAbsolute => "write it like file:/var/lib/farside",
        }
    }
}

/// Schemes that are planned.
const LATER: [&str; 5] = ["redis", "postgres", "mysql", "mongodb", "s3"];

impl FromStr for StorageUrl {
    type Err = StorageUrlError;

    fn from_str(text: &str) -> Result<StorageUrl, StorageUrlError> {
        match text.split_once(':') {
            Some(("memory", "" | "//")) => Ok(StorageUrl::Memory),
            Some(("file", "" | "//")) => Ok(StorageUrl::File { folder: None }),
            Some(("file", path)) => {
                let folder = PathBuf::from(path.strip_prefix("//").unwrap_or(path));
                if !folder.is_absolute() {
                    return Err(StorageUrlError::NotAbsolute);
                }
                Ok(StorageUrl::File { folder: Some(folder) })
            }
            Some((scheme, _)) => Err(LATER
                .into_iter()
                .find(|later| *later == scheme)
                .map_or(StorageUrlError::Unknown, |scheme| StorageUrlError::NotBuiltIn { scheme })),
            None => Err(StorageUrlError::Unknown),
        }
    }
}

impl fmt::Display for StorageUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StorageUrl::Memory => f.write_str("memory:"),
            StorageUrl::File { folder: None } => f.write_str("file:"),
            StorageUrl::File { folder: Some(folder) } => write!(f, "file:{}", folder.display()),
        }
    }
}
