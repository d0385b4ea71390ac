//! What a client could pile up: each has a bound, and what nobody reads takes no memory.

use std::time::Duration;

use farside::{ErrorCode, Far, LogLevel};
use farside_protocol::{Payload, Reply, Request, caps};
use farside_tests::{Server, guest};

use crate::bystander::Bystander;
use crate::echo;
use crate::gate::Gate;
use crate::limits::{module_with, observer, put};
use crate::local::Local;
use crate::peer::{self, Peer, packed};
use crate::told::{failure, refused, told, upload_text};

#[cfg(target_os = "linux")]
#[tokio::test]
async fn answers_that_nobody_reads_take_no_memory() {
    const SIZE: usize = 60_000;
    const COUNT: usize = 10_000;
    let server = Server::start();
    let session = server.session().await;
    let value = session.put(serde_bytes::Bytes::new(&[7; SIZE]));
    let mut gate = Gate::new(&server, &session, &serde_bytes::Bytes::new(&[7; SIZE])).await;
    value.get_raw(None).await.unwrap();
    let before = peak_memory(server.pid());
    // Asked of a value that is there, and of one that comes later.
    for of in [value.id(), gate.id()] {
        let mut peer = Peer::beside(&server, &session).await;
        let gets: Vec<Request> =
            (0..COUNT).map(|_| Request::Get { seq: peer.seq(), of, path: None }).collect();
        peer.send(&gets).await;
        if of == gate.id() {
            gate.send().await;
        }
        session.flush().await.unwrap();
        let mut answers = 0;
        while answers < COUNT {
            answers += usize::from(matches!(peer.next().await, Reply::Value { .. }));
        }
    }
    let grown = peak_memory(server.pid()) - before;
    assert!(grown < (COUNT * SIZE) as u64 / 10, "{grown} bytes more at the peak");
}

/// The most memory that a process ever had.
#[cfg(target_os = "linux")]
fn peak_memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

#[tokio::test]
async fn unanswered_questions_have_a_bound() {
    let server = Server::builder().flag("--limits-session-refs", "50").start();
    let session = server.session().await;
    let gate = Gate::new(&server, &session, &"late").await;
    let mut peer = Peer::beside(&server, &session).await;
    let mut asked: Vec<Request> =
        (0..40).map(|_| Request::Get { seq: peer.seq(), of: gate.id(), path: None }).collect();
    let wait = |seq| Request::Wait { seq, refs: vec![gate.id(); 10], count: 1, timeout_ms: None };
    asked.push(wait(peer.seq()));
    peer.send(&asked).await;
    let beyond = peer.get(gate.id()).await.unwrap_err();
    insta::assert_snapshot!(told(&beyond), @"
    QuotaExceeded: the session's unanswered questions name 50 references; 50 are allowed
    hint: await answers before asking more, or raise limits.session_refs on the server
    ");
    // An answer, be it that the time is over, makes room for another question.
    drop(peer);
    let mut peer = Peer::beside(&server, &session).await;
    for _ in 0..100 {
        let seq = peer.seq();
        let wait = Request::Wait { seq, refs: vec![gate.id(); 50], count: 1, timeout_ms: Some(1) };
        peer.send(&[wait]).await;
        assert!(matches!(peer.next().await, Reply::Waited { .. }));
    }
    let last = peer.seq();
    peer.send(&[Request::Get { seq: last, of: gate.id(), path: None }]).await;
    gate.open().await;
    assert_eq!(peer.answer(last).await.unwrap(), packed(&"late"));
}

/// Two functions of very long names that end deep in each other.
fn deep(name: &str) -> String {
    format!(
        r#"(module
            (func $a{name} (export "deep") (param i32)
                (if (i32.eqz (local.get 0)) (then (unreachable)))
                (call $b{name} (i32.sub (local.get 0) (i32.const 1))))
            (func $b{name} (param i32)
                (if (i32.eqz (local.get 0)) (then (unreachable)))
                (call $a{name} (i32.sub (local.get 0) (i32.const 1)))))"#
    )
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_failure_of_many_calls_is_kept_once_and_cut() {
    const CALLS: usize = 1000;
    let server = Server::start();
    let mut bystander = Bystander::new(&server).await;
    let session = server.session().await;
    let name = "x".repeat(100_000);
    let deep = upload_text(&session, "deep", &deep(&name)).await;
    let gate = Gate::new(&server, &session, &100).await;
    let first = deep.call::<()>("deep", (&gate.far::<i32>(),));
    let queued: Vec<Far<()>> = (0..CALLS).map(|_| deep.call("deep", (0,))).collect();
    session.flush().await.unwrap();
    let before = peak_memory(server.pid());
    gate.open().await;
    let ids: Vec<_> = queued.iter().map(Far::id).collect();
    session.wait(&ids, CALLS, None).await.unwrap();
    let grown = peak_memory(server.pid()) - before;
    assert!(grown < 20 << 20, "{grown} bytes more at the peak");

    let first = failure(&first).await;
    assert_eq!(first.backtrace.len(), caps::BACKTRACE_FRAMES);
    assert!(first.backtrace.iter().all(|frame| frame.len() <= caps::BACKTRACE_FRAME_BYTES));
    let last = failure(queued.last().unwrap()).await;
    assert_eq!(last.code, ErrorCode::Poisoned);
    assert_eq!(last.root().backtrace, first.backtrace, "the cause is told to each of them");
    bystander.goes_on().await;
}

#[tokio::test]
async fn a_failure_that_the_session_has_no_room_for_is_kept_in_brief() {
    let server = Server::builder().flag("--limits-session-kept-bytes", "8kB").start();
    let session = server.session().await;
    let name = "y".repeat(400);
    let deep = upload_text(&session, "deep", &deep(&name)).await;
    let refused = failure(&deep.call::<()>("deep", (100,))).await;
    assert_eq!(refused.code, ErrorCode::QuotaExceeded);
    insta::assert_snapshot!(told(refused.root()), @"Trap: the guest trapped: wasm `unreachable` instruction executed");
    deep.renew().await.unwrap();
    let few = deep.call::<()>("deep", (3,));
    assert_eq!(failure(&few).await.backtrace.len(), 4);
    let kept = session.describe().await.unwrap().kept_bytes;
    assert!((1000..2000).contains(&kept), "{kept} bytes are kept");
    drop(few);
    assert_eq!(session.describe().await.unwrap().kept_bytes, 0);
}

#[tokio::test]
async fn a_long_name_in_arguments_is_told_in_part() {
    let server = Server::start();
    let session = server.session().await;
    echo::upload(&session).await;
    let args = std::collections::BTreeMap::from([("z".repeat(1 << 20), 1)]);
    let raw = farside::RawArguments(packed(&args));
    let failure = failure(&session.function("echo.echo").call::<i32>(raw)).await;
    assert_eq!(failure.code, ErrorCode::InvalidArgument);
    let expected = format!("echo has no parameter `{}`; it takes `value`", "z".repeat(256));
    assert_eq!(failure.message, expected);
}

/// Logs a text of so many bytes, so many times.
const TALKER: &str = r#"(module
    (import "farside" "log" (func $log (param i32 i32 i32)))
    (memory (export "memory") 4)
    (func (export "fill") (param i32)
        (memory.fill (i32.const 0) (local.get 0) (i32.const 200000)))
    (func (export "talk") (param $len i32) (param $times i32)
        (loop
            (call $log (i32.const 3) (i32.const 0) (local.get $len))
            (local.set $times (i32.sub (local.get $times) (i32.const 1)))
            (br_if 0 (local.get $times)))))"#;

#[tokio::test]
async fn a_log_line_of_any_length_and_bytes_reaches_the_client() {
    let server = Server::builder().flag("--limits-log-bytes", "300kB").start();
    let session = server.session().await;
    let talker = upload_text(&session, "talker", TALKER).await;
    let mut logs = session.logs();
    // Bytes that are no UTF-8 are three times as long once they are decoded.
    talker.call::<()>("fill", (0xff,)).get().await.unwrap();
    talker.call::<()>("talk", (200_000, 1)).get().await.unwrap();
    let mut lengths = Vec::new();
    loop {
        let line = logs.next().await.unwrap();
        if line.level == LogLevel::Warn {
            break;
        }
        assert!(line.text.chars().all(|char| char == char::REPLACEMENT_CHARACTER));
        lengths.push(line.text.len());
    }
    let most = caps::INLINE_BYTES / 3 * 3;
    let rest = (300_000 - 4 * (most + 16) - 16) / 3 * 3;
    assert_eq!(lengths, [most, most, most, most, rest]);
    // A line without text is not for nothing.
    talker.call::<()>("talk", (0, 1_000_000)).get().await.unwrap();
    let mut empty = 0;
    while logs.next().await.unwrap().level != LogLevel::Warn {
        empty += 1;
    }
    let counted = empty + logs.missed();
    assert!(counted <= 300_000 / 16 + 1, "{counted} lines");
    assert_eq!(talker.call::<()>("fill", (1,)).get().await.unwrap(), ());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn log_lines_that_nobody_reads_take_no_memory() {
    let server = Server::builder().flag("--limits-log-bytes", "1GiB").start();
    let mut bystander = Bystander::new(&server).await;
    let session = server.session().await;
    upload_text(&session, "talker", TALKER).await;
    let mut peer = Peer::beside(&server, &session).await;
    let before = peak_memory(server.pid());
    let talk = peer.call("talker.talk", &(100, 200_000)).await;
    session.wait(&[peer.far(talk)], 1, None).await.unwrap();
    let grown = peak_memory(server.pid()) - before;
    assert!(grown < 8 << 20, "{grown} bytes more at the peak");
    bystander.goes_on().await;
    // Whether lines are left out depends on how much the system's own buffers take;
    // what comes after them comes in any case.
    assert_eq!(peer.get(peer.far(talk)).await.unwrap(), packed(&()));
}

#[tokio::test]
async fn a_cancel_does_not_stand_behind_calls_without_credit() {
    let server = Server::builder().flag("--limits-session-pending-calls", "2").start();
    let session = server.session().await;
    let observer = observer(&server, &session).await;
    let hello = session.upload(guest("hello")).await.unwrap();
    let spin = hello.function("spin").unwrap().fresh();
    let spinning: Vec<Far<()>> = (0..20).map(|_| spin.call(())).collect();
    let square = hello.call::<i64>("square", (3,));
    while observer.describe().await.unwrap().pending_calls < 2 {}
    spinning.iter().for_each(Far::cancel);
    for far in &spinning {
        assert_eq!(failure(far).await.code, ErrorCode::Cancelled);
    }
    assert_eq!(square.get().await.unwrap(), 9);
}

#[tokio::test]
async fn a_call_that_is_cancelled_before_it_comes_never_runs() {
    let server = Server::start();
    let session = server.session().await;
    session.upload(guest("logbook")).await.unwrap();
    let mut peer = Peer::beside(&server, &session).await;
    let seq = peer.seq();
    let cancel = Request::Cancel { of: peer.far(seq) };
    let add = peer::call(seq, "logbook.add", Payload::Inline(packed(&("never",))));
    peer.send(&[cancel.clone(), cancel, add]).await;
    assert_eq!(peer.get(peer.far(seq)).await.unwrap_err().code, ErrorCode::Cancelled);
    assert_eq!(session.function("logbook.add").value::<u64>(("first",)).await.unwrap(), 1);
    // Not without bound.
    let cancels: Vec<Request> = (0..=caps::CANCELS_AHEAD as u64)
        .map(|ahead| farside_protocol::Seq::new(1000 + ahead).unwrap())
        .map(|seq| Request::Cancel { of: peer.far(seq) })
        .collect();
    peer.send(&cancels).await;
    insta::assert_snapshot!(told(&peer.refusal().await), @"BadRequest: more than 1024 calls were cancelled before they came");
}

#[tokio::test]
async fn a_call_that_waits_for_an_instance_can_be_cancelled_and_times_out() {
    let server = Server::builder()
        .flag("--limits-instances", "1")
        .flag("--limits-instance-wait", "1h")
        .start();
    let mut bystander = Bystander::new(&server).await;
    let session = server.session().await;
    let module = upload_text(&session, "m", &module_with("")).await;
    let waiting = module.call::<i32>("f", ());
    session.flush().await.unwrap();
    waiting.cancel();
    assert_eq!(failure(&waiting).await.code, ErrorCode::Cancelled);
    let impatient = module.function("f").unwrap().timeout(Duration::from_millis(20));
    for impatient in [impatient.clone(), impatient.fresh()] {
        let late = failure(&impatient.call::<i32>(())).await;
        assert_eq!(late.code, ErrorCode::DeadlineExceeded);
        insta::allow_duplicates! {
            insta::assert_snapshot!(late, @"the call's timeout ran out before it could begin");
        }
    }
    bystander.goes_on().await;
    assert_eq!(session.describe().await.unwrap().modules[0].instance, "none");
}

#[tokio::test]
async fn transfers_under_way_have_a_bound() {
    let server = Server::start();
    let mut bystander = Bystander::new(&server).await;
    let session = server.session().await;
    let mut peer = Peer::beside(&server, &session).await;
    let puts: Vec<_> = (0..caps::TRANSFERS).map(|_| peer::put_later(peer.seq(), 10)).collect();
    peer.send(&puts).await;
    let beyond = peer.seq();
    peer.send(&[peer::put_later(beyond, 10)]).await;
    insta::assert_snapshot!(told(&peer.answer(beyond).await.unwrap_err()), @"
    QuotaExceeded: 4096 transfers of the connection are under way
    hint: wait until some of them have ended
    ");
    // One that is cancelled makes room, and its client is told to send no more.
    let first = farside_protocol::Seq::FIRST;
    peer.send(&[Request::Cancel { of: peer.far(first) }]).await;
    assert_eq!(peer.answer(first).await.unwrap_err().code, ErrorCode::Cancelled);
    assert_eq!(session.describe().await.unwrap().kept_bytes, 10 * (caps::TRANSFERS as u64 - 1));
    let seq = peer.seq();
    peer.send(&[peer::put_later(seq, 1), peer::chunk(seq, 0, vec![1])]).await;
    assert_eq!(peer.get(peer.far(seq)).await.unwrap(), packed(&1));
    bystander.goes_on().await;
}

#[tokio::test]
async fn values_on_their_way_to_a_client_have_a_bound() {
    let server = Server::start();
    let mut bystander = Bystander::new(&server).await;
    let session = server.session().await;
    let value = put(&session, 1 << 20);
    session.wait(&[value.id()], 1, None).await.unwrap();
    let mut peer = Peer::beside(&server, &session).await;
    let gets: Vec<Request> = (0..16 * 1024)
        .map(|_| Request::Get { seq: peer.seq(), of: value.id(), path: None })
        .collect();
    peer.send(&gets).await;
    insta::assert_snapshot!(told(&peer.get(value.id()).await.unwrap_err()), @"
    QuotaExceeded: 16384 values are on their way to the client
    hint: read them, or give them up, before asking for more
    ");
    bystander.goes_on().await;
}

#[tokio::test]
async fn modules_that_a_session_has_had_have_a_bound() {
    let server = Server::start();
    let mut bystander = Bystander::new(&server).await;
    let session = server.session().await;
    let modules = [module_with(""), module_with("(memory 1)")];
    let upload = |n: usize| {
        let bytes = modules[n % 2].clone().into_bytes();
        session.uploader(bytes).name("m").send()
    };
    // Held by another session, they need not be loaded again and again.
    let other = server.session().await;
    for (n, module) in modules.iter().enumerate() {
        upload_text(&other, &format!("m{n}"), module).await;
    }
    for n in 0..4096 {
        upload(n).await.unwrap();
    }
    insta::assert_snapshot!(refused(upload(4096).await), @"
    QuotaExceeded: the session has had 4096 modules, as many as it can number
    hint: open a new session (on the command line: farside session new)
    ");
    assert_eq!(session.function("m.f").value::<i32>(()).await.unwrap(), 1);
    bystander.goes_on().await;
}

#[tokio::test]
async fn one_frame_does_not_hold_up_the_others() {
    const PARTS: usize = 2000;
    // One thread for all connections.
    let server = Server::builder().env("TOKIO_WORKER_THREADS", "1").start();
    let mut bystander = Bystander::new(&server).await;
    let session = server.session().await;
    let observer = observer(&server, &session).await;
    let list = session.put(&vec![1_u8; 60_000]);
    assert_eq!(list.get_part::<u8>("[-1]").await.unwrap(), 1);
    let mut peer = Peer::beside(&server, &session).await;
    let parts: Vec<Request> = (0..PARTS)
        .map(|_| Request::Select { seq: peer.seq(), of: list.id(), path: "[-1]".into() })
        .collect();
    peer.send(&parts).await;
    let mut seen = 0;
    while seen == 0 {
        bystander.goes_on().await;
        seen = observer.describe().await.unwrap().refs - 1;
    }
    assert!(seen < PARTS as u64, "others had to wait for the whole frame");
}

#[tokio::test]
async fn a_connection_that_is_dropped_detaches() {
    let local = Local::start().await;
    let (near, far) = farside::memory_transport();
    let server = local.server.clone();
    let serving = tokio::spawn(async move { server.accept(far).await });
    let client = farside::Client::over(near, local.server.token()).await.unwrap();
    let session = client.session().await.unwrap();
    let (id, key) = (session.id(), session.key());
    serving.abort();
    let _ = serving.await;
    let again = local.client(local.server.token()).await.unwrap();
    let again = again.attach(id, key).await.unwrap();
    assert_eq!(again.describe().await.unwrap().connections, 1);
}

#[tokio::test]
async fn a_replaced_instance_goes_while_a_fresh_call_of_its_module_waits() {
    let server = Server::start();
    let session = server.session().await;
    let echo = echo::upload(&session).await;
    assert_eq!(echo.call::<u8>("echo", (1,)).get().await.unwrap(), 1);
    let gate = Gate::new(&server, &session, &"waited").await;
    let fresh = echo.function("echo").unwrap().fresh();
    let waiting = fresh.call::<String>((&gate.far::<String>(),));
    session.flush().await.unwrap();
    upload_text(&session, "echo", &module_with("")).await;
    while session.describe().await.unwrap().instances > 0 {}
    gate.open().await;
    assert_eq!(waiting.get().await.unwrap(), "waited");
}
