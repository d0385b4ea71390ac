//! Guests that go wrong: panics, traps, limits of a call.

use std::fs;
use std::path::Path;
use std::pin::pin;

use farside::{ErrorCode, LogLevel, LogLine, Session};
use farside_tests::{Server, guest};
use serde::Deserialize;
use serde_bytes::ByteBuf;

use crate::bystander::Bystander;
use crate::sdk;
use crate::told::{broken, failure, told, upload_text};

/// The line of an example guest's source that a backtrace's frame names, without
/// indentation.
fn source_line(frame: &str) -> (String, String) {
    let (function, place) = frame.split_once(" (").unwrap();
    let (file, line) = place.trim_end_matches(')').rsplit_once(':').unwrap();
    let inside = file.split_once("examples/").map_or(file, |(_, inside)| inside);
    let path = Path::new(env!("FARSIDE_CHECKOUT")).join("examples").join(inside);
    let source = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{frame}: {error}"));
    let line: usize = line.parse().unwrap();
    (function.to_owned(), source.lines().nth(line - 1).unwrap().trim().to_owned())
}

#[tokio::test]
async fn a_panic_tells_its_message_and_where_the_guests_own_code_was() {
    let server = Server::start();
    let session = server.session().await;
    let hello = session.upload(guest("hello")).await.unwrap();
    let failure = failure(&hello.call::<()>("boom", ("out of cheese",))).await;
    assert_eq!(failure.code, ErrorCode::Trap);
    let message = failure.to_string();
    assert!(message.starts_with("the guest panicked: out of cheese, at "), "{message}");
    assert!(message.contains("hello/src/lib.rs:"), "{message}");
    let frames: Vec<_> = failure.backtrace.iter().map(|frame| source_line(frame)).collect();
    let frames: Vec<_> =
        frames.iter().map(|(function, line)| (function.as_str(), line.as_str())).collect();
    assert_eq!(
        frames,
        [
            ("hello::inner", r#"panic!("{message}");"#),
            ("hello::outer", "inner(message);"),
            ("boom", "outer(&message);"),
        ]
    );
}

#[tokio::test]
async fn each_trap_says_what_the_guest_did() {
    let server = Server::start();
    let session = server.session().await;
    let traps = upload_text(
        &session,
        "traps",
        r#"(module
            (type $nothing (func))
            (memory 1)
            (table 2 funcref)
            (elem (i32.const 0) $number)
            (func $number (result i32) (i32.const 1))
            (func $deep (export "overflow") (result i32) (i32.add (call $deep) (i32.const 1)))
            (func $inner (unreachable))
            (func $outer (export "unreachable") (call $inner))
            (func (export "divide") (param i32) (result i32)
                (i32.div_s (i32.const 1) (local.get 0)))
            (func (export "quotient") (result i32)
                (i32.div_s (i32.const 0x80000000) (i32.const -1)))
            (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
            (func (export "truncate") (param f64) (result i32) (i32.trunc_f64_s (local.get 0)))
            (func (export "indirect") (param i32)
                (call_indirect (type $nothing) (local.get 0))))"#,
    )
    .await;
    let trap = async |function: &str, args: &[f64]| {
        let far = match (function, args) {
            ("truncate", [x]) => traps.call::<()>(function, (x,)),
            (_, [x]) => traps.call::<()>(function, (*x as i32,)),
            _ => traps.call::<()>(function, ()),
        };
        let text = broken(&far).await;
        traps.renew().await.unwrap();
        text
    };
    insta::assert_snapshot!(trap("unreachable", &[]).await, @"
    Trap: the guest trapped: wasm `unreachable` instruction executed
        in inner
        in outer
    hint: in Rust this is an abort, a failed allocation, or unreachable_unchecked
    ");
    insta::assert_snapshot!(trap("divide", &[0.0]).await, @"
    Trap: the guest trapped: integer divide by zero
        in function 4
    ");
    insta::assert_snapshot!(trap("quotient", &[]).await, @"
    Trap: the guest trapped: integer overflow
        in function 5
    ");
    insta::assert_snapshot!(trap("load", &[65_533.0]).await, @"
    Trap: the guest trapped: out of bounds memory access
        in function 6
    hint: a wrong address, or a recursion that is too deep for the guest's own stack
    ");
    insta::assert_snapshot!(trap("truncate", &[1e300]).await, @"
    Trap: the guest trapped: integer overflow
        in function 7
    ");
    insta::assert_snapshot!(trap("indirect", &[0.0]).await, @"
    Trap: the guest trapped: indirect call type mismatch
        in function 8
    ");
    insta::assert_snapshot!(trap("indirect", &[1.0]).await, @"
    Trap: the guest trapped: uninitialized element
        in function 8
    ");
    insta::assert_snapshot!(trap("indirect", &[2.0]).await, @"
    Trap: the guest trapped: undefined element: out of bounds table access
        in function 8
    ");
    insta::assert_snapshot!(trap("overflow", &[]).await, @"
    Trap: the guest trapped: call stack exhausted
        in deep x 64
    hint: the guest recursed too deep; its stack is 4 MiB
    ");
}

#[tokio::test]
async fn the_host_has_room_where_the_guests_stack_ends() {
    let server = Server::builder().flag("--guests-clock", "true").start();
    let mut bystander = Bystander::new(&server).await;
    let session = server.session().await;
    // The host is called on each level, the last one included.
    let deep = upload_text(
        &session,
        "deep",
        r#"(module
            (import "farside" "log" (func $log (param i32 i32 i32)))
            (import "farside" "clock" (func $clock (result i64)))
            (memory (export "memory") 1)
            (func (export "count") (result i32) (i32.const 1))
            (func $deep (export "deep") (param i64) (result i64)
                (call $log (i32.const 3) (i32.const 0) (i32.const 100))
                (i64.add (call $clock) (call $deep (local.get 0)))))"#,
    )
    .await;
    for _ in 0..3 {
        let told = broken(&deep.call::<i64>("deep", (1,))).await;
        assert!(told.starts_with("Trap: the guest trapped: call stack exhausted\n"), "{told}");
        bystander.goes_on().await;
        deep.renew().await.unwrap();
        assert_eq!(deep.call::<i32>("count", ()).get().await.unwrap(), 1);
    }
}

#[tokio::test]
async fn an_endless_loop_is_stopped_at_its_deadline_while_others_go_on() {
    let server = Server::builder().flag("--limits-call-deadline", "1s").start();
    let mut bystander = Bystander::new(&server).await;
    let session = server.session().await;
    let hello = session.upload(guest("hello")).await.unwrap();
    let spin = hello.call::<()>("spin", ());
    let mut stopped = pin!(failure(&spin));
    let mut answers = 0;
    let stopped = loop {
        tokio::select! {
            failure = &mut stopped => break failure,
            () = bystander.goes_on() => answers += 1,
        }
    };
    assert!(answers > 1, "others wait for the guest that runs");
    insta::assert_snapshot!(told(&stopped), @"
    DeadlineExceeded: the call was stopped: it did not finish within 1s
    hint: look for an endless loop, ask for a longer timeout, or raise limits.call_deadline on the server
    ");
    bystander.goes_on().await;
    insta::assert_snapshot!(broken(&hello.call::<i64>("square", (3,))).await, @"
    Poisoned: the instance of hello was lost to an earlier failure and its state with it
    hint: renew it to go on with a fresh one (farside renew hello)
    caused by DeadlineExceeded: the call was stopped: it did not finish within 1s
    hint: look for an endless loop, ask for a longer timeout, or raise limits.call_deadline on the server
    ");
    hello.renew().await.unwrap();
    assert_eq!(hello.call::<i64>("square", (3,)).get().await.unwrap(), 9);
}

#[tokio::test]
async fn a_call_that_computes_too_much_is_stopped() {
    let server = Server::builder().flag("--limits-call-cpu", "100ms").start();
    let mut bystander = Bystander::new(&server).await;
    let session = server.session().await;
    let hello = session.upload(guest("hello")).await.unwrap();
    insta::assert_snapshot!(broken(&hello.call::<()>("spin", ())).await, @"
    CpuLimit: the call was stopped: it used 100ms of CPU time
    hint: do less in one call, or raise limits.call_cpu on the server
    ");
    let fresh = hello.function("spin").unwrap().fresh();
    let stopped = failure(&fresh.call::<()>(())).await;
    assert_eq!(stopped.code, ErrorCode::CpuLimit);
    bystander.goes_on().await;
}

#[tokio::test]
async fn a_start_function_that_never_ends_is_stopped_as_well() {
    let server = Server::builder().flag("--limits-call-deadline", "100ms").start();
    let session = server.session().await;
    let wat = r#"(module (func $start (loop (br 0))) (start $start) (func (export "f")))"#;
    let module = upload_text(&session, "m", wat).await;
    let stopped = failure(&module.call::<()>("f", ())).await;
    assert_eq!(stopped.code, ErrorCode::DeadlineExceeded);
    assert_eq!(session.describe().await.unwrap().instances, 0);
}

#[tokio::test]
async fn a_trap_after_a_refused_growth_is_a_memory_limit() {
    let server = Server::builder().flag("--limits-session-memory", "4MiB").start();
    let mut bystander = Bystander::new(&server).await;
    let session = server.session().await;
    let logbook = session.upload(guest("logbook")).await.unwrap();
    let line = "x".repeat(3 << 20);
    let refused = broken(&logbook.call::<u64>("add", (&line,))).await;
    assert!(refused.starts_with("MemoryLimit: the guest wanted another "), "{refused}");
    let grows = upload_text(
        &session,
        "grows",
        r#"(module
            (memory 1)
            (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
            (func $must (export "must") (param i32)
                (if (i32.lt_s (memory.grow (local.get 0)) (i32.const 0)) (then (unreachable)))))"#,
    )
    .await;
    // A guest that can do with less goes on.
    assert_eq!(grows.call::<i32>("grow", (100,)).get().await.unwrap(), -1);
    assert_eq!(grows.call::<i32>("grow", (9,)).get().await.unwrap(), 1);
    insta::assert_snapshot!(broken(&grows.call::<()>("must", (100,))).await, @"
    MemoryLimit: the guest wanted another 6.2 MiB of memory, 6.9 MiB in all; the instances of the session use 640 KiB of 4 MiB
        in must
    hint: pass less at once, or raise limits.session_memory on the server
    ");
    bystander.goes_on().await;
    grows.renew().await.unwrap();
    assert_eq!(session.describe().await.unwrap().memory_bytes, 0);
    assert_eq!(grows.call::<i32>("grow", (9,)).get().await.unwrap(), 1);
}

#[derive(Debug, PartialEq, Deserialize)]
struct Refusal {
    reason: String,
    attempts: u32,
}

#[tokio::test]
async fn a_guests_own_error_is_a_value_and_poisons_nothing() {
    let server = Server::start();
    let session = server.session().await;
    let hello = session.upload(guest("hello")).await.unwrap();
    let fail = hello.call::<()>("fail", ("too late",));
    let error = fail.get().await.unwrap_err();
    insta::assert_snapshot!(told(error.failure().unwrap()), @"GuestError: fail returned an error");
    let refusal = Refusal { reason: "too late".to_owned(), attempts: 1 };
    assert_eq!(error.guest_error::<Refusal>(), Some(refusal));
    assert_eq!(error.guest_error::<u32>(), None);
    let outline = session.describe().await.unwrap();
    assert_eq!(outline.modules[0].instance, "live");

    // What depends on it has the error among its causes.
    let dependent = failure(&hello.call::<String>("greet", (&fail,))).await;
    assert_eq!(dependent.code, ErrorCode::GuestError);
    assert_eq!(dependent.root().detail, error.failure().unwrap().detail);
    // An error counts as kept until its reference is released.
    let kept = session.describe().await.unwrap().kept_bytes;
    assert_eq!(kept, error.failure().unwrap().detail.as_ref().unwrap().len() as u64);
    drop(fail);
    assert_eq!(session.describe().await.unwrap().kept_bytes, 0);
}

/// Uploads a guest whose function `f` answers with `len` bytes that begin with
/// these, and gives what its call breaks with.
async fn answer(session: &Session, bytes: &[u8], len: u64, failed: bool) -> String {
    let module = upload_text(session, "f", &sdk::answering(bytes, len, failed, 8)).await;
    broken(&module.call::<ByteBuf>("f", ())).await
}

#[tokio::test]
async fn answers_that_break_the_contract_are_told_apart() {
    let server = Server::start();
    let session = server.session().await;
    // An error value of 100,000 bytes is more than a failure carries.
    let large = [0x92, 0, 0xc6, 0, 1, 0x86, 0xa0];
    insta::assert_snapshot!(answer(&session, &large, 100_007, true).await, @"
    ValueTooLarge: f returned an error of 100005 bytes; an error may have 65536
    hint: return what is large as a value, and say in the error what went wrong
    ");
    insta::assert_snapshot!(answer(&session, b"\x92\x01\xa3odd", 6, true).await, @"InvalidArgument: f: odd");
    insta::assert_snapshot!(answer(&session, b"\x92\x02\xa3odd", 6, true).await, @"GuestError: the result of f could not be encoded: odd");
    insta::assert_snapshot!(answer(&session, b"\x92\x00\xa3odd", 6, true).await, @"GuestError: f returned an error: odd");
    insta::assert_snapshot!(answer(&session, b"\x92\x00\xc1", 3, true).await, @"
    Trap: f failed with an error that is no valid value
    hint: rebuild the guest with a current farside-guest
    ");
    insta::assert_snapshot!(answer(&session, b"\x80", 1, true).await, @"
    Trap: f failed without saying how
    hint: rebuild the guest with a current farside-guest
    ");
    insta::assert_snapshot!(answer(&session, b"\xc1", 1, false).await, @"
    Trap: the result of f is no valid value: no value begins with byte 0xc1 (at 0)
    hint: rebuild the guest with a current farside-guest
    ");
    insta::assert_snapshot!(answer(&session, b"\x01\x02", 2, false).await, @"
    Trap: the result of f is no valid value: there are bytes after the value's end (at 1)
    hint: rebuild the guest with a current farside-guest
    ");
    insta::assert_snapshot!(answer(&session, b"", 0, false).await, @"
    Trap: the result of f is no valid value: the bytes end inside a value
    hint: rebuild the guest with a current farside-guest
    ");
    insta::assert_snapshot!(answer(&session, b"\x01", 8 << 16, false).await, @"
    Trap: the guest's result lies outside its memory
    hint: rebuild the guest with a current farside-guest
    ");
    let reference = b"\xd7\x01\0\0\0\0\0\0\0\x01";
    insta::assert_snapshot!(answer(&session, reference, 10, false).await, @"
    NotMaterializable: the result of f holds a reference
    hint: return the value itself; guests can't make references
    ");
}

#[tokio::test]
async fn the_largest_error_comes_through() {
    let server = Server::start();
    let session = server.session().await;
    // With its head the value is of exactly 64 KiB.
    let head = [0x92, 0, 0xc5, 0xff, 0xfd];
    let wat = sdk::answering(&head, 0xfffd + 5, true, 8);
    let module = upload_text(&session, "f", &wat).await;
    let error = module.call::<()>("f", ()).get().await.unwrap_err();
    let value: ByteBuf = error.guest_error().unwrap();
    assert_eq!(value.len(), 0xfffd);
}

#[tokio::test]
async fn what_a_guest_logs_reaches_the_client() {
    let server = Server::start();
    let session = server.session().await;
    let mut logs = session.logs();
    let logbook = session.upload(guest("logbook")).await.unwrap();
    let clear = logbook.call::<u64>("clear", ());
    assert_eq!(clear.get().await.unwrap(), 0);
    let text = "removed 0 lines".to_owned();
    let line = logs.next().await.unwrap();
    assert_eq!(line, LogLine { of: clear.id(), level: LogLevel::Info, text });

    let talker = upload_text(
        &session,
        "talker",
        r#"(module
            (import "farside" "log" (func $log (param i32 i32 i32)))
            (memory (export "memory") 1)
            (data (i32.const 0) "start call \ff")
            (func $start (call $log (i32.const 2) (i32.const 0) (i32.const 5)))
            (start $start)
            (func (export "say") (param i32)
                (call $log (local.get 0) (i32.const 6) (i32.const 6)))
            (func (export "outside")
                (call $log (i32.const 1) (i32.const 65530) (i32.const 7))))"#,
    )
    .await;
    let said: Vec<_> = (1..=5).map(|level| talker.call::<()>("say", (level,))).collect();
    said[4].get().await.unwrap();
    let mut lines = Vec::new();
    for _ in 0..6 {
        let line = logs.next().await.unwrap();
        let call = said.iter().position(|far| far.id() == line.of).unwrap();
        lines.push(format!("{call} {:?} {:?}", line.level, line.text));
    }
    insta::assert_snapshot!(lines.join("\n"), @r#"
    0 Warn "start"
    0 Error "call �"
    1 Warn "call �"
    2 Info "call �"
    3 Debug "call �"
    4 Debug "call �"
    "#);
    insta::assert_snapshot!(broken(&talker.call::<()>("outside", ())).await, @"
    Trap: the guest was stopped: farside.log was given 7 bytes at 0xfffa, which lie outside the guest's memory
        in function 3
    ");
}
