//! CPU time of sessions and owners: all that their calls use counts, and counts once.

#[cfg(target_os = "linux")]
use std::fs;

use farside::{ErrorCode, Far, Module, Session};
use farside_tests::{Server, guest};

use crate::bystander::Bystander;
use crate::told::{broken, failure, told, upload_text};

/// A module that goes round a loop so many times, and says how many those were.
const WORK: &str = r#"(module
    (func (export "work") (param i64) (result i64)
        (local $n i64)
        (loop $again
            (local.set $n (i64.add (local.get $n) (i64.const 1)))
            (br_if $again (i64.lt_u (local.get $n) (local.get 0))))
        (local.get $n)))"#;

async fn worker(session: &Session) -> Module {
    upload_text(session, "worker", WORK).await
}

async fn cpu_us(session: &Session) -> u64 {
    session.describe().await.unwrap().cpu_us
}

#[tokio::test]
async fn a_session_uses_so_much_cpu_time_in_all() {
    let server = Server::builder().flag("--limits-session-cpu", "100ms").start();
    let mut bystander = Bystander::new(&server).await;
    let session = server.session().await;
    let (hello, worker) = (session.upload(guest("hello")).await.unwrap(), worker(&session).await);
    assert_eq!(worker.call::<i64>("work", (10,)).get().await.unwrap(), 10);
    let waits = hello.call::<()>("spin", ());
    let behind = hello.call::<i64>("square", (3,));
    insta::assert_snapshot!(broken(&waits).await, @"
    CpuLimit: the call was stopped: the session's calls have used 100ms of CPU time, all they may
    hint: open another session, or raise limits.session_cpu on the server
    ");
    assert_eq!(failure(&behind).await.code, ErrorCode::Poisoned);
    // Nothing more begins, and nothing else is lost.
    let fresh = worker.function("work").unwrap().fresh();
    let items = session.put(&[1, 2]);
    let more: [Far<i64>; 3] = [
        worker.call("work", (10,)),
        fresh.call((10,)),
        items.map(&worker.function("work").unwrap()),
    ];
    for refused in &more {
        let refused = broken(refused).await;
        insta::allow_duplicates! {
            insta::assert_snapshot!(refused, @"
            CpuLimit: the session's calls have used 100ms of CPU time, all they may
            hint: open another session, or raise limits.session_cpu on the server
            ");
        }
    }
    let outline = session.describe().await.unwrap();
    let states: Vec<_> = outline.modules.iter().map(|module| &*module.instance).collect();
    assert_eq!(states, ["poisoned", "live"]);
    assert!(outline.cpu_us >= 100_000, "{}", outline.cpu_us);
    assert_eq!(session.put(&5).get().await.unwrap(), 5);
    bystander.goes_on().await;
    let other = server.session().await;
    let worker = upload_text(&other, "worker", WORK).await;
    assert_eq!(worker.call::<i64>("work", (10,)).get().await.unwrap(), 10);
}

#[tokio::test]
async fn the_shortest_calls_add_up() {
    let server = Server::builder().flag("--limits-session-cpu", "20ms").start();
    let session = server.session().await;
    let worker = worker(&session).await;
    let mut calls = 0;
    let refused = loop {
        match worker.call::<i64>("work", (20_000,)).get().await {
            Ok(rounds) => assert_eq!(rounds, 20_000),
            Err(error) => break error.failure().unwrap().clone(),
        }
        calls += 1;
        // That many would take far longer than 20 ms.
        assert!(calls < 1_000_000);
    };
    assert_eq!(refused.code, ErrorCode::CpuLimit);
    assert!(calls > 3, "each of them is short");
    assert!(cpu_us(&session).await >= 20_000);
}

/// CPU time that a process has used, in microseconds, in steps of 10 ms.
#[cfg(target_os = "linux")]
fn process_us(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let ticks = fields.split_whitespace().skip(11).take(2);
    ticks.map(|ticks| ticks.parse::<u64>().unwrap() * 10_000).sum()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_calls_of_calls_use_counts_once() {
    let server = Server::start();
    let session = server.session().await;
    let worker = worker(&session).await;
    let work = worker.function("work").unwrap();
    // What ends within its first tick, and what goes on after it.
    for (items, rounds) in [(400, 1_000_000), (60, 10_000_000)] {
        let items = session.put(&vec![rounds; items]);
        let (before, process) = (cpu_us(&session).await, process_us(server.pid()));
        items.map::<Vec<i64>>(&work).get().await.unwrap();
        let used = cpu_us(&session).await - before;
        let process = process_us(server.pid()) - process;
        assert!(used > 20_000, "{used} us");
        assert!(used <= process + 20_000, "{used} of {process} us");
    }
}

/// A text with the time that it says to wait left out.
fn without_time(text: String) -> String {
    let (before, rest) = text.split_once("try again in ").unwrap();
    let (seconds, after) = rest.split_once(" s,").unwrap();
    let seconds: u64 = seconds.parse().unwrap();
    assert!((1..=3600).contains(&seconds), "{seconds} s");
    format!("{before}try again in [n] s,{after}")
}

#[tokio::test]
async fn compiling_an_owners_modules_counts_for_it() {
    let server = Server::builder().flag("--limits-owner-cpu-per-minute", "100ms").start();
    let session = server.session().await;
    // It takes longer than that, and is not stopped for it.
    let text = crate::compiling::laborious(400);
    session.uploader(text.into_bytes()).name("long").send().await.unwrap();
    let upload = session.uploader(WORK.as_bytes().to_vec()).name("worker").send().await;
    insta::assert_snapshot!(without_time(crate::told::refused(upload)), @"
    QuotaExceeded: the owner's sessions have used 100ms of CPU time within a minute, all they may
    hint: try again in [n] s, or raise limits.owner_cpu_per_minute on the server
    ");
    let other = crate::owners::session_of(&server, &["other"]).await;
    let worker = worker(&other).await;
    assert_eq!(worker.call::<i64>("work", (10,)).get().await.unwrap(), 10);
}

#[tokio::test]
async fn an_owner_uses_so_much_cpu_time_in_a_minute() {
    let server = Server::builder().flag("--limits-owner-cpu-per-minute", "2s").start();
    let (one, two) = (server.session().await, server.session().await);
    let hello = one.upload(guest("hello")).await.unwrap();
    let worker = worker(&two).await;
    assert_eq!(worker.call::<i64>("work", (10,)).get().await.unwrap(), 10);
    insta::assert_snapshot!(without_time(broken(&hello.call::<()>("spin", ())).await), @"
    QuotaExceeded: the call was stopped: the owner's sessions have used 2s of CPU time within a minute, all they may
    hint: try again in [n] s, or raise limits.owner_cpu_per_minute on the server
    ");
    // Whichever session used it.
    insta::assert_snapshot!(without_time(broken(&worker.call::<i64>("work", (10,))).await), @"
    QuotaExceeded: the owner's sessions have used 2s of CPU time within a minute, all they may
    hint: try again in [n] s, or raise limits.owner_cpu_per_minute on the server
    ");
    let outline = two.describe().await.unwrap();
    assert_eq!(outline.modules[0].instance, "live");
    assert_eq!(two.put(&5).get().await.unwrap(), 5);
    let third = server.session().await;
    let hello = third.upload(guest("hello")).await.unwrap();
    let refused = failure(&hello.call::<i64>("square", (3,))).await;
    assert_eq!(refused.code, ErrorCode::QuotaExceeded, "{}", told(&refused));
}
