//! Plain core modules: exported functions over numbers, called as they are.

use farside::{Module, RawArguments};
use farside_tests::Server;
use serde::de::DeserializeOwned;

use crate::told::{broken, refused, told, upload_text};

const NUMBERS: &str = r#"(module
    (func (export "i32") (param i32) (result i32) (local.get 0))
    (func (export "i64") (param i64) (result i64) (local.get 0))
    (func (export "f32") (param f32) (result f32) (local.get 0))
    (func (export "f64") (param f64) (result f64) (local.get 0))
    (func (export "sub") (param i64 i64) (result i64) (i64.sub (local.get 0) (local.get 1)))
    (func (export "nothing"))
    (func (export "both") (param i32 f64) (result f64 i32) (local.get 1) (local.get 0))
    (func (export "vector") (param v128))
    (func (export "reference") (result funcref) (ref.null func))
    (memory (export "memory") 1)
    (global (export "global") i32 (i32.const 1)))"#;

async fn numbers(server: &Server) -> Module {
    upload_text(&server.session().await, "numbers", NUMBERS).await
}

#[tokio::test]
async fn numbers_go_in_and_come_out() {
    let server = Server::start();
    let numbers = numbers(&server).await;
    for n in [0, 1, 127, 128, -1, -32, -33, -128, 255, 65_536, i32::MIN, i32::MAX] {
        assert_eq!(numbers.call::<i32>("i32", (n,)).get().await.unwrap(), n);
    }
    for n in [0, -1, i64::MIN, i64::MAX, 1 << 40] {
        assert_eq!(numbers.call::<i64>("i64", (n,)).get().await.unwrap(), n);
    }
    for x in [0.0, -0.0, 1.5, f32::MAX, f32::MIN_POSITIVE, f32::INFINITY] {
        let got: f32 = numbers.call("f32", (x,)).get().await.unwrap();
        assert_eq!(got.to_bits(), x.to_bits());
    }
    for x in [0.1, -0.0, f64::MAX, f64::NEG_INFINITY] {
        let got: f64 = numbers.call("f64", (x,)).get().await.unwrap();
        assert_eq!(got.to_bits(), x.to_bits());
    }
    assert!(numbers.call::<f64>("f64", (f64::NAN,)).get().await.unwrap().is_nan());
    // An integer is a number, too.
    assert_eq!(numbers.call::<f64>("f64", (3,)).get().await.unwrap(), 3.0);
    assert_eq!(numbers.call::<i64>("sub", (5, 7)).get().await.unwrap(), -2);
}

#[tokio::test]
async fn no_result_is_nil_and_several_are_a_list() {
    let server = Server::start();
    let numbers = numbers(&server).await;
    numbers.call::<()>("nothing", ()).get().await.unwrap();
    let both = numbers.call::<(f64, i32)>("both", (7, 0.5));
    assert_eq!(both.get().await.unwrap(), (0.5, 7));
    assert_eq!(both.get_part::<i32>("[1]").await.unwrap(), 7);
    // A result is an argument like any other.
    let second = both.select::<i32>("[1]");
    assert_eq!(numbers.call::<i32>("i32", (&second,)).get().await.unwrap(), 7);
}

#[tokio::test]
async fn a_module_says_which_functions_it_has() {
    let server = Server::start();
    let numbers = numbers(&server).await;
    let signatures: Vec<String> = numbers
        .manifest()
        .functions
        .iter()
        .map(|function| {
            let params =
                function.params.iter().map(|param| format!("{}: {}", param.name, param.schema));
            format!(
                "{}({}) -> {}",
                function.name,
                params.collect::<Vec<_>>().join(", "),
                function.result
            )
        })
        .collect();
    insta::assert_snapshot!(signatures.join("\n"), @"
    i32(arg0: i32) -> i32
    i64(arg0: i64) -> i64
    f32(arg0: f32) -> f32
    f64(arg0: f64) -> f64
    sub(arg0: i64, arg1: i64) -> i64
    nothing() -> nil
    both(arg0: i32, arg1: f64) -> (f64, i32)
    ");
    assert_eq!(numbers.manifest().abi, None);
}

/// What the server says of arguments; the client would say it before.
async fn by_server<T: DeserializeOwned>(server: &Server, function: &str, args: &[u8]) -> String {
    let session = server.session().await;
    upload_text(&session, "numbers", NUMBERS).await;
    let function = session.function(&format!("numbers.{function}"));
    broken(&function.call::<T>(RawArguments(args.to_vec().into()))).await
}

#[tokio::test]
async fn arguments_that_do_not_fit_are_named() {
    let server = Server::start();
    let numbers = numbers(&server).await;
    insta::assert_snapshot!(broken(&numbers.call::<i32>("i32", ("one",))).await, @r#"InvalidArgument: argument `arg0` of i32: expected i32, got the string "one""#);
    insta::assert_snapshot!(broken(&numbers.call::<i32>("i32", (1.5,))).await, @"InvalidArgument: argument `arg0` of i32: expected i32, got a float");
    insta::assert_snapshot!(broken(&numbers.call::<i32>("i32", (1i64 << 31,))).await, @"InvalidArgument: argument `arg0` of i32: expected i32, got the integer 2147483648");
    insta::assert_snapshot!(broken(&numbers.call::<i64>("i64", (u64::MAX,))).await, @"InvalidArgument: argument `arg0` of i64: expected i64, got the integer 18446744073709551615");
    insta::assert_snapshot!(broken(&numbers.call::<i64>("sub", (1,))).await, @"InvalidArgument: sub needs an argument for `arg1` (i64)");
    insta::assert_snapshot!(broken(&numbers.call::<i64>("sub", (1, 2, 3))).await, @"InvalidArgument: sub takes 2 arguments, not 3");
    insta::assert_snapshot!(broken(&numbers.call::<()>("vector", ())).await, @"NotFound: `numbers` has no function `vector`");

    insta::assert_snapshot!(by_server::<i32>(&server, "i32", b"\x91\xa3one").await, @r#"
    InvalidArgument: argument `arg0` of i32: expected i32, got the string "one"
    hint: its signature is i32(arg0: i32) -> i32
    "#);
    insta::assert_snapshot!(by_server::<i32>(&server, "i32", b"\x91\xce\x80\0\0\0").await, @"
    InvalidArgument: argument `arg0` of i32: expected i32, got the integer 2147483648
    hint: its signature is i32(arg0: i32) -> i32
    ");
    insta::assert_snapshot!(by_server::<i64>(&server, "sub", b"\x91\x01").await, @"
    InvalidArgument: sub needs an argument for `arg1` (i64)
    hint: its signature is sub(arg0: i64, arg1: i64) -> i64
    ");
}

#[tokio::test]
async fn a_reference_of_another_kind_is_found_when_it_is_put_in() {
    let server = Server::start();
    let session = server.session().await;
    let numbers = upload_text(&session, "numbers", NUMBERS).await;
    let text = session.put("text");
    insta::assert_snapshot!(broken(&numbers.call::<i32>("i32", (&text,))).await, @r#"InvalidArgument: argument `arg0` of i32: expected i32, got the string "text""#);
    let large = session.put(&(1i64 << 40));
    insta::assert_snapshot!(broken(&numbers.call::<i32>("i32", (&large,))).await, @"InvalidArgument: argument `arg0` of i32: expected i32, got the integer 1099511627776");
    let list = session.put(&[1, 2]);
    insta::assert_snapshot!(broken(&numbers.call::<i64>("sub", (&list, 1))).await, @"InvalidArgument: argument `arg0` of sub: expected i64, got a list");
    // None of that poisons the instance.
    assert_eq!(numbers.call::<i32>("i32", (3,)).get().await.unwrap(), 3);
}

#[tokio::test]
async fn memory_and_a_start_function_are_the_instances_own() {
    let server = Server::start();
    let session = server.session().await;
    let module = upload_text(
        &session,
        "cell",
        r#"(module
            (memory (export "memory") 1)
            (func $start (i32.store (i32.const 0) (i32.const 40)))
            (start $start)
            (func (export "add") (param i32) (result i32)
                (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (local.get 0)))
                (i32.load (i32.const 0)))
            (func (export "pages") (result i32) (memory.size)))"#,
    )
    .await;
    assert_eq!(module.call::<i32>("add", (1,)).get().await.unwrap(), 41);
    assert_eq!(module.call::<i32>("add", (1,)).get().await.unwrap(), 42);
    let fresh = module.function("add").unwrap().fresh();
    assert_eq!(fresh.call::<i32>((1,)).get().await.unwrap(), 41);
    assert_eq!(module.call::<i32>("pages", ()).get().await.unwrap(), 1);
    assert_eq!(session.describe().await.unwrap().memory_bytes, 64 * 1024);
    module.renew().await.unwrap();
    assert_eq!(module.call::<i32>("add", (1,)).get().await.unwrap(), 41);
}

#[tokio::test]
async fn a_start_function_that_traps_breaks_each_call_and_poisons_nothing() {
    let server = Server::start();
    let session = server.session().await;
    let wat = r#"(module
        (func $start (unreachable)) (start $start)
        (func (export "f") (result i32) (i32.const 1)))"#;
    let module = upload_text(&session, "m", wat).await;
    insta::assert_snapshot!(broken(&module.call::<i32>("f", ())).await, @"
    Trap: the guest trapped: wasm `unreachable` instruction executed
        in start
    hint: in Rust this is an abort, a failed allocation, or unreachable_unchecked
    ");
    let again = broken(&module.call::<i32>("f", ())).await;
    assert!(again.starts_with("Trap: "), "{again}");
    let outline = session.describe().await.unwrap();
    assert_eq!((outline.instances, outline.modules[0].instance.as_str()), (0, "none"));
}

#[tokio::test]
async fn names_may_be_anything_that_a_message_carries() {
    let server = Server::start();
    let session = server.session().await;
    let long = "x".repeat(257);
    let wat = format!(
        r#"(module
            (func (export "a.b c") (result i32) (i32.const 1))
            (func (export "") (result i32) (i32.const 2))
            (func (export "{long}") (result i32) (i32.const 3)))"#
    );
    let module = upload_text(&session, "odd", &wat).await;
    let names: Vec<_> = module.manifest().functions.iter().map(|f| f.name.as_str()).collect();
    assert_eq!(names, ["a.b c", ""]);
    assert_eq!(module.call::<i32>("a.b c", ()).get().await.unwrap(), 1);
    assert_eq!(session.function("a.b c").value::<i32>(()).await.unwrap(), 1);
    assert_eq!(session.function("odd.a.b c").value::<i32>(()).await.unwrap(), 1);
}

#[tokio::test]
async fn a_module_with_too_much_to_say_is_refused() {
    let server = Server::start();
    let session = server.session().await;
    let functions: String = (0..10_001).map(|n| format!(r#"(export "f{n}" (func 0))"#)).collect();
    let wat = format!("(module (func) {functions})");
    let refusal = refused(session.uploader(wat.into_bytes()).name("m").send().await);
    insta::assert_snapshot!(refusal, @"
    InvalidModule: the module has more than 10000 functions
    hint: split it into several modules
    ");
    let params = "i32 ".repeat(1000);
    let functions: String = (0..81).map(|n| format!(r#"(export "f{n}" (func 0))"#)).collect();
    let wat = format!("(module (func (param {params})) {functions})");
    let refusal = refused(session.uploader(wat.into_bytes()).name("m").send().await);
    insta::assert_snapshot!(refusal, @"
    InvalidModule: the module has more than 80000 parameters
    hint: split it into several modules
    ");
}

#[tokio::test]
async fn a_module_without_callable_functions_is_one_all_the_same() {
    let server = Server::start();
    let session = server.session().await;
    let module = upload_text(&session, "empty", "(module)").await;
    assert!(module.manifest().functions.is_empty());
    let failure = session.function("empty.f").value::<i32>(()).await.unwrap_err();
    insta::assert_snapshot!(told(failure.failure().unwrap()), @"
    NotFound: there is no function empty.f
    hint: the session's modules are empty
    ");
}
