//! Evaluators of the operator's own, and sessions that are to be equal.

use farside::ErrorCode;
use farside_tests::{Server, guest};
use serde::Deserialize;

use crate::languages::evaluating;

/// What the example evaluator says of an error.
#[derive(Debug, Deserialize)]
struct Wrong {
    r#type: String,
    traceback: String,
}

#[tokio::test]
async fn a_guest_with_a_few_exports_is_an_evaluator() {
    let file = format!("polish={}", guest("polish").display());
    let server = Server::builder().flag("--evaluator", &file).start();
    let session = server.session().await;
    let polish = session.language("polish");
    polish.ready().await.unwrap();
    let _set = polish.execute("2 3 + =five");
    let before = session.wire().round_trips;
    let given = session.put(&7.0);
    let sum = polish.eval_with::<f64>("five five * given -", (("given", &given),));
    assert_eq!(sum.get().await.unwrap(), 18.0);
    assert_eq!(session.wire().round_trips - before, 1);

    let error = polish.eval::<f64>("1 nothing +").get().await.unwrap_err();
    assert_eq!(error.failure().unwrap().code, ErrorCode::GuestError);
    let wrong: Wrong = error.guest_error().unwrap();
    assert_eq!(wrong.r#type, "NameError");
    assert_eq!(wrong.traceback, "<source>: at nothing\nNameError: there is no variable nothing");
    // No other session sees its variables.
    let other = server.session().await;
    assert!(other.language("polish").eval::<f64>("five").get().await.is_err());
}

#[tokio::test]
async fn what_is_not_granted_is_the_same_in_every_session() {
    let sources = [
        (
            "python",
            "import random, time, uuid, datetime\n\
             [random.random(), random.sample(range(1000), 9), str(uuid.uuid4()), time.time(), \
             str(datetime.datetime.now()), list({'b', 'a', 'c'}), hash('text') % 1000, \
             [random.gauss(0, 1) for _ in range(100)]]",
        ),
        (
            "javascript",
            "[Math.random(), Date.now(), new Date().toISOString(), \
             Array.from({ length: 100 }, () => Math.random())]",
        ),
    ];
    for (language, source) in sources {
        let Some(server) = evaluating(language).await else { continue };
        let mut values = Vec::new();
        for _ in 0..3 {
            let session = server.session().await;
            let value = session.language(language).eval::<()>(source);
            values.push(value.get_raw(None).await.unwrap().1);
            // The next ones are others.
            let again = session.language(language).eval::<()>(source);
            assert_ne!(again.get_raw(None).await.unwrap().1, values[0], "{language}");
        }
        assert!(values.iter().all(|value| *value == values[0]), "{language}");
    }
}
