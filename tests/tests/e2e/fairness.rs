//! A quiet owner beside a noisy one: it has its turns, whatever the other does.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use farside::RefState;
use farside_tests::Server;

use crate::owners::session_of;
use crate::told::upload_text;

/// Sessions of the noisy owner, each in an endless loop.
const LOOPS: usize = 200;

/// A loop without end, and one of so many steps.
const LOOPING: &str = r#"(module
    (func (export "spin") (loop $again (br $again)))
    (func (export "count") (param $steps i64) (result i64) (local $sum i64)
        (loop $again
            (local.set $sum (i64.add (local.get $sum) (i64.const 1)))
            (br_if $again (i64.lt_u (local.get $sum) (local.get $steps))))
        (local.get $sum)))"#;

#[tokio::test]
async fn calls_go_on_beside_two_hundred_endless_loops_of_another_owner() {
    let server = Server::builder().flag("--guest-threads", "1").start();
    let quiet = session_of(&server, &["quiet"]).await;
    let counts = upload_text(&quiet, "counts", LOOPING).await;
    let mut loops = Vec::new();
    let noisy = crate::owners::owner(&server, &["noisy"]).await;
    for _ in 0..LOOPS {
        let session = noisy.session().await.unwrap();
        let spins = upload_text(&session, "spins", LOOPING).await.call::<()>("spin", ());
        session.flush().await.unwrap();
        loops.push((session, spins));
    }
    // Short ones, and ones of several ticks, for which it has every second turn of the one
    // thread: beside each session of the other, it would have one in two hundred.
    for steps in [1_i64, 5_000_000].repeat(5) {
        assert_eq!(counts.call::<i64>("count", (steps,)).get().await.unwrap(), steps);
    }
    for (session, spins) in loops {
        let state = session.wait(&[spins.id()], 0, None).await.unwrap();
        assert_eq!(state, [RefState::Pending], "it still had turns, and was not stopped");
        spins.cancel();
    }
}

#[tokio::test]
async fn an_owner_that_uploads_much_delays_another_by_little() {
    const MODULES: usize = 24;
    let server = Server::start();
    let quiet = session_of(&server, &["quiet"]).await;
    let noisy = session_of(&server, &["noisy"]).await;
    let done = Arc::new(AtomicUsize::new(0));
    let uploads: Vec<_> = (0..MODULES)
        .map(|number| {
            let (session, done) = (noisy.clone(), Arc::clone(&done));
            let text = crate::compiling::laborious(150 + number).into_bytes();
            tokio::spawn(async move {
                session.uploader(text).name(format!("m{number}")).send().await.unwrap();
                done.fetch_add(1, Ordering::Relaxed);
            })
        })
        .collect();
    // By then all others wait for their turns, or are on their way to it.
    while done.load(Ordering::Relaxed) == 0 {
        tokio::task::yield_now().await;
    }
    let counts = upload_text(&quiet, "counts", LOOPING).await;
    let before = done.load(Ordering::Relaxed);
    assert!(before < MODULES / 2, "{before} of the other's modules came first");
    assert_eq!(counts.call::<i64>("count", (2,)).get().await.unwrap(), 2);
    for upload in uploads {
        upload.await.unwrap();
    }
}

#[tokio::test]
async fn an_owner_that_looks_for_many_parts_delays_another_by_little() {
    const PARTS: usize = 600;
    let server = Server::start();
    let quiet = session_of(&server, &["quiet"]).await;
    let noisy = session_of(&server, &["noisy"]).await;
    // Text, of which each character before the last one has to be looked at.
    let text = "a".repeat(900 << 10);
    let (own, others) = (quiet.put(&text), noisy.put(&text));
    quiet.wait(&[own.id()], 1, None).await.unwrap();
    let found = Arc::new(AtomicUsize::new(0));
    let parts: Vec<_> = (0..PARTS)
        .map(|_| {
            let (part, found) = (others.select::<String>("[-1:]"), Arc::clone(&found));
            tokio::spawn(async move {
                assert_eq!(part.get().await.unwrap(), "a");
                found.fetch_add(1, Ordering::Relaxed);
            })
        })
        .collect();
    // By then all of them are on their way to it, or wait there.
    while found.load(Ordering::Relaxed) == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(own.select::<String>("[-1:]").get().await.unwrap(), "a");
    let before = found.load(Ordering::Relaxed);
    assert!(before < PARTS / 2, "{before} of the other's parts came first");
    for part in parts {
        part.await.unwrap();
    }
}

#[tokio::test]
async fn an_owner_that_holds_its_share_of_instances_keeps_none_from_others() {
    let server = Server::builder()
        .flag("--limits-instances", "4")
        .flag("--limits-owner-instances", "3")
        .start();
    let noisy = crate::owners::owner(&server, &["noisy"]).await;
    let mut held = Vec::new();
    for number in 0..5 {
        let session = noisy.session().await.unwrap();
        let module = upload_text(&session, "m", LOOPING).await;
        let counted = module.call::<i64>("count", (1,));
        if number < 3 {
            assert_eq!(counted.get().await.unwrap(), 1);
        }
        held.push((session, counted));
    }
    let quiet = session_of(&server, &["quiet"]).await;
    let counts = upload_text(&quiet, "counts", LOOPING).await;
    assert_eq!(counts.call::<i64>("count", (2,)).get().await.unwrap(), 2);
    // Those that waited have the places of others of their owner.
    for (session, counted) in held {
        assert_eq!(counted.get().await.unwrap(), 1);
        session.close().await.unwrap();
    }
}
