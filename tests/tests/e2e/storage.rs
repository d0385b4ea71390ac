//! Large results in storage: spilled, read in part, passed on, freed, damaged.

use std::fs;
use std::path::PathBuf;

use farside::{ErrorCode, Failure, Far, Session};
use farside_tests::{Server, ServerBuilder};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::echo;

const LEN: usize = 1 << 20;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Row {
    name: String,
    blob: ByteBuf,
}

/// A value of about a mebibyte.
fn rows() -> Vec<Row> {
    let row = |n: usize| Row { name: format!("row {n}"), blob: vec![n as u8; LEN / 16].into() };
    (0..16).map(row).collect()
}

/// A server that spills everything beyond a few bytes.
fn spilling(storage: &str) -> ServerBuilder {
    Server::builder().flag("--storage", storage).flag("--storage-spill", "1KiB")
}

/// The files of spilled values.
fn files(server: &Server) -> Vec<PathBuf> {
    let folder = server.data().join("storage").join("values");
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// Waits until there are this many; each look is a round trip.
async fn files_become(server: &Server, session: &Session, count: usize) -> Vec<PathBuf> {
    loop {
        let files = files(server);
        if files.len() == count {
            return files;
        }
        session.flush().await.unwrap();
    }
}

/// What a value fails with whose file is damaged. For a moment after its file is there it
/// still lies in memory as well, and is whole.
async fn failure<T: serde::de::DeserializeOwned>(far: &Far<T>) -> Failure {
    for _ in 0..1000 {
        if let Err(error) = far.get().await {
            return error.failure().unwrap().clone();
        }
    }
    panic!("{} has a value", far.id());
}

/// All that is done with values, the same whatever keeps them.
async fn use_of_values(session: &Session) {
    let echo = echo::upload(session).await;
    let rows = rows();
    let put = session.put(&rows);
    let echoed = echo.call::<Vec<Row>>("echo", (&put,));
    for far in [&put, &echoed] {
        assert_eq!(far.get().await.unwrap(), rows);
        let names: Vec<String> = far.get_part("[3:5].name").await.unwrap();
        assert_eq!(names, ["row 3", "row 4"]);
        let before = session.wire().bytes_received;
        let piece: ByteBuf = far.get_part("[-1].blob[5:8]").await.unwrap();
        assert_eq!(piece, vec![15; 3]);
        assert!(session.wire().bytes_received - before < 100);
        let missing = far.get_part::<String>("[16].name").await.unwrap_err();
        assert_eq!(missing.failure().unwrap().code, ErrorCode::InvalidArgument);
    }
    let part = echoed.select::<Row>("[7]");
    let again = echo.call::<Row>("echo", (&part,));
    assert_eq!(again.get().await.unwrap(), rows[7]);
    let nested = echo.call::<(Vec<Row>, Row)>("echo", ((&echoed, &part),));
    let (all, one) = nested.get().await.unwrap();
    assert_eq!((&all, &one), (&rows, &rows[7]));
}

#[tokio::test]
async fn values_are_the_same_wherever_they_are_kept() {
    for storage in ["memory:", "file:"] {
        let server = spilling(storage).start();
        use_of_values(&server.session().await).await;
    }
    let server = Server::start();
    use_of_values(&server.session().await).await;
}

#[tokio::test]
async fn a_large_value_becomes_a_file_and_goes_with_its_reference() {
    let server = spilling("file:").start();
    let session = server.session().await;
    let echo = echo::upload(&session).await;
    let small = session.put(&1);
    let put = session.put(&ByteBuf::from(vec![1; LEN]));
    let files = files_become(&server, &session, 1).await;
    let on_disk = fs::metadata(&files[0]).unwrap().len();
    assert!((LEN as u64..LEN as u64 + 100).contains(&on_disk), "{on_disk} bytes");
    let result = echo.call::<ByteBuf>("echo", ([&put, &put],));
    files_become(&server, &session, 2).await;
    drop(put);
    files_become(&server, &session, 1).await;
    assert_eq!(small.get().await.unwrap(), 1);
    drop(result);
    files_become(&server, &session, 0).await;

    session.put(&ByteBuf::from(vec![2; LEN])).keep();
    files_become(&server, &session, 1).await;
    let other = server.session().await;
    session.close().await.unwrap();
    files_become(&server, &other, 0).await;
}

#[test]
fn a_data_folder_is_one_servers_wherever_it_keeps_values() {
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = format!("file:{}", folder.path().join("elsewhere").display());
    let data = folder.path().join("data");
    for storage in ["memory:", "file:", &elsewhere] {
        let first = Server::builder().data(&data).flag("--storage", storage).start();
        let second = Server::builder().data(&data).flag("--storage", "memory:").try_start();
        let exit = second.err().unwrap_or_else(|| panic!("two servers share it with {storage}"));
        assert!(exit.log.contains("another farside server"), "{}", exit.log);
        drop(first);
    }
    // The data folder itself may be the storage's.
    let same = format!("file:{}", data.display());
    let _ = Server::builder().data(&data).flag("--storage", &same).start();
}

#[tokio::test]
async fn values_of_an_earlier_server_are_cleared() {
    let folder = tempfile::tempdir().unwrap();
    let server = spilling("file:").data(folder.path()).start();
    let session = server.session().await;
    let far = session.put(&ByteBuf::from(vec![1; LEN]));
    files_become(&server, &session, 1).await;
    drop(server.kill());
    drop(far);
    let server = spilling("file:").data(folder.path()).start();
    assert!(files(&server).is_empty());
}

#[tokio::test]
async fn a_flipped_bit_is_found_and_named() {
    let server = spilling("file:").start();
    let session = server.session().await;
    let echo = echo::upload(&session).await;
    let far = session.put(&ByteBuf::from(vec![1; LEN]));
    let file = files_become(&server, &session, 1).await.remove(0);
    let mut bytes = fs::read(&file).unwrap();
    let place = 5 * 64 * 1024 + 7;
    bytes[place] ^= 1;
    fs::write(&file, bytes).unwrap();

    let whole = failure(&far).await;
    assert_eq!(whole.code, ErrorCode::StorageFailed);
    let name = file.file_name().unwrap().to_str().unwrap();
    insta::assert_snapshot!(whole.message.replace(name, "[name]"), @"what is stored as values/[name] is damaged: chunk 80 has another checksum");
    assert_eq!(
        far.get_part::<ByteBuf>("[:1000]").await.unwrap(),
        vec![1; 1000],
        "other parts are good"
    );
    let part = far.get_part::<ByteBuf>("[327680:327690]").await.unwrap_err();
    assert_eq!(part.failure().unwrap().code, ErrorCode::StorageFailed);
    let used = failure(&echo.call::<ByteBuf>("echo", (&far,))).await;
    assert_eq!(used.code, ErrorCode::StorageFailed);
    let hello = echo.call::<i64>("echo", (1,)).get().await.unwrap();
    assert_eq!(hello, 1, "the instance is unharmed");
}

#[tokio::test]
async fn a_lost_file_breaks_its_value_alone() {
    let server = spilling("file:").start();
    let session = server.session().await;
    let lost = session.put(&ByteBuf::from(vec![1; LEN]));
    let file = files_become(&server, &session, 1).await.remove(0);
    let other = session.put(&ByteBuf::from(vec![2; LEN]));
    files_become(&server, &session, 2).await;
    fs::remove_file(&file).unwrap();
    let failure = failure(&lost).await;
    let name = file.file_name().unwrap().to_str().unwrap();
    assert_eq!(failure.code, ErrorCode::StorageFailed);
    insta::assert_snapshot!(failure.message.replace(name, "[name]"), @"nothing is stored as values/[name]");
    assert_eq!(other.get().await.unwrap(), vec![2; LEN]);
}

#[tokio::test]
async fn a_value_that_storage_does_not_take_stays_in_memory() {
    let server = spilling("file:").flag("--limits-data-bytes", "512KiB").start();
    let session = server.session().await;
    use_of_values(&session).await;
    let _ = server.wait_for_log("could not spill a value");
    assert!(files(&server).iter().all(|file| fs::metadata(file).unwrap().len() < LEN as u64));
}

#[tokio::test]
async fn a_folder_that_went_away_is_done_without() {
    let server = spilling("file:").start();
    let session = server.session().await;
    echo::upload(&session).await;
    let storage = server.data().join("storage");
    fs::remove_dir_all(&storage).unwrap();
    // A file in the folder's place can't be written into.
    fs::write(&storage, "").unwrap();
    use_of_values(&session).await;
    let _ = server.wait_for_log("could not spill a value");
}

#[tokio::test]
async fn equal_values_are_kept_once_and_as_long_as_one_is_held() {
    let server = spilling("file:").start();
    let session = server.session().await;
    let value = ByteBuf::from(vec![1; LEN]);
    let one = session.put(&value);
    files_become(&server, &session, 1).await;
    let other = session.put(&value);
    let marker = session.put(&ByteBuf::from(vec![2; LEN]));
    files_become(&server, &session, 2).await;
    drop(one);
    drop(marker);
    files_become(&server, &session, 1).await;
    assert_eq!(other.get().await.unwrap(), value);
    drop(other);
    files_become(&server, &session, 0).await;
}
