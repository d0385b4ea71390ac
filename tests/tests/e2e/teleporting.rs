//! Functions sent as source text, and functions for each item of what lies on the server.

use std::time::Duration;

use farside::{Array, ErrorCode, Far};
use farside_tests::{Server, guest};

use crate::gate::Gate;
use crate::languages::{evaluating_with, speaking, value};
use crate::told::{broken, failure, upload_text};

/// Functions as a language writes them.
struct Written {
    language: &'static str,
    /// Texts that define the square of a number.
    squares: &'static [&'static str],
    even: &'static str,
    half: &'static str,
    add: &'static str,
    /// An expression that is true while there are no variables `square` and `two`.
    left_nothing: &'static str,
}

const WRITTEN: [Written; 2] = [
    Written {
        language: "javascript",
        squares: &[
            "(x) => x * x",
            "function square(x) { return x ** 2 }",
            "x => x ** 2;",
            "(x) => { return x ** 2 }",
            "const two = 2;\nfunction square(x) {\n  return x ** two\n}",
        ],
        even: "(x) => x % 2 == 0",
        half: "(x) => x / 2",
        add: "(a, b) => a + b",
        left_nothing: "typeof square + typeof two == 'undefinedundefined'",
    },
    Written {
        language: "python",
        squares: &[
            "lambda x: x * x",
            "def square(x):\n    return x ** 2",
            "\n    def square(x):\n        return x ** 2\n    ",
            "two = 2\ndef square(x):\n    return x ** two",
            "import math\nsquare = lambda x: int(math.pow(x, 2))",
            "def helper(x): return x ** 2
def square(x, deep=True):
    return square(x, False) if deep else helper(x)",
            "from __future__ import annotations
def square(x: Nothing) -> Nothing:
    '''Of a number:
its square.'''
    return x ** 2",
            "class square:\n    def __new__(cls, x): return x ** 2",
            "import functools\nfunctools.partial(lambda exponent, x: x ** exponent, 2)",
        ],
        even: "lambda x: x % 2 == 0",
        half: "lambda x: x / 2",
        add: "lambda a, b: a + b",
        left_nothing: "'square' not in globals() and 'two' not in globals()",
    },
];

#[tokio::test]
async fn a_function_sent_as_text_is_called_like_any_other() {
    for Written { language, squares, add, left_nothing, .. } in WRITTEN {
        let Some((_server, session, spoken)) = speaking(language).await else { continue };
        for source in squares {
            let square = session.teleport(language, source);
            let result = square.value::<i64>((12,)).await;
            assert_eq!(result.unwrap_or_else(|error| panic!("{source}: {error:?}")), 144);
            let again: Far<i64> = square.call((square.call::<i64>((2,)),));
            assert_eq!(again.get().await.unwrap(), 16, "{source}");
        }
        assert!(value::<bool>(&spoken, left_nothing).await, "{language}");
        let before = session.wire();
        let add = session.teleport(language, add);
        let three = add.call::<i64>((1, 2));
        assert_eq!(add.call::<i64>((&three, 4)).get().await.unwrap(), 7);
        assert_eq!(session.wire().round_trips - before.round_trips, 1);
    }
}

#[tokio::test]
async fn a_function_sent_as_text_sees_the_sessions_variables_and_modules() {
    for (language, set, again, source) in [
        ("javascript", "var k = 2", "k = 3", "(x) => hello.square(x) * k"),
        ("python", "k = 2", "k = 3", "def f(x):\n    return hello.square(x) * k"),
    ] {
        let Some((_server, session, spoken)) = speaking(language).await else { continue };
        session.upload(guest("hello")).await.unwrap();
        let function = session.teleport(language, source);
        spoken.execute(set).get().await.unwrap();
        assert_eq!(function.value::<i64>((3,)).await.unwrap(), 18, "{language}");
        spoken.execute(again).get().await.unwrap();
        assert_eq!(function.value::<i64>((3,)).await.unwrap(), 27, "{language}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_text_of_python_is_told_where_its_result_is_asked_for() {
    let Some((_server, session, _)) = speaking("python").await else { return };
    let wrong = session.teleport("python", "def f(x):\n    return x +").call::<()>((1,));
    let wrong = failure(&wrong).await;
    assert!(wrong.root().message.starts_with("SyntaxError: "), "{}", wrong.root().message);
    for source in ["1 + 1", "", "x = 5", "import math"] {
        let none = failure(&session.teleport("python", source).call::<()>(())).await;
        assert_eq!(none.root().message, "TypeError: the source defines no function", "{source}");
    }
    insta::assert_snapshot!(
        broken(&session.teleport("python", "y = 1\nf = nowhere").call::<()>(())).await, @r#"
    GuestError: argument far:1310721 failed
    caused by GuestError: NameError: name 'nowhere' is not defined
        in Traceback (most recent call last):
        in   File "<eval>", line 2, in <module>
        in     f = nowhere
        in         ^^^^^^^
    "#);
    let raises = session.teleport("python", "def f():\n    raise ValueError('oh')");
    insta::assert_snapshot!(broken(&raises.call::<()>(())).await, @r#"
    GuestError: ValueError: oh
        in Traceback (most recent call last):
        in   File "<eval>", line 2, in f
        in     raise ValueError('oh')
    "#);
    let misfit = failure(&raises.call::<()>((1,))).await;
    assert!(misfit.message.starts_with("TypeError: f() takes "), "{}", misfit.message);
}

#[tokio::test]
async fn what_is_wrong_with_a_function_is_told_where_its_result_is_asked_for() {
    let Some((_server, session, _)) = speaking("javascript").await else { return };
    let wrong = session.teleport("javascript", "function f(x) { return x +; }").call::<()>((1,));
    let wrong = failure(&wrong).await;
    assert!(wrong.root().message.starts_with("SyntaxError: "), "{}", wrong.root().message);
    let none = failure(&session.teleport("javascript", "1 + 1").call::<()>(())).await;
    assert_eq!(none.root().message, "TypeError: the source defines no function");
    let throws = session.teleport("javascript", "function f() {\n  throw new Error('oh')\n}");
    insta::assert_snapshot!(broken(&throws.call::<()>(())).await, @"
    GuestError: Error: oh
        in <eval>:2
        in   throw new Error('oh')
        in             ^
        in 
        in Error: oh
        in     at f (<eval>:2:13)
    ");
    let nowhere = failure(&session.teleport("cobol", "x").call::<()>(())).await;
    assert_eq!(nowhere.root().message, "this server does not evaluate cobol");
}

#[tokio::test]
async fn items_are_gone_over_where_they_lie() {
    for Written { language, squares, even, half, add, .. } in WRITTEN {
        let Some((_server, session, spoken)) = speaking(language).await else { continue };
        let [square, even, half, sum] =
            [squares[0], even, half, add].map(|source| session.teleport(language, source));
        let numbers: Far<Vec<i64>> = session.put(&(0..100_000).collect::<Vec<i64>>());
        session.flush().await.unwrap();
        let before = session.wire();
        let total = numbers.filter(&even).map::<Vec<i64>>(&square).reduce::<i64>(&sum);
        let expected: i64 = (0..100_000).filter(|n| n % 2 == 0).map(|n| n * n).sum();
        assert_eq!(total.get().await.unwrap(), expected);
        assert_eq!(session.wire().round_trips - before.round_trips, 1);
        let there: Far<Vec<i64>> = spoken.eval("[1, 2, 3]");
        assert_eq!(there.map::<Vec<i64>>(&square).get().await.unwrap(), [1, 4, 9]);
        let texts = session.put(&["a", "b"]).reduce::<String>(&sum);
        assert_eq!(texts.get().await.unwrap(), "ab");

        let floats = session.put(&Array::from(vec![1.0, 2.0, 3.0])).map::<Array<f64>>(&square);
        assert_eq!(floats.get().await.unwrap().data(), [1.0, 4.0, 9.0]);
        let integers = session.put(&Array::from(vec![1_i32, 2, 3, 4]));
        let left: Far<Array<i32>> = integers.filter(&even);
        assert_eq!(left.get().await.unwrap().data(), [2, 4]);
        assert_eq!(left.reduce_from::<i64>(&sum, 10).get().await.unwrap(), 16);
        let halves = integers.map::<Array<f64>>(&half);
        assert_eq!(halves.get().await.unwrap().data(), [0.5, 1.0, 1.5, 2.0]);
        let answers = integers.map::<Vec<bool>>(&even);
        assert_eq!(answers.get().await.unwrap(), [false, true, false, true]);

        let empty: Far<Vec<i64>> = session.put(&Vec::<i64>::new());
        assert_eq!(empty.map::<Vec<i64>>(&square).get().await.unwrap(), [0; 0]);
        let nothing = failure(&empty.reduce::<i64>(&sum)).await;
        let message = "TypeError: there is nothing to reduce, and no initial value";
        assert_eq!((nothing.code, &*nothing.message), (ErrorCode::GuestError, message));
        let number = failure(&session.put(&1).map::<()>(&square)).await;
        assert_eq!(number.code, ErrorCode::GuestError, "{number:?}");
        assert!(number.message.starts_with("TypeError: "), "{number:?}");
    }
}

#[tokio::test]
async fn an_array_that_python_goes_over_stays_an_array_while_it_can() {
    let Some((_server, session, _)) = speaking("python").await else { return };
    let bytes = session.put(&Array::from(vec![200_u8, 3]));
    let grown = session.teleport("python", "lambda x: x * 100");
    assert_eq!(bytes.map::<Array<i64>>(&grown).get().await.unwrap().data(), [20_000, 300]);
    let huge = session.teleport("python", "lambda x: x << 70");
    let huge = bytes.map::<()>(&huge);
    let shown = session.eval_with::<String>("repr(huge[1] >> 70)", (("huge", &huge),));
    assert_eq!(shown.get().await.unwrap(), "3", "integers that no array holds are a list");
    let texts = session.teleport("python", "str");
    assert_eq!(bytes.map::<Vec<String>>(&texts).get().await.unwrap(), ["200", "3"]);
    let table = Array::from_shape(vec![2, 2], vec![1.0, 2.0, 3.0, 4.0]);
    let sums = session.teleport("python", "lambda row: row.sum()");
    let sums = session.put(&table.unwrap()).map::<Array<f64>>(&sums);
    assert_eq!(sums.get().await.unwrap().data(), [3.0, 7.0], "the items are rows");
    // Also where it is taken in pieces, and types come late.
    let many = session.put(&Array::from((0..10_000).collect::<Vec<i64>>()));
    for (source, expected) in [
        ("lambda n: n + 1", "list(range(1, 10_001))"),
        ("lambda n: n / 2", "[n / 2 for n in range(10_000)]"),
        (
            "lambda n: n if n < 9_000 else n / 2",
            "[float(n) if n < 9_000 else n / 2 for n in range(10_000)]",
        ),
        (
            "lambda n: n if n < 9_000 else str(n)",
            "[n if n < 9_000 else str(n) for n in range(10_000)]",
        ),
        (
            "lambda n: n if n < 9_000 else n << 60",
            "[n if n < 9_000 else n << 60 for n in range(10_000)]",
        ),
    ] {
        let results = many.map::<()>(&session.teleport("python", source));
        let plain = "list(results.tolist() if hasattr(results, 'tolist') else results)";
        let same = format!("repr({plain}) == repr({expected})");
        let same = session.eval_with::<bool>(&same, (("results", &results),));
        assert!(same.get().await.unwrap(), "{source}");
    }
    let few = session.teleport("python", "lambda n: n % 4_999 == 0");
    let few = many.filter(&few);
    assert_eq!(few.get().await.unwrap().data(), [0, 4_999, 9_998]);
    let generated = session.eval::<()>("(n for n in range(4))");
    let odd = session.teleport("python", "lambda n: n % 2");
    assert_eq!(generated.filter(&odd).map::<Vec<i64>>(&grown).get().await.unwrap(), [100, 300]);
}

#[tokio::test]
async fn an_array_that_python_goes_over_takes_little_room() {
    let server = Server::builder().flag("--limits-session-memory", "96MiB");
    let Some(server) = evaluating_with(server, "python").await else { return };
    let session = server.session().await;
    let numbers = session.put(&Array::from((0..500_000).map(f64::from).collect::<Vec<_>>()));
    let half = session.teleport("python", "lambda x: x / 2");
    let add = session.teleport("python", "lambda a, b: a + b");
    let sum = numbers.map::<Array<f64>>(&half).reduce::<f64>(&add);
    assert_eq!(sum.get().await.unwrap(), 62_499_875_000.0);
}

#[tokio::test]
async fn what_goes_wrong_with_an_item_of_python_is_told() {
    let Some((_server, session, _)) = speaking("python").await else { return };
    let inverse = session.teleport("python", "def inverse(x):\n    return 1 / x");
    let numbers = session.put(&[1, 0]);
    insta::assert_snapshot!(broken(&numbers.map::<()>(&inverse)).await, @r#"
    GuestError: ZeroDivisionError: division by zero
        in Traceback (most recent call last):
        in   File "<eval>", line 2, in inverse
        in     return 1 / x
        in            ~~^~~
    "#);
    // An end that is no end of the items is no silent one.
    let ends = session.teleport("python", "lambda x: next(iter(()))");
    let array = session.put(&Array::from(vec![1.0, 2.0]));
    for ended in [failure(&numbers.map::<()>(&ends)).await, failure(&array.map::<()>(&ends)).await]
    {
        assert_eq!(ended.message, "StopIteration");
    }
    let endless = session.teleport("python", "def f(x):\n    while True: pass");
    let short = endless.timeout(Duration::from_millis(100));
    assert_eq!(failure(&numbers.map::<()>(&short)).await.code, ErrorCode::DeadlineExceeded);
    let callees = session.teleport("python", "def f(x):\n    return hello.square(x)");
    session.upload(guest("hello")).await.unwrap();
    assert_eq!(numbers.map::<Vec<i64>>(&callees).get().await.unwrap(), [1, 0]);
}

#[tokio::test]
async fn a_modules_function_goes_over_items_without_any_evaluator() {
    let server = Server::start();
    let session = server.session().await;
    let hello = session.upload(guest("hello")).await.unwrap();
    let logbook = session.upload(guest("logbook")).await.unwrap();
    let square = hello.function("square").unwrap();
    let numbers: Far<Vec<i64>> = session.put(&(0..1000).collect::<Vec<i64>>());
    let add = hello.function("add").unwrap();
    let total = numbers.map::<Vec<i64>>(&square).reduce::<i64>(&add);
    let expected: i64 = (0..1000).map(|n| n * n).sum();
    assert_eq!(total.get().await.unwrap(), expected);
    assert_eq!(numbers.reduce_from::<i64>(&add, 1).get().await.unwrap(), 499_501);
    let array = session.put(&Array::from(vec![1_u8, 2, 3]));
    assert_eq!(array.map::<Array<i64>>(&square).get().await.unwrap().data(), [1, 4, 9]);

    // Each item stands in the queue where the whole was taken; others come between two.
    let gate = Gate::new(&server, &session, &"first").await;
    let first = logbook.call::<u64>("add", (gate.far::<String>(),));
    let lines = session.put(&["second", "third"]);
    let counts = lines.map::<Vec<u64>>(&logbook.function("add").unwrap());
    let last = logbook.call::<u64>("add", ("last",));
    gate.open().await;
    assert_eq!(counts.get().await.unwrap()[0], 2);
    assert_eq!(first.get().await.unwrap(), 1);
    assert!(last.get().await.unwrap() > 2);
}

#[tokio::test]
async fn going_over_items_ends_as_any_call_does() {
    let server = Server::start();
    let session = server.session().await;
    let hello = session.upload(guest("hello")).await.unwrap();
    let even = upload_text(
        &session,
        "even",
        r#"(module (func (export "even") (param i64) (result i32)
             (i32.wrap_i64 (i64.and (local.get 0) (i64.const 1)))))"#,
    )
    .await;
    let numbers = session.put(&[1_i64, 2, 3]);
    insta::assert_snapshot!(
        broken(&numbers.filter(&even.function("even").unwrap())).await, @"
    InvalidArgument: for item 0 the function gave an integer, and not true or false
    ");
    insta::assert_snapshot!(
        broken(&session.put(&["x"]).map::<()>(&hello.function("square").unwrap())).await, @r#"
    InvalidArgument: item 0 failed
    caused by InvalidArgument: argument `n` of square: expected i64, got the string "x"
    hint: its signature is square(n: i64) -> i64
    "#);
    insta::assert_snapshot!(
        broken(&session.put(&1).map::<()>(&hello.function("square").unwrap())).await, @"
    InvalidArgument: an integer has no items to go over
    hint: it takes a list, or an array of one dimension
    ");
    let add = hello.function("add").unwrap();
    let nothing = failure(&session.put(&[(); 0]).reduce::<i64>(&add)).await;
    assert_eq!(nothing.code, ErrorCode::InvalidArgument);

    let many: Far<Vec<i64>> = session.put(&vec![1; 1_000_000]);
    let far = many.map::<Vec<i64>>(&hello.function("add").unwrap());
    assert_eq!(failure(&far).await.code, ErrorCode::InvalidArgument, "the first item fails");
    let short = hello.function("square").unwrap().timeout(Duration::from_millis(50));
    assert_eq!(failure(&many.map::<Vec<i64>>(&short)).await.code, ErrorCode::DeadlineExceeded);
    let cancelled = many.map::<Vec<i64>>(&hello.function("square").unwrap());
    tokio::time::sleep(Duration::from_millis(20)).await;
    cancelled.cancel();
    assert_eq!(failure(&cancelled).await.code, ErrorCode::Cancelled);
    assert_eq!(hello.call::<i64>("square", (3,)).get().await.unwrap(), 9);
}
