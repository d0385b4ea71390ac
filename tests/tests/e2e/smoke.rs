//! The main job, at its smallest.

use farside_tests::{Server, guest};

#[tokio::test]
async fn a_chain_of_calls_gives_its_value() {
    let server = Server::start();
    let session = server.session().await;
    let hello = session.upload(guest("hello")).await.unwrap();
    let nine = hello.call::<i64>("square", (3,));
    let eighty_one = hello.call::<i64>("square", (&nine,));
    assert_eq!(eighty_one.get().await.unwrap(), 81);
}

#[test]
fn the_command_line_calls_a_function() {
    let server = Server::start();
    let hello = guest("hello");
    let upload = server.cli(&["upload", &hello.to_string_lossy()]);
    assert_eq!(upload.code, Some(0), "{upload}");
    insta::assert_snapshot!(server.cli(&["call", "hello.square", "7"]), @"49");
}

#[cfg(unix)]
#[test]
fn a_server_that_is_asked_to_end_ends_well() {
    let exit = Server::start().stop();
    assert_eq!(exit.code, Some(0), "{}", exit.log);
}
