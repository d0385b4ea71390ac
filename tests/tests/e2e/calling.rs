//! Source text that calls the session's functions.

use std::time::{Duration, Instant};

use farside::{ErrorCode, Far, Language, Session};
use farside_tests::{Server, evaluator, guest};

use crate::gate::Gate;
use crate::languages::{javascript, speaking, value};
use crate::told::{broken, failure, upload_text};

/// A session whose evaluator is ready, with some modules; none if this machine could
/// not build the evaluator.
async fn session(language: &str) -> Option<(Server, Session, Language)> {
    let (server, session, language) = speaking(language).await?;
    for name in ["stats", "hello", "logbook"] {
        session.upload(guest(name)).await.unwrap();
    }
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
    for name in ["javascript", "python"] {
        let Some((_server, session, language)) = session(name).await else { continue };
        let data = session.put(&farside::Array::from(vec![1.0, 2.0, 3.0]));
        let before = session.wire();
        let mean = language.eval_with::<f64>("stats.mean(data)", (("data", &data),));
        assert_eq!(mean.get().await.unwrap(), 2.0);
        assert_eq!(session.wire().round_trips - before.round_trips, 1);
        let text: String = value(&language, "hello.greet('Ada')").await;
        assert_eq!(text, "Hello, Ada!");
        assert_eq!(value::<i64>(&language, "hello.add(hello.square(5), 2)").await, 27);
    }
}

#[tokio::test]
async fn javascript_names_arguments_and_tells_of_functions() {
    let Some((_server, _session, javascript)) = session("javascript").await else { return };
    let text: String = value(&javascript, "hello.greet.named({ name: 'Bob' })").await;
    assert_eq!(text, "Hello, Bob!");
    let sum: i64 = value(&javascript, "farside.call('hello.add', { b: 1, a: 2 })").await;
    assert_eq!(sum, 3);
    let spread: f64 = value(&javascript, "stats.spread([1, 3], undefined)").await;
    assert_eq!(spread, 1.0);
    let told: Vec<String> = value(&javascript, "[...stats.spread.params, hello.add.name]").await;
    assert_eq!(told, ["data", "mean", "hello.add"]);
}

#[tokio::test]
async fn python_names_arguments_and_tells_of_functions() {
    let Some((_server, _session, python)) = session("python").await else { return };
    for (source, expected) in [
        ("hello.add(b=1, a=2)", 3),
        ("hello.add(1, b=2)", 3),
        ("hello.add(*[1, 2])", 3),
        ("import farside\nfarside.call('hello.add', 1, 2)", 3),
        ("farside.call('hello.add', 1, b=2)", 3),
        ("import hello as h\nh.add(1, 2)", 3),
        ("from hello import add\nadd(1, 2)", 3),
        ("sum(map(hello.square, [1, 2, 3]))", 14),
    ] {
        assert_eq!(value::<i64>(&python, source).await, expected, "{source}");
    }
    assert_eq!(value::<f64>(&python, "stats.spread(data=[1, 3])").await, 1.0);
    assert_eq!(value::<f64>(&python, "stats.spread([1, 3], mean=None)").await, 1.0);
    let told: Vec<String> =
        value(&python, "[*stats.spread.params, hello.add.__qualname__, hello.add.__doc__]").await;
    assert_eq!(told, ["data", "mean", "hello.add", "The sum of two numbers."]);
    let shown: String = value(&python, "repr(hello)").await;
    assert_eq!(shown, "<module 'hello' of the session>");
}

#[tokio::test]
async fn arguments_that_do_not_fit_are_type_errors_with_a_hint() {
    let Some((_server, _session, python)) = session("python").await else { return };
    let signature = "hint: its signature is add(a: i64, b: i64) -> i64";
    for (call, message, hint) in [
        ("hello.add(1, a=2)", "hello.add got `a` twice", "hint: its parameters are a, b"),
        ("hello.add(a=1, c=2)", "add has no parameter `c`; it takes `a`, `b`", signature),
        ("hello.add(1, c=2)", "add has no parameter `c`; it takes `a`, `b`", signature),
        ("hello.add(b=1)", "add needs an argument for `a` (i64)", signature),
        ("hello.add()", "add needs an argument for `a` (i64)", signature),
        ("hello.add(1, 2, 3)", "add takes 2 arguments, not 3", signature),
        ("hello.add(1, 2, 3, b=4)", "add takes 2 arguments, not 4", signature),
        ("hello.add(1, 'x')", "argument `b` of add: expected i64, got the string \"x\"", signature),
        (
            "farside.call('python.eval', '1', name='x')",
            "python.eval takes arguments by position or by name, not both",
            "hint: the names of its parameters are not known here",
        ),
    ] {
        let source = format!(
            "import farside\ntry:\n    {call}\nexcept TypeError as error:\n    \
             told = [str(error), *error.__notes__, error.code]\ntold"
        );
        let told: Vec<String> = value(&python, &source).await;
        assert_eq!(told, [message, hint, "InvalidArgument"], "{call}");
    }
    insta::assert_snapshot!(broken(&python.eval::<()>("hello.add(b=1)")).await, @r#"
    GuestError: farside.ArgumentError: add needs an argument for `a` (i64)
        in Traceback (most recent call last):
        in   File "<eval>", line 1, in <module>
        in     hello.add(b=1)
        in     ~~~~~~~~~^^^^^
        in farside.ArgumentError: add needs an argument for `a` (i64)
        in hint: its signature is add(a: i64, b: i64) -> i64
    "#);
    insta::assert_snapshot!(
        broken(&python.eval::<()>("hello.greet({'a': [print]})")).await, @r#"
    GuestError: TypeError: argument [0]['a'][0] is the function print, which is no plain value
        in Traceback (most recent call last):
        in   File "<eval>", line 1, in <module>
        in     hello.greet({'a': [print]})
        in     ~~~~~~~~~~~^^^^^^^^^^^^^^^^
    "#);
}

#[tokio::test]
async fn variables_win_over_modules_and_new_modules_are_seen() {
    for (name, is_there, shadow) in [
        ("javascript", "typeof text !== 'undefined'", "var text = 'mine'; let stats = 7"),
        ("python", "'text' in dir(__builtins__)", "text, stats = 'mine', '7'"),
    ] {
        let Some((_server, session, language)) = session(name).await else { continue };
        assert!(!value::<bool>(&language, is_there).await, "{name}");
        session.upload(guest("text")).await.unwrap();
        assert!(value::<bool>(&language, is_there).await, "{name}");
        let words = language.eval::<()>("text.count('one two')['words']");
        assert_eq!(words.item::<u64>("one").get().await.unwrap(), 1, "{name}");
        language.execute(shadow).get().await.unwrap();
        assert_eq!(value::<String>(&language, "text + stats").await, "mine7");
        let names = session.function(&format!("{name}.names"));
        assert_eq!(names.value::<Vec<String>>(("hello",)).await.unwrap(), ["hello"]);
    }
}

#[tokio::test]
async fn javascript_catches_what_goes_wrong_in_a_function() {
    let Some((_server, _session, javascript)) = session("javascript").await else { return };
    let caught: Vec<String> = value(
        &javascript,
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
        assert_eq!(value::<String>(&javascript, &source).await, code, "{source}");
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
async fn python_catches_what_goes_wrong_in_a_function() {
    let Some((_server, _session, python)) = session("python").await else { return };
    let caught: Vec<String> = value(
        &python,
        "import farside
try:
    hello.fail('why not')
except farside.CallError as error:
    told = [type(error).__name__, error.code, error.message, str(error), error.detail['reason'],
            str(error.detail['attempts']), repr(error.cause)]
told",
    )
    .await;
    let message = "fail returned an error";
    assert_eq!(caught, ["CallError", "GuestError", message, message, "why not", "1", "None"]);
    for (call, code) in [
        ("farside.call('hello.nothing')", "NotFound"),
        ("farside.call('x' * 1000)", "NotFound"),
        ("hello.greet(1)", "InvalidArgument"),
        ("stats.mean([])", "GuestError"),
    ] {
        let source = format!(
            "try:\n    {call}\nexcept farside.CallError as error:\n    code = error.code\ncode"
        );
        assert_eq!(value::<String>(&python, &source).await, code, "{call}");
    }
    let nothing: String =
        value(&python, "try:\n    hello.nothing()\nexcept AttributeError as e:\n    x = str(e)\nx")
            .await;
    assert_eq!(nothing, "module 'hello' has no attribute 'nothing'");
    python.execute("def f(data):\n    return stats.mean(data)").get().await.unwrap();
    insta::assert_snapshot!(broken(&python.eval::<()>("f([])")).await, @r#"
    GuestError: farside.CallError: mean returned an error: NoData
        in Traceback (most recent call last):
        in   File "<eval>", line 1, in <module>
        in     f([])
        in     ~^^^^
        in   File "<eval>", line 2, in f
        in     return stats.mean(data)
        in            ~~~~~~~~~~^^^^^^
    "#);
}

#[tokio::test]
async fn a_target_that_is_lost_is_an_error_like_others() {
    for (name, source) in [
        (
            "javascript",
            "var codes = [];
             for (let n = 0; n < 2; n++) try { hello.boom('oh') } catch (error) {
               codes.push(error.code, String(error.cause?.code));
             }
             codes",
        ),
        (
            "python",
            "codes = []
for n in range(2):
    try:
        hello.boom('oh')
    except Exception as error:
        codes += [error.code, getattr(error.cause, 'code', 'undefined')]
codes",
        ),
    ] {
        let Some((_server, session, language)) = session(name).await else { continue };
        let caught: Vec<String> = value(&language, source).await;
        assert_eq!(caught, ["Trap", "undefined", "Poisoned", "Trap"], "{name}");
        session.renew("hello").await.unwrap();
        assert_eq!(value::<i64>(&language, "hello.square(3)").await, 9, "{name}");
        assert_eq!(value::<Vec<String>>(&language, "codes").await.len(), 4, "{name}");
        // One that nobody catches ends the evaluation, and nothing else.
        let uncaught = failure(&language.eval::<()>("hello.boom('oh')")).await;
        assert_eq!(uncaught.code, ErrorCode::GuestError, "{name}");
        assert!(uncaught.message.contains("CallError: the guest panicked: oh"), "{uncaught:?}");
        assert_eq!(value::<Vec<String>>(&language, "codes").await.len(), 4, "{name}");
    }
}

#[tokio::test]
async fn a_call_stands_in_the_queue_where_its_evaluation_was_taken() {
    for (name, lines) in [
        ("javascript", "logbook.last(9).map((entry) => entry.line)"),
        ("python", "[entry['line'] for entry in logbook.last(9)]"),
    ] {
        let Some((server, session, language)) = session(name).await else { continue };
        let gate = Gate::new(&server, &session, &"first").await;
        let logbook = session.module("logbook").await.unwrap();
        let first = logbook.call::<u64>("add", (gate.far::<String>(),));
        let told: Far<String> =
            language.eval("logbook.add('second'); logbook.add('third'); 'last'");
        let last = logbook.call::<u64>("add", (&told,));
        gate.open().await;
        assert_eq!(last.get().await.unwrap(), 4, "it waits for the evaluation before it");
        assert_eq!(first.get().await.unwrap(), 1);
        let lines: Vec<String> = value(&language, lines).await;
        assert_eq!(lines, ["first", "second", "third", "last"]);
    }
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
async fn a_call_that_leads_back_into_its_evaluator_is_refused() {
    let Some((_server, _session, python)) = session("python").await else { return };
    let caught = |call: &str| {
        format!(
            "import farside\ntry:\n    told = {call}\nexcept farside.CallError as error:\n    \
             told = [error.code, error.message]\ntold"
        )
    };
    let own = "python is in the midst of a call that led to this one";
    let told: Vec<String> = value(&python, &caught("farside.call('python.eval', '1')")).await;
    assert_eq!(told, ["Unavailable", own]);
    if evaluator("javascript").is_none() {
        return;
    }
    let ready = "[1].map((n) => n + 1)[0]";
    let ready = caught(&format!("farside.call('javascript.eval', source='{ready}')"));
    while value::<serde_json::Value>(&python, &ready).await != 2 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let back = "(() => { try { return farside.call(\"python.eval\", [\"1\"]) } catch (error) { return [error.code, error.message] } })()";
    let back = caught(&format!("farside.call('javascript.eval', '{back}')"));
    assert_eq!(value::<Vec<String>>(&python, &back).await, ["Unavailable", own]);
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
    // It may catch what it is told then, but not go on.
    for (name, source) in [
        ("javascript", "try { hello.spin() } catch { 5 }"),
        ("python", "try:\n    hello.spin()\nexcept BaseException:\n    x = 5\nx"),
    ] {
        let Some((_server, session, language)) = session(name).await else { continue };
        let far = language.eval::<i64>(source);
        // The call within it has begun once its target is busy.
        tokio::time::sleep(Duration::from_millis(50)).await;
        far.cancel();
        assert_eq!(failure(&far).await.code, ErrorCode::Cancelled, "{name}");
        let poisoned = failure(&session.function("hello.fail").call::<()>(("no",))).await;
        assert_eq!(poisoned.code, ErrorCode::Poisoned, "{name}");
        assert_eq!(poisoned.root().code, ErrorCode::Cancelled, "{name}");
    }
}

#[tokio::test]
async fn a_call_ends_with_its_evaluations_deadline() {
    for name in ["javascript", "python"] {
        let Some((server, session, language)) = session(name).await else { continue };
        let short = language.clone().timeout(Duration::from_millis(100));
        let far = short.eval::<()>("hello.spin()");
        assert_eq!(failure(&far).await.code, ErrorCode::DeadlineExceeded, "{name}");
        session.renew("hello").await.unwrap();
        session.renew(name).await.unwrap();
        value::<i64>(&language, "0").await;

        // So does one that waits in the queue, and it never runs.
        let gate = Gate::new(&server, &session, &"first").await;
        let first = session.function("logbook.add").call::<u64>((gate.far::<String>(),));
        let far = short.eval::<()>("logbook.add('never')");
        assert_eq!(failure(&far).await.code, ErrorCode::DeadlineExceeded, "{name}");
        gate.open().await;
        assert_eq!(first.get().await.unwrap(), 1, "{name}");
        let count = session.function("logbook.add").value::<u64>(("second",)).await.unwrap();
        assert_eq!(count, 2, "{name}");
    }
}

#[tokio::test]
async fn another_sessions_functions_are_not_there() {
    for (name, absent, called) in [
        (
            "javascript",
            "typeof hello === 'undefined'",
            "try { farside.call('hello.add', [1, 2]) } catch (error) { error.code }",
        ),
        (
            "python",
            "'hello' not in dir(__builtins__)",
            "import farside\ntry:\n    farside.call('hello.add', 1, 2)\n\
             except farside.CallError as error:\n    code = error.code\ncode",
        ),
    ] {
        let Some((server, _session, language)) = session(name).await else { continue };
        value::<i64>(&language, "hello.add(1, 2)").await;
        let other = server.session().await.language(name);
        assert!(value::<bool>(&other, absent).await, "{name}");
        assert_eq!(value::<String>(&other, called).await, "NotFound", "{name}");
    }
}

#[tokio::test]
async fn what_functions_log_is_told_of_the_evaluation() {
    for name in ["javascript", "python"] {
        let Some((_server, session, language)) = session(name).await else { continue };
        upload_text(
            &session,
            "chatty",
            r#"(module (import "farside" "log" (func $log (param i32 i32 i32)))
                 (memory (export "memory") 1) (data (i32.const 0) "from within")
                 (func (export "talk") (call $log (i32.const 3) (i32.const 0) (i32.const 11))))"#,
        )
        .await;
        let mut logs = session.logs();
        let far = language.eval::<()>("chatty.talk()");
        far.get().await.unwrap();
        let line = logs.next().await.unwrap();
        assert_eq!((line.text.as_str(), line.of), ("from within", far.id()), "{name}");
    }
}

#[tokio::test]
async fn a_client_has_no_module_that_calls_others() {
    let Some((_server, session, _)) = session("javascript").await else { return };
    let path = javascript().unwrap();
    let text = crate::told::refused(session.uploader(path).name("mine").send().await);
    assert!(text.starts_with("UnsupportedImport: "), "{text}");
    assert!(text.contains("farside.call (i32, i32, i32, i32) -> i64"), "{text}");
}
