//! A server that is asked to end: what it has taken it finishes, within its grace.

use std::time::Duration;

use farside::{Array, Client, ErrorCode, Failure, Far, Session};
use farside_tests::{Exit, Server, guest};
use tokio::task::spawn_blocking;

use crate::gate::Gate;
use crate::local::Local;
use crate::told::{failure, upload_text};

/// Runs for about half a second or longer, and gives a number.
const SLOW: &str = r#"(module
    (func (export "slow") (param i64) (result i64)
        (loop $again
            (local.set 0 (i64.sub (local.get 0) (i64.const 1)))
            (br_if $again (i64.gt_s (local.get 0) (i64.const 0))))
        (i64.const 42)))"#;

/// Asks a server to end, and waits until it says that it does.
fn ask_to_end(server: &Server) {
    server.ask_to_end();
    let _ = server.wait_for_log("stopping");
}

async fn end(server: Server) -> Exit {
    spawn_blocking(move || server.wait()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_call_and_a_large_result_are_delivered() {
    let server = Server::builder().flag("--shutdown-grace", "5min").start();
    let session = server.session().await;
    let mut gate = Gate::new(&server, &session, &1024).await;
    let slow = upload_text(&session, "slow", SLOW).await;
    let slow: Far<i64> = slow.call("slow", (300_000_000_i64,));
    let mandelbrot = session.upload(guest("mandelbrot")).await.unwrap();
    let image: Far<Array<u8>> = mandelbrot.call("render", (1024, gate.far::<u32>()));
    session.flush().await.unwrap();
    let slow = tokio::spawn(async move { slow.get().await });
    let image =
        tokio::spawn(
            async move { tokio::join!(image.get(), image.get_part::<Array<u8>>("[0, 0:5]")) },
        );
    ask_to_end(&server);
    let ended = tokio::spawn(end(server));
    gate.send().await;
    assert_eq!(slow.await.unwrap().unwrap(), 42);
    let (whole, row) = image.await.unwrap();
    let (whole, row) = (whole.unwrap(), row.unwrap());
    assert_eq!((whole.data().len(), row.data()), (1 << 20, &whole.data()[..5]));
    let exit = ended.await.unwrap();
    assert_eq!(exit.code, Some(0), "{}", exit.log);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_request_ends_it_at_once() {
    let server = Server::builder().flag("--shutdown-grace", "1h").start();
    let session = server.session().await;
    let hello = session.upload(guest("hello")).await.unwrap();
    let _spinning: Far<()> = hello.call("spin", ());
    session.flush().await.unwrap();
    ask_to_end(&server);
    server.ask_to_end();
    let exit = end(server).await;
    assert_eq!(exit.code, Some(130), "{}", exit.log);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grace_that_runs_out_cuts_calls_off() {
    let server = Server::builder().flag("--shutdown-grace", "50ms").start();
    let session = server.session().await;
    let hello = session.upload(guest("hello")).await.unwrap();
    let spinning: Far<()> = hello.call("spin", ());
    session.flush().await.unwrap();
    let spinning = tokio::spawn(async move { spinning.get().await });
    session.flush().await.unwrap();
    ask_to_end(&server);
    let told = spinning.await.unwrap().unwrap_err();
    insta::assert_snapshot!(crate::told::chain(&told), @"
    the connection is lost
    caused by the server ended it
    caused by the server is shutting down
    ");
    let exit = end(server).await;
    assert_eq!(exit.code, Some(0), "{}", exit.log);
}

/// A server in this process that drains because a call waits, the session of the
/// call, and a client of it.
async fn what_is_refused() -> Vec<Failure> {
    let local = Local::start().await;
    let session = open(&local).await;
    let hello = session.upload(guest("hello")).await.unwrap();
    let greeter = local.client(local.server.token()).await.unwrap();
    let spinning: Far<()> = hello.call("spin", ());
    session.flush().await.unwrap();
    let draining = tokio::spawn({
        let server = local.server.clone();
        async move { server.shutdown().await }
    });
    // Until the server takes nothing more.
    let call = loop {
        match hello.call::<i64>("add", (1, 2)).get().await {
            Ok(sum) => assert_eq!(sum, 3),
            Err(error) => break error.failure().unwrap().clone(),
        }
    };
    let put = failure(&session.put(&7)).await;
    let large = failure(&session.put(&"x".repeat(1 << 20))).await;
    let upload = session.upload(guest("logbook")).await.unwrap_err();
    let attach = greeter.session().await.unwrap_err();
    let refused = vec![
        call,
        put,
        large,
        upload.failure().unwrap().clone(),
        attach.failure().unwrap().clone(),
    ];
    session.cancel(spinning.id());
    draining.await.unwrap();
    refused
}

async fn open(local: &Local) -> Session {
    let client: Client = local.client(local.server.token()).await.unwrap();
    client.session().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draining_server_takes_nothing_more() {
    let refused = tokio::time::timeout(Duration::from_secs(60), what_is_refused()).await.unwrap();
    assert_eq!(refused.len(), 5);
    for failure in refused {
        assert_eq!(failure.code, ErrorCode::Unavailable);
        assert_eq!(failure.message, "the server is shutting down");
    }
}
