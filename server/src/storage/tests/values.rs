use std::fs;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use farside_protocol::value::{SelectError, Selection};
use futures_util::FutureExt;
use proptest::prelude::*;
use tempfile::TempDir;

use super::{files, keys, noise, runtime};
use crate::config::ByteSize;
use crate::meter::Meter;
use crate::storage::faulty::{Fault, FaultyStorage};
use crate::storage::{CountedError, Damage, Storage, StorageError, StoredValue, Values};

const CHUNK: usize = 4 * 1024;

/// Bytes that a selection reads at once.
const BLOCK: usize = 64 * 1024;

async fn faulty() -> (Arc<FaultyStorage>, Values) {
    let storage = FaultyStorage::new();
    let values = Values::open(Arc::<FaultyStorage>::clone(&storage)).await.unwrap();
    (storage, values)
}

async fn stored(storage: &dyn Storage) -> usize {
    storage.list(None).await.unwrap().len()
}

/// The file of the one value in a data folder.
fn file(folder: &Path) -> std::path::PathBuf {
    let mut files = fs::read_dir(folder.join("storage/values")).unwrap();
    let file = files.next().unwrap().unwrap().path();
    assert!(files.next().is_none());
    file
}

async fn check_range(value: &StoredValue, whole: &[u8], from: usize, until: usize) {
    let read = value.read(from as u64..until as u64).await.unwrap();
    assert!(read == whole[from..until.min(whole.len())], "{from}..{until}");
    if let Some(now) = value.read_now(from as u64..until as u64) {
        assert!(now == read, "{from}..{until}");
    }
}

#[tokio::test]
async fn ranges_around_chunks() {
    let folder = TempDir::new().unwrap();
    let values = Values::open(files(folder.path()).await).await.unwrap();
    let whole = noise(20 * CHUNK + 17);
    let value = values.write(whole.clone().into()).await.unwrap();
    assert_eq!(value.len(), whole.len() as u64);
    for at in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, whole.len() - 1, whole.len()] {
        for len in [0, 1, 2, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, whole.len()] {
            check_range(&value, &whole, at, at + len).await;
        }
    }
    assert_eq!(value.read(u64::MAX - 1..u64::MAX).await.unwrap(), "");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_range_is_the_slice(
        len in 0..5 * CHUNK,
        ranges: [(prop::sample::Index, prop::sample::Index); 8],
    ) {
        let folder = TempDir::new().unwrap();
        runtime().block_on(async {
            let values = Values::open(files(folder.path()).await).await.unwrap();
            let whole = noise(len);
            let value = values.write(whole.clone().into()).await.unwrap();
            for (one, other) in ranges {
                let (one, other) = (one.index(len + 1), other.index(len + 1));
                check_range(&value, &whole, one.min(other), one.max(other)).await;
            }
        });
    }

    #[test]
    fn every_flipped_bit_is_found(len in 1..4 * CHUNK, bit: prop::sample::Index) {
        let folder = TempDir::new().unwrap();
        runtime().block_on(async {
            let values = Values::open(files(folder.path()).await).await.unwrap();
            let value = values.write(noise(len).into()).await.unwrap();
            let path = file(folder.path());
            let mut bytes = fs::read(&path).unwrap();
            let bit = bit.index(8 * bytes.len());
            bytes[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, bytes).unwrap();

            let damaged = (bit / 8 / CHUNK) as u64;
            for chunk in 0..len.div_ceil(CHUNK) as u64 {
                let start = chunk * CHUNK as u64;
                match value.read(start..start + 1).await {
                    Ok(_) => assert_ne!(chunk, damaged),
                    Err(StorageError::Corrupt { damage, .. }) => {
                        assert_eq!((damage, chunk), (Damage::Chunk(damaged), damaged));
                    }
                    Err(other) => panic!("{other}"),
                }
            }
            value.read(0..len as u64).await.unwrap_err();
        });
    }
}

#[tokio::test]
async fn a_bit_flipped_on_the_way_is_found() {
    let (storage, values) = faulty().await;
    let value = values.write(noise(3 * CHUNK).into()).await.unwrap();
    storage.set(Some(Fault::FlippedBit(8 * CHUNK as u64)));
    value.read(0..CHUNK as u64).await.unwrap();
    let error = value.read(CHUNK as u64 - 1..CHUNK as u64 + 1).await.unwrap_err();
    assert!(matches!(error, StorageError::Corrupt { damage: Damage::Chunk(1), .. }));
}

#[tokio::test]
async fn a_write_cut_short_is_found() {
    let (storage, values) = faulty().await;
    storage.set(Some(Fault::ShortWrite(CHUNK + 5)));
    let value = values.write(noise(2 * CHUNK).into()).await.unwrap();
    value.read(0..10).await.unwrap();
    for at in [CHUNK as u64, 2 * CHUNK as u64 - 1] {
        let error = value.read(at..at + 1).await.unwrap_err();
        assert!(matches!(error, StorageError::Corrupt { damage: Damage::Short, .. }));
    }
}

#[tokio::test]
async fn a_value_that_cannot_be_written_leaves_nothing() {
    let (storage, values) = faulty().await;
    storage.set(Some(Fault::FullDisk));
    let error = values.write(noise(10).into()).await.unwrap_err();
    assert!(matches!(error, StorageError::DiskFull { .. }));
    storage.set(None);
    assert_eq!(stored(&*storage).await, 0);
    values.write(noise(10).into()).await.unwrap();
}

#[tokio::test]
async fn a_read_that_fails_says_so_and_can_be_tried_again() {
    let (storage, values) = faulty().await;
    let value = values.write(noise(10).into()).await.unwrap();
    storage.set(Some(Fault::ReadError));
    assert!(matches!(value.read(0..10).await, Err(StorageError::Io { .. })));
    storage.set(None);
    assert_eq!(value.read(0..10).await.unwrap(), noise(10));
}

#[tokio::test]
async fn equal_values_are_kept_once_and_until_the_last_holder() {
    let (storage, values) = faulty().await;
    let first = values.write(noise(100).into()).await.unwrap();
    let second = values.write(noise(100).into()).await.unwrap();
    let other = values.write(noise(101).into()).await.unwrap();
    assert!(Arc::ptr_eq(&first, &second));
    assert_eq!(stored(&*storage).await, 2);

    drop((first, other));
    values.flush().await;
    assert_eq!(stored(&*storage).await, 1);
    assert_eq!(second.read(0..100).await.unwrap(), noise(100));

    drop(second);
    values.flush().await;
    assert_eq!(stored(&*storage).await, 0);
}

#[tokio::test]
async fn equal_values_written_at_once_are_kept_once() {
    let (storage, values) = faulty().await;
    let writes = (0..8).map(|_| values.write(noise(CHUNK).into()));
    let written: Vec<_> = futures_util::future::try_join_all(writes).await.unwrap();
    values.flush().await;
    assert!(written.iter().all(|value| Arc::ptr_eq(value, &written[0])));
    assert_eq!(stored(&*storage).await, 1);
    assert_eq!(written[7].read(0..5).await.unwrap(), noise(5));
}

#[tokio::test]
async fn a_value_written_again_outlives_its_predecessor() {
    let (storage, values) = faulty().await;
    for _ in 0..20 {
        drop(values.write(noise(100).into()).await.unwrap());
        // The deletion is on its way.
        let again = values.write(noise(100).into()).await.unwrap();
        values.flush().await;
        assert_eq!(again.read(0..100).await.unwrap(), noise(100));
        assert_eq!(stored(&*storage).await, 1);
    }
}

#[tokio::test]
async fn a_value_that_nobody_waits_for_is_not_kept() {
    let (storage, values) = faulty().await;
    // Polled once, it is on its way.
    assert!(values.write(noise(100).into()).now_or_never().is_none());
    let metrics = tokio::runtime::Handle::current().metrics();
    // The task that deletes remains.
    while metrics.num_alive_tasks() > 1 {
        tokio::task::yield_now().await;
    }
    values.flush().await;
    assert_eq!(stored(&*storage).await, 0);
}

#[tokio::test]
async fn values_of_an_earlier_process_are_cleared() {
    let folder = TempDir::new().unwrap();
    let storage = files(folder.path()).await;
    let values = Values::open(Arc::clone(&storage)).await.unwrap();
    let value = values.write(noise(100).into()).await.unwrap();
    assert_eq!(keys(&*storage, None).await.len(), 1);
    Values::open(Arc::clone(&storage)).await.unwrap();
    assert_eq!(keys(&*storage, None).await, []);
    assert!(matches!(value.read(0..1).await, Err(StorageError::NotFound { .. })));
}

/// A map of a number and a byte string over several blocks.
fn map() -> Vec<u8> {
    let mut map = vec![0x82, 0xa1, b'n', 7, 0xa1, b'b', 0xc6];
    map.extend((3 * BLOCK as u32).to_be_bytes());
    map.extend(noise(3 * BLOCK));
    map
}

async fn select(
    value: &Arc<StoredValue>,
    path: &str,
) -> Result<Selection, SelectError<CountedError<StorageError>>> {
    let charge = Meter::new(ByteSize::mib(1)).count(0);
    value.select(path.parse().unwrap(), charge).await.map(|(selection, _)| selection)
}

#[tokio::test]
async fn parts_are_selected_without_reading_the_rest() {
    let (storage, values) = faulty().await;
    let value = values.write(map().into()).await.unwrap();
    // Damage in the third block, where no head lies.
    storage.set(Some(Fault::FlippedBit(8 * 2 * BLOCK as u64 + 800)));
    let selected = select(&value, "n").await.unwrap();
    assert_eq!(selected.as_range(), Some(3..4));
    let selected = select(&value, "b").await.unwrap();
    assert_eq!(selected.len(), 5 + 3 * BLOCK as u64);

    assert_eq!(value.select_now(&"n".parse().unwrap()).unwrap().as_range(), Some(3..4));
    assert_eq!(value.read_now(3..4).unwrap(), [7][..]);

    let error = select(&value, "c").await.unwrap_err();
    assert!(matches!(error, SelectError::NoField { .. }));
    assert_eq!(value.select_now(&"c".parse().unwrap()), None);
    storage.set(Some(Fault::FlippedBit(0)));
    let error = select(&value, "n").await.unwrap_err();
    assert!(matches!(
        error,
        SelectError::Source(CountedError::Source(StorageError::Corrupt { .. }))
    ));
    // The first chunk stays in memory as it was.
    assert_eq!(value.select_now(&"n".parse().unwrap()).unwrap().as_range(), Some(3..4));
    assert_eq!(value.read_now(3..4).unwrap(), [7][..]);
    storage.set(Some(Fault::FlippedBit(8 * 5000)));
    assert_eq!(value.read_now(4999..5001), None);
}

#[tokio::test]
async fn an_empty_value() {
    let (_, values) = faulty().await;
    let value = values.write(Bytes::new()).await.unwrap();
    assert_eq!((value.len(), value.read(0..10).await.unwrap()), (0, Bytes::new()));
}
