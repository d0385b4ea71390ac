//! What deep recursions leave of guests' stacks is given back while those do nothing.

use std::time::{Duration, Instant};

use farside_tests::{Process, Server};

use crate::told::upload_text;

/// A function that calls itself so many times, and says how many those were.
const DEEP: &str = r#"(module
    (func $deep (export "deep") (param i32) (result i32)
        (if (result i32) (i32.eqz (local.get 0))
            (then (i32.const 0))
            (else (i32.add
                (i32.const 1)
                (call $deep (i32.sub (local.get 0) (i32.const 1))))))))"#;

/// How deep, which takes some 2 MiB.
const DEPTH: i32 = 50_000;

const INSTANCES: usize = 60;

const MIB: u64 = 1 << 20;

/// How long giving back may take.
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn stacks_of_idle_guests_are_given_back() {
    let server = Server::start();
    let process = Process::of(server.pid());
    let session = server.session().await;
    let mut modules = Vec::new();
    for number in 0..INSTANCES {
        let module = upload_text(&session, &format!("m{number}"), DEEP).await;
        assert_eq!(module.call::<i32>("deep", (1,)).get().await.unwrap(), 1);
        modules.push(module);
    }
    let before = process.own().unwrap();
    process.forget_peak();
    let resident = process.resident().unwrap();
    let calls: Vec<_> = modules.iter().map(|module| module.call::<i32>("deep", (DEPTH,))).collect();
    for call in calls {
        assert_eq!(call.get().await.unwrap(), DEPTH);
    }
    let grew = process.peak().unwrap().saturating_sub(resident);
    assert!(grew > 80 * MIB, "{} MiB: that is not deep enough to tell", grew / MIB);
    let begun = Instant::now();
    while process.own().unwrap() > before + 24 * MIB {
        let own = process.own().unwrap();
        assert!(begun.elapsed() < PATIENCE, "{} MiB, {} before", own / MIB, before / MIB);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // They are as they were.
    for module in &modules {
        assert_eq!(module.call::<i32>("deep", (DEPTH,)).get().await.unwrap(), DEPTH);
    }
}
