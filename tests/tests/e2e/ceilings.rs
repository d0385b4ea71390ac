//! Every ceiling of the whole server: what goes beyond it fails and says so, everything
//! else goes on.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use farside::{Client, ErrorCode, Far};
use farside_protocol::{RefState, Reply, Request, Seq, Subject};
use farside_tests::Server;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::bystander::Bystander;
use crate::echo;
use crate::gate::Gate;
use crate::limits::{is_kept, memory, module_with, not_kept, observer, put};
use crate::peer::Peer;
use crate::told::{broken, chain, failure, refused, told, upload_text};

#[tokio::test]
async fn an_owner_has_so_many_sessions() {
    let server = Server::builder().flag("--limits-owner-sessions", "2").start();
    let mut bystander = Bystander::new(&server).await;
    let session = server.session().await;
    let refused = server.client().await.session().await.unwrap_err();
    insta::assert_snapshot!(told(refused.failure().unwrap()), @"
    QuotaExceeded: there are 2 sessions already, as many as may be
    hint: close sessions, or raise limits.owner_sessions on the server
    ");
    bystander.goes_on().await;
    session.close().await.unwrap();
    server.session().await;
}

#[tokio::test]
async fn a_session_waits_for_a_place_and_then_gives_up() {
    let server = Server::builder()
        .flag("--limits-sessions", "2")
        .flag("--limits-session-wait", "100ms")
        .start();
    let mut bystander = Bystander::new(&server).await;
    let _session = server.session().await;
    let refused = server.client().await.session().await.unwrap_err();
    insta::assert_snapshot!(told(refused.failure().unwrap()), @"
    Unavailable: there are 2 sessions already, as many as may be, and none ended within 100ms
    hint: try again in some seconds; close sessions, or raise limits.sessions on the server
    ");
    bystander.goes_on().await;
}

#[tokio::test]
async fn a_session_that_waits_gets_the_place_of_one_that_ends() {
    let server = Server::builder().flag("--limits-sessions", "1").start();
    let first = server.session().await;
    let kept = first.put(&1);
    assert_eq!(kept.get().await.unwrap(), 1);
    // What comes behind it waits with it.
    let mut peer = Peer::greeted(&server).await;
    let seq = Seq::FIRST;
    peer.send(&[
        Request::Attach { session: None, lease_ms: None },
        Request::Describe { seq, subject: Subject::Session },
    ])
    .await;
    assert!(peer.is_quiet().await, "there is no place for it");
    first.close().await.unwrap();
    assert!(matches!(peer.next().await, Reply::Attached { .. }));
    assert!(matches!(peer.next().await, Reply::Described { .. }));
}

#[tokio::test]
async fn what_comes_while_a_session_waits_is_kept_for_it() {
    let server = Server::builder().flag("--limits-sessions", "1").start();
    let first = server.session().await;
    let mut peer = Peer::greeted(&server).await;
    let describe = |seq| Request::Describe { seq, subject: Subject::Session };
    // In frames of their own.
    peer.send(&[Request::Attach { session: None, lease_ms: None }]).await;
    for number in 1..=3 {
        peer.send(&[describe(Seq::new(number).unwrap())]).await;
    }
    assert!(peer.is_quiet().await, "there is no place for it");
    first.close().await.unwrap();
    assert!(matches!(peer.next().await, Reply::Attached { .. }));
    for _ in 1..=3 {
        assert!(matches!(peer.next().await, Reply::Described { .. }));
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn who_leaves_while_it_waits_for_a_session_is_forgotten() {
    let server = Server::builder()
        .flag("--limits-sessions", "1")
        .flag("--limits-session-wait", "1h")
        .start();
    let _first = server.session().await;
    let process = farside_tests::Process::of(server.pid());
    let before = process.descriptors().unwrap();
    let mut peers = Vec::new();
    for _ in 0..8 {
        let mut peer = Peer::greeted(&server).await;
        peer.send(&[Request::Attach { session: None, lease_ms: None }]).await;
        peers.push(peer);
    }
    assert!(process.descriptors().unwrap() >= before + 8);
    drop(peers);
    let begun = std::time::Instant::now();
    while process.descriptors().unwrap() > before + 2 {
        assert!(begun.elapsed() < Duration::from_secs(20), "it holds their connections");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn an_instance_waits_for_a_place_and_then_gives_up() {
    let server = Server::builder()
        .flag("--limits-instances", "1")
        .flag("--limits-instance-wait", "100ms")
        .start();
    let mut bystander = Bystander::new(&server).await;
    let session = server.session().await;
    let module = upload_text(&session, "m", &module_with("")).await;
    insta::assert_snapshot!(broken(&module.call::<i32>("f", ())).await, @"
    Unavailable: the server is full: no instance came free within 100ms
    hint: try again in a moment, or raise limits.instances on the server
    ");
    let fresh = module.function("f").unwrap().fresh();
    assert_eq!(failure(&fresh.call::<i32>(())).await.code, ErrorCode::Unavailable);
    bystander.goes_on().await;
    assert_eq!(session.describe().await.unwrap().modules[0].instance, "none");
}

#[tokio::test]
async fn an_instance_that_waits_gets_the_place_of_one_that_goes() {
    let server = Server::builder().flag("--limits-instances", "1").start();
    let first = server.session().await;
    let module = upload_text(&first, "m", &module_with("")).await;
    assert_eq!(module.call::<i32>("f", ()).get().await.unwrap(), 1);
    let second = server.session().await;
    let waiting = upload_text(&second, "m", &module_with("")).await.call::<i32>("f", ());
    second.flush().await.unwrap();
    let state = second.wait(&[waiting.id()], 0, None).await.unwrap();
    assert_eq!(state, [RefState::Pending]);
    let other = server.session().await;
    assert_eq!(other.put(&1).get().await.unwrap(), 1, "what needs no instance goes on");
    first.close().await.unwrap();
    assert_eq!(waiting.get().await.unwrap(), 1);
}

#[tokio::test]
async fn an_instance_of_many_memories_takes_as_many_places() {
    let server = Server::builder()
        .flag("--limits-instances", "5")
        .flag("--limits-instance-wait", "100ms")
        .start();
    let mut bystander = Bystander::new(&server).await;
    let large = module_with("(memory 1) (memory 1) (memory 1) (memory 1)");
    let one = server.session().await;
    let first = upload_text(&one, "m", &large).await;
    assert_eq!(first.call::<i32>("f", ()).get().await.unwrap(), 1);
    let two = server.session().await;
    let second = upload_text(&two, "m", &large).await;
    insta::assert_snapshot!(broken(&second.call::<i32>("f", ())).await, @"
    Unavailable: the server is full: no instance came free within 100ms
    hint: try again in a moment, or raise limits.instances on the server
    ");
    bystander.goes_on().await;
    one.close().await.unwrap();
    assert_eq!(second.call::<i32>("f", ()).get().await.unwrap(), 1);
}

const MIB: usize = 1 << 20;

#[tokio::test]
async fn tables_count_as_memory_of_the_process() {
    let server = Server::builder()
        .flag("--limits-process-memory", "64MiB")
        .flag("--limits-session-table-elements", "10000000")
        .flag("--limits-instances", "10")
        .start();
    let mut bystander = Bystander::new(&server).await;
    let session = server.session().await;
    let table = module_with(
        r#"(table 1 funcref)
        (func (export "grow") (param i32) (result i32)
            (table.grow 0 (ref.null func) (local.get 0)))"#,
    );
    let module = upload_text(&session, "m", &table).await;
    // At 16 bytes each, 5 million elements would be 76 MiB.
    assert_eq!(module.call::<i32>("grow", (5_000_000,)).get().await.unwrap(), -1);
    assert_eq!(module.call::<i32>("grow", (1_000_000,)).get().await.unwrap(), 1);
    assert!(not_kept(&put(&session, 50 * MIB)).await.starts_with("Unavailable: "));
    bystander.goes_on().await;
    module.renew().await.unwrap();
    assert!(is_kept(&put(&session, 50 * MIB), 50 * MIB).await);
}

#[tokio::test]
async fn the_memory_of_the_process_is_shared_by_all_sessions() {
    let server = Server::builder()
        .flag("--limits-process-memory", "64MiB")
        .flag("--storage-spill", "256MiB")
        .start();
    let mut bystander = Bystander::new(&server).await;
    let (one, two) = (server.session().await, server.session().await);
    let value = put(&one, 40 * MIB);
    assert!(is_kept(&value, 40 * MIB).await);

    // A value that comes as a transfer is refused before its bytes come.
    let sent = two.wire().bytes_sent;
    let refused = not_kept(&put(&two, 40 * MIB)).await;
    let used = |text: &str| {
        let (_, rest) = text.split_once(" use ").unwrap();
        rest.split_once(" of ").unwrap().0.to_owned()
    };
    insta::assert_snapshot!(refused.replace(&used(&refused), "[used]"), @"
    Unavailable: the server's memory is full: all sessions use [used] of 64 MiB, and another 40 MiB do not fit
    hint: try again later, or raise limits.process_memory on the server
    ");
    assert!(two.wire().bytes_sent - sent < MIB as u64);
    // Guests can't have it either.
    let module = upload_text(&two, "m", &memory(1)).await;
    assert_eq!(module.call::<i32>("grow", (400,)).get().await.unwrap(), -1);
    assert_eq!(module.call::<i32>("grow", (100,)).get().await.unwrap(), 1);
    let large = upload_text(&two, "large", &memory(400)).await;
    let refused = broken(&large.call::<i32>("f", ())).await;
    insta::assert_snapshot!(refused.replace(&used(&refused), "[used]"), @"
    MemoryLimit: the guest wanted another 25 MiB of memory; all sessions of the server use [used] of 64 MiB
    hint: try again later, or raise limits.process_memory on the server
    ");
    // Nor can results and parts.
    let echo = echo::upload(&one).await;
    let row = |letter: &str| BTreeMap::from([("name", letter.repeat(5 * MIB))]);
    let list = one.put(&[row("x"), row("y")]);
    list.get_raw(None).await.unwrap();
    assert_eq!(failure(&echo.call::<Vec<u8>>("echo", (&list,))).await.code, ErrorCode::MemoryLimit);
    assert_eq!(failure(&list.select::<Vec<u8>>("[:].name")).await.code, ErrorCode::Unavailable);
    bystander.goes_on().await;

    drop((value, list));
    one.flush().await.unwrap();
    assert_eq!(large.call::<i32>("f", ()).get().await.unwrap(), 1);
}

#[tokio::test]
async fn a_value_that_is_being_sent_counts_as_memory_until_it_is() {
    let server = Server::builder()
        .flag("--limits-process-memory", "64MiB")
        .flag("--storage-spill", "256MiB")
        .start();
    let session = server.session().await;
    let mut reader = Peer::beside(&server, &session).await;
    let value = put(&session, 40 * MIB);
    session.wait(&[value.id()], 1, None).await.unwrap();
    // The reader asks for it, and takes nothing but the first pieces.
    let seq = reader.seq();
    reader.send(&[Request::Get { seq, of: value.id(), path: None }]).await;
    reader.next().await;
    drop(value);
    assert_eq!(session.describe().await.unwrap().kept_bytes, 0);
    assert!(not_kept(&put(&session, 40 * MIB)).await.starts_with("Unavailable: "));
    reader.send(&[Request::Abort { transfer: seq }]).await;
    while not_kept_yet(&put(&session, 40 * MIB)).await {}
}

/// Whether a value is refused for want of memory.
async fn not_kept_yet(far: &Far<Bytes>) -> bool {
    match far.get_raw(Some("[0]")).await.unwrap_err().failure() {
        Some(failure) => failure.code == ErrorCode::Unavailable,
        None => panic!("the connection is lost"),
    }
}

#[tokio::test]
async fn values_in_storage_are_not_in_memory() {
    let server = Server::builder().flag("--limits-process-memory", "64MiB").start();
    let mut bystander = Bystander::new(&server).await;
    let session = server.session().await;
    let mut kept = Vec::new();
    while kept.len() < 5 {
        let value = put(&session, 40 * MIB);
        // Until the one before is written there is no room for another.
        if !not_kept_yet(&value).await {
            kept.push(value);
        }
    }
    assert_eq!(session.describe().await.unwrap().kept_bytes, 200 * MIB as u64);
    bystander.goes_on().await;
    assert!(is_kept(&kept[0], 40 * MIB).await);
}

#[tokio::test]
async fn arguments_that_wait_count_as_memory() {
    let server = Server::builder()
        .flag("--limits-process-memory", "64MiB")
        .flag("--storage-spill", "256MiB")
        .flag("--limits-session-pending-bytes", "1GiB")
        .start();
    let session = server.session().await;
    let mut bystander = Bystander::new(&server).await;
    let observer = observer(&server, &session).await;
    let echo = echo::upload(&session).await;
    let gate = Gate::new(&server, &observer, &1).await;
    assert_eq!(echo.call::<u8>("echo", (1,)).get().await.unwrap(), 1);
    let value = put(&observer, 50 * MIB);
    assert!(is_kept(&value, 50 * MIB).await);
    let first = echo.call::<u8>("echo", (&gate.far::<u8>(),));
    let many: Vec<Far<Bytes>> =
        (0..300).map(|_| echo.call("echo", ("x".repeat(60_000),))).collect();
    let last = many.last().unwrap();
    assert_eq!(failure_of(last).await, ErrorCode::Unavailable);
    bystander.goes_on().await;
    drop(value);
    observer.flush().await.unwrap();
    gate.open().await;
    assert_eq!(first.get().await.unwrap(), 1);
    assert!(many[0].get_raw(None).await.is_ok());
}

async fn failure_of(far: &Far<Bytes>) -> ErrorCode {
    far.get_raw(None).await.unwrap_err().failure().unwrap().code
}

/// The files of compiled code.
fn compiled(data: &Path) -> usize {
    fs::read_dir(data.join("compiled")).unwrap().count()
}

/// A module of about so many bytes.
fn large_module(len: usize) -> String {
    module_with(&format!(r#"(memory 16) (data (i32.const 0) "{}")"#, "x".repeat(len)))
}

#[tokio::test]
async fn the_data_folder_holds_so_much() {
    let data = tempfile::tempdir().unwrap();
    let bounded = || Server::builder().data(data.path()).flag("--limits-data-bytes", "900KiB");
    let server = bounded().start();
    let session = server.session().await;
    // Its bytes fit, its code does not beside them.
    let module = upload_text(&session, "large", &large_module(512 << 10)).await;
    assert_eq!(module.call::<i32>("f", ()).get().await.unwrap(), 1);
    let line = server.wait_for_log("compiled code is not kept");
    assert!(line.contains("the data folder holds 512.0 KiB of 900 KiB already"), "{line}");
    assert_eq!(compiled(data.path()), 0);

    let larger = large_module(600 << 10);
    let larger = || session.uploader(larger.clone().into_bytes()).name("larger").send();
    insta::assert_snapshot!(refused(larger().await), @"
    QuotaExceeded: the data folder holds 512.1 KiB of 900 KiB already; another 600.0 KiB do not fit
    hint: raise limits.data_bytes, or release references and close sessions
    ");
    let other = server.session().await;
    assert_eq!(other.put(&1).get().await.unwrap(), 1, "what needs no space goes on");
    // It stays refused: nothing of it is known.
    assert!(refused(larger().await).starts_with("QuotaExceeded: "));
    // A value that storage can't take stays in memory.
    let value = put(&session, 2 * MIB);
    assert!(is_kept(&value, 2 * MIB).await);
    let _ = server.wait_for_log("could not spill a value");
    assert_eq!(module.call::<i32>("f", ()).get().await.unwrap(), 1);
    drop((module, value, session, other));
    let _ = server.stop();

    // Known by its bytes, it is compiled again.
    let server = bounded().start();
    let session = server.session().await;
    assert!(upload_text(&session, "large", &large_module(512 << 10)).await.known());
    let _ = server.wait_for_log("compiled a module");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn connections_are_bounded_by_descriptors() {
    // Of the limits that the server starts with, the hard one counts.
    let server = Server::builder().descriptors(50, 100).start();
    let line = server.wait_for_log("capacity: ");
    assert!(line.ends_with("50 connections (bounded by descriptors)"), "{line}");
}

/// Why a client can't connect.
async fn no_connection(server: &Server) -> String {
    let builder = Client::builder().url(server.url()).token(&server.token());
    let error = builder.connect().await.unwrap_err();
    let hint = error.hint().map_or_else(String::new, |hint| format!("hint: {hint}\n"));
    format!("{}{hint}", chain(&error)).replace(server.url(), "[url]")
}

#[tokio::test]
async fn there_are_so_many_connections() {
    let server = Server::builder().flag("--connections", "2").start();
    let mut bystander = Bystander::new(&server).await;
    let session = server.session().await;
    insta::assert_snapshot!(no_connection(&server).await, @"
    [url] refuses the connection
    caused by the server has as many connections as it may
    hint: try again later, or raise `connections` on the server
    ");
    bystander.goes_on().await;
    drop(session);
    let again = || Client::builder().url(server.url()).token(&server.token()).connect();
    while again().await.is_err() {}
}

#[tokio::test]
async fn a_connection_introduces_itself_in_time() {
    let server = Server::builder().flag("--handshake-timeout", "1s").start();
    let mut bystander = Bystander::new(&server).await;
    let mut silent = Peer::silent(&server).await;
    insta::assert_snapshot!(told(&silent.refusal().await), @"BadRequest: no greeting came within 1s");
    // So does one that is no WebSocket yet.
    let address = server.url().trim_start_matches("ws://");
    for beginning in ["", "GET / HTTP/1.1\r\nHost: "] {
        let mut socket = TcpStream::connect(address).await.unwrap();
        socket.write_all(beginning.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).await.unwrap();
    }
    // One that has introduced itself is not cut off.
    let mut greeted = Peer::greeted(&server).await;
    tokio::time::timeout(Duration::from_millis(1200), greeted.next()).await.unwrap_err();
    bystander.goes_on().await;
}
