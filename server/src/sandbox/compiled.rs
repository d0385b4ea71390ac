//! Compiled code on disk, so that a module is compiled once, ever.
//!
//! Two files for each module: the code, which is mapped and not read, and a
//! record with the code's checksum and the manifest. The record is written last;
//! code without a record does not exist. Both are written by this process alone,
//! of what its own compiler made, in a folder that nobody else can write to, and never
//! come from a client. They count as space in the data folder; code that does not fit
//! is not kept.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use farside_protocol::manifest::Manifest;
use serde::{Deserialize, Serialize};
use wasmtime::Engine;

use super::compile::{Birth, Product};
use super::engine::WASMTIME_VERSION;
use super::profile::{CodeId, Profile};
use crate::config::ByteSize;
use crate::meter::{Charge, Meter};
use crate::storage::{Doing, StorageError, make_folder};

/// Version of the record and of what we do to modules before compiling them.
const FORMAT: u32 = 3;

/// The folder of compiled code.
pub(super) struct CompiledCode {
    folder: PathBuf,
    space: Arc<Meter>,
    /// What each module's files are charged. Held for look-ups only.
    charges: Mutex<HashMap<CodeId, Charge>>,
}

#[derive(Serialize, Deserialize)]
struct Record {
    crc32: u32,
    len: u64,
    birth: Birth,
    manifest: Manifest,
}

impl CompiledCode {
    /// Counts what is there as `space`, and removes what is of no use to this
    /// build: code of another one, and what a crash left unfinished.
    pub(super) fn open(folder: PathBuf, space: Arc<Meter>) -> io::Result<CompiledCode> {
        make_folder(&folder)?;
        let mut sizes: HashMap<CodeId, u64> = HashMap::new();
        for file in fs::read_dir(&folder)? {
            let file = file?;
            match code_of(&file.file_name().to_string_lossy()) {
                Some(id) => *sizes.entry(id).or_default() += file.metadata()?.len(),
                None => fs::remove_file(file.path())?,
            }
        }
        let charges = sizes.into_iter().map(|(id, size)| (id, space.count(size))).collect();
        Ok(CompiledCode { folder, space, charges: Mutex::new(charges) })
    }

    /// The folder beside a module that the operator provides. None if others than this
    /// account may write to it: what is there is code.
    pub(super) fn beside(module: &Path) -> Option<CompiledCode> {
        let folder = module.parent()?.join("compiled");
        make_folder(&folder).ok()?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::{MetadataExt, PermissionsExt};

            let folder = fs::metadata(&folder).ok()?;
            let own = rustix::process::geteuid().as_raw();
            if folder.permissions().mode() & 0o022 != 0 || ![0, own].contains(&folder.uid()) {
                return None;
            }
        }
        // It is not in the data folder, and takes none of its space.
        let space = Meter::new(ByteSize::new(u64::MAX));
        Some(CompiledCode { folder, space, charges: Mutex::default() })
    }

    fn charges(&self) -> MutexGuard<'_, HashMap<CodeId, Charge>> {
        self.charges.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, id: CodeId, ending: &str) -> PathBuf {
        self.folder.join(format!("{}{}{ending}", id.hash, build(id.profile)))
    }

    /// The code, manifest and beginning of a module compiled before, if all is whole.
    pub(super) fn load(
        &self,
        engine: &Engine,
        id: CodeId,
    ) -> Option<(wasmtime::Module, Manifest, Birth)> {
        let record = fs::read(self.path(id, RECORD)).ok()?;
        let record: Record = rmp_serde::from_slice(&record).ok()?;
        let path = self.path(id, CODE);
        let whole = checksum(&path).is_ok_and(|found| found == (record.len, record.crc32));
        if !whole {
            tracing::warn!(module = %id.hash.short(), "compiled code is damaged; compiling again");
            return None;
        }
        #[expect(
            unsafe_code,
            reason = "mapping compiled code is the one way to start without compiling"
        )]
        // SAFETY: the file was written by `save`, of what our own compiler made with
        // this version of wasmtime (its name says so), into a folder that only this
        // account can write to, and its checksum was compared just now.
        let code = unsafe { wasmtime::Module::deserialize_file(engine, &path) };
        match code {
            Ok(code) => Some((code, record.manifest, record.birth)),
            Err(error) => {
                tracing::warn!(module = %id.hash.short(), %error, "compiled code does not fit; compiling again");
                None
            }
        }
    }

    /// Keeps a module's code and manifest, in place of what was kept before.
    pub(super) fn save(&self, id: CodeId, product: &Product) -> Result<(), StorageError> {
        let io = |source| StorageError::io(Doing::Write, &self.folder, source);
        let Product { manifest, birth, code } = product;
        let record = Record {
            crc32: crc32fast::hash(code),
            len: code.len() as u64,
            birth: *birth,
            manifest: manifest.clone(),
        };
        let record =
            rmp_serde::to_vec_named(&record).map_err(|error| io(io::Error::other(error)))?;
        let charge = self.space.charge((code.len() + record.len()) as u64)?;
        self.write(&self.path(id, CODE), code).map_err(io)?;
        self.write(&self.path(id, RECORD), &record).map_err(io)?;
        self.charges().insert(id, charge);
        Ok(())
    }

    /// Writes a file so that it is there whole or not at all.
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(&self.folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    }
}

/// A file's length and checksum, read piece by piece.
fn checksum(path: &Path) -> io::Result<(u64, u32)> {
    let mut file = fs::File::open(path)?;
    let (mut len, mut sum) = (0, crc32fast::Hasher::new());
    let mut piece = vec![0; 256 * 1024];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok((len, sum.finalize())),
            read => {
                sum.update(&piece[..read]);
                len += read as u64;
            }
        }
    }
}

/// The endings of the two files' names.
const CODE: &str = "code";
const RECORD: &str = "record";

/// How the names of files begin until they are whole.
const UNFINISHED: &str = ".unfinished";

/// The part of a file's name that tells which builds can use it.
fn build(profile: Profile) -> String {
    format!("-{}-f{FORMAT}-w{WASMTIME_VERSION}.", profile.name())
}

/// Which code, or whose record, is in the file of this name, if this build can use it.
fn code_of(name: &str) -> Option<CodeId> {
    Profile::ALL.into_iter().find_map(|profile| {
        let (hash, ending) = name.split_once(&build(profile))?;
        let hash = matches!(ending, CODE | RECORD).then(|| hash.parse().ok())??;
        Some(CodeId { hash, profile })
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use farside_protocol::ModuleHash;
    use tempfile::TempDir;

    use super::*;

    fn code(engine: &Engine) -> Product {
        let module = wasmtime::Module::new(engine, wat::parse_str("(module)").unwrap()).unwrap();
        Product {
            manifest: Manifest::default(),
            birth: Birth::default(),
            code: module.serialize().unwrap().into(),
        }
    }

    fn open(folder: &TempDir, limit: ByteSize) -> (CompiledCode, Arc<Meter>) {
        let space = Meter::new(limit);
        let compiled = CompiledCode::open(folder.path().join("compiled"), Arc::clone(&space));
        (compiled.unwrap(), space)
    }

    #[test]
    fn kept_code_counts_as_space_also_after_a_restart() {
        let (folder, engine) = (TempDir::new().unwrap(), Engine::default());
        let id = CodeId::standard(ModuleHash([7; 32]));
        let (compiled, space) = open(&folder, ByteSize::mib(1));
        assert!(compiled.load(&engine, id).is_none());
        compiled.save(id, &code(&engine)).unwrap();
        let used = space.used();
        compiled.save(id, &code(&engine)).unwrap();
        assert!(used > 0);
        assert_eq!(space.used(), used);
        assert!(compiled.load(&engine, id).is_some());

        let (again, space) = open(&folder, ByteSize::mib(1));
        assert_eq!(space.used(), used);
        assert!(again.load(&engine, id).is_some());
    }

    #[test]
    fn code_that_does_not_fit_is_not_kept() {
        let (folder, engine) = (TempDir::new().unwrap(), Engine::default());
        let id = CodeId::standard(ModuleHash([7; 32]));
        let (compiled, space) = open(&folder, ByteSize::new(100));
        let refused = compiled.save(id, &code(&engine)).unwrap_err();
        assert!(matches!(refused, StorageError::Quota { .. }), "{refused}");
        assert_eq!(space.used(), 0);
        assert!(compiled.load(&engine, id).is_none());
    }

    #[test]
    fn damaged_code_is_not_used() {
        let (folder, engine) = (TempDir::new().unwrap(), Engine::default());
        let id = CodeId::standard(ModuleHash([7; 32]));
        let (compiled, _) = open(&folder, ByteSize::mib(1));
        compiled.save(id, &code(&engine)).unwrap();
        let path = compiled.path(id, CODE);
        let mut bytes = fs::read(&path).unwrap();
        bytes[100] ^= 1;
        fs::write(&path, bytes).unwrap();
        assert!(compiled.load(&engine, id).is_none());
    }

    #[test]
    fn what_this_build_cannot_use_is_removed() {
        let folder = TempDir::new().unwrap();
        let (compiled, _) = open(&folder, ByteSize::mib(1));
        let id = CodeId::standard(ModuleHash([7; 32]));
        let kept = compiled.path(id, CODE);
        fs::write(&kept, b"12345").unwrap();
        let metered = CodeId { profile: Profile::Metered, ..id };
        let metered = compiled.path(metered, CODE);
        fs::write(&metered, b"1234567").unwrap();
        let hash = id.hash;
        for other in [format!("{hash}-standard-f1-w1.0.0.code"), format!("{UNFINISHED}x1")] {
            fs::write(compiled.folder.join(other), b"12345").unwrap();
        }
        let (again, space) = open(&folder, ByteSize::mib(1));
        let names: HashSet<_> =
            fs::read_dir(&again.folder).unwrap().map(|it| it.unwrap().path()).collect();
        assert_eq!(names, HashSet::from([kept, metered]));
        assert_eq!(space.used(), 12);
    }
}
