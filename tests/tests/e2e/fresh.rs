//! Fresh calls: each begins in an instance as new, whichever memory that has.

use farside::{Array, ErrorCode, Far};
use farside_tests::{Server, guest};

use crate::told::{failure, upload_text};

/// Changes all that a guest can change, and tells what was there.
const STATEFUL: &str = r#"(module
    (memory (export "memory") 4 100)
    (data (i32.const 100) "\05\00\00\00")
    (global $g (mut i32) (i32.const 30))
    (func $add (param $at i32) (result i32)
        (i32.store (local.get $at) (i32.add (i32.load (local.get $at)) (i32.const 1)))
        (i32.load (local.get $at)))
    (func (export "next") (result i32)
        (global.set $g (i32.add (global.get $g) (i32.const 1)))
        (i32.add
            (i32.add (global.get $g) (call $add (i32.const 100)))
            (i32.add (call $add (i32.const 20000)) (call $add (i32.const 200000)))))
    (func (export "grow") (result i32)
        (i32.store (i32.const 20000) (i32.const 9))
        (memory.grow (i32.const 1)))
    (func (export "fill") (result i32)
        (memory.fill (i32.const 0) (i32.const 7) (i32.const 262144))
        (i32.load (i32.const 8)))
    (func (export "trap") (result i32)
        (i32.store (i32.const 20000) (i32.const 9))
        (unreachable)))"#;

#[tokio::test]
async fn a_fresh_call_finds_nothing_of_those_before_it() {
    let server = Server::start();
    let sessions = [server.session().await, server.session().await];
    for session in &sessions {
        let module = upload_text(session, "stateful", STATEFUL).await;
        let fresh = |name| module.function(name).unwrap().fresh();
        let next: Vec<Far<i32>> = (0..300).map(|_| fresh("next").call(())).collect();
        for next in next {
            assert_eq!(next.get().await.unwrap(), 31 + 6 + 1 + 1);
        }
        for _ in 0..20 {
            assert_eq!(fresh("grow").call::<i32>(()).get().await.unwrap(), 4);
            assert_eq!(fresh("fill").call::<i32>(()).get().await.unwrap(), 0x0707_0707);
            assert_eq!(failure(&fresh("trap").call::<i32>(())).await.code, ErrorCode::Trap);
            assert_eq!(fresh("next").call::<i32>(()).get().await.unwrap(), 39);
        }
        // The module's own instance is another one.
        for number in 0..3 {
            let next = module.call::<i32>("next", ()).get().await.unwrap();
            assert_eq!(next, 39 + 4 * number);
        }
    }
}

#[tokio::test]
async fn instances_that_stand_ready_keep_none_from_others() {
    let server = Server::builder()
        .flag("--limits-instances", "2")
        .flag("--limits-instance-wait", "1ms")
        .start();
    let (one, two) = (server.session().await, server.session().await);
    for round in 0..3 {
        for session in [&one, &two] {
            let module = upload_text(session, "stateful", STATEFUL).await;
            let fresh = module.function("next").unwrap().fresh();
            assert_eq!(fresh.call::<i32>(()).get().await.unwrap(), 39, "{round}");
            assert_eq!(fresh.call::<i32>(()).get().await.unwrap(), 39, "{round}");
        }
    }
    let held = one.upload(guest("hello")).await.unwrap();
    assert_eq!(held.call::<i64>("square", (3,)).get().await.unwrap(), 9);
    let held = two.upload(guest("hello")).await.unwrap();
    assert_eq!(held.call::<i64>("square", (3,)).get().await.unwrap(), 9);
}

#[tokio::test]
async fn instances_that_stand_ready_take_none_of_their_sessions_memory() {
    // Room for one instance of four pages, or for one of five.
    let server = Server::builder().flag("--limits-session-memory", "400KiB").start();
    let session = server.session().await;
    let module = upload_text(&session, "stateful", STATEFUL).await;
    let fresh = |name| module.function(name).unwrap().fresh();
    for _ in 0..3 {
        assert_eq!(fresh("next").call::<i32>(()).get().await.unwrap(), 39);
        assert_eq!(fresh("grow").call::<i32>(()).get().await.unwrap(), 4);
    }
    assert_eq!(module.call::<i32>("next", ()).get().await.unwrap(), 39);
}

#[tokio::test]
async fn pure_functions_of_a_guest_give_the_same_time_after_time() {
    let server = Server::start();
    let session = server.session().await;
    let stats = session.upload(guest("stats")).await.unwrap();
    let data = session.put(&Array::from((0..10_000).map(f64::from).collect::<Vec<_>>()));
    let means: Vec<Far<f64>> = (0..200).map(|_| stats.call("mean", (&data,))).collect();
    for mean in means {
        assert_eq!(mean.get().await.unwrap(), 4999.5);
    }
}
