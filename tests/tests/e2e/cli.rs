//! Subcommands that work with modules, calls and references, run as the real program in an
//! account of its own: what they print, and the codes that they end with.

use farside_tests::{Ran, guests};
use insta::assert_snapshot;

use crate::desk::{Desk, ECHO};

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
