//! The current session of each server, kept between invocations.
//!
//! One file for each server and token, since another owner can't go on with the session,
//! under the account's state folder (`$XDG_STATE_HOME/farside`), readable by the account
//! alone, since it holds the session's resume key. It is replaced as a whole, and changed
//! only under a lock, so that two commands at once end up in one session.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use farside_protocol::{RefId, ResumeKey, SessionId};
use farside_server::Digest;
use serde::{Deserialize, Serialize};

/// A session that the next command goes on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Current {
    /// The session.
    pub(crate) session: SessionId,
    /// Its secret.
    pub(crate) key: ResumeKey,
    /// What `far:_` stands for.
    pub(crate) last: Option<RefId>,
}

/// Why the state can't be read or kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StateError {
    /// There is no place for it.
    #[error("the account has no home folder: {source}")]
    NoHome {
        /// What is missing.
        source: etcetera::HomeDirError,
    },
    /// A file or folder can't be used.
    #[error("cannot use {}: {source}", path.display())]
    Unusable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not what it was written as.
    #[error("{} is damaged", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
    },
}

/// Digits of a token's hash in a file's name.
const DIGITS: usize = 16;

/// Where the current session of one token at one server is kept.
#[derive(Clone, Debug)]
pub(crate) struct StateFile {
    path: PathBuf,
}

impl StateFile {
    /// The file for the server at a URL, and a token if it is not the server's own of this
    /// account, in the account's state folder.
    ///
    /// # Errors
    /// [`StateError::NoHome`].
    pub(crate) fn of(url: &str, token: Option<&str>) -> Result<StateFile, StateError> {
        Ok(StateFile::within(&state_folder()?.join("sessions"), url, token))
    }

    fn within(folder: &Path, url: &str, token: Option<&str>) -> StateFile {
        let url = usual_spelling(url);
        let mut name = String::with_capacity(url.len() + 5);
        for byte in url.bytes() {
            match byte {
                b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' => name.push(char::from(byte)),
                // Also upper case, which some file systems fold.
                other => name.push_str(&format!("_{other:02x}")),
            }
        }
        if let Some(token) = token {
            // Enough to tell tokens apart, and of no use to who would guess one.
            let digest = Digest::of(token).to_string();
            name.push('+');
            name.push_str(&digest[..DIGITS]);
        }
        StateFile { path: folder.join(name + ".json") }
    }

    /// The current session, if there is one.
    ///
    /// # Errors
    /// The file can't be read, or is damaged.
    pub(crate) fn read(&self) -> Result<Option<Current>, StateError> {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(self.unusable(source)),
        };
        let damaged = || StateError::Damaged { path: self.path.clone() };
        let written: Written = serde_json::from_str(&text).map_err(|_| damaged())?;
        written.read().map(Some).ok_or_else(damaged)
    }

    /// Waits until no other process changes the state, and keeps them from it
    /// while the result lives.
    ///
    /// # Errors
    /// The folder or the lock file can't be made.
    pub(crate) fn lock(&self) -> Result<Locked, StateError> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        private_folder(folder)
            .map_err(|source| StateError::Unusable { path: folder.to_owned(), source })?;
        let path = self.path.with_extension("lock");
        let unusable = |source| StateError::Unusable { path: path.clone(), source };
        let lock = private_file().truncate(false).open(&path).map_err(unusable)?;
        lock.lock().map_err(unusable)?;
        Ok(Locked { state: self.clone(), _lock: lock })
    }

    fn unusable(&self, source: io::Error) -> StateError {
        StateError::Unusable { path: self.path.clone(), source }
    }
}

/// One spelling for the URLs that differ only in letters that do not matter, or name
/// this machine in words.
fn usual_spelling(url: &str) -> String {
    let url = url.trim_end_matches('/');
    let (scheme, rest) = url.split_once("://").unwrap_or(("ws", url));
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let authority = authority.to_ascii_lowercase();
    let authority = match authority.strip_prefix("localhost") {
        Some(port) if port.is_empty() || port.starts_with(':') => format!("127.0.0.1{port}"),
        _ => authority,
    };
    format!("{}://{authority}{path}", scheme.to_ascii_lowercase())
}

/// The right to change a state; it ends when this is dropped.
pub(crate) struct Locked {
    state: StateFile,
    _lock: File,
}

impl Locked {
    /// The current session, if there is one.
    ///
    /// # Errors
    /// As for [`StateFile::read`].
    pub(crate) fn read(&self) -> Result<Option<Current>, StateError> {
        self.state.read()
    }

    /// Makes another session the current one.
    ///
    /// # Errors
    /// The file can't be written.
    pub(crate) fn write(&self, current: &Current) -> Result<(), StateError> {
        let replace = || {
            let draft = self.state.path.with_extension("new");
            let mut file = private_file().truncate(true).open(&draft)?;
            serde_json::to_writer(&mut file, &Written::of(current))?;
            file.flush()?;
            fs::rename(&draft, &self.state.path)
        };
        replace().map_err(|source| self.state.unusable(source))
    }

    /// Forgets the current session.
    ///
    /// # Errors
    /// The file can't be removed.
    pub(crate) fn forget(&self) -> Result<(), StateError> {
        match fs::remove_file(&self.state.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(self.state.unusable(error))
            }
            _ => Ok(()),
        }
    }
}

/// The file's form.
#[derive(Serialize, Deserialize)]
struct Written {
    session: String,
    key: String,
    last: Option<String>,
}

impl Written {
    fn of(current: &Current) -> Written {
        Written {
            session: current.session.to_string(),
            key: current.key.to_string(),
            last: current.last.map(|last| last.to_string()),
        }
    }

    fn read(&self) -> Option<Current> {
        Some(Current {
            session: self.session.parse().ok()?,
            key: self.key.parse().ok()?,
            last: self.last.as_ref().and_then(|last| last.parse().ok()),
        })
    }
}

/// The file of what was entered in conversations, readable by the account alone.
///
/// # Errors
/// It can't be made.
pub(crate) fn history_file() -> Result<PathBuf, StateError> {
    history_within(&state_folder()?)
}

fn history_within(folder: &Path) -> Result<PathBuf, StateError> {
    let path = folder.join("history");
    let made = private_folder(folder).and_then(|()| private_file().truncate(false).open(&path));
    match made {
        Ok(_) => Ok(path),
        Err(source) => Err(StateError::Unusable { path, source }),
    }
}

/// The account's state folder.
fn state_folder() -> Result<PathBuf, StateError> {
    let folders =
        etcetera::choose_base_strategy().map_err(|source| StateError::NoHome { source })?;
    Ok(folders.state_dir().unwrap_or_else(|| folders.data_dir()).join("farside"))
}

fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    const URL: &str = "ws://127.0.0.1:7327";

    fn current(number: u8) -> Current {
        Current {
            session: SessionId([number; 16]),
            key: ResumeKey([9; 16]),
            last: Some(RefId::from_bits(u64::from(number))),
        }
    }

    #[test]
    fn what_is_written_is_read_until_it_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFile::within(&folder.path().join("a/b"), URL, None);
        assert_eq!(state.read().unwrap(), None);
        state.lock().unwrap().write(&current(1)).unwrap();
        state.lock().unwrap().write(&Current { last: None, ..current(2) }).unwrap();
        assert_eq!(state.read().unwrap(), Some(Current { last: None, ..current(2) }));
        state.lock().unwrap().forget().unwrap();
        state.lock().unwrap().forget().unwrap();
        assert_eq!(state.read().unwrap(), None);
    }

    #[test]
    fn servers_have_files_of_their_own() {
        let name = |url| StateFile::within(Path::new("/s"), url, None).path;
        assert_eq!(name(URL), Path::new("/s/ws_3a_2f_2f127.0.0.1_3a7327.json"));
        assert_eq!(name(URL), name("ws://127.0.0.1:7327/"));
        assert_ne!(name("ws://a_b"), name("ws://a/b"));
        assert_eq!(name(URL), name("WS://localhost:7327"));
        assert_ne!(name("ws://a/B"), name("ws://a/b"));
        assert_ne!(name("ws://localhosts"), name("ws://127.0.0.1s"));
    }

    #[test]
    fn tokens_have_files_of_their_own() {
        let name = |token| StateFile::within(Path::new("/s"), URL, token).path;
        let names = [None, Some("one"), Some("two")].map(name);
        assert!(names[0] != names[1] && names[1] != names[2] && names[0] != names[2]);
        assert_eq!(name(Some("one")), names[1]);
        assert!(!names[1].display().to_string().contains("one"));
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_can_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let state = StateFile::within(&folder.path().join("sessions"), URL, None);
        state.lock().unwrap().write(&current(1)).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&state.path), 0o600);
        assert_eq!(mode(state.path.parent().unwrap()), 0o700);
        let history = history_within(&folder.path().join("state")).unwrap();
        assert_eq!(mode(&history), 0o600);
        assert_eq!(mode(history.parent().unwrap()), 0o700);
    }

    #[test]
    fn a_damaged_file_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFile::within(folder.path(), URL, None);
        for text in ["", "{}", r#"{"session":"x","key":"y","last":null}"#] {
            fs::write(&state.path, text).unwrap();
            assert!(matches!(state.read(), Err(StateError::Damaged { .. })), "{text}");
        }
    }

    #[test]
    fn only_one_of_many_at_once_opens_a_session() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFile::within(folder.path(), URL, None);
        let opened = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for number in 0..16 {
                let (state, opened) = (&state, &opened);
                scope.spawn(move || {
                    let locked = state.lock().unwrap();
                    if locked.read().unwrap().is_none() {
                        opened.fetch_add(1, Ordering::Relaxed);
                        locked.write(&current(number)).unwrap();
                    }
                });
            }
        });
        assert_eq!(opened.into_inner(), 1);
    }
}
