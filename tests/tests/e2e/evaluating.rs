//! Source text evaluated in a session, by an evaluator that is a guest like any other.

use farside::{ErrorCode, Far};
use farside_tests::{Server, evaluator};

use crate::languages::evaluating;
use crate::told::{broken, failure};

#[tokio::test]
async fn variables_last_and_are_each_sessions_own() {
    let Some(server) = evaluating("javascript").await else { return };
    let session = server.session().await;
    let language = session.language("javascript");
    assert_eq!(language.eval::<i64>("2 + 3").get().await.unwrap(), 5);
    let set = language.execute("let x = 20");
    assert_eq!(language.eval::<i64>("x + 1").get().await.unwrap(), 21);
    set.get().await.unwrap();
    let javascript = session.with_language("javascript");
    assert_eq!(javascript.eval::<i64>("x * 2").get().await.unwrap(), 40);
    let other = server.session().await.language("javascript");
    assert_eq!(other.eval::<String>("typeof x").get().await.unwrap(), "undefined");
}

/// Between evaluations the variables are kept, for the case that the next one has to be
/// undone; evaluations of other connections come then, too.
#[tokio::test]
async fn writers_of_one_session_lose_nothing_to_each_other() {
    let Some(server) = evaluating("javascript").await else { return };
    let session = server.session().await;
    let _set = session.language("javascript").execute("globalThis.n = 0; globalThis.all = []");
    session.flush().await.unwrap();
    let counting = (0..4).map(|writer| {
        let (id, key) = (session.id(), session.key());
        let client = server.client();
        async move {
            let session = client.await.attach(id, key).await.unwrap();
            let language = session.language("javascript");
            for round in 0..100 {
                let counted = language.eval::<i64>(&format!("all.push({writer}); n += 1"));
                assert!(counted.get().await.unwrap() > round);
                language.eval::<()>("nowhere").get().await.unwrap_err();
            }
        }
    });
    futures_util::future::join_all(counting).await;
    let counted = session.language("javascript").eval::<Vec<i64>>("[n, all.length]");
    assert_eq!(counted.get().await.unwrap(), [400, 400]);
}

#[tokio::test]
async fn references_are_read_inside_and_results_stay() {
    let Some(server) = evaluating("javascript").await else { return };
    let session = server.session().await;
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
    let Some(server) = evaluating("javascript").await else { return };
    let session = server.session().await;
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
    let Some(server) = evaluating("javascript").await else { return };
    let session = server.session().await;
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
    let built = ["javascript", "python"].into_iter().find(|name| evaluator(name).is_some());
    assert!(hint.contains(built.unwrap_or("--evaluator")), "{hint}");
}
