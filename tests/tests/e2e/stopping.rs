//! Evaluations that have to be stopped, and what becomes of the session's variables.

use std::time::Duration;

use farside::{ErrorCode, Failure, Far, Session};
use farside_tests::{Server, ServerBuilder};
use serde::de::DeserializeOwned;

use crate::languages::evaluating_with;
use crate::told::failure;

/// How an evaluation fails that is stopped soon.
async fn stopped(session: &Session, source: &str) -> Failure {
    let language = session.language("javascript").timeout(Duration::from_millis(300));
    failure(&language.eval::<()>(source)).await
}

/// A session with `x` set to 42; none if there is no evaluator here.
async fn with_x(server: ServerBuilder) -> Option<(Server, Session)> {
    let server = evaluating_with(server, "javascript").await?;
    let session = server.session().await;
    assert_eq!(eval::<i64>(&session, "let x = 42; x").await, 42);
    Some((server, session))
}

async fn eval<T: DeserializeOwned>(session: &Session, source: &str) -> T {
    session.language("javascript").eval(source).get().await.unwrap()
}

async fn x_is_there(session: &Session) {
    assert_eq!(eval::<i64>(session, "x").await, 42);
}

#[tokio::test]
async fn an_endless_loop_leaves_the_variables_as_they_are() {
    let Some((_server, session)) = with_x(Server::builder()).await else { return };
    let failure = stopped(&session, "let y = 0; while (true) y += 1").await;
    insta::assert_snapshot!(format!("{failure}\n{}", failure.hint.as_ref().unwrap()), @"
    the call was stopped: it did not finish within 300ms
    the session's variables are as it left them; look for an endless loop, ask for a longer timeout, or raise limits.call_deadline on the server
    ");
    x_is_there(&session).await;
    assert!(eval::<i64>(&session, "y").await > 0, "what it did until then stays");
}

#[tokio::test]
async fn an_interrupt_cannot_be_caught() {
    let Some((_server, session)) = with_x(Server::builder()).await else { return };
    let source = "let caught = 0; while (true) { try { while (true) {} } catch { caught += 1 } finally { caught += 100 } }";
    assert_eq!(stopped(&session, source).await.code, ErrorCode::DeadlineExceeded);
    assert_eq!(eval::<i64>(&session, "caught").await, 0);
    x_is_there(&session).await;
}

#[tokio::test]
async fn the_limit_on_cpu_time_interrupts_too() {
    let server = Server::builder().flag("--limits-call-cpu", "200ms");
    let Some((_server, session)) = with_x(server).await else { return };
    let failure = failure(&session.language("javascript").eval::<()>("while (true) {}")).await;
    assert_eq!(failure.code, ErrorCode::CpuLimit);
    x_is_there(&session).await;
}

#[tokio::test]
async fn a_cancelled_evaluation_leaves_the_variables() {
    let Some((_server, session)) = with_x(Server::builder()).await else { return };
    let endless: Far<()> =
        session.language("javascript").eval("console.log('begun'); while (true) {}");
    let mut lines = session.logs();
    session.flush().await.unwrap();
    while lines.next().await.is_some_and(|line| line.text != "begun") {}
    endless.cancel();
    assert_eq!(failure(&endless).await.code, ErrorCode::Cancelled);
    x_is_there(&session).await;
}

#[tokio::test]
async fn a_regular_expression_that_takes_for_ever_is_stopped() {
    let Some((_server, session)) = with_x(Server::builder()).await else { return };
    let failure = stopped(&session, "/^(a+)+$/.test('a'.repeat(60) + 'b')").await;
    assert_eq!(failure.code, ErrorCode::DeadlineExceeded);
    x_is_there(&session).await;
}

#[tokio::test]
async fn what_the_interpreter_cannot_stop_is_undone() {
    let Some((_server, session)) = with_x(Server::builder()).await else { return };
    eval::<i64>(&session, "let z = [1, 2, 3]; z.length").await;
    // One long operation, in which the interpreter does not look up.
    let failure = stopped(&session, "z.push(4); (3n ** 600000n).toString().length").await;
    insta::assert_snapshot!(format!("{:?}: {}", failure.code, failure.hint.unwrap()), @"DeadlineExceeded: the session's variables are as they were before it; look for an endless loop, ask for a longer timeout, or raise limits.call_deadline on the server");
    x_is_there(&session).await;
    assert_eq!(eval::<Vec<i64>>(&session, "z").await, [1, 2, 3]);
}

#[tokio::test]
async fn a_sessions_first_evaluation_can_be_undone_as_well() {
    let Some((server, _session)) = with_x(Server::builder()).await else { return };
    let session = server.session().await;
    let failure = stopped(&session, "globalThis.y = 1; (3n ** 600000n).toString().length").await;
    assert_eq!(failure.code, ErrorCode::DeadlineExceeded);
    assert_eq!(eval::<String>(&session, "typeof y").await, "undefined");
    assert_eq!(eval::<i64>(&session, "globalThis.y = 2; y + 1").await, 3);
}

#[tokio::test]
async fn memory_and_stack_run_out_in_the_languages_own_way() {
    let server = Server::builder().flag("--limits-session-memory", "32MiB");
    let Some((_server, session)) = with_x(server).await else { return };
    for (source, expected) in [
        ("function f() { return 1 + f() } f()", "RangeError"),
        ("let s = 'x'; while (true) s += s", "InternalError"),
        ("const kept = []; while (true) kept.push(new Float64Array(1e5))", "memory"),
    ] {
        let language = session.language("javascript");
        let failure = failure(&language.eval::<()>(source)).await;
        assert!(failure.message.contains(expected), "{source}: {failure:?}");
        x_is_there(&session).await;
    }
}
