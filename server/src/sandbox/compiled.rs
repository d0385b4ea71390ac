//! Compiled code on disk, so that a module is compiled once, ever.
//!
//! Two files for each module: the code, which is mapped and not read, and a
//! record with the code's checksum and the manifest. The record is written last;
//! code without a record does not exist. Both are written by this process alone,
//! in a folder that nobody else can write to, and never come from a client.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use farside_protocol::ModuleHash;
use farside_protocol::manifest::Manifest;
use serde::{Deserialize, Serialize};
use wasmtime::Engine;

use super::engine::{PROFILE, WASMTIME_VERSION};

/// Version of the record and of what we do to modules before compiling them.
const FORMAT: u32 = 1;

/// The folder of compiled code.
pub(super) struct CompiledCode {
    folder: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Record {
    crc32: u32,
    len: u64,
    manifest: Manifest,
}

impl CompiledCode {
    pub(super) fn open(folder: PathBuf) -> io::Result<CompiledCode> {
        fs::create_dir_all(&folder)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?;
        }
        Ok(CompiledCode { folder })
    }

    fn path(&self, hash: ModuleHash, ending: &str) -> PathBuf {
        self.folder.join(format!("{hash}-{PROFILE}-f{FORMAT}-w{WASMTIME_VERSION}.{ending}"))
    }

    /// The code and manifest of a module compiled before, if they are whole.
    pub(super) fn load(
        &self,
        engine: &Engine,
        hash: ModuleHash,
    ) -> Option<(wasmtime::Module, Manifest)> {
        let record = fs::read(self.path(hash, "record")).ok()?;
        let record: Record = rmp_serde::from_slice(&record).ok()?;
        let path = self.path(hash, "code");
        let whole = fs::read(&path).is_ok_and(|code| {
            code.len() as u64 == record.len && crc32fast::hash(&code) == record.crc32
        });
        if !whole {
            tracing::warn!(module = %hash.short(), "compiled code is damaged; compiling again");
            return None;
        }
        #[expect(
            unsafe_code,
            reason = "mapping compiled code is the one way to start without compiling"
        )]
        // SAFETY: the file was written by `save`, from this version of wasmtime
        // (its name says so), into a folder that only this account can write to,
        // and its checksum was compared just now.
        let code = unsafe { wasmtime::Module::deserialize_file(engine, &path) };
        match code {
            Ok(code) => Some((code, record.manifest)),
            Err(error) => {
                tracing::warn!(module = %hash.short(), %error, "compiled code does not fit; compiling again");
                None
            }
        }
    }

    /// Keeps a module's code and manifest.
    pub(super) fn save(
        &self,
        hash: ModuleHash,
        code: &wasmtime::Module,
        manifest: &Manifest,
    ) -> io::Result<()> {
        let code = code.serialize().map_err(io::Error::other)?;
        let record = Record {
            crc32: crc32fast::hash(&code),
            len: code.len() as u64,
            manifest: manifest.clone(),
        };
        let record = rmp_serde::to_vec_named(&record).map_err(io::Error::other)?;
        write_whole(&self.path(hash, "code"), &code)?;
        write_whole(&self.path(hash, "record"), &record)
    }
}

/// Writes a file so that it is there whole or not at all.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let unfinished = path.with_extension("unfinished");
    let mut file = fs::File::create(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)
}
