//! Every ceiling: what goes beyond it fails and says so, everything else goes on.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use farside::{Client, ContentType, ErrorCode, Far, RawArguments, Session};
use farside_protocol::{Payload, RefState};
use farside_tests::{Server, guest};
use futures_util::poll;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::bystander::Bystander;
use crate::gate::Gate;
use crate::peer::{self, Peer};
use crate::told::{broken, chain, failure, refused, told, upload_text};
use crate::{echo, sdk};

/// A module whose function `f` gives a number, with something more in it.
fn module_with(fields: &str) -> String {
    format!(r#"(module {fields} (func (export "f") (result i32) (i32.const 1)))"#)
}

/// A module with a memory of so many pages, which can grow.
fn memory(pages: u32) -> String {
    module_with(&format!(
        r#"(memory {pages})
        (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))"#
    ))
}

fn blob(len: usize) -> Bytes {
    vec![7; len].into()
}

fn put(session: &Session, len: usize) -> Far<Bytes> {
    session.put_bytes(ContentType::named("application/octet-stream"), blob(len))
}

async fn is_kept(far: &Far<Bytes>, len: usize) -> bool {
    matches!(far.get_raw(None).await, Ok((_, bytes)) if bytes == blob(len))
}

/// What the server says instead of keeping a value.
async fn not_kept(far: &Far<Bytes>) -> String {
    told(far.get_raw(None).await.unwrap_err().failure().unwrap())
}

#[tokio::test]
async fn a_module_of_too_many_bytes_is_refused_before_it_is_sent() {
    let server = Server::builder().flag("--limits-module-bytes", "840KB").start();
    let mut bystander = Bystander::new(&server).await;
    let session = server.session().await;
    let refusal = refused(session.upload(guest("text")).await);
    let size = fs::metadata(guest("text")).unwrap().len().to_string();
    insta::assert_snapshot!(refusal.replace(&size, "[size]"), @"
    ValueTooLarge: the module has [size] bytes; 840000 are allowed
    hint: strip its debug sections, or raise limits.module_bytes on the server
    ");
    assert!(session.wire().bytes_sent < 500);
    bystander.goes_on().await;
}

#[tokio::test]
async fn the_memories_of_a_session_are_counted_together() {
    let server = Server::builder().flag("--limits-session-memory", "2MiB").start();
    let mut bystander = Bystander::new(&server).await;
    let session = server.session().await;
    let one = upload_text(&session, "one", &memory(20)).await;
    let two = upload_text(&session, "two", &memory(20)).await;
    assert_eq!(one.call::<i32>("f", ()).get().await.unwrap(), 1);
    insta::assert_snapshot!(broken(&two.call::<i32>("f", ())).await, @"
    MemoryLimit: the guest wanted its memory to be 1.2 MiB; all instances of the session use 1.2 MiB of 2 MiB
    hint: pass less at once, or raise limits.session_memory on the server
    ");
    let fresh = one.function("f").unwrap().fresh();
    assert_eq!(failure(&fresh.call::<i32>(())).await.code, ErrorCode::MemoryLimit);
    assert_eq!(one.call::<i32>("grow", (100,)).get().await.unwrap(), -1);
    assert_eq!(session.describe().await.unwrap().memory_bytes, 20 << 16);
    // Once one is gone the other has room; nothing was poisoned.
    one.renew().await.unwrap();
    assert_eq!(two.call::<i32>("f", ()).get().await.unwrap(), 1);
    bystander.goes_on().await;
    let impossible = session.uploader(memory(33).into_bytes()).name("large").send().await;
    insta::assert_snapshot!(refused(impossible), @"
    MemoryLimit: the module begins with a memory of 2.1 MiB; a session may have 2 MiB
    hint: raise limits.session_memory on the server
    ");
}

#[tokio::test]
async fn the_tables_of_a_session_are_counted_together() {
    let server = Server::builder().flag("--limits-session-table-elements", "200").start();
    let mut bystander = Bystander::new(&server).await;
    let session = server.session().await;
    let table = |size: u32| {
        module_with(&format!(
            r#"(table {size} funcref)
            (func (export "grow") (param i32) (result i32)
                (table.grow 0 (ref.null func) (local.get 0)))
            (func (export "must") (param i32)
                (if (i32.lt_s (table.grow 0 (ref.null func) (local.get 0)) (i32.const 0))
                    (then (unreachable))))"#
        ))
    };
    let one = upload_text(&session, "one", &table(120)).await;
    let two = upload_text(&session, "two", &table(81)).await;
    assert_eq!(one.call::<i32>("grow", (20,)).get().await.unwrap(), 120);
    assert_eq!(one.call::<i32>("grow", (61,)).get().await.unwrap(), -1);
    insta::assert_snapshot!(broken(&two.call::<i32>("f", ())).await, @"
    MemoryLimit: the guest wanted a table of 81 elements; all instances of the session use 140 of 200
    hint: raise limits.session_table_elements on the server
    ");
    insta::assert_snapshot!(broken(&one.call::<()>("must", (61,))).await, @"
    MemoryLimit: the guest wanted a table of 201 elements; all instances of the session use 140 of 200
        in function 1
    hint: raise limits.session_table_elements on the server
    ");
    assert_eq!(two.call::<i32>("f", ()).get().await.unwrap(), 1);
    bystander.goes_on().await;
    let impossible = session.uploader(table(201).into_bytes()).name("large").send().await;
    insta::assert_snapshot!(refused(impossible), @"
    MemoryLimit: the module begins with a table of 201 elements; a session may have 200
    hint: raise limits.session_table_elements on the server
    ");
}

#[tokio::test]
async fn a_session_has_so_many_instances() {
    let server = Server::builder().flag("--limits-session-instances", "2").start();
    let mut bystander = Bystander::new(&server).await;
    let session = server.session().await;
    let mut modules = Vec::new();
    for name in ["a", "b", "c"] {
        modules.push(upload_text(&session, name, &module_with("")).await);
    }
    assert_eq!(modules[0].call::<i32>("f", ()).get().await.unwrap(), 1);
    // Fresh calls take turns in the place that is left.
    let fresh = modules[1].function("f").unwrap().fresh();
    let turns: Vec<Far<i32>> = (0..20).map(|_| fresh.call(())).collect();
    for turn in &turns {
        assert_eq!(turn.get().await.unwrap(), 1);
    }
    assert_eq!(modules[1].call::<i32>("f", ()).get().await.unwrap(), 1);
    insta::assert_snapshot!(broken(&modules[2].call::<i32>("f", ())).await, @"
    QuotaExceeded: the session has 2 live instances, as many as it may
    hint: use another session for other modules, or raise limits.session_instances on the server
    ");
    insta::assert_snapshot!(broken(&fresh.call::<i32>(())).await, @"
    QuotaExceeded: the session has 2 live instances, as many as it may
    hint: use another session for other modules, or raise limits.session_instances on the server
    ");
    bystander.goes_on().await;
    modules[0].renew().await.unwrap();
    assert_eq!(modules[2].call::<i32>("f", ()).get().await.unwrap(), 1);
}

#[tokio::test]
async fn a_session_has_so_many_references() {
    let server = Server::builder().flag("--limits-session-refs", "6").start();
    let mut bystander = Bystander::new(&server).await;
    let session = server.session().await;
    let module = upload_text(&session, "m", &module_with("")).await;
    let mut kept: Vec<Far<i32>> = (0..6).map(|n| session.put(&n)).collect();
    let refused = session.put(&6);
    insta::assert_snapshot!(broken(&refused).await, @"
    QuotaExceeded: the session has 6 references, as many as it may
    hint: release references that are not needed any more, or raise limits.session_refs on the server
    ");
    assert_eq!(failure(&module.call::<i32>("f", ())).await.code, ErrorCode::QuotaExceeded);
    assert_eq!(failure(&kept[0].select::<i32>("[0]")).await.code, ErrorCode::QuotaExceeded);
    drop(refused);
    kept.pop();
    session.flush().await.unwrap();
    assert_eq!(module.call::<i32>("f", ()).get().await.unwrap(), 1);
    bystander.goes_on().await;
}

#[tokio::test]
async fn a_client_that_goes_on_beyond_its_references_is_hung_up_on() {
    let server = Server::builder().flag("--limits-session-refs", "3").start();
    let mut bystander = Bystander::new(&server).await;
    let mut peer = Peer::attached(&server).await;
    for _ in 0..6 {
        let seq = peer.seq();
        let value = Payload::Inline(peer::packed(&1));
        let content = ContentType::MSGPACK;
        peer.send(&[farside_protocol::Request::Put { seq, content, value }]).await;
    }
    insta::assert_snapshot!(told(&peer.refusal().await), @"
    QuotaExceeded: the session has twice as many references as it may, failures included
    hint: look at the failures of calls, and release references that are not needed any more
    ");
    bystander.goes_on().await;
}

#[tokio::test]
async fn what_a_session_keeps_is_bounded_and_the_largest_are_named() {
    let server = Server::builder().flag("--limits-session-kept-bytes", "1MB").start();
    let mut bystander = Bystander::new(&server).await;
    let session = server.session().await;
    let sizes = [300_000, 100_000, 200_000, 350_000];
    let kept: Vec<Far<Bytes>> = sizes.iter().map(|len| put(&session, *len)).collect();
    let ids: Vec<_> = kept.iter().map(Far::id).collect();
    session.wait(&ids, ids.len(), None).await.unwrap();
    let beyond = put(&session, 60_000);
    let mut told = not_kept(&beyond).await;
    for (far, len) in kept.iter().zip(sizes) {
        told = told.replace(&far.id().to_string(), &format!("[{len}]"));
    }
    insta::assert_snapshot!(told, @"
    QuotaExceeded: keeping 60000 bytes more would pass the session's 1000000 bytes, of which 950000 are used
    hint: release what is not needed; the largest references are [350000] (350000 bytes), [300000] (300000 bytes), [200000] (200000 bytes)
    ");
    // The same for what would be a transfer, and for results.
    assert!(not_kept(&put(&session, 70_000)).await.starts_with("QuotaExceeded: "));
    let echo = echo::upload(&session).await;
    let result = broken(&echo.call::<Vec<u8>>("echo", (&kept[0],))).await;
    assert!(result.starts_with("QuotaExceeded: "), "{result}");
    for (far, len) in kept.iter().zip(sizes) {
        assert!(is_kept(far, len).await);
    }
    drop((kept, beyond));
    session.flush().await.unwrap();
    assert!(is_kept(&put(&session, 900_000), 900_000).await);
    bystander.goes_on().await;
}

#[tokio::test]
async fn a_value_has_so_many_bytes() {
    let server = Server::builder().flag("--limits-value-bytes", "1000B").start();
    let mut bystander = Bystander::new(&server).await;
    let session = server.session().await;
    assert!(is_kept(&put(&session, 1000), 1000).await);
    insta::assert_snapshot!(not_kept(&put(&session, 1001)).await, @"
    ValueTooLarge: the value would be 1001 bytes; a value may have 1000
    hint: split it, or raise limits.value_bytes on the server
    ");
    insta::assert_snapshot!(not_kept(&put(&session, 100_000)).await, @"
    ValueTooLarge: the value would be 100000 bytes; a value may have 1000
    hint: split it, or raise limits.value_bytes on the server
    ");

    let echo = echo::upload(&session).await;
    let half = session.put(&"x".repeat(600));
    let whole = echo.call::<Vec<String>>("echo", ((&half, &half),));
    insta::assert_snapshot!(broken(&whole).await, @"
    ValueTooLarge: the arguments, with the referenced values in them, would be 1208 bytes; a value may have 1000
    hint: split it, or raise limits.value_bytes on the server
    ");
    let large = sdk::answering(b"\xc5\x07\xd0", 2003, false, 8);
    let large = upload_text(&session, "large", &large).await;
    insta::assert_snapshot!(broken(&large.call::<()>("f", ())).await, @"
    ValueTooLarge: the result of f would be 2003 bytes; a value may have 1000
    hint: split it, or raise limits.value_bytes on the server
    ");
    // Neither poisoned anything.
    let outline = session.describe().await.unwrap();
    assert!(outline.modules.iter().all(|module| module.instance == "live"));
    bystander.goes_on().await;
}

/// A number in so many lists.
fn nested(depth: usize) -> Vec<u8> {
    let mut value = vec![0x91; depth];
    value.push(1);
    value
}

#[tokio::test]
async fn a_value_is_nested_so_deep() {
    let server = Server::builder().flag("--limits-value-depth", "3").start();
    let mut bystander = Bystander::new(&server).await;
    let session = server.session().await;
    let put = |depth| session.put_bytes(ContentType::MSGPACK, nested(depth));
    put(3).get_raw(None).await.unwrap();
    insta::assert_snapshot!(not_kept(&put(4)).await, @"
    ValueTooLarge: the value is nested 4 levels deep; 3 are allowed
    hint: flatten it, or raise limits.value_depth on the server
    ");
    let echo = echo::upload(&session).await;
    let args = |depth| RawArguments(nested(depth).into());
    let call = |depth| echo.call::<Vec<u8>>("echo", args(depth));
    call(3).get_raw(None).await.unwrap();
    insta::assert_snapshot!(broken(&call(4)).await, @"
    ValueTooLarge: the arguments are nested 4 levels deep; 3 are allowed
    hint: flatten them, or raise limits.value_depth on the server
    ");
    let deep = sdk::answering(&nested(4), 5, false, 8);
    let deep = upload_text(&session, "deep", &deep).await;
    insta::assert_snapshot!(broken(&deep.call::<()>("f", ())).await, @"
    ValueTooLarge: the result of f is nested 4 levels deep; 3 are allowed
    hint: raise limits.value_depth on the server
    ");
    bystander.goes_on().await;
}

/// Another writer of the same session, which is not held up by the first one's calls.
async fn observer(server: &Server, session: &Session) -> Session {
    server.client().await.attach(session.id(), session.key()).await.unwrap()
}

/// Waits until so many calls of the session are pending.
async fn pending_become(observer: &Session, calls: u64) {
    while observer.describe().await.unwrap().pending_calls != calls {}
}

#[tokio::test]
async fn calls_beyond_the_credit_wait_in_the_client() {
    let server = Server::builder().flag("--limits-session-pending-calls", "4").start();
    let mut bystander = Bystander::new(&server).await;
    let session = server.session().await;
    let observer = observer(&server, &session).await;
    let echo = echo::upload(&session).await;
    let gate = Gate::new(&server, &observer, &"opened").await;
    let first = echo.call::<String>("echo", (&gate.far::<String>(),));
    let many: Vec<Far<u8>> = (0..50).map(|n| echo.call("echo", (n,))).collect();
    let mut ready = pin!(session.ready());
    assert!(poll!(&mut ready).is_pending());
    pending_become(&observer, 4).await;
    assert!(poll!(&mut ready).is_pending());
    bystander.goes_on().await;

    gate.open().await;
    ready.await.unwrap();
    assert_eq!(first.get().await.unwrap(), "opened");
    for (n, far) in (0..50).zip(&many) {
        assert_eq!(far.get().await.unwrap(), n);
    }
}

#[tokio::test]
async fn argument_bytes_beyond_the_credit_wait_in_the_client() {
    let server = Server::builder().flag("--limits-session-pending-bytes", "200kB").start();
    let mut bystander = Bystander::new(&server).await;
    let session = server.session().await;
    let observer = observer(&server, &session).await;
    let echo = echo::upload(&session).await;
    let gate = Gate::new(&server, &observer, &"opened").await;
    let first = echo.call::<String>("echo", (&gate.far::<String>(),));
    // Small ones in their message, larger ones as transfers.
    let text = |n: usize| "x".repeat(if n.is_multiple_of(2) { 60_000 } else { 90_000 });
    let many: Vec<Far<String>> = (0..20).map(|n| echo.call("echo", (text(n),))).collect();
    pending_become(&observer, 3).await;
    bystander.goes_on().await;

    gate.open().await;
    assert_eq!(first.get().await.unwrap(), "opened");
    for (n, far) in many.iter().enumerate() {
        assert!(far.get().await.unwrap() == text(n));
    }
    let never = echo.call::<String>("echo", ("x".repeat(200_000),));
    insta::assert_snapshot!(broken(&never).await, @"
    ValueTooLarge: arguments of 200006 bytes; the server takes 200000 at once
    hint: `put` the large part and pass its reference
    ");
}

#[tokio::test]
async fn a_client_that_exceeds_its_credit_is_hung_up_on() {
    let server = Server::builder()
        .flag("--limits-session-pending-calls", "2")
        .flag("--limits-session-pending-bytes", "100B")
        .start();
    let mut bystander = Bystander::new(&server).await;
    let session = server.session().await;
    echo::upload(&session).await;
    let mut peer = Peer::beside(&server, &session).await;
    let seq = peer.seq();
    peer.send(&[peer::put_later(seq, 10)]).await;
    let held = (farside_protocol::value::FarArg(peer.far(seq)),);
    for _ in 0..3 {
        peer.call("echo", &held).await;
    }
    insta::assert_snapshot!(told(&peer.refusal().await), @"
    BadRequest: the client made more calls, or sent more argument bytes, than it had credit for
    hint: wait for the credit that acknowledgements bring
    ");

    let mut peer = Peer::beside(&server, &session).await;
    peer.call("echo", &("x".repeat(100),)).await;
    assert_eq!(peer.refusal().await.code, ErrorCode::BadRequest);
    bystander.goes_on().await;
}

#[tokio::test]
async fn writers_of_a_session_share_its_pending_calls() {
    let server = Server::builder()
        .flag("--limits-session-pending-calls", "2")
        .flag("--limits-session-pending-bytes", "100B")
        .start();
    let session = server.session().await;
    let other = observer(&server, &session).await;
    let echo = echo::upload(&session).await;
    let gate = Gate::new(&server, &other, &1).await;
    let held: Vec<Far<u8>> = (0..2).map(|_| echo.call("echo", (&gate.far::<u8>(),))).collect();
    pending_become(&other, 2).await;
    let beyond = other.function("echo.echo").call::<u8>((1,));
    insta::assert_snapshot!(broken(&beyond).await, @"
    QuotaExceeded: the session has 2 pending calls with 22 bytes of arguments; 2 calls and 100 B are allowed
    hint: wait for results before making more calls
    ");
    gate.open().await;
    for far in &held {
        assert_eq!(far.get().await.unwrap(), 1);
    }
    assert_eq!(other.function("echo.echo").value::<u8>((1,)).await.unwrap(), 1);
}

#[tokio::test]
async fn there_are_so_many_sessions() {
    for (flag, code) in
        [("--limits-sessions", "Unavailable"), ("--limits-owner-sessions", "QuotaExceeded")]
    {
        let server = Server::builder().flag(flag, "2").start();
        let mut bystander = Bystander::new(&server).await;
        let session = server.session().await;
        let refused = server.client().await.session().await.unwrap_err();
        let told = told(refused.failure().unwrap());
        let setting = flag.trim_start_matches("--limits-").replace('-', "_");
        let told = told.replace(&format!("limits.{setting}"), "[setting]").replace(code, "[code]");
        insta::allow_duplicates! {
            insta::assert_snapshot!(told, @"
            [code]: there are 2 sessions already, as many as may be
            hint: close sessions, or raise [setting] on the server
            ");
        }
        bystander.goes_on().await;
        session.close().await.unwrap();
        server.session().await;
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
    first.close().await.unwrap();
    assert_eq!(waiting.get().await.unwrap(), 1);
}

#[tokio::test]
async fn a_guest_logs_so_much_in_one_call() {
    let server = Server::builder().flag("--limits-log-bytes", "10B").start();
    let session = server.session().await;
    let mut logs = session.logs();
    let talker = upload_text(
        &session,
        "talker",
        r#"(module
            (import "farside" "log" (func $log (param i32 i32 i32)))
            (memory (export "memory") 1)
            (data (i32.const 0) "abcd")
            (func (export "talk") (param $times i32)
                (loop
                    (call $log (i32.const 3) (i32.const 0) (i32.const 4))
                    (local.set $times (i32.sub (local.get $times) (i32.const 1)))
                    (br_if 0 (local.get $times)))))"#,
    )
    .await;
    talker.call::<()>("talk", (100_000,)).get().await.unwrap();
    // Each call has its own allowance.
    talker.call::<()>("talk", (1,)).get().await.unwrap();
    let mut lines = String::new();
    for _ in 0..5 {
        let line = logs.next().await.unwrap();
        lines += &format!("{:?}: {}\n", line.level, line.text);
    }
    insta::assert_snapshot!(lines, @"
    Info: abcd
    Info: abcd
    Info: ab
    Warn: the log of this call is cut here: it reached limits.log_bytes
    Info: abcd
    ");
}

const MIB: usize = 1 << 20;

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
    reader.send(&[farside_protocol::Request::Get { seq, of: value.id(), path: None }]).await;
    reader.next().await;
    drop(value);
    assert_eq!(session.describe().await.unwrap().kept_bytes, 0);
    assert!(not_kept(&put(&session, 40 * MIB)).await.starts_with("Unavailable: "));
    reader.send(&[farside_protocol::Request::Abort { transfer: seq }]).await;
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
    QuotaExceeded: the data folder holds 512.0 KiB of 900 KiB already; another 600.0 KiB do not fit
    hint: raise limits.data_bytes, or release references and close sessions
    ");
    // It stays refused: nothing of it is known.
    assert!(refused(larger().await).starts_with("QuotaExceeded: "));
    // A value that storage can't take stays in memory.
    let value = put(&session, 2 * MIB);
    assert!(is_kept(&value, 2 * MIB).await);
    let _ = server.wait_for_log("could not spill a value");
    assert_eq!(module.call::<i32>("f", ()).get().await.unwrap(), 1);
    drop((module, value, session));
    let _ = server.stop();

    // Known by its bytes, it is compiled again.
    let server = bounded().start();
    let session = server.session().await;
    assert!(upload_text(&session, "large", &large_module(512 << 10)).await.known());
    let _ = server.wait_for_log("compiled a module");
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
    let server = Server::builder().flag("--handshake-timeout", "100ms").start();
    let mut bystander = Bystander::new(&server).await;
    let mut silent = Peer::silent(&server).await;
    insta::assert_snapshot!(told(&silent.refusal().await), @"BadRequest: no greeting came within 100ms");
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
    tokio::time::timeout(Duration::from_millis(150), greeted.next()).await.unwrap_err();
    bystander.goes_on().await;
}
