//! What every backend does, and what files do beyond it.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use tempfile::TempDir;

use super::{files, key, keys, runtime, told};
use crate::config::ByteSize;
use crate::meter::Meter;
use crate::storage::faulty::{Fault, FaultyStorage};
use crate::storage::file::FileStorage;
use crate::storage::memory::MemoryStorage;
use crate::storage::metered::Metered;
use crate::storage::{
    Damage, Durability, FolderLock, Key, Storage, StorageError, StorageUrl, open,
};

const DURABILITIES: [Durability; 2] = [Durability::Process, Durability::Disk];

fn parts(texts: &[&'static str]) -> Vec<Bytes> {
    texts.iter().map(|text| Bytes::from_static(text.as_bytes())).collect()
}

async fn backends(folder: &Path) -> [Arc<dyn Storage>; 2] {
    let files = FileStorage::open(folder.join("storage"), Some(folder.to_owned())).await.unwrap();
    [Arc::new(MemoryStorage::default()), Arc::new(files)]
}

#[tokio::test]
async fn bytes_come_back() {
    let folder = TempDir::new().unwrap();
    for storage in backends(folder.path()).await {
        for (durability, key) in DURABILITIES.into_iter().zip([key("a"), key("deep/er/b")]) {
            storage.put(&key, parts(&["one", "", "two", "three"]), durability).await.unwrap();
            assert_eq!(storage.get(&key).await.unwrap(), "onetwothree");
            assert_eq!(storage.get_range(&key, 2..7).await.unwrap(), "etwot");
            assert_eq!(storage.get_range(&key, 3..6).await.unwrap(), "two");
            assert_eq!(storage.get_range(&key, 11..11).await.unwrap(), "");

            storage.put(&key, parts(&["other"]), durability).await.unwrap();
            assert_eq!(storage.get(&key).await.unwrap(), "other");
        }
    }
}

#[tokio::test]
async fn what_is_not_there() {
    let folder = TempDir::new().unwrap();
    let absent = key("absent");
    for storage in backends(folder.path()).await {
        let is_absent = |error| matches!(error, StorageError::NotFound { key } if key == absent);
        assert!(is_absent(storage.get(&absent).await.unwrap_err()));
        assert!(is_absent(storage.get_range(&absent, 0..1).await.unwrap_err()));
        storage.delete(&absent).await.unwrap();
        assert_eq!(keys(&*storage, Some(&absent)).await, []);
    }
}

#[tokio::test]
async fn a_range_beyond_the_end_is_damage() {
    let folder = TempDir::new().unwrap();
    for storage in backends(folder.path()).await {
        storage.put(&key("a"), parts(&["12", "34"]), Durability::Process).await.unwrap();
        for range in [0..5, 3..5, 7..9] {
            let error = storage.get_range(&key("a"), range).await.unwrap_err();
            assert!(matches!(error, StorageError::Corrupt { damage: Damage::Short, .. }));
        }
    }
}

#[tokio::test]
async fn keys_are_listed_and_deleted() {
    let folder = TempDir::new().unwrap();
    for storage in backends(folder.path()).await {
        for (name, text) in [("values/1", "x"), ("values/in/2", "xy"), ("modules/1", "")] {
            storage.put(&key(name), parts(&[text]), Durability::Process).await.unwrap();
        }
        let values = [("values/1".to_owned(), 1), ("values/in/2".to_owned(), 2)];
        assert_eq!(keys(&*storage, Some(&Key::VALUES)).await, values);
        storage.delete(&key("values/1")).await.unwrap();
        let rest = [("modules/1".to_owned(), 0), ("values/in/2".to_owned(), 2)];
        assert_eq!(keys(&*storage, None).await, rest);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_range_is_the_slice(
        parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..6),
        from: prop::sample::Index,
        until: prop::sample::Index,
    ) {
        let whole = parts.concat();
        let (from, until) = (from.index(whole.len() + 1), until.index(whole.len() + 1));
        let (from, until) = (from.min(until), from.max(until));
        let parts: Vec<Bytes> = parts.into_iter().map(Bytes::from).collect();
        let folder = TempDir::new().unwrap();
        runtime().block_on(async {
            for storage in backends(folder.path()).await {
                storage.put(&key("a"), parts.clone(), Durability::Process).await.unwrap();
                let range = storage.get_range(&key("a"), from as u64..until as u64).await.unwrap();
                assert_eq!(range, &whole[from..until]);
            }
        });
    }
}

#[tokio::test]
async fn files_outlive_the_server_and_unfinished_ones_do_not() {
    let folder = TempDir::new().unwrap();
    let storage = files(folder.path()).await;
    storage.put(&key("modules/a"), parts(&["kept"]), Durability::Disk).await.unwrap();
    drop(storage);
    let unfinished = folder.path().join("storage/.unfinished/.tmp1");
    fs::write(&unfinished, "half").unwrap();

    let storage = files(folder.path()).await;
    assert_eq!(storage.get(&key("modules/a")).await.unwrap(), "kept");
    assert!(!unfinished.exists());
    assert_eq!(keys(&*storage, None).await, [("modules/a".to_owned(), 4)]);
}

#[tokio::test]
async fn a_write_that_fails_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    let storage = files(folder.path()).await;
    // A folder stands where the file should go.
    storage.put(&key("a/b"), parts(&["kept"]), Durability::Process).await.unwrap();
    let error = storage.put(&key("a"), parts(&["lost"]), Durability::Disk).await.unwrap_err();
    assert!(matches!(error, StorageError::Io { .. }), "{error:?}");
    let unfinished = folder.path().join("storage/.unfinished");
    assert_eq!(fs::read_dir(unfinished).unwrap().count(), 0);
    assert_eq!(storage.get(&key("a/b")).await.unwrap(), "kept");
}

#[tokio::test]
async fn a_folder_has_one_server() {
    let folder = TempDir::new().unwrap();
    let url = StorageUrl::File { folder: Some(folder.path().join("kept")) };
    let space = Meter::new(ByteSize::mib(1));
    let first = open(&url, folder.path(), &space).await.unwrap();
    let error = open(&url, folder.path(), &space).await.unwrap_err();
    let text = told(&error).replace(&folder.path().display().to_string(), "FOLDER");
    insta::assert_snapshot!(text, @"
    data folder FOLDER/kept is in use by another farside server
    hint: stop that server, or choose another data folder with --data
    ");
    drop(first);
    open(&url, folder.path(), &space).await.unwrap();
}

#[tokio::test]
async fn a_folder_of_its_own() {
    let folder = TempDir::new().unwrap();
    let url = StorageUrl::File { folder: Some(folder.path().join("own")) };
    let unused = folder.path().join("data");
    let storage = open(&url, &unused, &Meter::new(ByteSize::mib(1))).await.unwrap();
    storage.put(&key("a"), parts(&["x"]), Durability::Process).await.unwrap();
    assert!(folder.path().join("own/a").is_file());
    assert!(!unused.exists());
}

#[cfg(unix)]
#[tokio::test]
async fn files_are_for_this_account_alone() {
    use std::os::unix::fs::PermissionsExt;

    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let storage = files(&data).await;
    let _lock = FolderLock::take(&data).unwrap();
    storage.put(&key("modules/a"), parts(&["x"]), Durability::Process).await.unwrap();
    let mode = |path: &str| fs::metadata(data.join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!([mode(""), mode("storage"), mode("storage/modules")], [0o700; 3]);
    assert_eq!([mode("storage/modules/a"), mode(".lock")], [0o600; 2]);
}

async fn metered(limit: u64) -> (Arc<FaultyStorage>, Metered) {
    let faulty = FaultyStorage::new();
    let storage = Arc::<FaultyStorage>::clone(&faulty);
    (faulty, Metered::open(storage, Meter::new(ByteSize::new(limit))).await.unwrap())
}

#[tokio::test]
async fn the_quota_is_over_all_keys() {
    let (_, storage) = metered(10).await;
    let put = |name, texts| {
        let (storage, key) = (&storage, key(name));
        async move { storage.put(&key, parts(texts), Durability::Process).await }
    };
    put("a", &["1234", "56"]).await.unwrap();
    let error = put("b", &["12345"]).await.unwrap_err();
    insta::assert_snapshot!(told(&error), @"
    the data folder holds 6 B of 10 B already; another 5 B do not fit
    hint: raise limits.data_bytes, or release references and close sessions
    ");
    put("b", &["1234"]).await.unwrap();
    storage.delete(&key("a")).await.unwrap();
    storage.delete(&key("a")).await.unwrap();
    put("c", &["123456"]).await.unwrap();
    put("d", &["1"]).await.unwrap_err();
}

#[tokio::test]
async fn what_replaces_counts_once_it_has() {
    let (_, storage) = metered(10).await;
    storage.put(&key("a"), parts(&["12345"]), Durability::Process).await.unwrap();
    storage.put(&key("a"), parts(&["123"]), Durability::Process).await.unwrap();
    storage.put(&key("b"), parts(&["1234567"]), Durability::Process).await.unwrap();
}

#[tokio::test]
async fn what_was_not_written_is_not_counted() {
    let (faulty, storage) = metered(10).await;
    faulty.set(Some(Fault::FullDisk));
    for _ in 0..3 {
        let (key, parts) = (key("a"), parts(&["1234567890"]));
        let error = storage.put(&key, parts, Durability::Process).await.unwrap_err();
        assert!(matches!(error, StorageError::DiskFull { .. }));
    }
    faulty.set(None);
    storage.put(&key("a"), parts(&["1234567890"]), Durability::Process).await.unwrap();
}

#[tokio::test]
async fn what_was_there_before_is_counted() {
    let (faulty, before) = metered(10).await;
    before.put(&key("a"), parts(&["123456"]), Durability::Process).await.unwrap();
    let after = Metered::open(faulty, Meter::new(ByteSize::new(10))).await.unwrap();
    after.put(&key("b"), parts(&["12345"]), Durability::Process).await.unwrap_err();
    after.put(&key("b"), parts(&["1234"]), Durability::Process).await.unwrap();
}
