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
