//! Python evaluated in a session: what lasts, what goes in and out, what it finds and
//! what it does not.

use std::time::Duration;

use farside::{Array, ErrorCode, Far, LogLevel, Session};
use farside_tests::Server;
use serde::de::DeserializeOwned;

use crate::languages::evaluating;
use crate::told::{broken, failure};

/// A session in which Python is ready; none if this machine could not build it. The
/// server lives as long as its guard.
async fn python() -> Option<(Server, Session)> {
    let server = evaluating("python").await?;
    let session = server.session().await;
    Some((server, session))
}

/// What an expression gives.
async fn value<T: DeserializeOwned>(session: &Session, expression: &str) -> T {
    let value = session.eval::<T>(expression).get().await;
    value.unwrap_or_else(|error| panic!("{expression}: {error:?}"))
}

/// Runs statements.
async fn run(session: &Session, source: &str) {
    let ran = session.execute(source).get().await;
    ran.unwrap_or_else(|error| panic!("{source}: {error:?}"));
}

/// Checks that an expression is true.
async fn check(session: &Session, expression: &str) {
    assert!(value::<bool>(session, expression).await, "{expression}");
}

/// What a text fails with, in one line.
async fn refusal(session: &Session, source: &str) -> String {
    let failure = failure(&session.execute(source)).await;
    assert_eq!(failure.code, ErrorCode::GuestError, "{source}: {failure:?}");
    failure.message
}

#[tokio::test]
async fn variables_last_and_are_each_sessions_own() {
    let Some((server, session)) = python().await else { return };
    run(&session, "x = 20\ndef add(y): return x + y").await;
    assert_eq!(value::<i64>(&session, "x += 1\nadd(21)").await, 42);
    run(&session, "import math").await;
    check(&session, "math.isclose(math.pi, 3.14159, abs_tol=1e-5)").await;
    // What has no value gives nothing.
    value::<()>(&session, "y = 5").await;

    let other = server.session().await;
    assert_eq!(refusal(&other, "x").await, "NameError: name 'x' is not defined");
    assert_eq!(value::<i64>(&session, "x").await, 21);
}

#[tokio::test]
async fn references_are_read_inside_and_results_stay() {
    let Some((_server, session)) = python().await else { return };
    value::<i64>(&session, "0").await;
    let data: Far<Vec<i64>> = session.put(&vec![1_i64, 2, 3]);
    let before = session.wire();
    let scaled: Far<Vec<i64>> =
        session.eval_with("[n * k for n in data]", (("data", &data), ("k", 3)));
    let sum: Far<i64> = session.eval_with("sum(t)", (("t", &scaled),));
    assert_eq!(sum.get().await.unwrap(), 18);
    assert_eq!(session.wire().round_trips - before.round_trips, 1);
}

#[tokio::test]
async fn values_go_out_and_come_back_as_they_were() {
    let Some((_server, session)) = python().await else { return };
    for expression in [
        "None",
        "[True, False, 0, -1, 2**63 - 1, 2**64 - 1, -2**63]",
        "[2**64, -2**64, 2**200, -3**300]",
        "[0.1, -0.0, 1e308, float('inf'), float('-inf')]",
        "['', 'text', 'h\u{e9}llo \u{1f40d}']",
        "[b'', b'\\x00\\xff' * 1000]",
        "{'a': {'b': [1, {'c': None}]}, 1: 2, None: 3, True: 4, 2.5: 5, b'k': 6, (1, (2,)): 7}",
        "[[[[[[[[[[1]]]]]]]]]]",
        "__import__('datetime').datetime(2024, 2, 29, 12, 30, 15, 123456, \
         __import__('datetime').timezone.utc)",
        "__import__('datetime').datetime(1931, 1, 2, 3, 4, 5, 6, __import__('datetime').timezone.utc)",
        "__import__('farside').Array([[1, 2], [3, 4]], 'i16').tolist()",
    ] {
        let there: Far<()> = session.eval(expression);
        let back: Far<bool> =
            session.eval_with(&format!("repr(back) == repr({expression})"), (("back", &there),));
        assert!(back.get().await.unwrap(), "{expression}");
    }
}

#[tokio::test]
async fn what_has_no_form_of_its_own_is_the_nearest_plain_value() {
    let Some((_server, session)) = python().await else { return };
    run(&session, "import array, collections, datetime, decimal, farside, math").await;
    assert_eq!(value::<Vec<i64>>(&session, "(1, 2)").await, [1, 2]);
    assert_eq!(value::<Vec<i64>>(&session, "{3}").await, [3]);
    assert_eq!(value::<Vec<i64>>(&session, "range(3)").await, [0, 1, 2]);
    assert_eq!(value::<Vec<String>>(&session, "{'a': 1}.keys()").await, ["a"]);
    assert_eq!(value::<Vec<i64>>(&session, "collections.deque([4])").await, [4]);
    assert!(value::<f64>(&session, "math.nan").await.is_nan());
    let day = value::<String>(&session, "datetime.date(2024, 2, 29)").await;
    assert_eq!(day, "2024-02-29");
    let bytes = value::<serde_bytes::ByteBuf>(&session, "bytearray(b'ab')").await;
    assert_eq!(*bytes, *b"ab");
    let numbers = value::<Array<f64>>(&session, "array.array('d', [0.5, 1.5])").await;
    assert_eq!(numbers.data(), [0.5, 1.5]);
    let table = value::<Array<i64>>(&session, "farside.Array([[1, 2], [3, 4]])").await;
    assert_eq!((table.shape(), table.data()), (&[2, 2][..], &[1, 2, 3, 4][..]));
}

#[tokio::test]
async fn what_is_no_plain_value_is_named_with_its_place() {
    let Some((_server, session)) = python().await else { return };
    for (expression, expected) in [
        (
            "{'a': [1, object()]}",
            "NotPlain: the result holds, at `['a'][1]`, an object, which is no plain value",
        ),
        ("x = []\nx.append(x)\nx", "what is nested too deep, or in itself"),
    ] {
        let found = failure(&session.eval::<()>(expression)).await.message;
        assert!(found.contains(expected), "{found}");
    }
}

#[tokio::test]
async fn what_goes_wrong_is_told_as_the_language_tells_it() {
    let Some((_server, session)) = python().await else { return };
    run(&session, "def half(n):\n    return 1 / n").await;
    insta::assert_snapshot!(broken(&session.eval::<()>("x = 0\nhalf(x)")).await, @r#"
    GuestError: ZeroDivisionError: division by zero
        in Traceback (most recent call last):
        in   File "<eval>", line 2, in <module>
        in     half(x)
        in     ~~~~^^^
        in   File "<eval>", line 2, in half
        in     return 1 / n
        in            ~~^~~
    "#);
    insta::assert_snapshot!(broken(&session.eval::<()>("x = (1 +\ny = 2")).await, @r#"
    GuestError: SyntaxError: '(' was never closed
        in   File "<eval>", line 1
        in     x = (1 +
        in         ^
    "#);
    insta::assert_snapshot!(broken(&session.eval::<()>("print 'a'")).await, @r#"
    GuestError: SyntaxError: Missing parentheses in call to 'print'. Did you mean print(...)?
        in   File "<eval>", line 1
        in     print 'a'
        in     ^^^^^
    "#);
    // It poisons nothing, and what was set before it stays.
    check(&session, "x == 0").await;
}

#[tokio::test]
async fn what_the_sandbox_has_not_says_so() {
    let Some((_server, session)) = python().await else { return };
    for (source, expected) in [
        ("import numpy", "arrays of numbers are farside.Array"),
        ("import numpy", "the sandbox has Python's own library only, such as math"),
        ("import requests", "the sandbox has Python's own library only"),
        ("import nonesuch", "No module named 'nonesuch'"),
        ("import socket", "there is no network in the sandbox"),
        ("import subprocess", "there are no processes in the sandbox"),
        ("import asyncio", "there is no event loop in the sandbox"),
        ("import os\nos.system('ls')", "there are no processes in the sandbox"),
        ("import os\nos.environ['HOME']", "there are no environment variables in the sandbox"),
        ("open('data.csv')", "there are no files in the sandbox: open('data.csv')"),
        ("import pathlib\npathlib.Path('x').write_text('')", "there are no files in the sandbox"),
        ("import threading\nthreading.Thread().start()", "there are no threads in the sandbox"),
        ("input()", "there is no input in the sandbox"),
    ] {
        let message = refusal(&session, source).await;
        assert!(message.contains(expected), "{source}: {message}");
    }
}

#[tokio::test]
async fn arrays_are_calculated_with_and_cut() {
    let Some((_server, session)) = python().await else { return };
    run(&session, "import farside\na = farside.Array([[1, 2, 3], [4, 5, 6]], dtype='f64')").await;
    for expression in [
        "a.shape == (2, 3) and a.dtype == 'f64' and a.ndim == 2 and a.size == 6 and len(a) == 2",
        "(a * 2 + 1).tolist() == [[3, 5, 7], [9, 11, 13]]",
        "(1 / a)[0, 1] == 0.5 and (a - a).sum() == 0 and (a ** 2)[1, 2] == 36",
        "a[1].tolist() == [4, 5, 6] and a[:, 1].tolist() == [2, 5] and a[-1, ::-1][0] == 6",
        "a[a > 3].tolist() == [4, 5, 6]",
        "(a + farside.Array([10, 20, 30]))[1].tolist() == [14, 25, 36]",
        "a.reshape(3, 2).shape == (3, 2) and a.flatten().tolist() == [1, 2, 3, 4, 5, 6]",
        "(a.sum(), a.mean(), a.min(), a.max()) == (21, 3.5, 1, 6)",
        "farside.arange(2, 8, 3).tolist() == [2, 5] and farside.zeros((2, 2)).sum() == 0",
        "a.astype('i32').dtype == 'i32' and [row[0] for row in a] == [1, 4]",
    ] {
        check(&session, expression).await;
    }
    let sum: Far<f64> = session.eval_with("b.sum()", (("b", Array::from(vec![0.5, 1.5])),));
    assert_eq!(sum.get().await.unwrap(), 2.0);
}

#[tokio::test]
async fn what_is_printed_is_logged() {
    let Some((_server, session)) = python().await else { return };
    let mut logs = session.logs();
    let source =
        "import sys\nprint('one', 2)\nprint('no', file=sys.stderr)\nprint('a\\nb', end='')";
    run(&session, source).await;
    for (level, text) in [
        (LogLevel::Info, "one 2"),
        (LogLevel::Error, "no"),
        (LogLevel::Info, "a"),
        (LogLevel::Info, "b"),
    ] {
        let line = logs.next().await.unwrap();
        assert_eq!((line.level, &*line.text), (level, text));
    }
}

#[tokio::test]
async fn the_standard_library_is_there() {
    let Some((_server, session)) = python().await else { return };
    for expression in [
        "__import__('json').dumps({'a': [1, None]}) == '{\"a\": [1, null]}'",
        "__import__('math').factorial(20) == 2432902008176640000",
        "__import__('re').sub(r'(\\d+)', r'<\\1>', 'a1b22') == 'a<1>b<22>'",
        "str(__import__('datetime').timedelta(hours=25)) == '1 day, 1:00:00'",
        "list(__import__('itertools').pairwise('abc')) == [('a', 'b'), ('b', 'c')]",
        "__import__('functools').reduce(lambda a, b: a * b, [1, 2, 3, 4]) == 24",
        "__import__('collections').Counter('hello').most_common(1) == [('l', 2)]",
        "__import__('statistics').median([3, 1, 2]) == 2",
        "0 <= __import__('random').random() < 1",
        "__import__('string').Template('$x').substitute(x=1) == '1'",
        "__import__('dataclasses').make_dataclass('P', ['x'])(1).x == 1",
        "__import__('typing').get_args(list[int]) == (int,)",
        "str(__import__('decimal').Decimal('0.1') * 3) == '0.3'",
        "__import__('fractions').Fraction(1, 3) + __import__('fractions').Fraction(1, 6) == 0.5",
        "__import__('hashlib').sha256(b'').hexdigest()[:8] == 'e3b0c442'",
        "__import__('base64').b64encode(b'abc') == b'YWJj'",
        "list(__import__('csv').reader(['a,\"b,c\"'])) == [['a', 'b,c']]",
        "__import__('textwrap').dedent('  a') == 'a'",
    ] {
        check(&session, expression).await;
    }
}

#[tokio::test]
async fn deep_recursion_and_huge_values_are_errors_and_no_traps() {
    let Some((_server, session)) = python().await else { return };
    for (source, class) in [
        ("def f(n): return f(n + 1)\nf(0)", "RecursionError"),
        ("class A:\n    def __repr__(self): return repr(self)\nrepr(A())", "RecursionError"),
        ("x = []\nfor _ in range(100000): x = [x]\nrepr(x)", "RecursionError"),
        ("import json\njson.loads('[' * 100000)", "RecursionError"),
        ("'x' * 10**9", "MemoryError"),
        ("[0] * 10**9", "MemoryError"),
        ("1 << 10**12", "MemoryError"),
        ("raise ValueError('long' * 100_000)", "ValueError: longlong"),
    ] {
        let message = refusal(&session, source).await;
        assert!(message.starts_with(class), "{source}: {message}");
    }
    assert_eq!(value::<i64>(&session, "1 + 1").await, 2);
}

/// Checks that a text is stopped at its deadline, and leaves the variables.
async fn is_stopped(session: &Session, source: &str) {
    let language = session.language("python");
    language.execute("x = [1, 2, 3]").get().await.unwrap();
    let stopped = language.timeout(Duration::from_millis(300)).execute(source);
    let stopped = failure(&stopped).await;
    assert_eq!(stopped.code, ErrorCode::DeadlineExceeded, "{stopped:?}");
    assert_eq!(session.eval::<Vec<i64>>("x").get().await.unwrap(), [1, 2, 3]);
}

#[tokio::test]
async fn what_does_not_end_is_stopped_and_leaves_the_variables() {
    let Some((_server, session)) = python().await else { return };
    is_stopped(&session, "while True: pass").await;
    let caught = "while True:\n  try:\n    while True: pass\n  except BaseException: x = None";
    is_stopped(&session, caught).await;
    // One long search, in which the interpreter does not look up.
    is_stopped(&session, "import re\nre.match(r'(a+)+$', 'a' * 40 + 'b')").await;
    is_stopped(&session, "x.append(4); pow(3, 10 ** 7)").await;
}

#[tokio::test]
async fn what_takes_all_memory_leaves_the_variables() {
    let Some((_server, session)) = python().await else { return };
    let language = session.language("python");
    language.execute("x = [1, 2, 3]").get().await.unwrap();
    let taken =
        failure(&language.execute("x.append(4)\nwhile True: x.append(str(len(x)) * 99)")).await;
    assert_eq!(taken.code, ErrorCode::MemoryLimit, "{taken:?}");
    assert_eq!(session.eval::<Vec<i64>>("x").get().await.unwrap(), [1, 2, 3]);
}
