//! A server and the command line of its own account, which is let in without being
//! told a token.

use std::fs;

use farside_tests::{Server, ServerBuilder, Shell, guest};
use insta::assert_snapshot;

/// The account of a server, which is told only what the server says at its start.
fn own(server: &Server) -> Shell {
    server.shell().env_remove("FARSIDE_TOKEN").env("FARSIDE_DATA", server.data())
}

fn with_port_named(server: &Server, text: &str) -> String {
    let address = server.url().trim_start_matches("ws://");
    text.replace(address, "127.0.0.1:[other]")
}

#[test]
fn what_a_server_says_is_enough_to_reach_it() {
    let server = Server::start();
    let said = |name: &str| {
        let line = server.wait_for_log(name);
        line.trim().strip_prefix(name).unwrap().to_owned()
    };
    let url = said("export FARSIDE_URL=");
    let data = said("export FARSIDE_DATA=");
    let shell = server.shell().env_remove("FARSIDE_TOKEN");
    let shell = shell.env("FARSIDE_URL", url).env("FARSIDE_DATA", data);
    assert_snapshot!(shell.run(&["refs"]), @"
    --- stderr
    no references; `farside call --far` makes one
    ");
    let port = server.url().rsplit_once(':').unwrap().1;
    let by_name = shell.env("FARSIDE_URL", format!("ws://localhost:{port}"));
    assert_snapshot!(by_name.run(&["refs"]), @"
    --- stderr
    no references; `farside call --far` makes one
    ");
}

#[test]
fn a_token_is_sent_to_its_own_server_only() {
    let (server, other) = (Server::start(), Server::start());
    let shell = own(&server).env("FARSIDE_URL", other.url());
    let told = |ran: farside_tests::Ran| with_port_named(&other, &ran.to_string());
    assert_snapshot!(told(shell.run(&["refs"])), @"
    --- stderr
    error: cannot connect: ws://127.0.0.1:[other] wants a token, and the data folder [data] is that of the server at ws://127.0.0.1:[port]

    hint: FARSIDE_DATA names the server's data folder, or FARSIDE_TOKEN its token, which `farside token show --data DIR` prints
    --- exit code 4
    ");
    assert_snapshot!(told(shell.run(&["refs", "--json"])), @r#"
    --- stderr
    {"error":"cannot connect: ws://127.0.0.1:[other] wants a token, and the data folder [data] is that of the server at ws://127.0.0.1:[port]","exit":4,"failure":null,"hint":"FARSIDE_DATA names the server's data folder, or FARSIDE_TOKEN its token, which `farside token show --data DIR` prints"}
    --- exit code 4
    "#);
    let nowhere = own(&server).env("FARSIDE_URL", "ws://127.0.0.1:9");
    assert_eq!(nowhere.run(&["refs"]).code, Some(3), "that there is no server comes first");
    let told = own(&server).env("FARSIDE_TOKEN", other.token()).env("FARSIDE_URL", other.url());
    assert_eq!(told.run(&["refs"]).code, Some(0), "a token that is given is sent");
}

#[cfg(unix)]
#[test]
fn the_token_of_a_server_that_ended_is_sent_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let first = Server::builder().data(&data).start();
    let shell = own(&first);
    assert_eq!(shell.run(&["refs"]).code, Some(0));
    assert_eq!(first.stop().code, Some(0));
    let other = Server::start();
    let shell = shell.env("FARSIDE_URL", other.url());
    let ran = shell.run(&["refs"]);
    assert_snapshot!(with_port_named(&other, &ran.to_string()), @"
    --- stderr
    error: cannot connect: ws://127.0.0.1:[other] wants a token, and the data folder [data] is that of no running server

    hint: FARSIDE_DATA names the server's data folder, or FARSIDE_TOKEN its token, which `farside token show --data DIR` prints
    --- exit code 4
    ");
}

#[test]
fn the_token_is_shown() {
    let server = Server::start();
    let away = server.shell().env_remove("FARSIDE_TOKEN");
    let data = server.data().to_string_lossy();
    assert_snapshot!(own(&server).run(&["token", "show"]), @"
    fst_[hash]
    --- stderr

    to use it in another account or on another machine:
      export FARSIDE_TOKEN=fst_[hash]
    ");
    assert_snapshot!(away.run(&["token", "show", "--data", &data]), @"
    fst_[hash]
    --- stderr

    to use it in another account or on another machine:
      export FARSIDE_TOKEN=fst_[hash]
    ");
    assert_snapshot!(away.run(&["token", "show", "--data", &data, "--json"]), @r#"{"token":"fst_[hash]"}"#);
    assert_snapshot!(away.run(&["token", "show"]), @"
    --- stderr
    error: cannot show the token: no server has been started with the data folder [home]/share/farside yet

    hint: start one with `farside serve`, or set FARSIDE_TOKEN to the token of another
    --- exit code 9
    ");
    let settings = away.env("FARSIDE_LISTEN", "nowhere");
    assert_snapshot!(settings.run(&["token", "show"]), @"
    --- stderr
    error: cannot show the token: `listen` cannot be `nowhere` (FARSIDE_LISTEN): not an address and port

    hint: write it like 127.0.0.1:7327 or [::1]:7327; port 0 takes a free one
    --- exit code 2
    ");
}

/// How a server that can't start ends, with its folder called `[data]`.
fn refused(builder: ServerBuilder, data: &std::path::Path) -> String {
    let exit = builder.data(data).try_start().err().unwrap();
    let log = exit.log.replace(&data.display().to_string(), "[data]");
    format!("{log}--- exit code {}", exit.code.unwrap())
}

#[test]
fn a_server_that_cannot_start_says_why() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let address = server.url().trim_start_matches("ws://");

    let taken = refused(Server::builder().listen(address), &folder.path().join("a"));
    assert_snapshot!(with_port_named(&server, &taken), @"
    error: cannot serve: cannot listen on 127.0.0.1:[other]: Address already in use (os error 98)

    hint: another program listens there; a second server beside one of yours takes a free port with --listen 127.0.0.1:0, and a folder of its own with --data DIR
    --- exit code 9
    ");
    assert_snapshot!(refused(Server::builder(), server.data()), @"
    error: cannot serve: data folder [data] is in use by another farside server

    hint: stop that server, or choose another data folder with --data
    --- exit code 9
    ");

    let other = || folder.path().join("b");
    let without = Server::builder().flag("--compiler", "/nowhere/farside");
    assert_snapshot!(refused(without, &other()), @"
    error: cannot serve: there is no program /nowhere/farside to compile with

    hint: set `compiler` to the path of the farside program, or leave it out
    --- exit code 9
    ");
    let nowhere = Server::builder().flag("--evaluator", "mine=/nowhere/mine.wasm");
    assert_snapshot!(refused(nowhere, &other()), @"
    error: cannot serve: /nowhere/mine.wasm can't evaluate mine: No such file or directory (os error 2)

    hint: an evaluator is a guest module with the functions eval and execute; `cargo xtask guests` builds them in Farside's checkout
    --- exit code 9
    ");
    let hello = format!("mine={}", guest("hello").display());
    let none = refused(Server::builder().flag("--evaluator", &hello), &other());
    assert_snapshot!(none.replace(&hello[5..], "[hello]"), @"
    error: cannot serve: [hello] can't evaluate mine: it is a module without the function eval

    hint: an evaluator is a guest module with the functions eval and execute; `cargo xtask guests` builds them in Farside's checkout
    --- exit code 9
    ");

    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    assert_snapshot!(refused(Server::builder(), &file), @"
    error: cannot serve: the data folder [data] can't be used: File exists (os error 17)

    hint: a file is in its way; choose another folder with --data
    --- exit code 9
    ");
    assert_snapshot!(refused(Server::builder(), &file.join("data")), @"
    error: cannot serve: the data folder [data] can't be used: Not a directory (os error 20)

    hint: a file is in its way; choose another folder with --data
    --- exit code 9
    ");
    let log_json = Server::builder().switch("--log-json");
    assert_snapshot!(refused(log_json, &file), @r#"
    {"error":"cannot serve: the data folder [data] can't be used: File exists (os error 17)","exit":9,"failure":null,"hint":"a file is in its way; choose another folder with --data"}
    --- exit code 9
    "#);
}

#[cfg(unix)]
#[test]
fn a_folder_that_is_there_keeps_its_permissions() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let mode = || fs::metadata(folder.path()).unwrap().permissions().mode() & 0o7777;
    let set = |mode| fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
    set(0o1777);
    assert_snapshot!(refused(Server::builder(), folder.path()), @"
    error: cannot serve: the data folder [data] is open to other accounts (mode 1777)

    hint: choose a folder of this account's own with --data, such as [data]/farside; `chmod go-w [data]` closes one that is meant to be it
    --- exit code 9
    ");
    assert_eq!(mode(), 0o1777);
    set(0o755);
    let server = Server::builder().data(folder.path()).start();
    assert_eq!(mode(), 0o755);
    assert_eq!(own(&server).run(&["refs"]).code, Some(0));
}

#[test]
fn a_json_log_announces_the_server() {
    let server = Server::builder().switch("--log-json").flag("--log", "off").start();
    let events: Vec<serde_json::Value> =
        server.log().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let event = &events[0];
    assert_eq!(event["level"], "INFO");
    assert_eq!(event["url"], server.url());
    assert_eq!(event["token"], server.data().join("token").to_str().unwrap());
    assert_eq!(event["data"], server.data().to_str().unwrap());
    assert_eq!(events.len(), 1);
}
