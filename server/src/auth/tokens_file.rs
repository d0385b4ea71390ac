//! The file of tokens: `tokens.toml` in the data folder.
//!
//! `farside token` writes it, people may, and a running server reads it again when it
//! changes. Of a token it holds the hash only. What bounds an entry's life: its removal,
//! or its expiry. Comments do not outlast a change by `farside token`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::record::{Form, TokenRecord, check_name};
use super::token::Token;
use crate::config::{Config, ConfigError};
use crate::storage::make_folder;

/// Largest file that is read.
const MOST_BYTES: u64 = 16 << 20;

const HEAD: &str = "\
# Tokens of this Farside server, beside its own. `farside token` writes this file, and a
# running server reads it when it has changed. Of a token it holds the SHA-256 only.
";

/// All tokens of a data folder but the server's own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TokensFile {
    /// In the order of the file.
    pub tokens: Vec<TokenRecord>,
}

/// Why the file of tokens can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TokensFileError {
    /// It can't be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Other accounts could change it.
    #[error("{} can be changed by other accounts (mode {mode:04o})", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It is no TOML, or says what is not known.
    #[error("{}: {message}", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        message: String,
    },
    /// An entry is wrong.
    #[error("{}: the token `{name}`: {message}", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// The entry's name.
        name: String,
        /// What is wrong.
        message: String,
    },
    /// An entry's limits are wrong.
    #[error("the token `{name}`")]
    Limits {
        /// The entry's name.
        name: String,
        /// What is wrong.
        source: ConfigError,
    },
    /// An owner can't have that name.
    #[error("{message}")]
    Name {
        /// Why not.
        message: String,
    },
    /// There is a token of that name.
    #[error("there is a token `{name}` already")]
    Exists {
        /// The name.
        name: String,
    },
    /// There is no token of that name.
    #[error("there is no token `{name}`")]
    Unknown {
        /// The name.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// It can't be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl TokensFileError {
    /// What to do about it, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            TokensFileError::Open { path, .. } => {
                format!("look whether its entries are yours, then `chmod go-w {}`", path.display())
            }
            TokensFileError::Form { .. } | TokensFileError::Record { .. } => {
                "mend the entry, or remove it and make it again with `farside token new`".to_owned()
            }
            TokensFileError::Limits { source, .. } => return source.hint(),
            TokensFileError::Name { .. } => "take another name".to_owned(),
            TokensFileError::Exists { .. } => {
                "take another name, or replace its token and policy with --replace".to_owned()
            }
            TokensFileError::Unknown { known, .. } if known.is_empty() => {
                "there is none but the server's own; `farside token new NAME` makes one".to_owned()
            }
            TokensFileError::Unknown { known, .. } => {
                format!("there is one for {}", known.join(", "))
            }
            TokensFileError::Read { source, .. } | TokensFileError::Write { source, .. } => {
                match source.kind() {
                    io::ErrorKind::PermissionDenied => {
                        "use the server's account, or give this one the right".to_owned()
                    }
                    _ => return None,
                }
            }
        })
    }
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Whole {
    #[serde(default, rename = "token")]
    tokens: Vec<Form>,
}

impl TokensFile {
    /// Where it lies in a data folder.
    #[must_use]
    pub fn path(data: &Path) -> PathBuf {
        data.join("tokens.toml")
    }

    /// Reads the file of a data folder; without one there are no tokens. Limits are
    /// looked at against the server's `config`.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn read(data: &Path, config: &Config) -> Result<TokensFile, TokensFileError> {
        let path = TokensFile::path(data);
        let unread = |source| TokensFileError::Read { path: path.clone(), source };
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(unread(error)),
        };
        let metadata = file.metadata().map_err(unread)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;

            let mode = metadata.permissions().mode() & 0o777;
            if mode & 0o022 != 0 {
                return Err(TokensFileError::Open { path, mode });
            }
        }
        if metadata.len() > MOST_BYTES {
            return Err(unread(io::Error::from(io::ErrorKind::FileTooLarge)));
        }
        let text = io::read_to_string(file).map_err(unread)?;
        TokensFile::parse(&path, &text, config)
    }

    fn parse(path: &Path, text: &str, config: &Config) -> Result<TokensFile, TokensFileError> {
        let whole: Whole = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start.min(text.len()));
            let line = text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
            let message = format!("line {line}: {}", error.message());
            TokensFileError::Form { path: path.to_owned(), message }
        })?;
        let mut file = TokensFile::default();
        for form in whole.tokens {
            let name = form.name().to_owned();
            let wrong = |message| {
                let (path, name) = (path.to_owned(), name.clone());
                TokensFileError::Record { path, name, message }
            };
            let record = TokenRecord::try_from(form).map_err(wrong)?;
            if file.find(&record.name).is_some() {
                return Err(wrong("it stands there twice".to_owned()));
            }
            file.check(&record, config)?;
            file.tokens.push(record);
        }
        Ok(file)
    }

    fn check(&self, record: &TokenRecord, config: &Config) -> Result<(), TokensFileError> {
        let name = record.name.clone();
        let checked = config.with_limits(&record.limits, &record.name);
        checked.map(drop).map_err(|source| TokensFileError::Limits { name, source })
    }

    /// The entry of that name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&TokenRecord> {
        self.tokens.iter().find(|record| record.name == name)
    }

    /// The entry of that name.
    ///
    /// # Errors
    /// When there is none, naming those that there are.
    pub fn get(&self, name: &str) -> Result<&TokenRecord, TokensFileError> {
        self.find(name).ok_or_else(|| {
            let known = self.tokens.iter().map(|record| record.name.clone()).collect();
            TokensFileError::Unknown { name: name.to_owned(), known }
        })
    }

    /// Adds a new token for an owner; with `replace`, in the place of the owner's last
    /// one. `record` gives the token's digest.
    ///
    /// # Errors
    /// The entry is wrong, or there is one of its name, or the file can't be written.
    pub fn add(
        data: &Path,
        config: &Config,
        replace: bool,
        record: impl FnOnce(&Token) -> TokenRecord,
    ) -> Result<(Token, TokenRecord), TokensFileError> {
        let token = Token::random();
        let record = record(&token);
        TokensFile::change(data, config, |file| {
            check_name(&record.name).map_err(|message| TokensFileError::Name { message })?;
            file.check(&record, config)?;
            match file.tokens.iter_mut().find(|old| old.name == record.name) {
                Some(old) if replace => *old = record.clone(),
                Some(_) => {
                    return Err(TokensFileError::Exists { name: record.name.clone() });
                }
                None => file.tokens.push(record.clone()),
            }
            Ok(())
        })?;
        Ok((token, record))
    }

    /// Takes an owner's token out.
    ///
    /// # Errors
    /// There is none of that name, or the file can't be written.
    pub fn revoke(data: &Path, config: &Config, name: &str) -> Result<(), TokensFileError> {
        TokensFile::change(data, config, |file| {
            file.get(name)?;
            file.tokens.retain(|record| record.name != name);
            Ok(())
        })
    }

    /// Reads, changes and replaces the file, while no other program does.
    fn change(
        data: &Path,
        config: &Config,
        change: impl FnOnce(&mut TokensFile) -> Result<(), TokensFileError>,
    ) -> Result<(), TokensFileError> {
        let path = TokensFile::path(data);
        let unwritten = |source| TokensFileError::Write { path: path.clone(), source };
        make_folder(data).map_err(unwritten)?;
        let lock = data.join("tokens.lock");
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(lock);
        let lock = lock.map_err(unwritten)?;
        lock.lock().map_err(unwritten)?;
        let mut file = TokensFile::read(data, config)?;
        change(&mut file)?;
        file.write(data, &path).map_err(unwritten)
    }

    /// Replaces the file whole. It is readable by this account alone.
    fn write(&self, data: &Path, path: &Path) -> io::Result<()> {
        let whole = Whole { tokens: self.tokens.iter().map(Form::from).collect() };
        let text = toml::to_string(&whole).map_err(io::Error::other)?;
        let mut file = tempfile::Builder::new().prefix(".tokens").tempfile_in(data)?;
        write!(file, "{HEAD}\n{text}")?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    }
}

/// What tells that a file has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    changed: Option<std::time::SystemTime>,
    len: u64,
    #[cfg(unix)]
    inode: u64,
}

impl Stamp {
    /// Of the file of a data folder; none if it is not there.
    pub(super) fn of(data: &Path) -> Option<Stamp> {
        let metadata = fs::metadata(TokensFile::path(data)).ok()?;
        Some(Stamp {
            changed: metadata.modified().ok(),
            len: metadata.len(),
            #[cfg(unix)]
            inode: std::os::unix::fs::MetadataExt::ino(&metadata),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::error::Error;
    use std::time::{Duration, UNIX_EPOCH};

    use tempfile::TempDir;

    use super::*;
    use crate::auth::record::Digest;
    use crate::auth::{Permission, Permissions};

    fn record(name: &str, token: &Token) -> TokenRecord {
        TokenRecord {
            name: name.to_owned(),
            sha256: Digest::of(token.reveal()),
            expires: Some(UNIX_EPOCH + Duration::from_secs(1_800_000_000)),
            allow: Permissions::from_iter([Permission::Call]),
            limits: BTreeMap::from([("session_memory".to_owned(), "1MiB".to_owned())]),
        }
    }

    fn told(error: &TokensFileError) -> String {
        let source = error.source().map_or_else(String::new, |source| format!(": {source}"));
        let hint = error.hint().map_or_else(String::new, |hint| format!("\nhint: {hint}"));
        format!("{error}{source}{hint}")
    }

    #[test]
    fn tokens_are_added_replaced_and_revoked() {
        let (folder, config) = (TempDir::new().unwrap(), Config::default());
        let data = folder.path();
        assert_eq!(TokensFile::read(data, &config).unwrap(), TokensFile::default());
        let add = |name: &'static str, replace| {
            TokensFile::add(data, &config, replace, move |token| record(name, token))
        };
        let (first, kept) = add("alice", false).unwrap();
        add("bob", false).unwrap();
        let before = Stamp::of(data);
        let file = TokensFile::read(data, &config).unwrap();
        assert_eq!(file.find("alice"), Some(&kept));
        assert_eq!(file.tokens.len(), 2);
        let text = fs::read_to_string(TokensFile::path(data)).unwrap();
        assert!(!text.contains(first.reveal()), "{text}");

        insta::assert_snapshot!(told(&add("alice", false).unwrap_err()), @"
        there is a token `alice` already
        hint: take another name, or replace its token and policy with --replace
        ");
        let (second, _) = add("alice", true).unwrap();
        assert_ne!(Stamp::of(data), before);
        let file = TokensFile::read(data, &config).unwrap();
        assert_eq!(file.get("alice").unwrap().sha256, Digest::of(second.reveal()));

        TokensFile::revoke(data, &config, "alice").unwrap();
        insta::assert_snapshot!(told(&TokensFile::revoke(data, &config, "alice").unwrap_err()), @"
        there is no token `alice`
        hint: there is one for bob
        ");
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said() {
        let config = Config::default();
        let digest = Digest::of("x");
        let whole = |rest: &str| format!("[[token]]\nname = \"a\"\nsha256 = \"{digest}\"\n{rest}");
        let wrong =
            |text: &str| told(&TokensFile::parse(Path::new("FILE"), text, &config).unwrap_err());
        let lines = [
            wrong("[[token]]\nname = "),
            wrong(&whole("")),
            wrong(&whole("allow = [\"all\"]")),
            wrong(&whole("allow = []\nexpires = 2027-01-01")),
            wrong(&whole("allow = []\n[token.limits]\nsesions = 1")),
            wrong(&whole("allow = []\n[token.limits]\nsessions = 1")),
            wrong(&whole("allow = []\n[token.limits]\nsession_memory = \"1TiB\"")),
            wrong(&whole("allow = []\n[token.limits]\nvalue_depth = 0")),
            wrong(&format!("{0}\n{0}", whole("allow = []"))),
            wrong("[[token]]\nname = \"a b\"\nsha256 = \"\"\nallow = []"),
            wrong("[[token]]\nname = \"a\"\nsha256 = \"12\"\nallow = []"),
        ];
        insta::assert_snapshot!(lines.join("\n\n"));
    }

    #[test]
    #[cfg(unix)]
    fn a_file_that_others_can_change_is_not_believed() {
        use std::os::unix::fs::PermissionsExt;

        let (folder, config) = (TempDir::new().unwrap(), Config::default());
        let path = TokensFile::path(folder.path());
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o664)).unwrap();
        let error = TokensFile::read(folder.path(), &config).unwrap_err();
        insta::assert_snapshot!(told(&error).replace(&path.display().to_string(), "FILE"), @"
        FILE can be changed by other accounts (mode 0664)
        hint: look whether its entries are yours, then `chmod go-w FILE`
        ");
    }
}
