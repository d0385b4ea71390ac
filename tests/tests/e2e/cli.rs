//! Every subcommand, run as the real program in an account of its own: what it
//! prints, and the code that it ends with.

use std::fs;

use farside::Client;
use farside_protocol::SUBPROTOCOL;
use farside_tests::{Ran, Server, Shell, guest, guests};
use futures_util::{SinkExt, StreamExt};
use insta::assert_snapshot;
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;

use crate::local::Local;

/// Numbers that come back, and a line for the log.
const ECHO: &str = r#"(module
    (import "farside" "log" (func $log (param i32 i32 i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "here")
    (func (export "float") (param f64) (result f64) (local.get 0))
    (func (export "integer") (param i64) (result i64) (local.get 0))
    (func (export "say") (call $log (i32.const 3) (i32.const 0) (i32.const 4))))"#;

/// An account at a command line, and its server.
struct Desk {
    server: Server,
    shell: Shell,
}

impl Desk {
    fn new() -> Desk {
        let server = Server::start();
        let shell = server.shell();
        Desk { server, shell }
    }

    /// A desk whose session has these guests.
    fn with(names: &[&str]) -> Desk {
        let desk = Desk::new();
        for name in names {
            let uploaded = desk.shell.run(&["upload", &guest(name).to_string_lossy()]);
            assert_eq!(uploaded.code, Some(0), "{uploaded}");
        }
        desk
    }

    /// A desk whose session has the module `echo`.
    fn with_echo() -> Desk {
        let desk = Desk::new();
        desk.file("echo.wat", ECHO);
        assert_eq!(desk.run("upload echo.wat").code, Some(0));
        desk
    }

    /// What becomes of a command line, which is cut at its blanks.
    fn run(&self, line: &str) -> Ran {
        self.shell.run(&line.split(' ').collect::<Vec<_>>())
    }

    /// What a client of another program is told by the server.
    fn ask_server<T>(&self, ask: impl AsyncFnOnce(Client) -> T) -> T {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async { ask(self.server.client().await).await })
    }

    fn file(&self, name: &str, contents: impl AsRef<[u8]>) {
        fs::write(self.shell.home().join(name), contents).unwrap();
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.shell.home().join(name)).unwrap()
    }
}

#[test]
fn upload() {
    let desk = Desk::new();
    desk.file("echo.wat", ECHO);
    desk.file("text.wasm", "no module");
    assert_snapshot!(desk.run("upload echo.wat"), @"
    echo  [hash]
      float(arg0: f64) -> f64
      integer(arg0: i64) -> i64
      say()
    ");
    assert_snapshot!(desk.run("upload echo.wat --name other"), @"
    other  [hash]
      float(arg0: f64) -> f64
      integer(arg0: i64) -> i64
      say()
    --- stderr
    note: the server knew the module, so nothing was sent
    ");
    assert_snapshot!(desk.run("upload echo.wat --json"), @r#"{"hash":"[hash]","known":true,"manifest":{"abi":null,"docs":"","functions":[{"docs":"","error":null,"name":"float","params":[{"name":"arg0","optional":false,"schema":{"format":"double","type":"number"}}],"pure":false,"result":{"format":"double","type":"number"}},{"docs":"","error":null,"name":"integer","params":[{"name":"arg0","optional":false,"schema":{"format":"int64","type":"integer"}}],"pure":false,"result":{"format":"int64","type":"integer"}},{"docs":"","error":null,"name":"say","params":[],"pure":false,"result":{"type":"null"}}],"inbox":null},"name":"echo","replaced":false}"#);
    let logbook = guests().join("logbook.wasm");
    let replacing = desk.shell.run(&["upload", &logbook.to_string_lossy(), "--name", "other"]);
    assert_snapshot!(replacing, @"
    other  [hash]
      add(line: string) -> u64
      clear() -> u64
      last(n: u32) -> list of {line: string, number: u64}
    --- stderr
    note: it replaces another module named other, whose state is dropped
    ");
    assert_snapshot!(desk.run("upload text.wasm"), @r#"
    --- stderr
    error: cannot upload text.wasm: the bytes are no WebAssembly: they begin with "no module"

    hint: upload a .wasm file (for Rust: cargo build --target wasm32-unknown-unknown) or WAT text
    --- exit code 7
    "#);
    assert_snapshot!(desk.run("upload nowhere.wasm"), @"
    --- stderr
    error: cannot upload nowhere.wasm: could not read nowhere.wasm: No such file or directory (os error 2)
    --- exit code 9
    ");
    assert_snapshot!(desk.run("upload nowhere.wasm --json"), @r#"
    --- stderr
    {"error":"cannot upload nowhere.wasm: could not read nowhere.wasm: No such file or directory (os error 2)","exit":9,"failure":null,"hint":null}
    --- exit code 9
    "#);
}

#[test]
fn describe() {
    let desk = Desk::with(&["logbook"]);
    assert_snapshot!(desk.run("describe"), @"
    logbook ([hash], not called yet)
        Lines that stay in the session

    add(line: string) -> u64
        Adds a line; gives its number, from 1.

    clear() -> u64
        Removes every line; gives how many there were.

    last(n: u32) -> list of {line: string, number: u64}
        The last lines, oldest first.
    --- stderr
    session [session]: 1 module, 0 references, 0 bytes kept, 0 bytes of memory; kept 1 d after its last use
    ");
    assert_snapshot!(desk.run("describe logbook.add"), @"
    logbook.add(line: string) -> u64
        Adds a line; gives its number, from 1.
    ");
    assert_snapshot!(desk.run("describe add --json"), @r#"{"function":{"docs":"Adds a line; gives its number, from 1.","error":null,"name":"add","params":[{"name":"line","optional":false,"schema":{"type":"string"}}],"pure":false,"result":{"format":"uint64","type":"integer"}},"module":"logbook"}"#);
    assert_snapshot!(desk.run("describe logbok"), @"
    --- stderr
    error: cannot describe logbok: the session has no module or function `logbok`

    hint: did you mean `logbook`?
    --- exit code 6
    ");
}

#[test]
fn call() {
    let desk = Desk::with(&["hello"]);
    assert_snapshot!(desk.run("call hello.square 7"), @"49");
    assert_snapshot!(desk.run("call add 40 --arg b=2 --json"), @"42");
    assert_snapshot!(desk.run("call greet 42 --fresh"), @r#""Hello, 42!""#);
    assert_snapshot!(desk.run("call greet Ada --path [0:3]"), @r#""Hel""#);
    assert_snapshot!(desk.run("call greet Ada --raw"), @"Hello, Ada!");
    assert_snapshot!(desk.run("call greet Ada --out greeting"), @"
    --- stderr
    wrote 11 bytes of text to greeting
    ");
    assert_eq!(desk.read("greeting"), b"Hello, Ada!");
    assert_snapshot!(desk.run("call greet Ada --out greeting --json"), @r#"
    --- stderr
    {"bytes":13,"wrote":"greeting"}
    "#);
    assert_eq!(desk.read("greeting"), b"\"Hello, Ada!\"");
    assert_snapshot!(desk.run("call square seven"), @r#"
    --- stderr
    error: cannot call square: argument `n` of square: expected i64, got "seven"

    hint: it is declared as square(n: i64) -> i64
    --- exit code 2
    "#);
    assert_snapshot!(desk.run("call square"), @"
    --- stderr
    error: cannot call square: square needs an argument for `n` (i64)

    hint: it is declared as square(n: i64) -> i64
    --- exit code 2
    ");
    assert_snapshot!(desk.run("call square 1 2 --json"), @r#"
    --- stderr
    {"error":"cannot call square: square takes 1 argument, not 2","exit":2,"failure":null,"hint":"it is declared as square(n: i64) -> i64"}
    --- exit code 2
    "#);
    assert_snapshot!(desk.run("call sqare 7"), @"
    --- stderr
    error: cannot call sqare: the session has no function `sqare`

    hint: did you mean `square`?
    --- exit code 6
    ");
}

#[test]
fn call_of_what_fails() {
    let desk = Desk::with(&["hello"]);
    assert_snapshot!(desk.run("call fail tired"), @r#"
    --- stderr
    error: cannot call hello.fail: fail returned an error: {"reason": "tired", "attempts": 1}
    --- exit code 1
    "#);
    assert_snapshot!(desk.run("call fail tired --json"), @r#"
    --- stderr
    {"error":"cannot call hello.fail: fail returned an error: {\"reason\": \"tired\", \"attempts\": 1}","exit":1,"failure":{"backtrace":[],"cause":null,"code":"GuestError","hint":null,"message":"fail returned an error","value":{"attempts":1,"reason":"tired"}},"hint":null}
    --- exit code 1
    "#);
    assert_snapshot!(desk.run("call spin --fresh --timeout 50ms"), @"
    --- stderr
    error: cannot call hello.spin: the call was stopped: it did not finish within 50ms

    hint: look for an endless loop, ask for a longer timeout, or raise limits.call_deadline on the server
    --- exit code 5
    ");
    let trapped = desk.run("call boom loud");
    assert_eq!(trapped.code, Some(1));
    let headline = trapped.stderr.lines().next().unwrap();
    assert_snapshot!(headline, @"error: cannot call hello.boom: the guest panicked: loud, at examples/guests/hello/src/lib.rs:56:5");
    assert!(trapped.stderr.contains("hello::inner"), "{trapped}");
    let poisoned = desk.run("call square 7");
    assert_eq!(poisoned.code, Some(1));
    assert!(poisoned.stderr.contains("farside renew hello"), "{poisoned}");
    assert_snapshot!(desk.run("renew hello"), @"
    --- stderr
    renewed hello: its next call finds a fresh instance, without the old one's state
    ");
    assert_snapshot!(desk.run("renew hello --json"), @r#"{"renewed":"hello"}"#);
    assert_snapshot!(desk.run("renew helo"), @"
    --- stderr
    error: cannot renew helo: there is no module helo

    hint: the session's modules are hello
    --- exit code 6
    ");
    assert_snapshot!(desk.run("call square 7"), @"49");
}

#[test]
fn words_are_read_by_what_is_wanted() {
    let desk = Desk::with(&["hello", "stats"]);
    desk.file("name", "Grace");
    desk.file("samples.json", "[1, 2.5, 4]");
    assert_snapshot!(desk.run("call greet @name"), @r#""Hello, Grace!""#);
    assert_snapshot!(desk.run("call greet @@name"), @r#""Hello, @name!""#);
    assert_snapshot!(desk.run("call greet \"@name\""), @r#""Hello, @name!""#);
    assert_snapshot!(desk.run("call stats.mean @samples.json"), @"2.5");
    assert_snapshot!(desk.shell.run_with_input(&["call", "greet", "-"], b"Joan"), @r#""Hello, Joan!""#);
    assert_snapshot!(desk.shell.run_with_input(&["call", "stats.mean", "-"], b"[1, 3]"), @"2.0");
    assert_snapshot!(desk.run("call greet @nobody"), @"
    --- stderr
    error: cannot call greet: argument `name` of greet: cannot read nobody: No such file or directory (os error 2)

    hint: to pass text that begins with @ write @@
    --- exit code 9
    ");
    assert_snapshot!(desk.run("call greet far:_"), @"
    --- stderr
    error: cannot call greet: far:_ stands for the last reference made here, and there is none

    hint: `farside call --far` makes one
    --- exit code 2
    ");
}

#[test]
fn negative_numbers_are_no_options() {
    let desk = Desk::with_echo();
    for (word, printed) in [
        ("-1", "-1.0"),
        ("-1e-5", "-1e-5"),
        ("-.5", "-0.5"),
        ("-1e+3", "-1000.0"),
        ("-inf", "-inf"),
    ] {
        let ran = desk.run(&format!("call echo.float {word}"));
        assert_eq!(ran.to_string(), format!("{printed}\n"), "{word}");
    }
    assert_snapshot!(desk.run("call integer -7 --json"), @"-7");
    assert_snapshot!(desk.run("call --json integer -- -7"), @"-7");
    assert_snapshot!(desk.run("call integer -x"), @"
    --- stderr
    error: unexpected argument '-x' found

      tip: to pass '-x' as a value, use '-- -x'

    Usage: farside call [OPTIONS] <FUNCTION> [ARG]...

    For more information, try '--help'.
    --- exit code 2
    ");
}

#[test]
fn what_a_guest_logs() {
    let desk = Desk::with_echo();
    assert_snapshot!(desk.run("call say"), @"
    null
    --- stderr
    [info] here
    ");
    let ran = desk.run("call say --json");
    assert_eq!(ran.stdout, "null\n");
    let said: serde_json::Value = serde_json::from_str(&ran.stderr).unwrap();
    assert_eq!((&said["log"], &said["level"]), (&"here".into(), &"info".into()));
}

#[test]
fn references() {
    let desk = Desk::with(&["hello"]);
    assert_snapshot!(desk.run("refs"), @"
    --- stderr
    no references; `farside call --far` makes one
    ");
    let far = desk.run("call --far greet Ada");
    assert_eq!(far.code, Some(0), "{far}");
    let far = far.stdout.trim().to_owned();
    assert!(far.starts_with("far:"), "{far}");
    let named = |ran: Ran| ran.to_string().replace(&far, "[far]");
    assert_snapshot!(named(desk.run("call greet far:_")), @r#""Hello, Hello, Ada!!""#);
    let other = desk.run("call --far --json greet --arg name=far:_");
    let other: serde_json::Value = serde_json::from_str(&other.stdout).unwrap();
    assert_ne!(other["far"], far);
    assert_snapshot!(named(desk.run(&format!("get {far}"))), @r#""Hello, Ada!""#);
    assert_snapshot!(named(desk.run(&format!("get {far} [0:5] --json"))), @r#""Hello""#);
    assert_snapshot!(named(desk.run(&format!("get {far} --raw"))), @"Hello, Ada!");
    assert_snapshot!(named(desk.run(&format!("get {far} --out it"))), @"
    --- stderr
    wrote 11 bytes of text to it
    ");
    assert_snapshot!(named(desk.run(&format!("get {far} name"))), @"
    --- stderr
    error: cannot get [far]: a string has no field `name`
    --- exit code 2
    ");
    assert_snapshot!(named(desk.run(&format!("cancel {far}"))), @"
    --- stderr
    [far] had finished before: nothing was cancelled
    ");
    assert_snapshot!(named(desk.run(&format!("cancel {far} --json"))), @r#"{"cancelled":false,"ref":"[far]","state":"ready"}"#);
    assert_snapshot!(named(desk.run(&format!("release {far} far:1"))), @"
    --- stderr
    released [far]
    error: cannot release far:1: far:1 is gone, or never was

    hint: a released reference's value is lost: make it again
    --- exit code 6
    ");
    assert_snapshot!(named(desk.run(&format!("release {far} --json"))), @r#"
    {"released":[]}
    --- stderr
    {"error":"cannot release [far]: [far] is gone, or never was","exit":6,"failure":{"backtrace":[],"cause":null,"code":"Gone","hint":"a released reference's value is lost: make it again","message":"[far] is gone, or never was","value":null},"hint":"a released reference's value is lost: make it again"}
    --- exit code 6
    "#);
    assert_snapshot!(named(desk.run(&format!("get {far}"))), @"
    --- stderr
    error: cannot get [far]: [far] is gone, or never was

    hint: a released reference's value is lost: make it again
    --- exit code 6
    ");
    assert_eq!(desk.run("release far:_").code, Some(0));
    assert_snapshot!(desk.run("refs --json"), @"[]");
}

#[test]
fn a_running_call_is_cancelled() {
    let desk = Desk::with(&["hello"]);
    assert_eq!(desk.run("call --far spin").code, Some(0));
    assert_eq!(desk.run("cancel far:_").code, Some(0));
    let gone = desk.run("get far:_");
    assert_eq!(gone.code, Some(1), "{gone}");
    assert!(gone.stderr.contains("the call was cancelled"), "{gone}");
}

#[cfg(unix)]
#[test]
fn a_call_that_is_interrupted_is_cancelled() {
    use rustix::process::{Pid, Signal, kill_process};

    let desk = Desk::with(&["hello"]);
    let mut calling = desk.shell.command(&["call", "spin"]).spawn().unwrap();
    while !desk.run("refs").stdout.contains("pending") {}
    kill_process(Pid::from_child(&calling), Signal::INT).unwrap();
    assert_eq!(calling.wait().unwrap().code(), Some(130));
    assert!(desk.run("call square 7").stderr.contains("the call was cancelled"));
}

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

    hint: `farside token show`, run where the server runs, prints the line that sets FARSIDE_TOKEN
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
