//! Modules whose calls' fuel is counted.

use farside::{ErrorCode, Far, Module, Session};
use farside_tests::{Server, guest};

use crate::bystander::Bystander;
use crate::desk::{Desk, ECHO};
use crate::told::{broken, failure, upload_text};

/// Goes round a loop, with a memory and a table that can grow, and an init.
const WORK: &str = r#"(module
    (memory (export "memory") 1)
    (global $prepared (mut i64) (i64.const 0))
    (func (export "farside_init") (global.set $prepared (i64.const 7)))
    (func (export "work") (param i64) (result i64)
        (local $n i64)
        (loop $again
            (local.set $n (i64.add (local.get $n) (i64.const 1)))
            (br_if $again (i64.lt_u (local.get $n) (local.get 0))))
        (i64.add (local.get $n) (global.get $prepared)))
    (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
    (func (export "trap") (unreachable)))"#;

async fn upload_metered(session: &Session, name: &str, wat: &str) -> Module {
    let uploader = session.uploader(wat.as_bytes().to_vec()).name(name);
    uploader.metered().send().await.unwrap()
}

async fn fuel(far: &Far<i64>) -> u64 {
    far.fuel().await.unwrap()
}

#[tokio::test]
async fn the_same_call_uses_the_same_fuel_everywhere() {
    let servers = [Server::start(), Server::start()];
    let mut used = Vec::new();
    for server in &servers {
        let session = server.session().await;
        let worker = upload_metered(&session, "worker", WORK).await;
        let kept = [3, 3, 4, 50_000_000].map(|n| worker.call::<i64>("work", (n,)));
        let fresh = worker.function("work").unwrap().fresh().call::<i64>((3,));
        for (far, value) in kept.iter().zip([3, 3, 4, 50_000_000]) {
            assert_eq!(far.get().await.unwrap(), value + 7);
        }
        assert_eq!(fresh.get().await.unwrap(), 10);
        let mut fuels = Vec::new();
        for far in kept.iter().chain([&fresh]) {
            fuels.push(fuel(far).await);
        }
        let [three, again, four, long, fresh] = fuels[..] else { panic!("{fuels:?}") };
        assert_eq!((again, fresh), (three, three), "whichever instance it enters");
        let round = four - three;
        assert!(round > 0, "more work takes more");
        // Also over many ticks, in each of which it gave up its thread.
        assert_eq!(long - three, (50_000_000 - 3) * round);
        // A guest of the SDK as well.
        let hello = session.uploader(guest("hello")).metered().send().await.unwrap();
        let square = hello.call::<i64>("square", (12,));
        assert_eq!(square.get().await.unwrap(), 144);
        fuels.push(fuel(&square).await);
        used.push(fuels);
    }
    assert_eq!(used[0], used[1]);
}

#[tokio::test]
async fn fuel_is_kept_with_the_reference() {
    let server = Server::start();
    let session = server.session().await;
    let worker = upload_metered(&session, "worker", WORK).await;
    let far = worker.call::<i64>("work", (3,));
    let used = fuel(&far).await;
    let refs = session.refs().await.unwrap();
    assert_eq!(refs.len(), 1);
    assert_eq!(refs[0].fuel, Some(used));
    assert!(session.describe().await.unwrap().modules[0].metered);
    // Neither a value that no call made has any, nor a call that did not come to its end.
    let trap = worker.call::<i64>("trap", ());
    for none in [trap, session.put(&3_i64)] {
        let error = none.fuel().await.unwrap_err();
        assert_eq!(error.to_string(), format!("no fuel was counted for {}", none.id()));
    }
}

#[tokio::test]
async fn a_module_that_is_not_metered_says_how_it_would_be() {
    let server = Server::start();
    let session = server.session().await;
    let worker = upload_text(&session, "worker", WORK).await;
    let error = worker.call::<i64>("work", (3,)).fuel().await.unwrap_err();
    insta::assert_snapshot!(error.hint().unwrap(), @"upload the module metered (`uploader(..).metered()`, farside upload --metered); a call that was stopped or trapped has none");
    assert!(!session.describe().await.unwrap().modules[0].metered);

    // One of the same bytes does not stand for the other.
    let metered = upload_metered(&session, "worker", WORK).await;
    assert!(metered.known() && metered.replaced());
    assert!(fuel(&metered.call("work", (3,))).await > 0);
    let plain = upload_text(&session, "plain", WORK).await;
    assert!(plain.call::<i64>("work", (3,)).fuel().await.is_err());
    assert!(fuel(&metered.call("work", (3,))).await > 0);
}

#[tokio::test]
async fn metered_guests_yield_and_have_the_limits_of_others() {
    let server = Server::builder()
        .flag("--limits-call-cpu", "200ms")
        .flag("--limits-session-memory", "2MiB")
        .flag("--limits-instances", "3")
        .flag("--limits-instance-wait", "1ms")
        .flag("--guest-threads", "1")
        .start();
    let mut bystander = Bystander::new(&server).await;
    let session = server.session().await;
    let spin = r#"(module (memory 1) (func (export "spin") (loop (br 0)))
        (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))"#;
    let spinner = upload_metered(&session, "spinner", spin).await;
    let endless = spinner.call::<i64>("spin", ());
    session.flush().await.unwrap();
    bystander.goes_on().await;
    insta::assert_snapshot!(broken(&endless).await, @"
    CpuLimit: the call was stopped: it used 200ms of CPU time
    hint: do less in one call, or raise limits.call_cpu on the server
    ");
    assert!(endless.fuel().await.is_err());
    spinner.renew().await.unwrap();
    assert_eq!(spinner.call::<i32>("grow", (32,)).get().await.unwrap(), -1);
    assert_eq!(spinner.call::<i32>("grow", (31,)).get().await.unwrap(), 1);
    assert_eq!(session.describe().await.unwrap().memory_bytes, 2 << 20);
    // They take the places of others: the bystander's, this one, and one more.
    let other = server.session().await;
    let [first, second] = ["first", "second"].map(|name| upload_metered(&other, name, WORK));
    let (first, second) = (first.await, second.await);
    assert_eq!(first.call::<i64>("work", (1,)).get().await.unwrap(), 8);
    let full = failure(&second.call::<i64>("work", (1,))).await;
    assert_eq!(full.code, ErrorCode::Unavailable);
    bystander.goes_on().await;
}

#[cfg(unix)]
#[tokio::test]
async fn metered_code_is_compiled_once() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::builder().data(data.path()).start();
    let session = server.session().await;
    let used = fuel(&upload_metered(&session, "worker", WORK).await.call("work", (3,))).await;
    let _ = server.wait_for_log("compiled a module");
    drop(session);
    assert_eq!(server.stop().code, Some(0));
    let server = Server::builder().data(data.path()).start();
    let session = server.session().await;
    let worker = upload_metered(&session, "worker", WORK).await;
    assert!(worker.known());
    assert_eq!(fuel(&worker.call("work", (3,))).await, used);
    assert!(!server.log().contains("compiled a module"), "{}", server.log());
}

#[test]
fn the_command_line_tells_fuel() {
    let desk = Desk::new();
    desk.file("echo.wat", ECHO);
    assert_eq!(desk.run("upload --metered echo.wat").code, Some(0));
    insta::assert_snapshot!(desk.run("call integer 5"), @"
    5
    --- stderr
    fuel: 2
    ");
    insta::assert_snapshot!(desk.run("call integer 5 --json"), @r#"
    5
    --- stderr
    {"fuel":2}
    "#);
    assert_eq!(desk.run("call --far integer 5").code, Some(0));
    let refs = desk.run("refs").to_string();
    let words: Vec<_> = refs.lines().map(|line| line.split_whitespace().skip(1)).collect();
    let words: Vec<Vec<&str>> = words.into_iter().map(Iterator::collect).collect();
    assert_eq!(words[0], ["STATE", "SIZE", "FUEL", "WHAT", "FROM"]);
    assert_eq!(words[1][..4], ["ready", "1", "byte", "2"], "{refs}");
    let described = desk.run("describe echo").to_string();
    assert!(described.contains("plain, metered, live)"), "{described}");
}
