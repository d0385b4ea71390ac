//! What people are told.

use std::io;
use std::path::Path;

use super::told;
use crate::storage::{Damage, Doing, Key, StorageError, StorageUrl};

fn system(doing: Doing, kind: io::ErrorKind) -> String {
    told(&StorageError::io(doing, Path::new("/data/storage"), kind.into()))
}

#[test]
fn errors_of_the_system() {
    insta::assert_snapshot!(system(Doing::Write, io::ErrorKind::StorageFull), @"
    the disk of /data/storage is full
    hint: free some space, or choose a data folder on another disk with --data
    ");
    insta::assert_snapshot!(system(Doing::Write, io::ErrorKind::ReadOnlyFilesystem), @"
    /data/storage is on a read-only file system
    hint: choose a data folder elsewhere with --data
    ");
    insta::assert_snapshot!(system(Doing::Write, io::ErrorKind::PermissionDenied), @"
    no permission to write to /data/storage
    hint: give the server's account that right, or choose another data folder with --data
    ");
    insta::assert_snapshot!(system(Doing::Read, io::ErrorKind::PermissionDenied), @"
    no permission to read /data/storage
    hint: give the server's account that right, or choose another data folder with --data
    ");
    insta::assert_snapshot!(system(Doing::Read, io::ErrorKind::NotADirectory), @"cannot read /data/storage: not a directory");
}

#[test]
fn errors_of_what_is_stored() {
    let corrupt = |damage| told(&StorageError::Corrupt { key: Key::VALUES, damage });
    insta::assert_snapshot!(corrupt(Damage::Chunk(3)), @"what is stored as values is damaged: chunk 3 has another checksum");
    insta::assert_snapshot!(corrupt(Damage::Hash), @"what is stored as values is damaged: it has another hash");
    insta::assert_snapshot!(corrupt(Damage::Short), @"what is stored as values is damaged: its end is missing");
    insta::assert_snapshot!(told(&StorageError::NotFound { key: Key::VALUES }), @"nothing is stored as values");
}

#[track_caller]
fn check_url(text: &str, url: StorageUrl, shown: &str) {
    assert_eq!(text.parse(), Ok(url.clone()), "{text}");
    assert_eq!(url.to_string(), shown);
}

#[test]
fn urls() {
    let own = StorageUrl::File { folder: Some("/var/lib/farside".into()) };
    check_url("memory:", StorageUrl::Memory, "memory:");
    check_url("memory://", StorageUrl::Memory, "memory:");
    check_url("file:", StorageUrl::File { folder: None }, "file:");
    check_url("file:/var/lib/farside", own.clone(), "file:/var/lib/farside");
    check_url("file:///var/lib/farside", own, "file:/var/lib/farside");
    for wrong in ["memory:x", "file:relative", "file://host/path", "", "memory", "s3://bucket"] {
        assert!(wrong.parse::<StorageUrl>().is_err(), "{wrong}");
    }
}
