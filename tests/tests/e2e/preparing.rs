//! Modules that prepare themselves once, when they are compiled.

use farside::Session;
use farside_tests::Server;

use crate::bystander::Bystander;
use crate::told::{broken, refused, upload_text};

/// What is said of a module with this init, and other fields.
async fn refusal(session: &Session, fields: &str, init: &str) -> String {
    let text = format!(
        r#"(module {fields} (memory (export "memory") 1)
            (func (export "farside_init") {init})
            (func (export "f") (result i32) (i32.const 1)))"#
    );
    refused(session.uploader(text.into_bytes()).name("m").send().await)
}

#[tokio::test]
async fn an_init_runs_once_and_every_instance_begins_after_it() {
    let server = Server::start();
    let text = r#"(module
        (memory (export "memory") 1)
        (global $count (mut i32) (i32.const 0))
        (func (export "farside_init")
            (global.set $count (i32.const 100))
            (drop (memory.grow (i32.const 2)))
            (i32.store (i32.const 150000) (i32.const 7)))
        (func (export "farside_wake")
            (global.set $count (i32.add (global.get $count) (i32.const 10))))
        (func (export "next") (result i32)
            (global.set $count (i32.add (global.get $count) (i32.const 1)))
            (global.get $count))
        (func (export "kept") (result i32) (i32.load (i32.const 150000))))"#;
    let session = server.session().await;
    let module = upload_text(&session, "m", text).await;
    let names: Vec<_> =
        module.manifest().functions.iter().map(|function| function.name.as_str()).collect();
    assert_eq!(names, ["next", "kept"]);
    for count in [111, 112] {
        assert_eq!(module.call::<i32>("next", ()).get().await.unwrap(), count);
    }
    assert_eq!(module.call::<i32>("kept", ()).get().await.unwrap(), 7);
    // Another session, a fresh call and a renewed instance begin where init ended.
    let other = server.session().await;
    let module = upload_text(&other, "m", text).await;
    assert_eq!(module.call::<i32>("next", ()).get().await.unwrap(), 111);
    let fresh = module.function("next").unwrap().fresh();
    assert_eq!(fresh.call::<i32>(()).get().await.unwrap(), 111);
    module.renew().await.unwrap();
    assert_eq!(module.call::<i32>("next", ()).get().await.unwrap(), 111);
}

#[tokio::test]
async fn a_module_whose_init_goes_wrong_is_refused_with_the_reason() {
    let server = Server::builder().flag("--guests-clock", "true").start();
    let mut bystander = Bystander::new(&server).await;
    let session = server.session().await;
    insta::assert_snapshot!(refusal(&session, "", "unreachable").await, @"
    InvalidModule: the module's init failed
    hint: look at what the function under #[farside_guest::init] does
    caused by Trap: the guest trapped: wasm `unreachable` instruction executed
        in function 0
    hint: in Rust this is an abort, a failed allocation, or unreachable_unchecked
    ");
    let clock = r#"(import "farside" "clock" (func $clock (result i64)))"#;
    insta::assert_snapshot!(refusal(&session, clock, "(drop (call $clock))").await, @"
    InvalidModule: the module's init failed
    hint: look at what the function under #[farside_guest::init] does
    caused by Trap: the guest was stopped: it calls farside.clock, which would be the same in every instance; call it later
        in function 1
    ");
    let table = "(table 1 funcref)";
    let set = "(table.set (i32.const 0) (ref.null func))";
    insta::assert_snapshot!(refusal(&session, table, set).await, @"
    InvalidModule: the module can't be prepared: it has an instruction that writes a table
    hint: what farside_init leaves behind must lie in memories and globals
    ");
    bystander.goes_on().await;
}

#[tokio::test]
async fn an_init_has_limits_of_its_own() {
    let server = Server::builder()
        .flag("--limits-init-cpu", "200ms")
        .flag("--limits-image-bytes", "1MiB")
        .start();
    let mut bystander = Bystander::new(&server).await;
    let session = server.session().await;
    insta::assert_snapshot!(refusal(&session, "", "(loop (br 0))").await, @"
    CompileLimit: the module's init takes more than 200ms of CPU time
    hint: do less in it, or raise limits.init_cpu on the server
    ");
    let grow = "(if (i32.lt_s (memory.grow (i32.const 100)) (i32.const 0)) (then unreachable))";
    insta::assert_snapshot!(refusal(&session, "", grow).await, @"
    CompileLimit: the module's init takes more than 1 MiB of memory
    hint: do less in it, or raise limits.image_bytes on the server
    ");
    bystander.goes_on().await;
}

#[tokio::test]
async fn what_wakes_an_instance_can_fail_its_first_call() {
    let server = Server::start();
    let session = server.session().await;
    let text = r#"(module
        (func (export "farside_wake") unreachable)
        (func (export "f") (result i32) (i32.const 1)))"#;
    let module = upload_text(&session, "m", text).await;
    insta::assert_snapshot!(broken(&module.call::<i32>("f", ())).await, @"
    Trap: the guest trapped: wasm `unreachable` instruction executed
        in function 0
    hint: in Rust this is an abort, a failed allocation, or unreachable_unchecked
    ");
}
