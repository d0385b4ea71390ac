//! Every ceiling of a session: what goes beyond it fails and says so, everything else
//! goes on. Those of the whole server are in `ceilings`.

use std::fs;
use std::pin::pin;

use bytes::Bytes;
use farside::{ContentType, ErrorCode, Far, RawArguments, Session};
use farside_protocol::Payload;
use farside_tests::{Server, guest};
use futures_util::poll;

use crate::bystander::Bystander;
use crate::gate::Gate;
use crate::peer::{self, Peer};
use crate::told::{broken, failure, refused, told, upload_text};
use crate::{echo, sdk};

/// A module whose function `f` gives a number, with something more in it.
pub(crate) fn module_with(fields: &str) -> String {
    format!(r#"(module {fields} (func (export "f") (result i32) (i32.const 1)))"#)
}

/// A module with a memory of so many pages, which can grow.
pub(crate) fn memory(pages: u32) -> String {
    module_with(&format!(
        r#"(memory {pages})
        (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))"#
    ))
}

fn blob(len: usize) -> Bytes {
    vec![7; len].into()
}

pub(crate) fn put(session: &Session, len: usize) -> Far<Bytes> {
    session.put_bytes(ContentType::named("application/octet-stream"), blob(len))
}

pub(crate) async fn is_kept(far: &Far<Bytes>, len: usize) -> bool {
    matches!(far.get_raw(None).await, Ok((_, bytes)) if bytes == blob(len))
}

/// What the server says instead of keeping a value.
pub(crate) async fn not_kept(far: &Far<Bytes>) -> String {
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
    MemoryLimit: the guest wanted another 1.2 MiB of memory, 1.2 MiB in all; the instances of the session use 1.2 MiB of 2 MiB
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
async fn the_memories_and_tables_of_one_instance_are_counted_together() {
    let server = Server::builder()
        .flag("--limits-session-memory", "2MiB")
        .flag("--limits-session-table-elements", "200")
        .start();
    let mut bystander = Bystander::new(&server).await;
    let session = server.session().await;
    let two = module_with(
        r#"(memory $a 10) (memory $b 10) (table $t 50 funcref) (table $u 50 funcref)
        (func (export "grow_a") (param i32) (result i32) (memory.grow $a (local.get 0)))
        (func (export "grow_b") (param i32) (result i32) (memory.grow $b (local.get 0)))
        (func (export "grow_u") (param i32) (result i32)
            (table.grow $u (ref.null func) (local.get 0)))
        (func (export "must") (param i32)
            (if (i32.lt_s (memory.grow $b (local.get 0)) (i32.const 0)) (then (unreachable))))"#,
    );
    let two = upload_text(&session, "two", &two).await;
    let grow = async |name: &str, by: i32| two.call::<i32>(name, (by,)).get().await.unwrap();
    assert_eq!(grow("grow_b", 13).await, -1);
    assert_eq!(grow("grow_b", 11).await, 10);
    assert_eq!(grow("grow_a", 2).await, -1);
    assert_eq!(grow("grow_a", 1).await, 10);
    assert_eq!(grow("grow_u", 101).await, -1);
    assert_eq!(grow("grow_u", 100).await, 50);
    assert_eq!(session.describe().await.unwrap().memory_bytes, 32 << 16);
    assert_eq!(failure(&two.call::<()>("must", (1,))).await.code, ErrorCode::MemoryLimit);
    assert_eq!(failure(&two.call::<i32>("f", ())).await.code, ErrorCode::Poisoned);

    // What an instance took before it could not have more is given back.
    for fields in ["(memory 20) (memory 20)", "(table 120 funcref) (table 120 funcref)"] {
        let large = upload_text(&session, "large", &module_with(fields)).await;
        let refused = failure(&large.call::<i32>("f", ())).await;
        assert_eq!(refused.code, ErrorCode::MemoryLimit, "{fields}");
        let outline = session.describe().await.unwrap();
        assert_eq!((outline.memory_bytes, outline.instances), (0, 0), "{fields}");
    }
    bystander.goes_on().await;
    two.renew().await.unwrap();
    assert_eq!(grow("grow_u", 100).await, 50);
    for (field, what) in [("(memory 1)", "memories"), ("(table 1 funcref)", "tables")] {
        let five = module_with(&field.repeat(5)).into_bytes();
        let refused = refused(session.uploader(five).name("five").send().await);
        assert!(refused.starts_with(&format!("InvalidModule: the module has more than 4 {what}")));
    }
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
    QuotaExceeded: the session has 6 references, failed ones included; it may have 6
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
    for _ in 0..7 {
        let seq = peer.seq();
        let value = Payload::Inline(peer::packed(&1));
        let content = ContentType::MSGPACK;
        peer.send(&[farside_protocol::Request::Put { seq, content, value }]).await;
    }
    insta::assert_snapshot!(told(&peer.refusal().await), @"
    QuotaExceeded: the session has twice as many references as it may, failures included
    hint: release references that are not needed any more, failed ones too
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
    ValueTooLarge: the result of f is nested too deep: it has 4 levels, and 3 are allowed
    hint: raise limits.value_depth on the server
    ");
    bystander.goes_on().await;
}

/// Another writer of the same session, which is not held up by the first one's calls.
pub(crate) async fn observer(server: &Server, session: &Session) -> Session {
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
    hint: a program can `put` the large part and pass its reference
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
    let mut bystander = Bystander::new(&server).await;
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
    bystander.goes_on().await;
    gate.open().await;
    for far in &held {
        assert_eq!(far.get().await.unwrap(), 1);
    }
    assert_eq!(other.function("echo.echo").value::<u8>((1,)).await.unwrap(), 1);
}

#[tokio::test]
async fn a_guest_logs_so_much_in_one_call() {
    let server = Server::builder().flag("--limits-log-bytes", "58B").start();
    let mut bystander = Bystander::new(&server).await;
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
    bystander.goes_on().await;
}
