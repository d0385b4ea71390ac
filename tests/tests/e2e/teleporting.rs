//! Functions sent as source text, and functions for each item of what lies on the server.

use std::time::Duration;

use farside::{Array, ErrorCode, Far, Session};
use farside_tests::{Server, guest};

use crate::gate::Gate;
use crate::languages::{eval, javascript};
use crate::told::{broken, failure, upload_text};

/// A session whose evaluator is ready; none if this machine could not build it.
async fn session() -> Option<(Server, Session)> {
    javascript()?;
    let server = Server::start();
    let session = server.session().await;
    eval::<i64>(&session, "0").await;
    Some((server, session))
}

#[tokio::test]
async fn a_function_sent_as_text_is_called_like_any_other() {
    let Some((_server, session)) = session().await else { return };
    for source in [
        "function square(x) { return x ** 2 }",
        "x => x ** 2;",
        "(x) => { return x ** 2 }",
        "const two = 2;\nfunction square(x) {\n  return x ** two\n}",
    ] {
        let square = session.teleport("javascript", source);
        assert_eq!(square.value::<i64>((12,)).await.unwrap(), 144, "{source}");
        let again: Far<i64> = square.call((square.call::<i64>((2,)),));
        assert_eq!(again.get().await.unwrap(), 16, "{source}");
    }
    assert_eq!(eval::<String>(&session, "typeof square + typeof two").await, "undefinedundefined");
    let before = session.wire();
    let add = session.teleport("javascript", "(a, b) => a + b");
    let three = add.call::<i64>((1, 2));
    assert_eq!(add.call::<i64>((&three, 4)).get().await.unwrap(), 7);
    assert_eq!(session.wire().round_trips - before.round_trips, 1);
}

#[tokio::test]
async fn what_is_wrong_with_a_function_is_told_where_its_result_is_asked_for() {
    let Some((_server, session)) = session().await else { return };
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
    let Some((_server, session)) = session().await else { return };
    let square = session.teleport("javascript", "(x) => x * x");
    let even = session.teleport("javascript", "(x) => x % 2 == 0");
    let sum = session.teleport("javascript", "(a, b) => a + b");
    let numbers: Far<Vec<i64>> = session.put(&(0..100_000).collect::<Vec<i64>>());
    session.flush().await.unwrap();
    let before = session.wire();
    let total = numbers.filter(&even).map::<Vec<i64>>(&square).reduce::<i64>(&sum);
    let expected: i64 = (0..100_000).filter(|n| n % 2 == 0).map(|n| n * n).sum();
    assert_eq!(total.get().await.unwrap(), expected);
    assert_eq!(session.wire().round_trips - before.round_trips, 1);
    let halves = session.put(&Array::from(vec![1.0, 2.0, 3.0])).map::<Array<f64>>(&square);
    assert_eq!(halves.get().await.unwrap().data(), [1.0, 4.0, 9.0]);
    let whole: Far<Array<i32>> = session.put(&Array::from(vec![1_i32, 2, 3, 4])).filter(&even);
    assert_eq!(whole.get().await.unwrap().data(), [2, 4]);
    let from = whole.reduce_from::<i64>(&sum, 10);
    assert_eq!(from.get().await.unwrap(), 16);
    let empty: Far<Vec<i64>> = session.put(&Vec::<i64>::new());
    assert_eq!(failure(&empty.reduce::<i64>(&sum)).await.code, ErrorCode::GuestError);
    assert_eq!(failure(&session.put(&1).map::<()>(&sum)).await.code, ErrorCode::GuestError);
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
