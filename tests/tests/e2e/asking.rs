//! How often a guest may call the host.

use farside::ErrorCode;
use farside_tests::{Server, guest};

use crate::bystander::Bystander;
use crate::languages::evaluating_with;
use crate::told::{broken, failure, upload_text};

/// A module that calls the host so often.
const ASKING: &str = r#"(module
    (import "farside" "log" (func $log (param i32 i32 i32)))
    (import "farside" "clock" (func $clock (result i64)))
    (import "farside" "random" (func $random (param i32 i32)))
    (memory (export "memory") 1)
    (func (export "log") (param $n i32)
        (loop $again
            (call $log (i32.const 3) (i32.const 0) (i32.const 0))
            (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
    (func (export "clock") (param $n i32)
        (loop $again
            (drop (call $clock))
            (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
    (func (export "random") (param $n i32)
        (loop $again
            (call $random (i32.const 0) (i32.const 8))
            (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))"#;

#[tokio::test]
async fn a_call_calls_the_host_so_often() {
    let server = Server::builder()
        .flag("--limits-call-host-calls", "100")
        .flag("--guests-clock", "true")
        .flag("--guests-random", "true")
        .start();
    let mut bystander = Bystander::new(&server).await;
    let session = server.session().await;
    let asking = upload_text(&session, "asking", ASKING).await;
    for function in ["log", "clock", "random"] {
        // Each call by itself.
        for _ in 0..3 {
            asking.call::<()>(function, (100,)).get().await.unwrap();
        }
        let fresh = asking.function(function).unwrap().fresh();
        fresh.call::<()>((100,)).get().await.unwrap();
        let place = ["log", "clock", "random"].iter().position(|name| *name == function).unwrap();
        let told = broken(&asking.call::<()>(function, (101,))).await;
        let told = told.replace(&format!("function {}", place + 3), "function [n]");
        insta::allow_duplicates! {
            insta::assert_snapshot!(told, @"
            QuotaExceeded: the guest called the host more often than a call may: for its clock, random numbers, log, or functions of the session
                in function [n]
            hint: do less in one call, or raise limits.call_host_calls on the server
            ");
        }
        assert_eq!(failure(&asking.call::<()>(function, (1,))).await.code, ErrorCode::Poisoned);
        bystander.goes_on().await;
        asking.renew().await.unwrap();
        asking.call::<()>(function, (100,)).get().await.unwrap();
    }
}

#[tokio::test]
async fn calls_of_functions_are_calls_of_the_host() {
    for (language, source) in [
        ("javascript", "n = 0; while (true) { hello.square(3); n += 1 }"),
        ("python", "n = 0\nwhile True:\n    hello.square(3)\n    n += 1"),
    ] {
        let server = Server::builder().flag("--limits-call-host-calls", "300");
        let Some(server) = evaluating_with(server, language).await else { continue };
        let session = server.session().await;
        session.upload(guest("hello")).await.unwrap();
        let spoken = session.language(language);
        spoken.execute("n = 42").get().await.unwrap();
        let ended = failure(&spoken.execute(source)).await;
        assert_eq!(ended.code, ErrorCode::QuotaExceeded, "{language}: {ended:?}");
        // As any evaluation that has to be stopped, it is undone.
        assert_eq!(spoken.eval::<i64>("n").get().await.unwrap(), 42, "{language}");
        assert_eq!(spoken.eval::<i64>("hello.square(3)").get().await.unwrap(), 9, "{language}");
    }
}

#[tokio::test]
async fn a_sessions_guests_call_the_host_so_often_in_a_second() {
    let server = Server::builder()
        .flag("--limits-session-host-calls", "20000")
        .flag("--guests-clock", "true")
        .flag("--guests-random", "true")
        .start();
    let mut bystander = Bystander::new(&server).await;
    let session = server.session().await;
    let asking = upload_text(&session, "asking", ASKING).await;
    // Many calls that ask little are one that asks much.
    let mut asked = 0;
    let ended = loop {
        let far = asking.call::<()>("clock", (500,));
        if far.get().await.is_err() {
            break broken(&far).await;
        }
        asked += 500;
        assert!(asked < 10_000_000, "that many take far longer than a second, or are too fast");
    };
    insta::assert_snapshot!(ended, @"
    QuotaExceeded: the session's guests called the host more than 20000 times in a second: for its clock, random numbers, log, or functions of the session
        in function 4
    hint: try again in a second, ask less often, or raise limits.session_host_calls on the server
    ");
    bystander.goes_on().await;
    // Another session has its own.
    let other = server.session().await;
    let other = upload_text(&other, "asking", ASKING).await;
    other.call::<()>("clock", (500,)).get().await.unwrap();
}

#[tokio::test]
async fn random_bytes_come_in_pieces() {
    let text = ASKING.replace("(i32.const 0) (i32.const 8)", "(i32.const 0) (local.get $n)");
    let text = text.replace("(memory (export \"memory\") 1)", "(memory (export \"memory\") 2)");
    for seed in [None, Some("7")] {
        let server =
            Server::builder().flag("--guests-clock", "true").flag("--guests-random", "true");
        let server = match seed {
            Some(seed) => server.flag("--guests-deterministic", "true").flag("--guests-seed", seed),
            None => server,
        };
        let server = server.start();
        let session = server.session().await;
        let asking = upload_text(&session, "asking", &text).await;
        let refused = broken(&asking.call::<()>("random", (65_537,))).await;
        insta::allow_duplicates! {
            insta::assert_snapshot!(refused, @"
            Trap: the guest was stopped: farside.random was asked for 65537 bytes; it gives 65536 at once, and more to those who ask again
                in function 5
            ");
        }
    }
}

#[tokio::test]
async fn what_is_written_with_the_sdk_gets_as_many_random_bytes_as_it_wants() {
    let source = "import os\nlen(set(os.urandom(300_000)))";
    let server = Server::builder().flag("--guests-random", "true");
    let Some(server) = evaluating_with(server, "python").await else { return };
    let session = server.session().await;
    assert_eq!(session.language("python").eval::<i64>(source).get().await.unwrap(), 256);
}
