//! Source text that calls the session's functions.

use std::time::{Duration, Instant};

use farside::{ErrorCode, Far, Language, Session};
use farside_tests::{Server, ServerBuilder, guest};

use crate::gate::Gate;
use crate::languages::{eval, javascript};
use crate::told::{broken, failure, upload_text};

/// A session whose evaluator is ready, with some modules; none if this machine could
/// not build the evaluator.
async fn session(server: ServerBuilder) -> Option<(Server, Session, Language)> {
    javascript()?;
    let server = server.start();
    let session = server.session().await;
    for name in ["stats", "hello", "logbook"] {
        session.upload(guest(name)).await.unwrap();
    }
    eval::<i64>(&session, "0").await;
    let language = session.language("javascript");
    Some((server, session, language))
}

/// The same with evaluators that are each another module, `js0` and so on.
async fn several(count: usize) -> Option<(Server, Session)> {
    let path = javascript()?;
    let flag = |n| format!("js{n}={}", path.display());
    let server = (0..count)
        .fold(Server::builder(), |server, n| server.flag("--evaluator", &flag(n)))
        .start();
    let session = server.session().await;
    for n in 0..count {
        let language = session.language(&format!("js{n}"));
        language.ready().await.unwrap();
    }
    Some((server, session))
}

#[tokio::test]
async fn functions_are_called_by_name_with_values_and_arrays() {
    let Some((_server, session, javascript)) = session(Server::builder()).await else { return };
    let data = session.put(&farside::Array::from(vec![1.0, 2.0, 3.0]));
    let before = session.wire();
    let mean = javascript.eval_with::<f64>("stats.mean(data)", (("data", &data),));
    assert_eq!(mean.get().await.unwrap(), 2.0);
    assert_eq!(session.wire().round_trips - before.round_trips, 1);
    let text: String =
        eval(&session, "hello.greet('Ada') + hello.greet.named({ name: 'Bob' })").await;
    assert_eq!(text, "Hello, Ada!Hello, Bob!");
    let sum: i64 = eval(&session, "farside.call('hello.add', { b: 1, a: 2 })").await;
    assert_eq!(sum, 3);
    let spread: f64 = eval(&session, "stats.spread([1, 3], undefined)").await;
    assert_eq!(spread, 1.0);
    let told: Vec<String> = eval(&session, "[...stats.spread.params, hello.add.name]").await;
    assert_eq!(told, ["data", "mean", "hello.add"]);
}

#[tokio::test]
async fn variables_win_over_modules_and_new_modules_are_seen() {
    let Some((_server, session, javascript)) = session(Server::builder()).await else { return };
    assert_eq!(eval::<String>(&session, "typeof text").await, "undefined");
    session.upload(guest("text")).await.unwrap();
    assert_eq!(eval::<u64>(&session, "text.count('one two').words.one").await, 1);
    javascript.execute("var text = 'mine'; let stats = 7").get().await.unwrap();
    assert_eq!(eval::<String>(&session, "text + stats").await, "mine7");
    let names = session.function("javascript.names").value::<Vec<String>>(("hel",)).await;
    assert_eq!(names.unwrap(), ["hello"]);
}

#[tokio::test]
async fn what_goes_wrong_in_a_function_can_be_caught() {
    let Some((_server, session, javascript)) = session(Server::builder()).await else { return };
    let caught: Vec<String> = eval(
        &session,
        "try { hello.fail('why not') } catch (error) {
           [error.name, error.code, error.detail.reason, String(error instanceof farside.CallError)]
         }",
    )
    .await;
    assert_eq!(caught, ["CallError", "GuestError", "why not", "true"]);
    for (source, code) in [
        ("hello.add(1)", "InvalidArgument"),
        ("farside.call('hello.nothing')", "NotFound"),
        ("farside.call('x'.repeat(1000))", "NotFound"),
        ("hello.greet(1)", "InvalidArgument"),
    ] {
        let source = format!("try {{ {source} }} catch (error) {{ error.code }}");
        assert_eq!(eval::<String>(&session, &source).await, code, "{source}");
    }
    insta::assert_snapshot!(
        broken(&javascript.eval::<()>("stats.mean([])")).await, @"
    GuestError: CallError: mean returned an error: NoData
        in <eval>:1
        in stats.mean([])
        in      ^
        in 
        in CallError: mean returned an error: NoData
        in     at <eval> (<eval>:1:6)
    ");
    insta::assert_snapshot!(
        broken(&javascript.eval::<()>("hello.greet({ a: [() => 1] })")).await, @"
    GuestError: TypeError: argument [0].a[0] is the function, which is no plain value
        in <eval>:1
        in hello.greet({ a: [() => 1] })
        in      ^
        in 
        in TypeError: argument [0].a[0] is the function, which is no plain value
        in     at <eval> (<eval>:1:6)
    ");
}

#[tokio::test]
async fn a_target_that_is_lost_is_an_error_like_others() {
    let Some((_server, session, javascript)) = session(Server::builder()).await else { return };
    let caught: Vec<String> = eval(
        &session,
        "var codes = [];
         for (let n = 0; n < 2; n++) try { hello.boom('oh') } catch (error) {
           codes.push(error.code, String(error.cause?.code));
         }
         codes",
    )
    .await;
    assert_eq!(caught, ["Trap", "undefined", "Poisoned", "Trap"]);
    session.renew("hello").await.unwrap();
    assert_eq!(javascript.eval::<i64>("codes.length + hello.add(1, 2)").get().await.unwrap(), 7);
}

#[tokio::test]
async fn a_call_stands_in_the_queue_where_its_evaluation_was_taken() {
    let Some((server, session, javascript)) = session(Server::builder()).await else { return };
    let gate = Gate::new(&server, &session, &"first").await;
    let logbook = session.module("logbook").await.unwrap();
    let first = logbook.call::<u64>("add", (gate.far::<String>(),));
    let told: Far<String> = javascript.eval("logbook.add('second'); logbook.add('third'); 'last'");
    let last = logbook.call::<u64>("add", (&told,));
    gate.open().await;
    assert_eq!(last.get().await.unwrap(), 4, "it waits for the evaluation that stands before it");
    assert_eq!(first.get().await.unwrap(), 1);
    let lines: Vec<String> = eval(&session, "logbook.last(9).map((entry) => entry.line)").await;
    assert_eq!(lines, ["first", "second", "third", "last"]);
}

#[tokio::test]
async fn an_instance_takes_no_call_while_it_waits_for_one() {
    let Some((_server, session)) = several(2).await else { return };
    let [one, two] = ["js0", "js1"].map(|name| session.language(name));
    two.execute(
        "function back(n) { try { return farside.call('js0.eval', ['1', null, null]) }
                            catch (error) { return error.code + ': ' + error.message } }",
    )
    .get()
    .await
    .unwrap();
    let call = "farside.call('js1.eval', ['back()', null, null])";
    let told = one.eval::<String>(call).get().await.unwrap();
    assert_eq!(told, "Unavailable: js0 is in the midst of a call that led to this one");
    let own = "try { farside.call('js0.eval', ['1']) } catch (error) { error.code }";
    assert_eq!(one.eval::<String>(own).get().await.unwrap(), "Unavailable");
    assert_eq!(one.eval::<i64>("farside.call('js1.eval', ['6 * 7'])").get().await.unwrap(), 42);

    // Each of two evaluations calls the other's instance while that runs.
    let started = Instant::now();
    let source = |other: &str| {
        format!(
            "for (let n = 0; n < 3e6; n++);
             try {{ farside.call('{other}.eval', ['1']) }} catch (error) {{ error.code }}"
        )
    };
    let crossed = [one.eval::<serde_json::Value>(&source("js1")), two.eval(&source("js0"))];
    let [first, second] = crossed;
    let told = [first.get().await.unwrap(), second.get().await.unwrap()];
    assert!(told.iter().all(|one| *one == 1 || *one == "Unavailable"), "{told:?}");
    assert!(started.elapsed() < Duration::from_secs(20), "no one waits for the deadline");
}

#[tokio::test]
async fn calls_within_calls_are_so_deep_and_no_deeper() {
    let Some((_server, session)) = several(18).await else { return };
    for n in 0..18 {
        let define = format!(
            "function deeper() {{
               try {{ return 1 + farside.call('js{}.eval', ['deeper()']) }}
               catch (error) {{ globalThis.told = error.code; return 0 }} }}",
            n + 1
        );
        session.language(&format!("js{n}")).execute(&define).get().await.unwrap();
    }
    let depth = session.language("js0").eval::<i64>("deeper()").get().await.unwrap();
    assert_eq!(depth, 16);
    let told = session.language("js16").eval::<String>("told").get().await.unwrap();
    assert_eq!(told, "QuotaExceeded");
}

#[tokio::test]
async fn a_stopped_evaluation_stops_what_it_called() {
    let Some((_server, session, javascript)) = session(Server::builder()).await else { return };
    // It may catch what it is told then, but not go on.
    let far = javascript.eval::<i64>("try { hello.spin() } catch { 5 }");
    // The call within it has begun once its target is busy.
    tokio::time::sleep(Duration::from_millis(50)).await;
    far.cancel();
    assert_eq!(failure(&far).await.code, ErrorCode::Cancelled);
    let poisoned = failure(&session.function("hello.fail").call::<()>(("no",))).await;
    assert_eq!(poisoned.code, ErrorCode::Poisoned);
    assert_eq!(poisoned.root().code, ErrorCode::Cancelled);
}

#[tokio::test]
async fn a_call_ends_with_its_evaluations_deadline() {
    let Some((server, session, javascript)) = session(Server::builder()).await else { return };
    let short = javascript.clone().timeout(Duration::from_millis(100));
    let far = short.eval::<()>("hello.spin()");
    assert_eq!(failure(&far).await.code, ErrorCode::DeadlineExceeded);
    session.renew("hello").await.unwrap();
    session.renew("javascript").await.unwrap();

    // So does one that waits in the queue, and it never runs.
    let gate = Gate::new(&server, &session, &"first").await;
    let first = session.function("logbook.add").call::<u64>((gate.far::<String>(),));
    let far = short.eval::<()>("logbook.add('never')");
    assert_eq!(failure(&far).await.code, ErrorCode::DeadlineExceeded);
    gate.open().await;
    assert_eq!(first.get().await.unwrap(), 1);
    let count = session.function("logbook.add").value::<u64>(("second",)).await.unwrap();
    assert_eq!(count, 2);
}

#[tokio::test]
async fn another_sessions_functions_are_not_there() {
    let Some((server, session, _)) = session(Server::builder()).await else { return };
    eval::<i64>(&session, "hello.add(1, 2)").await;
    let other = server.session().await;
    assert_eq!(eval::<String>(&other, "typeof hello").await, "undefined");
    let source = "try { farside.call('hello.add', [1, 2]) } catch (error) { error.code }";
    assert_eq!(eval::<String>(&other, source).await, "NotFound");
}

#[tokio::test]
async fn what_functions_log_is_told_of_the_evaluation() {
    let Some((_server, session, javascript)) = session(Server::builder()).await else { return };
    upload_text(
        &session,
        "chatty",
        r#"(module (import "farside" "log" (func $log (param i32 i32 i32)))
             (memory (export "memory") 1) (data (i32.const 0) "from within")
             (func (export "talk") (call $log (i32.const 3) (i32.const 0) (i32.const 11))))"#,
    )
    .await;
    let mut logs = session.logs();
    let far = javascript.eval::<()>("chatty.talk()");
    far.get().await.unwrap();
    let line = logs.next().await.unwrap();
    assert_eq!((line.text.as_str(), line.of), ("from within", far.id()));
}

#[tokio::test]
async fn a_client_has_no_module_that_calls_others() {
    let Some((_server, session, _)) = session(Server::builder()).await else { return };
    let path = javascript().unwrap();
    let text = crate::told::refused(session.uploader(path).name("mine").send().await);
    assert!(text.starts_with("UnsupportedImport: "), "{text}");
    assert!(text.contains("farside.call (i32, i32, i32, i32) -> i64"), "{text}");
}
