//! Uploading modules.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use farside_protocol::{Failure, ModuleHash, Request, caps};
use tokio::sync::watch;

use crate::ask::{Answer, Uploaded};
use crate::disconnected::Disconnected;
use crate::hashes;
use crate::module::{Described, Module};
use crate::session::Session;
use crate::transfer::Outgoing;

/// Bytes up to this many are hashed where they are given: it takes them 0.1 ms, which
/// is about what a hop to another thread takes.
const HASHED_AT_ONCE: usize = 128 * 1024;

/// Where a module's bytes come from: a path, or the bytes themselves. WebAssembly
/// text (`.wat`) is accepted as well.
#[derive(Clone, Debug)]
pub enum ModuleSource {
    /// A file.
    File(PathBuf),
    /// The bytes.
    Bytes(Bytes),
}

macro_rules! sources {
    ($($Type:ty => $Case:ident),*) => {$(
        impl From<$Type> for ModuleSource {
            fn from(source: $Type) -> ModuleSource {
                ModuleSource::$Case(source.into())
            }
        }
    )*};
}
sources!(&str => File, String => File, &Path => File, PathBuf => File, &PathBuf => File, Bytes => Bytes, Vec<u8> => Bytes);

/// An upload that is about to be sent; from [`Session::uploader`].
#[must_use = "nothing is sent before `send` is awaited"]
pub struct Uploader<'a> {
    session: &'a Session,
    source: ModuleSource,
    name: Option<String>,
    metered: bool,
    progress: Option<Box<dyn FnMut(u64, u64) + Send + 'a>>,
}

impl fmt::Debug for Uploader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Uploader").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Session {
    /// Uploads the module of a file, under the file's name without its extension.
    /// The bytes are sent only if the server does not know them; they are not even read
    /// if this process has, and the file did not change since.
    ///
    /// # Errors
    /// When the file can't be read, or the server refuses the module.
    pub async fn upload(&self, path: impl AsRef<Path>) -> Result<Module, UploadError> {
        self.uploader(path.as_ref()).send().await
    }

    /// An upload with settings: another name, bytes instead of a file, progress.
    pub fn uploader(&self, source: impl Into<ModuleSource>) -> Uploader<'_> {
        let source = source.into();
        Uploader { session: self, source, name: None, metered: false, progress: None }
    }
}

impl<'a> Uploader<'a> {
    /// The module's name in the session. By default it is the file's, or the
    /// beginning of the hash of bytes that come from no file.
    pub fn name(mut self, name: impl Into<String>) -> Uploader<'a> {
        self.name = Some(name.into());
        self
    }

    /// Has the fuel of the module's calls counted, which makes them slower:
    /// [`Far::fuel`](crate::Far::fuel) tells it.
    pub fn metered(mut self) -> Uploader<'a> {
        self.metered = true;
        self
    }

    /// Is told the bytes sent and the bytes in all, as they are sent; not called if
    /// the server knows the module.
    pub fn progress(mut self, progress: impl FnMut(u64, u64) + Send + 'a) -> Uploader<'a> {
        self.progress = Some(Box::new(progress));
        self
    }

    /// Offers the module, and sends its bytes if the server wants them.
    ///
    /// # Errors
    /// When the file can't be read, or the server refuses the module.
    #[tracing::instrument(level = "debug", target = "farside::client", name = "upload", skip_all)]
    pub async fn send(self) -> Result<Module, UploadError> {
        let Uploader { session, source, name, metered, mut progress } = self;
        if let ModuleSource::File(path) = &source
            && let Some(known) = hashes::recall(path)
        {
            let name = name.clone().or_else(|| stem(path));
            let (hash, size) = (known.hash, known.size);
            let offer = Offer { name, hash, size, metered, bytes: None };
            match offer.make(session, &mut |_, _| {}).await {
                // The server wants the bytes, or refuses them.
                Err(UploadError::Failed(_)) => hashes::forget(path),
                answered => return answered,
            }
        }
        let loaded = match source {
            ModuleSource::Bytes(bytes) if bytes.len() <= HASHED_AT_ONCE && !is_text(&bytes) => {
                load(ModuleSource::Bytes(bytes))
            }
            source => tokio::task::spawn_blocking(|| load(source))
                .await
                .map_err(|_| UploadError::Interrupted)?,
        };
        let mut offer = loaded?;
        offer.name = name.or(offer.name);
        offer.metered = metered;
        let mut told = |sent, size| {
            if let Some(progress) = &mut progress {
                progress(sent, size);
            }
        };
        offer.make(session, &mut told).await
    }
}

/// A module that the server is asked for.
struct Offer {
    name: Option<String>,
    hash: ModuleHash,
    size: u64,
    metered: bool,
    /// What is sent if the server wants it; without them the upload fails then.
    bytes: Option<Bytes>,
}

impl Offer {
    async fn make(
        self,
        session: &Session,
        progress: &mut (dyn FnMut(u64, u64) + Send),
    ) -> Result<Module, UploadError> {
        let Offer { name, hash, size, metered, bytes } = self;
        let name = name.unwrap_or_else(|| hash.short());
        if name.len() > caps::NAME_BYTES {
            return Err(UploadError::Name { name });
        }
        let (sender, mut sent) = watch::channel(0);
        let mut ask = pin!(session.link().upload(
            |seq| Request::Upload { seq, name, hash, size, metered },
            |seq| bytes.map(|bytes| Outgoing::new(seq, bytes).reporting(sender)),
        ));
        let answer = loop {
            tokio::select! {
                Ok(()) = sent.changed() => progress(*sent.borrow_and_update(), size),
                answer = &mut ask => break answer,
            }
        };
        match answer {
            Ok(Answer::Uploaded(uploaded)) => module(session, *uploaded, *sent.borrow() == 0),
            Ok(other) => Err(UploadError::Failed(other.into_failure())),
            Err(reason) => Err(UploadError::Disconnected(reason)),
        }
    }
}

fn module(session: &Session, uploaded: Uploaded, known: bool) -> Result<Module, UploadError> {
    let Uploaded { module, name, hash, replaced, manifest } = uploaded;
    let manifest = rmp_serde::from_slice(&manifest)
        .map_err(|source| UploadError::Manifest { name: name.clone(), source })?;
    let described = Described { number: module, name, hash, known, replaced, manifest };
    Ok(Module::new(session.clone(), described))
}

/// Reads, translates and hashes a module: work that would hold up other tasks.
fn load(source: ModuleSource) -> Result<Offer, UploadError> {
    let mut stamp = None;
    let (bytes, path) = match source {
        ModuleSource::Bytes(bytes) => (bytes, None),
        ModuleSource::File(path) => {
            stamp = hashes::before_reading(&path);
            match std::fs::read(&path) {
                Ok(bytes) => (Bytes::from(bytes), Some(path)),
                Err(source) => return Err(UploadError::Read { path, source }),
            }
        }
    };
    let is_wat = path.as_ref().is_some_and(|path| path.extension().is_some_and(|it| it == "wat"));
    let bytes = if is_wat || is_text(&bytes) {
        let mut translated = wat::parse_bytes(&bytes);
        if let (Err(error), Some(path)) = (&mut translated, &path) {
            error.set_path(path);
        }
        let translated = translated.map_err(|source| UploadError::Text { source })?;
        Bytes::from(translated.into_owned())
    } else {
        bytes
    };
    let (hash, size) = (ModuleHash::of(&bytes), bytes.len() as u64);
    if let (Some(path), Some(stamp)) = (&path, stamp) {
        hashes::remember(path, stamp, hash, size);
    }
    let name = path.as_deref().and_then(stem);
    Ok(Offer { name, hash, size, metered: false, bytes: Some(bytes) })
}

/// A file's name without its extension.
fn stem(path: &Path) -> Option<String> {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned())
}

/// Whether bytes begin like WebAssembly text: with a parenthesis or a comment.
fn is_text(bytes: &[u8]) -> bool {
    let text = bytes.trim_ascii_start();
    text.starts_with(b"(") || text.starts_with(b";;")
}

/// Why a module is not in the session.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UploadError {
    /// The file can't be read.
    #[error("could not read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The text is no WebAssembly.
    #[error("the text is no WebAssembly module")]
    Text {
        /// Where and why.
        #[source]
        source: wat::Error,
    },
    /// The name is too long.
    #[error("`{name}` is too long for a module's name: at most {} bytes", caps::NAME_BYTES)]
    Name {
        /// The name.
        name: String,
    },
    /// The runtime shut down while the module was read.
    #[error("the runtime shut down while the module was read")]
    Interrupted,
    /// The server refuses the module, and says why.
    #[error(transparent)]
    Failed(Failure),
    /// The module is in the session, but what it says of itself is unreadable.
    #[error("the manifest of `{name}` is unreadable")]
    Manifest {
        /// The module.
        name: String,
        /// How.
        #[source]
        source: rmp_serde::decode::Error,
    },
    /// The connection was lost.
    #[error("the connection is lost")]
    Disconnected(#[source] Arc<Disconnected>),
}

impl UploadError {
    /// What the server said, if it was the server.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            UploadError::Failed(failure) => Some(failure),
            _ => None,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        match self {
            UploadError::Failed(failure) => failure.hint.as_deref(),
            UploadError::Disconnected(reason) => reason.hint(),
            UploadError::Name { .. } => Some("give it a shorter one"),
            UploadError::Manifest { .. } => {
                Some("client and server may be of different versions: compare `farside version`")
            }
            UploadError::Read { .. } | UploadError::Text { .. } | UploadError::Interrupted => None,
        }
    }
}
