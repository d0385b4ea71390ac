//! Source text evaluated in a session, by an evaluator that is a guest like any other.

use std::path::PathBuf;
use std::time::Duration;

use farside::{ErrorCode, Far, Session};
use farside_tests::{Server, evaluator};
use serde::de::DeserializeOwned;

use crate::told::{broken, failure};

/// The evaluator of JavaScript, unless this machine could not build it.
pub(crate) fn javascript() -> Option<PathBuf> {
    let found = evaluator("javascript");
    if found.is_none() {
        eprintln!("skipped: the JavaScript evaluator is not built, since there is no clang");
    }
    found
}

/// What source text gives, once the evaluator is compiled.
pub(crate) async fn eval<T: DeserializeOwned>(session: &Session, source: &str) -> T {
    let language = session.language("javascript");
    loop {
        match language.eval::<T>(source).get().await {
            Ok(value) => return value,
            Err(error) => match error.failure() {
                Some(failure) if failure.code == ErrorCode::Unavailable => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                _ => panic!("{error:?}"),
            },
        }
    }
}

#[tokio::test]
async fn variables_last_and_are_each_sessions_own() {
    if javascript().is_none() {
        return;
    }
    let server = Server::start();
    let session = server.session().await;
    assert_eq!(eval::<i64>(&session, "2 + 3").await, 5);
    let language = session.language("javascript");
    let set = language.execute("let x = 20");
    assert_eq!(language.eval::<i64>("x + 1").get().await.unwrap(), 21);
    set.get().await.unwrap();
    let other = server.session().await.language("javascript");
    assert_eq!(other.eval::<String>("typeof x").get().await.unwrap(), "undefined");
}

#[tokio::test]
async fn references_are_read_inside_and_results_stay() {
    if javascript().is_none() {
        return;
    }
    let server = Server::start();
    let session = server.session().await;
    eval::<i64>(&session, "0").await;
    let data: Far<Vec<i64>> = session.put(&vec![1_i64, 2, 3]);
    let language = session.language("javascript");
    let before = session.wire();
    let tripled: Far<Vec<i64>> =
        language.eval_with("[...data].map(n => Number(n) * k)", (("data", &data), ("k", 3)));
    let sum: Far<i64> = language.eval_with("t.reduce((a, b) => a + b)", (("t", &tripled),));
    assert_eq!(sum.get().await.unwrap(), 18);
    assert_eq!(session.wire().round_trips - before.round_trips, 1);
}

#[tokio::test]
async fn what_goes_wrong_is_told_as_the_language_tells_it() {
    if javascript().is_none() {
        return;
    }
    let server = Server::start();
    let session = server.session().await;
    eval::<i64>(&session, "0").await;
    let language = session.language("javascript");
    insta::assert_snapshot!(broken(&language.eval::<()>("let y = ;")).await, @"
    GuestError: SyntaxError: unexpected token in expression: ';'
        in <eval>:1
        in let y = ;
        in         ^
        in 
        in SyntaxError: unexpected token in expression: ';'
        in     at <eval>:1:9
    ");
    insta::assert_snapshot!(broken(&language.eval::<()>("null.x")).await, @"
    GuestError: TypeError: cannot read property 'x' of null
        in <eval>:1
        in null.x
        in ^
        in 
        in TypeError: cannot read property 'x' of null
        in     at <eval> (<eval>:1:1)
    ");
    // It poisons nothing.
    assert_eq!(language.eval::<i64>("1 + 1").get().await.unwrap(), 2);
}

#[tokio::test]
async fn what_is_printed_is_logged() {
    if javascript().is_none() {
        return;
    }
    let server = Server::start();
    let session = server.session().await;
    eval::<i64>(&session, "0").await;
    let mut logs = session.logs();
    session.language("javascript").execute("console.log('hello', 1 + 1)").get().await.unwrap();
    assert_eq!(logs.next().await.unwrap().text, "hello 2");
}

#[tokio::test]
async fn a_language_that_is_not_there_is_no_function() {
    let server = Server::start();
    let session = server.session().await;
    let far = session.language("cobol").eval::<()>("1");
    let failure = failure(&far).await;
    assert_eq!(failure.code, ErrorCode::NotFound);
    assert_eq!(failure.message, "this server does not evaluate cobol");
    let hint = failure.hint.unwrap_or_default();
    assert!(hint.contains(if javascript().is_some() { "javascript" } else { "--evaluator" }));
}
