//! The token that proves that a client may use this server.
//!
//! A server makes one at its first start and keeps it in its data folder, in a
//! file that only its account can read. Whoever can read that file may use the
//! server; the command line on the same machine reads it itself. There is one
//! token and one owner; a new token is made by deleting the file.

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use subtle::ConstantTimeEq;

use crate::storage::make_folder;

/// Whom a token speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct OwnerId(pub(crate) u64);

impl OwnerId {
    /// The owner of the one token.
    pub(crate) const ONLY: OwnerId = OwnerId(0);

    /// The operator, who is no client.
    pub(crate) const OPERATOR: OwnerId = OwnerId(u64::MAX);
}

/// What a token begins with, so that people and secret scanners know one.
const PREFIX: &str = "fst_";

/// Random bytes in a token.
const BYTES: usize = 32;

/// A secret of 32 random bytes, written as `fst_` and 64 hex digits.
#[derive(Clone)]
pub struct Token(String);

/// Never shows the secret.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// There is no token file.
    #[error("no server has been started with the data folder {} yet", data.display())]
    None {
        /// Which folder.
        data: PathBuf,
    },
    /// Other accounts can get at the file.
    #[error("the token in {} is open to other accounts (mode {mode:04o})", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The file holds no token.
    #[error("there is no token in {}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("cannot read the token in {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file cannot be made.
    #[error("cannot keep a token in {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl TokenError {
    /// What to do about it, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            TokenError::None { .. } => {
                "start one with `farside serve`, or set FARSIDE_TOKEN to the token of another"
                    .to_owned()
            }
            TokenError::Open { path, .. } => format!(
                "`chmod 600 {path}` closes it; if somebody may have read it, delete it instead: \
                 the next start makes a new one",
                path = path.display()
            ),
            TokenError::Damaged { .. } => {
                "delete the file; the next start makes a new one".to_owned()
            }
            TokenError::Read { source, .. } | TokenError::Write { source, .. } => {
                match source.kind() {
                    io::ErrorKind::PermissionDenied => {
                        "use the server's account, or give this one the right".to_owned()
                    }
                    io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::StorageFull => {
                        "choose another data folder with --data".to_owned()
                    }
                    _ => return None,
                }
            }
        })
    }
}

impl Token {
    /// A new one.
    #[must_use]
    pub fn random() -> Token {
        let bytes: [u8; BYTES] = rand::random();
        let mut text = PREFIX.to_owned();
        text.extend(bytes.iter().map(|byte| format!("{byte:02x}")));
        Token(text)
    }

    /// A token from its text; none if it is not of the form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Token> {
        let digits = text.strip_prefix(PREFIX)?;
        let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        (digits.len() == 2 * BYTES && digits.bytes().all(hex)).then(|| Token(text.to_owned()))
    }

    /// The token of the server with this data folder: the one kept there, or at the
    /// first start a new one.
    ///
    /// # Errors
    /// The file is there and no good, or cannot be made.
    pub fn open(data: &Path) -> Result<Token, TokenError> {
        match local_token(data) {
            Err(TokenError::None { .. }) => {}
            found => return found,
        }
        let token = Token::random();
        let path = token_file(data);
        match token.keep(data, &path) {
            Ok(()) => Ok(token),
            // Another server was first.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => local_token(data),
            Err(source) => Err(TokenError::Write { path, source }),
        }
    }

    /// Its text, to be given to a client and to nobody else.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether a client presented this token. Takes as long whatever was presented,
    /// but for its length.
    #[must_use]
    pub fn matches(&self, presented: &str) -> bool {
        self.0.as_bytes().ct_eq(presented.as_bytes()).into()
    }

    /// Writes it to a new file, whole and readable by this account alone.
    fn keep(&self, data: &Path, path: &Path) -> io::Result<()> {
        make_folder(data)?;
        let mut file = tempfile::Builder::new().prefix(".token").tempfile_in(data)?;
        writeln!(file, "{}", self.0)?;
        file.as_file().sync_all()?;
        file.persist_noclobber(path)?;
        Ok(())
    }
}

/// The token of the server with this data folder, for clients of the same account
/// on the same machine.
///
/// # Errors
/// No server was started there yet, or the file is no good.
pub fn local_token(data: &Path) -> Result<Token, TokenError> {
    let path = token_file(data);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(source) => {
            return Err(match source.kind() {
                io::ErrorKind::NotFound => TokenError::None { data: data.to_owned() },
                io::ErrorKind::InvalidData => TokenError::Damaged { path },
                _ => TokenError::Read { path, source },
            });
        }
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;

        let metadata = fs::metadata(&path);
        let metadata =
            metadata.map_err(|source| TokenError::Read { path: path.clone(), source })?;
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(TokenError::Open { path, mode });
        }
    }
    Token::parse(text.trim_end()).ok_or(TokenError::Damaged { path })
}

fn token_file(data: &Path) -> PathBuf {
    data.join("token")
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    /// An error as a person sees it; `DATA` stands for the data folder.
    fn told(data: &Path, error: &TokenError) -> String {
        let hint = error.hint().map_or_else(String::new, |hint| format!("\nhint: {hint}"));
        format!("{error}{hint}").replace(&data.display().to_string(), "DATA")
    }

    #[test]
    fn a_token_is_made_once() {
        let folder = TempDir::new().unwrap();
        let data = folder.path().join("data");
        let made = Token::open(&data).unwrap();
        assert!(made.matches(Token::open(&data).unwrap().reveal()));
        assert!(made.matches(local_token(&data).unwrap().reveal()));
        let names: Vec<_> =
            fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["token"]);
    }

    #[test]
    fn the_first_of_two_servers_makes_it() {
        let folder = TempDir::new().unwrap();
        let first = Token::open(folder.path()).unwrap();
        let late = Token::random().keep(folder.path(), &token_file(folder.path())).unwrap_err();
        assert_eq!(late.kind(), io::ErrorKind::AlreadyExists);
        assert!(first.matches(local_token(folder.path()).unwrap().reveal()));
    }

    #[test]
    fn only_the_same_text_is_it() {
        let token = Token::random();
        let text = token.reveal().to_owned();
        assert!(token.matches(&text));
        for at in 0..text.len() {
            let mut other = text.clone().into_bytes();
            other[at] ^= 1;
            assert!(!token.matches(&String::from_utf8(other).unwrap()));
            assert!(!token.matches(&text[..at]));
        }
        assert!(!token.matches(&format!("{text}0")));
        assert!(!token.matches(Token::random().reveal()));
    }

    #[test]
    fn form() {
        let token = Token::random();
        assert!(Token::parse(token.reveal()).is_some_and(|same| same.matches(token.reveal())));
        for wrong in ["", "fst_", "fst_00", &token.reveal()[1..], &token.reveal().to_uppercase()] {
            assert!(Token::parse(wrong).is_none(), "{wrong}");
        }
        assert_eq!(format!("{token:?}"), "Token(..)");
    }

    #[test]
    fn no_server_yet() {
        let folder = TempDir::new().unwrap();
        let error = local_token(folder.path()).unwrap_err();
        insta::assert_snapshot!(told(folder.path(), &error), @"
        no server has been started with the data folder DATA yet
        hint: start one with `farside serve`, or set FARSIDE_TOKEN to the token of another
        ");
    }

    #[test]
    fn a_damaged_file() {
        let folder = TempDir::new().unwrap();
        Token::open(folder.path()).unwrap();
        for damage in [&b"fst_12"[..], b"", b"\xff"] {
            fs::write(token_file(folder.path()), damage).unwrap();
            let error = Token::open(folder.path()).unwrap_err();
            insta::allow_duplicates! {
                insta::assert_snapshot!(told(folder.path(), &error), @"
                there is no token in DATA/token
                hint: delete the file; the next start makes a new one
                ");
            }
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_for_this_account_alone() {
        use std::os::unix::fs::PermissionsExt;

        let folder = TempDir::new().unwrap();
        Token::open(folder.path()).unwrap();
        let path = token_file(folder.path());
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);

        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = Token::open(folder.path()).unwrap_err();
        insta::assert_snapshot!(told(folder.path(), &error), @"
        the token in DATA/token is open to other accounts (mode 0640)
        hint: `chmod 600 DATA/token` closes it; if somebody may have read it, delete it instead: the next start makes a new one
        ");
    }
}
