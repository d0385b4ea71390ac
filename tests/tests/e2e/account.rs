//! Subcommands that work with sessions, settings and the account itself, run as the real
//! program: what they print, and the codes that they end with.

use std::fs;

use farside_protocol::SUBPROTOCOL;
use farside_tests::{Shell, guest};
use futures_util::{SinkExt, StreamExt};
use insta::assert_snapshot;
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;

use crate::desk::{Desk, ECHO};
use crate::local::Local;

#[test]
fn sessions() {
    let desk = Desk::new();
    assert_snapshot!(desk.run("session list"), @"
    --- stderr
    no sessions
    ");
    assert_snapshot!(desk.run("session close"), @"
    --- stderr
    error: cannot close the session: there is no current session

    hint: `farside session list` shows those that there are
    --- exit code 6
    ");
    assert_snapshot!(desk.run("session new"), @"
    [session]
    --- stderr
    it is the current session of ws://127.0.0.1:[port] now, and lives for 1 d after its last use
    ");
    assert_snapshot!(desk.run("session new --json"), @r#"{"lease_s":86400,"session":"[session]"}"#);
    let listed = desk.run("session list");
    let marked: Vec<_> = listed.stdout.lines().map(|line| line.starts_with('*')).collect();
    assert_eq!((marked[0], marked[1] != marked[2], marked.len()), (false, true, 3), "{listed}");
    let listed = desk.run("session list --json");
    let listed: Vec<serde_json::Value> = serde_json::from_str(&listed.stdout).unwrap();
    assert_eq!(listed.iter().filter(|one| one["current"] == true).count(), 1);
    assert_snapshot!(desk.run("session close"), @"
    --- stderr
    closed [session]
    ");
    assert_snapshot!(desk.run(&format!("session close {}", "0".repeat(32))), @"
    --- stderr
    error: cannot close the session: there is no session [session]

    hint: farside session list shows those that there are
    --- exit code 6
    ");
}

#[test]
fn a_session_that_is_no_more() {
    let desk = Desk::with(&["hello"]);
    desk.ask_server(async |client| {
        for session in client.sessions().await.unwrap() {
            client.close_session(session.session).await.unwrap();
        }
    });
    assert_snapshot!(desk.run("call square 7"), @"
    --- stderr
    error: cannot go on with the current session of ws://127.0.0.1:[port]: it is no more: its lease ran out, it was closed, or the server was restarted

    hint: `farside session new` begins another one; modules and references have to be made again
    --- exit code 6
    ");
    assert_snapshot!(desk.run("call square 7 --json"), @r#"
    --- stderr
    {"error":"cannot go on with the current session of ws://127.0.0.1:[port]: it is no more: its lease ran out, it was closed, or the server was restarted","exit":6,"failure":null,"hint":"`farside session new` begins another one; modules and references have to be made again"}
    --- exit code 6
    "#);
    assert_eq!(desk.run("session new").code, Some(0));
    assert_snapshot!(desk.run("refs"), @"
    --- stderr
    no references; `farside call --far` makes one
    ");
}

#[test]
fn a_damaged_state_file_keeps_nobody_from_closing_a_session() {
    let desk = Desk::new();
    assert_eq!(desk.run("session new").code, Some(0));
    let id = tokio::runtime::Runtime::new()
        .unwrap()
        .block_on(async { desk.server.client().await.sessions().await.unwrap()[0].session });
    let folder = desk.shell.home().join("state/farside/sessions");
    let mut files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let state = files.find(|path| path.extension().unwrap() == "json").unwrap();
    fs::write(state, "{").unwrap();
    assert_eq!(desk.run("session close").code, Some(9));
    assert_snapshot!(desk.run(&format!("session close {id}")), @"
    --- stderr
    closed [session]
    ");
}

#[test]
fn many_commands_at_once_open_one_session() {
    let desk = Desk::new();
    desk.file("echo.wat", ECHO);
    let codes = std::thread::scope(|scope| {
        let ran: Vec<_> =
            (0..16).map(|_| scope.spawn(|| desk.run("upload echo.wat").code)).collect();
        ran.into_iter().map(|ran| ran.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(codes, [Some(0); 16]);
    let codes = std::thread::scope(|scope| {
        let ran: Vec<_> =
            (0..16).map(|_| scope.spawn(|| desk.run("call integer 7").to_string())).collect();
        ran.into_iter().map(|ran| ran.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(codes, ["7\n"; 16]);
    let listed = desk.run("session list --json");
    let listed: Vec<serde_json::Value> = serde_json::from_str(&listed.stdout).unwrap();
    assert_eq!(listed.len(), 1);
    #[cfg(unix)]
    for file in fs::read_dir(desk.shell.home().join("state/farside/sessions")).unwrap() {
        use std::os::unix::fs::PermissionsExt;

        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
    }
}

#[test]
fn settings() {
    let away = Shell::away();
    let listed = away.run(&["config"]);
    assert_eq!(listed.code, Some(0));
    assert!(listed.stdout.starts_with("listen = 127.0.0.1:7327  (default)\n"), "{listed}");
    let json = away.run(&["config", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json[0]["env"], "FARSIDE_LISTEN");
    let default = away.run(&["config", "--default"]).stdout;
    let file = away.home().join("farside.toml");
    fs::write(&file, default).unwrap();
    let listed = away.run(&["config", "--config", "farside.toml"]);
    assert!(listed.stdout.starts_with("listen = 127.0.0.1:7327  (farside.toml)\n"), "{listed}");
    fs::write(&file, "listen = 7").unwrap();
    assert_snapshot!(away.run(&["config", "--config", "farside.toml"]), @"
    --- stderr
    error: cannot show the settings: `listen` cannot be `7` (farside.toml): not an address and port

    hint: write it like 127.0.0.1:7327 or [::1]:7327; port 0 takes a free one
    --- exit code 2
    ");
    assert_snapshot!(away.run(&["config", "--config", "nowhere.toml", "--json"]), @r#"
    --- stderr
    {"error":"cannot show the settings: cannot read the config file nowhere.toml: No such file or directory (os error 2)","exit":9,"failure":null,"hint":"`farside config --default` prints a file to begin with"}
    --- exit code 9
    "#);
}

#[test]
fn versions_and_completions() {
    let desk = Desk::new();
    assert_snapshot!(desk.run("version"), @"
    this program
      release      farside 0.1.0
      protocol     1
      guest ABI    1
      data format  1
      wasmtime     48.0.8

    server at ws://127.0.0.1:[port]
      release      farside 0.1.0
      protocol     1
      guest ABI    1
      data format  1
      wasmtime     48.0.8
    ");
    assert_snapshot!(desk.run("version --json"), @r#"{"program":{"data_format":1,"guest_abi":1,"protocol":1,"release":"farside 0.1.0","wasmtime":"48.0.8"},"server":{"data_format":1,"guest_abi":1,"protocol":1,"release":"farside 0.1.0","wasmtime":"48.0.8"},"server_error":null}"#);
    let away = Shell::away().env("FARSIDE_URL", "http://127.0.0.1:1");
    assert_snapshot!(away.run(&["version"]), @"
    this program
      release      farside 0.1.0
      protocol     1
      guest ABI    1
      data format  1
      wasmtime     48.0.8
    --- stderr

    server not reached: cannot connect: `http://127.0.0.1:1` is no WebSocket address
    ");
    for shell in ["bash", "zsh", "fish"] {
        let script = away.run(&["completions", shell]);
        assert!(script.code == Some(0) && script.stdout.contains("farside"), "{script}");
    }
    assert_snapshot!(away.run(&["completions", "ed"]), @"
    --- stderr
    error: invalid value 'ed' for '<SHELL>'
      [possible values: bash, elvish, fish, powershell, zsh]

    For more information, try '--help'.
    --- exit code 2
    ");
}

#[test]
fn new_crates() {
    let away = Shell::away();
    let new = away.run(&["new", "my-guest"]);
    assert_snapshot!(new, @"
    my-guest
    --- stderr

    next:
      rustup target add wasm32-unknown-unknown   (once)
      cd my-guest
      cargo build --release
      farside upload target/wasm32-unknown-unknown/release/my_guest.wasm
      farside call my_guest.greet Ada
    ");
    assert!(away.home().join("my-guest/src/lib.rs").is_file());
    assert_snapshot!(away.run(&["new", "my-guest"]), @"
    --- stderr
    error: cannot write a new crate: my-guest exists

    hint: take another name, or another folder with --path DIR
    --- exit code 9
    ");
    let json = away.run(&["new", "my-guest", "--path", "other", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((&json["path"], &json["module"]), (&"other".into(), &"my_guest".into()));
    assert_snapshot!(away.run(&["new", "x", "--sdk", "nowhere"]), @"
    --- stderr
    error: cannot write a new crate: there is no crate at nowhere

    hint: --sdk takes the folder guest-sdk of Farside's sources
    --- exit code 9
    ");
    assert_snapshot!(away.run(&["new", "7", "--json"]), @r#"
    --- stderr
    {"error":"cannot write a new crate: `7` cannot be a crate's name: it does not begin with a letter","exit":2,"failure":null,"hint":"a name begins with a letter and goes on with letters, digits, - and _"}
    --- exit code 2
    "#);
}

#[test]
fn words_that_cannot_be_understood() {
    let away = Shell::away();
    assert_snapshot!(away.run(&["call"]), @"
    --- stderr
    error: the following required arguments were not provided:
      <FUNCTION>

    Usage: farside call <FUNCTION> [ARG]...

    For more information, try '--help'.
    --- exit code 2
    ");
    assert_snapshot!(away.run(&["call", "--json"]), @r#"
    --- stderr
    {"error":"cannot understand the command: the following required arguments were not provided: <FUNCTION>","exit":2,"failure":null,"hint":"Usage: farside call --json <FUNCTION> [ARG]..."}
    --- exit code 2
    "#);
    assert_snapshot!(away.run(&["call", "f", "--jsno", "--json"]), @r#"
    --- stderr
    {"error":"cannot understand the command: unexpected argument '--jsno' found","exit":2,"failure":null,"hint":"a similar argument exists: '--json'"}
    --- exit code 2
    "#);
    assert_snapshot!(away.run(&["serve", "--log-json", "--limit"]), @r#"
    --- stderr
    {"error":"cannot understand the command: unexpected argument '--limit' found","exit":2,"failure":null,"hint":"a similar argument exists: '--limits-sessions'"}
    --- exit code 2
    "#);
}

#[test]
fn no_server() {
    let away = Shell::away().env("FARSIDE_URL", "ws://127.0.0.1:9");
    assert_snapshot!(away.run(&["refs"]), @"
    --- stderr
    error: cannot connect: no server listens at ws://127.0.0.1:9: Connection refused (os error 111)

    hint: start one with `farside serve`, or name another address with FARSIDE_URL
    --- exit code 3
    ");
    assert_snapshot!(away.run(&["refs", "--json"]), @r#"
    --- stderr
    {"error":"cannot connect: no server listens at ws://127.0.0.1:9: Connection refused (os error 111)","exit":3,"failure":null,"hint":"start one with `farside serve`, or name another address with FARSIDE_URL"}
    --- exit code 3
    "#);
    let desk = Desk::new();
    let stranger = desk.server.shell().env("FARSIDE_TOKEN", "fst_guess");
    assert_snapshot!(stranger.run(&["refs"]), @"
    --- stderr
    error: cannot connect: ws://127.0.0.1:[port] does not accept the token: the token is wrong

    hint: the server's operator makes one with `farside token new NAME`; the server's own is printed by `farside token show` where it runs. FARSIDE_TOKEN takes either
    --- exit code 4
    ");
}

/// A way to a server that ends when the client asks for more than its value: at the
/// first `Wait`.
async fn hanging_up(listener: TcpListener, local: &Local) {
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        let name = |_: &Request, mut response: Response| {
            let protocol = HeaderValue::from_static(SUBPROTOCOL);
            response.headers_mut().insert("sec-websocket-protocol", protocol);
            Ok(response)
        };
        let mut client = tokio_tungstenite::accept_hdr_async(socket, name).await.unwrap();
        let (mut near, far) = farside::memory_transport();
        let server = local.server.clone();
        tokio::spawn(async move { server.accept(far).await });
        loop {
            tokio::select! {
                frame = client.next() => {
                    let Some(Ok(Message::Binary(frame))) = frame else { break };
                    let mut requests = farside_protocol::Request::decode_frame(frame.clone());
                    if requests.any(|one| matches!(one, Ok(farside_protocol::Request::Wait { .. }))) {
                        break;
                    }
                    near.send(frame).await.unwrap();
                }
                frame = near.next() => {
                    let Some(Ok(frame)) = frame else { break };
                    client.send(Message::Binary(frame)).await.unwrap();
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_that_was_fetched_is_printed_whatever_comes_after() {
    let local = Local::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let shell = Shell::away().env("FARSIDE_URL", url).env("FARSIDE_TOKEN", local.server.token());
    let commands = tokio::task::spawn_blocking(move || {
        let uploaded = shell.run(&["upload", &guest("hello").to_string_lossy()]);
        assert_eq!(uploaded.code, Some(0), "{uploaded}");
        shell.run(&["call", "square", "7"])
    });
    tokio::select! {
        ran = commands => assert_snapshot!(ran.unwrap(), @"49"),
        () = hanging_up(listener, &local) => {}
    }
}
