//! Why storage did not do what it was asked for.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::Key;
use crate::config::ByteSize;
use crate::meter::Exceeded;

/// Why storage did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// Nothing is there.
    #[error("nothing is stored as {key}")]
    NotFound {
        /// Under which key.
        key: Key,
    },
    /// What came back is not what was written.
    #[error("what is stored as {key} is damaged: {damage}")]
    Corrupt {
        /// Under which key.
        key: Key,
        /// Where, or how.
        damage: Damage,
    },
    /// More than the server may keep.
    #[error(
        "the data folder holds {} of {} already; another {} do not fit",
        used.about(), limit.about(), asked.about()
    )]
    Quota {
        /// What was to be added.
        asked: ByteSize,
        /// What is there.
        used: ByteSize,
        /// What may be there.
        limit: ByteSize,
    },
    /// The disk is full.
    #[error("the disk of {} is full", path.display())]
    DiskFull {
        /// A path on it.
        path: PathBuf,
    },
    /// The file system is mounted read-only.
    #[error("{} is on a read-only file system", path.display())]
    ReadOnly {
        /// A path on it.
        path: PathBuf,
    },
    /// The account may not.
    #[error("no permission to {doing} {}", path.display())]
    Permission {
        /// What was to be done.
        doing: Doing,
        /// To what.
        path: PathBuf,
    },
    /// Another server works there.
    #[error("data folder {} is in use by another farside server", folder.display())]
    InUse {
        /// Which folder.
        folder: PathBuf,
    },
    /// Anything else that the system says.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// What was to be done.
        doing: Doing,
        /// To what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The server ends and takes no more work.
    #[error("the server is stopping")]
    Stopping,
}

impl From<Exceeded> for StorageError {
    fn from(Exceeded { asked, used, limit, .. }: Exceeded) -> StorageError {
        StorageError::Quota { asked, used, limit }
    }
}

/// What was to be done to a file or folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// Read it.
    Read,
    /// Write, make or delete it.
    Write,
}

impl fmt::Display for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Doing::Read => "read",
            Doing::Write => "write to",
        })
    }
}

/// How stored bytes differ from what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// The checksum of this chunk, counted from 0, is another.
    Chunk(u64),
    /// The hash of the whole is another.
    Hash,
    /// There are too few.
    Short,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Damage::Chunk(chunk) => write!(f, "chunk {chunk} has another checksum"),
            Damage::Hash => f.write_str("it has another hash"),
            Damage::Short => f.write_str("its end is missing"),
        }
    }
}

impl StorageError {
    /// What to do about it, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            StorageError::Quota { .. } => {
                "raise limits.data_bytes, or release references and close sessions"
            }
            StorageError::DiskFull { .. } => {
                "free some space, or choose a data folder on another disk with --data"
            }
            StorageError::ReadOnly { .. } => "choose a data folder elsewhere with --data",
            StorageError::Permission { .. } => {
                "give the server's account that right, or choose another data folder with --data"
            }
            StorageError::InUse { .. } => {
                "stop that server, or choose another data folder with --data"
            }
            StorageError::NotFound { .. }
            | StorageError::Corrupt { .. }
            | StorageError::Io { .. }
            | StorageError::Stopping => return None,
        })
    }

    /// What the system said about a file or folder.
    pub(crate) fn io(doing: Doing, path: &Path, source: io::Error) -> StorageError {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                StorageError::DiskFull { path }
            }
            io::ErrorKind::ReadOnlyFilesystem => StorageError::ReadOnly { path },
            io::ErrorKind::PermissionDenied => StorageError::Permission { doing, path },
            _ => StorageError::Io { doing, path, source },
        }
    }
}
