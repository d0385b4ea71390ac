//! What waits for what: one queue for each instance, nothing else in line.

use std::time::Duration;

use farside::{ErrorCode, Far, RefState, Session};
use farside_tests::{Server, guest};
use serde::Deserialize;

use crate::gate::Gate;

#[derive(Deserialize)]
struct Entry {
    line: String,
}

async fn lines(session: &Session) -> Vec<String> {
    let entries: Vec<Entry> = session.function("logbook.last").value((100,)).await.unwrap();
    entries.into_iter().map(|entry| entry.line).collect()
}

#[tokio::test]
async fn calls_enter_an_instance_in_the_order_they_were_made() {
    let server = Server::start();
    let session = server.session().await;
    let logbook = session.upload(guest("logbook")).await.unwrap();
    session.upload(guest("text")).await.unwrap();
    let gate = Gate::new(&server, &session, &"first").await;

    let first = logbook.call::<u64>("add", (gate.far::<String>(),));
    let second = logbook.call::<u64>("add", ("second",));
    let value = session.put(&"outside".to_owned());
    assert_eq!(value.get().await.unwrap(), "outside", "values stand in no queue");
    let count = session.function("text.count").call::<()>(("other instances go on",));
    assert_eq!(count.select::<u64>("words.other").get().await.unwrap(), 1);
    let fresh = logbook.function("add").unwrap().fresh();
    assert_eq!(fresh.value::<u64>(("alone",)).await.unwrap(), 1, "fresh calls go on");
    let states = session.wait(&[first.id(), second.id()], 0, None).await.unwrap();
    assert_eq!(states, [RefState::Pending; 2], "the head holds those behind it");

    gate.open().await;
    assert_eq!(second.get().await.unwrap(), 2);
    assert_eq!(first.get().await.unwrap(), 1);
    assert_eq!(lines(&session).await, ["first", "second"]);
}

#[tokio::test]
async fn a_head_whose_argument_breaks_lets_the_others_in() {
    let server = Server::start();
    let session = server.session().await;
    let logbook = session.upload(guest("logbook")).await.unwrap();
    let gate = Gate::new(&server, &session, &"never").await;
    let broken = logbook.call::<u64>("add", (gate.far::<String>(),));
    let next = logbook.call::<u64>("add", ("next",));
    gate.break_off().await;
    assert_eq!(next.get().await.unwrap(), 1);
    let failure = broken.get().await.unwrap_err();
    insta::assert_snapshot!(failure.failure().unwrap().root(), @"a transfer ended after 0 of 6 bytes: the connection was lost while its bytes were on their way");
}

#[tokio::test]
async fn a_clients_timeout_counts_while_its_call_waits() {
    let server = Server::start();
    let session = server.session().await;
    let logbook = session.upload(guest("logbook")).await.unwrap();
    let gate = Gate::new(&server, &session, &"first").await;
    let head = logbook.call::<u64>("add", (gate.far::<String>(),));
    let impatient = logbook.function("add").unwrap().timeout(Duration::from_millis(20));
    let queued = impatient.call::<u64>(("late",));
    let fresh = impatient.fresh().call::<u64>((gate.far::<String>(),));
    for expired in [queued, fresh] {
        let error = expired.get().await.unwrap_err();
        let failure = error.failure().unwrap();
        assert_eq!(failure.code, ErrorCode::DeadlineExceeded);
        insta::allow_duplicates! {
            insta::assert_snapshot!(failure, @"the call's timeout ran out before it could begin");
        }
    }
    gate.open().await;
    assert_eq!(head.get().await.unwrap(), 1);
    assert_eq!(lines(&session).await, ["first"], "it never ran, and nothing is poisoned");
}

#[tokio::test]
async fn the_servers_deadline_counts_only_while_a_call_runs() {
    let server = Server::builder().flag("--limits-call-deadline", "100ms").start();
    let session = server.session().await;
    session.upload(guest("hello")).await.unwrap();
    let logbook = session.upload(guest("logbook")).await.unwrap();
    let gate = Gate::new(&server, &session, &"patient").await;
    let waiting = logbook.call::<u64>("add", (gate.far::<String>(),));
    session.flush().await.unwrap();
    // A call that is stopped at the same deadline, and was taken later.
    let spinning = session.function("hello.spin").value::<()>(()).await.unwrap_err();
    assert_eq!(spinning.failure().unwrap().code, ErrorCode::DeadlineExceeded);
    gate.open().await;
    assert_eq!(waiting.get().await.unwrap(), 1);
}

#[tokio::test]
async fn the_shorter_of_both_deadlines_holds() {
    let server = Server::builder().flag("--limits-call-deadline", "1s").start();
    let session = server.session().await;
    let hello = session.upload(guest("hello")).await.unwrap();
    let spin = hello.function("spin").unwrap().fresh();
    let message = async |timeout| {
        let error = spin.clone().timeout(timeout).value::<()>(()).await.unwrap_err();
        error.failure().unwrap().message.clone()
    };
    assert!(message(Duration::from_millis(500)).await.ends_with("within 500ms"));
    assert!(message(Duration::from_secs(3600)).await.ends_with("within 1s"));
}

#[tokio::test]
async fn a_call_that_ends_before_its_guest_is_entered_poisons_nothing() {
    let server = Server::builder().flag("--guest-threads", "1").start();
    let session = server.session().await;
    session.upload(guest("hello")).await.unwrap();
    let logbook = session.upload(guest("logbook")).await.unwrap();
    assert_eq!(logbook.call::<u64>("add", ("first",)).get().await.unwrap(), 1);
    // One frame: the endless call takes the whole patience of the connection, so the
    // next one is handed to the thread that is busy with it.
    let spinning = session.function("hello.spin").fresh().call::<()>(());
    let handed_over = logbook.call::<u64>("add", ("second",));
    handed_over.cancel();
    let outcome = handed_over.get().await;
    let then = lines(&session).await;
    match outcome {
        Ok(_) => assert_eq!(then, ["first", "second"]),
        Err(error) => {
            assert_eq!(error.failure().unwrap().code, ErrorCode::Cancelled);
            assert_eq!(then, ["first"]);
        }
    }
    spinning.cancel();
}

#[tokio::test]
async fn pure_functions_run_fresh() {
    let server = Server::start();
    let session = server.session().await;
    let text = session.upload(guest("text")).await.unwrap();
    let count = text.call::<()>("count", ("a",));
    count.get_raw(None).await.unwrap();
    let origin = session.describe_ref(count.id()).await.unwrap().origin;
    assert_eq!(origin, "call text.count");
    let outline = session.describe().await.unwrap();
    assert_eq!((outline.modules[0].instance.as_str(), outline.instances), ("none", 0));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn fresh_calls_run_in_parallel() {
    let server = Server::builder().flag("--guest-threads", "2").start();
    let session = server.session().await;
    let hello = session.upload(guest("hello")).await.unwrap();
    let spin = hello.function("spin").unwrap().fresh();
    assert_eq!(guest_threads(server.pid()).len(), 2);
    let spinning: [Far<()>; 2] = [spin.call(()), spin.call(())];
    session.flush().await.unwrap();
    // Taking turns, one of the threads would sleep while the other one works.
    let mut both = 0;
    while both < 20 {
        let running = guest_threads(server.pid()).iter().all(|state| *state == 'R');
        both = if running { both + 1 } else { 0 };
        session.flush().await.unwrap();
    }
    spinning.iter().for_each(Far::cancel);
    for stopped in &spinning {
        let error = stopped.get().await.unwrap_err();
        assert_eq!(error.failure().unwrap().code, ErrorCode::Cancelled);
    }
}

/// The states of a process's guest threads: `R` runs or could, `S` sleeps.
#[cfg(target_os = "linux")]
fn guest_threads(pid: u32) -> Vec<char> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let stats =
        tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("stat")).ok());
    let guests = stats.filter(|stat| stat.contains("(farside-guest"));
    guests.map(|stat| stat.rsplit_once(") ").unwrap().1.chars().next().unwrap()).collect()
}
