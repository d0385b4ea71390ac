//! Instances whose state is lost: who is told, and what brings them back.

use std::pin::pin;

use farside::{ErrorCode, Module};
use farside_tests::Server;
use futures_util::poll;

use crate::gate::Gate;
use crate::told::{broken, failure, upload_text};

/// A module that counts its calls, traps, and panics by the host's import.
const COUNTER: &str = r#"(module
    (import "farside" "panic" (func $panic (param i32 i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "first")
    (global $count (mut i32) (i32.const 0))
    (func (export "count") (result i32)
        (global.set $count (i32.add (global.get $count) (i32.const 1)))
        (global.get $count))
    (func (export "boom") (param i32) (result i32)
        (call $panic (i32.const 0) (i32.const 5))
        (i32.const 0))
    (func (export "trap") (result i32) (unreachable)))"#;

async fn count(counter: &Module) -> i32 {
    counter.call("count", ()).get().await.unwrap()
}

#[tokio::test]
async fn queued_and_new_calls_on_a_poisoned_instance_name_the_first_cause() {
    let server = Server::start();
    let session = server.session().await;
    let counter = upload_text(&session, "counter", COUNTER).await;
    let before = counter.call::<i32>("count", ());
    let gate = Gate::new(&server, &session, &1).await;
    let boom = counter.call::<i32>("boom", (&gate.far::<i32>(),));
    let trap = counter.call::<i32>("trap", ());
    let queued = counter.call::<i32>("count", ());
    gate.open().await;
    insta::assert_snapshot!(broken(&boom).await, @"
    Trap: the guest panicked: first
        in function 2
    ");
    insta::assert_snapshot!(broken(&trap).await, @"
    Poisoned: the instance of counter was lost to an earlier failure and its state with it
    hint: renew it to go on with a fresh one (farside renew counter)
    caused by Trap: the guest panicked: first
        in function 2
    ");
    let first = broken(&trap).await;
    assert_eq!(broken(&queued).await, first);
    assert_eq!(broken(&counter.call::<i32>("count", ())).await, first);
    // What was made before is still there.
    assert_eq!(before.get().await.unwrap(), 1);
    let outline = session.describe().await.unwrap();
    assert_eq!((outline.instances, outline.memory_bytes), (0, 0));
    let module = &outline.modules[0];
    assert_eq!(module.instance, "poisoned");
    assert_eq!(module.poison.as_deref(), Some("the guest panicked: first"));

    counter.renew().await.unwrap();
    assert_eq!(count(&counter).await, 1, "the state is lost");
    assert_eq!(count(&counter).await, 2);
    counter.renew().await.unwrap();
    assert_eq!(count(&counter).await, 1, "a healthy instance is renewed, too");
    let unknown = session.renew("nobody").await.unwrap_err();
    insta::assert_snapshot!(format!("{unknown}\nhint: {}", unknown.hint().unwrap()), @"
    there is no module nobody
    hint: the session's modules are counter
    ");
}

#[tokio::test]
async fn a_failure_a_renewal_and_a_call_travel_in_one_flight() {
    let server = Server::start();
    let session = server.session().await;
    let counter = upload_text(&session, "counter", COUNTER).await;
    assert_eq!(count(&counter).await, 1);
    let before = session.wire();
    let boom = counter.call::<i32>("boom", (0,));
    let lost = counter.call::<i32>("count", ());
    let mut renewal = pin!(counter.renew());
    assert!(poll!(&mut renewal).is_pending());
    let after = counter.call::<i32>("count", ());
    assert_eq!(after.get().await.unwrap(), 1);
    renewal.await.unwrap();
    assert_eq!(session.wire().round_trips - before.round_trips, 1);
    assert_eq!(failure(&boom).await.code, ErrorCode::Trap);
    assert_eq!(failure(&lost).await.code, ErrorCode::Poisoned);
}

#[tokio::test]
async fn a_fresh_call_poisons_nothing() {
    let server = Server::start();
    let session = server.session().await;
    let counter = upload_text(&session, "counter", COUNTER).await;
    assert_eq!(count(&counter).await, 1);
    let fresh = counter.function("trap").unwrap().fresh();
    for _ in 0..3 {
        assert_eq!(failure(&fresh.call::<i32>(())).await.code, ErrorCode::Trap);
    }
    assert_eq!(count(&counter).await, 2);
    // On a poisoned instance's module, fresh calls go on.
    assert_eq!(failure(&counter.call::<i32>("trap", ())).await.code, ErrorCode::Trap);
    let fresh = counter.function("count").unwrap().fresh();
    assert_eq!(fresh.call::<i32>(()).get().await.unwrap(), 1);
    assert_eq!(failure(&counter.call::<i32>("count", ())).await.code, ErrorCode::Poisoned);
}

#[tokio::test]
async fn a_thousand_poisonings_and_renewals_leak_nothing() {
    // One instance that is not given back would be missed at once.
    let server = Server::builder()
        .flag("--limits-instances", "1")
        .flag("--limits-instance-wait", "1ms")
        .start();
    let session = server.session().await;
    let counter = upload_text(&session, "counter", COUNTER).await;
    for _ in 0..1000 {
        let boom = counter.call::<i32>("boom", (0,));
        let mut renewal = pin!(counter.renew());
        assert!(poll!(&mut renewal).is_pending());
        assert_eq!(counter.call::<i32>("count", ()).get().await.unwrap(), 1);
        renewal.await.unwrap();
        drop(boom);
    }
    let outline = session.describe().await.unwrap();
    assert_eq!((outline.instances, outline.memory_bytes), (1, 64 * 1024));
    assert_eq!((outline.refs, outline.kept_bytes, outline.pending_calls), (0, 0, 0));
}
