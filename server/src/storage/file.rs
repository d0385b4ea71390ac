//! `file:`: storage in files, one for each key.
//!
//! A file is written under another name and renamed when it is whole, so a key is
//! there whole or not at all. What a crash leaves unfinished is removed at the next
//! start. The folder holds one server's files and nobody else's.

use std::fs::{self, File};
use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;

use super::blocking::blocking;
use super::folder::{self, FolderLock};
#[cfg(target_os = "linux")]
use super::open_files::OpenFiles;
use super::{Answer, Damage, Doing, Durability, Entry, Key, Storage, StorageError};

/// Storage in a folder.
#[derive(Debug)]
pub(super) struct FileStorage {
    files: Arc<Files>,
}

#[derive(Debug)]
struct Files {
    root: PathBuf,
    /// Where files are written until they are whole; on the same file system.
    unfinished: PathBuf,
    #[cfg(target_os = "linux")]
    open: OpenFiles,
    _lock: Option<FolderLock>,
}

impl FileStorage {
    /// Opens the storage in `root`, which is this server's as long as it holds the
    /// lock of `locked`; with none, the caller holds that of a folder around it.
    pub(super) async fn open(
        root: PathBuf,
        locked: Option<PathBuf>,
    ) -> Result<FileStorage, StorageError> {
        blocking(move || {
            let make = |folder: &Path| {
                folder::make(folder)
                    .map_err(|source| StorageError::io(Doing::Write, folder, source))
            };
            let lock = match locked {
                Some(locked) => {
                    make(&locked)?;
                    Some(FolderLock::take(&locked)?)
                }
                None => None,
            };
            make(&root)?;
            let unfinished = root.join(".unfinished");
            match fs::remove_dir_all(&unfinished) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(StorageError::io(Doing::Write, &unfinished, error));
                }
                _ => make(&unfinished)?,
            }
            let files = Files {
                root,
                unfinished,
                #[cfg(target_os = "linux")]
                open: OpenFiles::default(),
                _lock: lock,
            };
            Ok(FileStorage { files: Arc::new(files) })
        })
        .await
    }

    /// Does `work` with a key's files on a blocking thread.
    fn on<'a, T: Send + 'static>(
        &'a self,
        key: &'a Key,
        work: impl FnOnce(&Files, &Key) -> Result<T, StorageError> + Send + 'static,
    ) -> Answer<'a, T> {
        let (files, key) = (Arc::clone(&self.files), key.clone());
        blocking(move || work(&files, &key)).boxed()
    }
}

impl Storage for FileStorage {
    fn put<'a>(
        &'a self,
        key: &'a Key,
        parts: Vec<Bytes>,
        durability: Durability,
    ) -> Answer<'a, ()> {
        self.on(key, move |files, key| {
            let path = files.path(key);
            let written = files
                .write(&path, &parts, durability)
                .map_err(|source| StorageError::io(Doing::Write, &path, source));
            #[cfg(target_os = "linux")]
            files.open.close(key);
            written
        })
    }

    fn get<'a>(&'a self, key: &'a Key) -> Answer<'a, Bytes> {
        self.on(key, |files, key| {
            fs::read(files.path(key)).map(Bytes::from).map_err(|error| files.unread(key, error))
        })
    }

    fn get_range<'a>(&'a self, key: &'a Key, range: Range<u64>) -> Answer<'a, Bytes> {
        self.on(key, move |files, key| {
            let bytes = read_range(&files.path(key), range.clone())
                .map_err(|error| files.unread(key, error))?;
            if bytes.len() as u64 != range.end - range.start {
                return Err(StorageError::Corrupt { key: key.clone(), damage: Damage::Short });
            }
            Ok(bytes)
        })
    }

    fn get_range_now(&self, key: &Key, range: Range<u64>) -> Option<Bytes> {
        self.files.read_now(key, range)
    }

    fn delete<'a>(&'a self, key: &'a Key) -> Answer<'a, ()> {
        self.on(key, |files, key| {
            let path = files.path(key);
            let removed = match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    Err(StorageError::io(Doing::Write, &path, error))
                }
                _ => Ok(()),
            };
            // Its space is free once nobody has it open.
            #[cfg(target_os = "linux")]
            files.open.close(key);
            removed
        })
    }

    fn list<'a>(&'a self, folder: Option<&'a Key>) -> Answer<'a, Vec<Entry>> {
        let (files, folder) = (Arc::clone(&self.files), folder.cloned());
        blocking(move || {
            let mut entries = Vec::new();
            files.list(folder.as_ref().map_or("", Key::as_str), &mut entries)?;
            Ok(entries)
        })
        .boxed()
    }
}

impl Files {
    fn path(&self, key: &Key) -> PathBuf {
        self.root.join(key.as_str())
    }

    /// The bytes of a file in a range, if the system has them in memory.
    #[cfg(target_os = "linux")]
    fn read_now(&self, key: &Key, range: Range<u64>) -> Option<Bytes> {
        use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
        use rustix::io::{ReadWriteFlags, preadv2};

        let file = self.open.get(key, || {
            let flags = OFlags::RDONLY | OFlags::CLOEXEC;
            let opened = openat2(CWD, self.path(key), flags, Mode::empty(), ResolveFlags::CACHED);
            opened.ok().map(File::from)
        })?;
        let mut bytes = vec![0; usize::try_from(range.end - range.start).ok()?];
        let into = &mut [io::IoSliceMut::new(&mut bytes)];
        let read = preadv2(&*file, into, range.start, ReadWriteFlags::NOWAIT).ok()?;
        (read == bytes.len()).then(|| Bytes::from(bytes))
    }

    /// The bytes of a file in a range, if the system has them in memory: it does not say.
    #[cfg(not(target_os = "linux"))]
    fn read_now(&self, _: &Key, _: Range<u64>) -> Option<Bytes> {
        None
    }

    fn unread(&self, key: &Key, error: io::Error) -> StorageError {
        match error.kind() {
            io::ErrorKind::NotFound => StorageError::NotFound { key: key.clone() },
            _ => StorageError::io(Doing::Read, &self.path(key), error),
        }
    }

    fn write(&self, path: &Path, parts: &[Bytes], durability: Durability) -> io::Result<()> {
        // Readable by this account alone; removed when anything below fails.
        let mut file = tempfile::NamedTempFile::new_in(&self.unfinished)?;
        for part in parts {
            file.write_all(part)?;
        }
        if durability == Durability::Disk {
            file.as_file().sync_all()?;
        }
        let folder = path.parent().unwrap_or(&self.root);
        folder::make(folder)?;
        file.persist(path).map_err(|error| error.error)?;
        if durability == Durability::Disk {
            for folder in folder.ancestors().take_while(|folder| folder.starts_with(&self.root)) {
                sync_names(folder)?;
            }
        }
        Ok(())
    }

    /// Adds the keys in a folder of the root, empty text being the root itself.
    /// Names that are no keys are not ours and are passed over.
    fn list(&self, folder: &str, entries: &mut Vec<Entry>) -> Result<(), StorageError> {
        let path = self.root.join(folder);
        let io = |source| StorageError::io(Doing::Read, &path, source);
        let found = match fs::read_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            found => found.map_err(io)?,
        };
        for found in found {
            let found = found.map_err(io)?;
            let name = found.file_name();
            let Some(name) = name.to_str() else { continue };
            let text = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
            let Some(key) = Key::parse(&text) else { continue };
            let metadata = found.metadata().map_err(io)?;
            if metadata.is_dir() {
                self.list(key.as_str(), entries)?;
            } else {
                entries.push(Entry { key, len: metadata.len() });
            }
        }
        Ok(())
    }
}

/// The bytes of a file in a range, or those of them that there are.
#[cfg(unix)]
fn read_range(path: &Path, range: Range<u64>) -> io::Result<Bytes> {
    let file = File::open(path)?;
    let len = usize::try_from(range.end - range.start).map_err(io::Error::other)?;
    let mut bytes = Vec::with_capacity(len);
    while bytes.len() < len {
        let at = range.start + bytes.len() as u64;
        match rustix::io::pread(&file, rustix::buffer::spare_capacity(&mut bytes), at) {
            Ok(0) => break,
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    bytes.truncate(len);
    Ok(Bytes::from(bytes))
}

/// The bytes of a file in a range, or those of them that there are.
#[cfg(not(unix))]
fn read_range(path: &Path, range: Range<u64>) -> io::Result<Bytes> {
    use io::{Read, Seek};

    let mut file = File::open(path)?;
    file.seek(io::SeekFrom::Start(range.start))?;
    let len = range.end - range.start;
    let mut bytes = Vec::with_capacity(usize::try_from(len).map_err(io::Error::other)?);
    file.take(len).read_to_end(&mut bytes)?;
    Ok(Bytes::from(bytes))
}

/// Makes the names in a folder outlast a crash.
#[cfg(unix)]
fn sync_names(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Makes the names in a folder outlast a crash: the file system does it itself.
#[cfg(not(unix))]
fn sync_names(_: &Path) -> io::Result<()> {
    Ok(())
}
