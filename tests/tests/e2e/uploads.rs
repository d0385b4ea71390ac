//! Modules on their way in: known by their hash, checked, named, replaced.

use std::fs;
use std::path::{Path, PathBuf};

use farside::manifest::GUEST_ABI;
use farside::{ModuleHash, Session};
use farside_protocol::{Reply, Request, Seq};
use farside_tests::{Server, guest};

use crate::peer::{self, Peer};
use crate::sdk::{Describe, sdk};
use crate::told::{refused, told, upload_text};

/// A module of one function that gives a number.
fn constant(number: i32) -> String {
    format!(r#"(module (func (export "number") (result i32) (i32.const {number})))"#)
}

#[tokio::test]
async fn a_known_module_costs_one_round_trip_and_no_bytes() {
    let server = Server::start();
    let size = fs::metadata(guest("hello")).unwrap().len();
    let mut told = Vec::new();
    let session = server.session().await;
    let uploader = session.uploader(guest("hello")).progress(|sent, of| told.push((sent, of)));
    let first = uploader.send().await.unwrap();
    assert!(!first.known());
    assert_eq!(told.last(), Some(&(size, size)));
    assert!(told.is_sorted(), "{told:?}");
    assert!(session.wire().bytes_sent > size);

    let other = server.session().await;
    let before = other.wire();
    let uploader = other.uploader(guest("hello")).progress(|_, _| panic!("no bytes are sent"));
    let again = uploader.send().await.unwrap();
    let after = other.wire();
    assert!(again.known());
    assert_eq!((again.hash(), again.manifest()), (first.hash(), first.manifest()));
    assert_eq!(after.round_trips - before.round_trips, 1);
    assert_eq!(after.messages_sent - before.messages_sent, 1);
    assert!(after.bytes_sent - before.bytes_sent < 100);
}

/// The client remembers what is in files that it has read.
#[tokio::test]
async fn a_file_that_was_read_before_is_sent_to_whoever_wants_it() {
    let (first, second) = (Server::start(), Server::start());
    for known in [false, true] {
        let module = first.session().await.upload(guest("hello")).await.unwrap();
        assert_eq!(module.known(), known);
    }
    let session = second.session().await;
    let before = session.wire().bytes_sent;
    let module = session.upload(guest("hello")).await.unwrap();
    assert!(!module.known());
    assert!(session.wire().bytes_sent - before > fs::metadata(guest("hello")).unwrap().len());
    assert_eq!(module.call::<i64>("square", (3,)).get().await.unwrap(), 9);

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("number.wat");
    for number in 1..4 {
        fs::write(&path, constant(number)).unwrap();
        let module = session.upload(&path).await.unwrap();
        assert_eq!(module.call::<i32>("number", ()).get().await.unwrap(), number);
    }
}

/// The files of compiled code.
fn compiled(data: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(data.join("compiled")).unwrap();
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    paths
}

/// Starts a server on a data folder, uploads and calls hello, and ends the server.
/// Gives what it logged.
async fn run_on(data: &Path) -> String {
    let server = Server::builder().data(data).start();
    let session = server.session().await;
    let hello = session.upload(guest("hello")).await.unwrap();
    assert_eq!(hello.call::<i64>("square", (3,)).get().await.unwrap(), 9);
    drop((hello, session));
    server.stop().log
}

#[tokio::test]
async fn a_restarted_server_compiles_nothing_again() {
    let data = tempfile::tempdir().unwrap();
    let first = run_on(data.path()).await;
    assert!(first.contains("compiled a module"), "{first}");
    let files = compiled(data.path());
    let written = |path: &PathBuf| fs::metadata(path).unwrap().modified().unwrap();
    let times: Vec<_> = files.iter().map(written).collect();
    assert_eq!(files.len(), 2, "{files:?}");

    let second = run_on(data.path()).await;
    assert!(!second.contains("compiled a module"), "{second}");
    assert_eq!(compiled(data.path()).iter().map(written).collect::<Vec<_>>(), times);
}

#[tokio::test]
async fn damaged_code_is_compiled_again_from_the_modules_own_bytes() {
    let data = tempfile::tempdir().unwrap();
    run_on(data.path()).await;
    let files = compiled(data.path());
    let code = files.iter().find(|path| path.extension().unwrap() == "code").unwrap();
    let mut bytes = fs::read(code).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(code, bytes).unwrap();

    let log = run_on(data.path()).await;
    assert!(log.contains("compiled code is damaged"), "{log}");
    assert!(log.contains("compiled a module"), "{log}");
    assert!(!run_on(data.path()).await.contains("compiled a module"));
}

/// Offers a module of this size to the server, which wants its bytes.
async fn offered(peer: &mut Peer, hash: ModuleHash, size: u64) -> Seq {
    let seq = peer.seq();
    peer.send(&[Request::Upload { seq, name: "m".to_owned(), hash, size, metered: false }]).await;
    assert_eq!(peer.next().await, Reply::Wanted { seq });
    seq
}

#[tokio::test]
async fn bytes_of_another_hash_are_refused() {
    let server = Server::start();
    let mut peer = Peer::attached(&server).await;
    let bytes = b"\0asm\x01\0\0\0";
    let seq = offered(&mut peer, ModuleHash::of(b"other"), bytes.len() as u64).await;
    peer.send(&[peer::chunk(seq, 0, &bytes[..])]).await;
    insta::assert_snapshot!(told(&peer.answer(seq).await.unwrap_err()), @"
    InvalidModule: the module's bytes have SHA-256 93a44bbb, not d9298a10 as announced
    hint: the file changed while it was sent, or the client is wrong; upload it again
    ");
}

#[tokio::test]
async fn a_truncated_upload_is_no_module() {
    let server = Server::start();
    let mut peer = Peer::attached(&server).await;
    let seq = offered(&mut peer, ModuleHash::of(b"module"), 6).await;
    peer.send(&[peer::chunk(seq, 0, &b"mod"[..]), Request::Abort { transfer: seq }]).await;
    insta::assert_snapshot!(told(&peer.answer(seq).await.unwrap_err()), @"BadRequest: a transfer ended after 3 of 6 bytes: the client gave up sending it");
    // The same writer goes on.
    let text = constant(7);
    let seq = offered(&mut peer, ModuleHash::of(text.as_bytes()), text.len() as u64).await;
    peer.send(&[peer::chunk(seq, 0, text)]).await;
    assert!(matches!(peer.next().await, Reply::Uploaded { replaced: false, .. }));
    let called = peer.call("number", &[0; 0]).await;
    assert_eq!(peer.get(peer.far(called)).await.unwrap(), peer::packed(&7));
}

#[tokio::test]
async fn pieces_that_do_not_fit_together_end_the_connection() {
    let server = Server::start();
    let session = server.session().await;
    for (offset, bytes) in [(1, &b"mod"[..]), (0, b"module."), (0, b"")] {
        let mut peer = Peer::beside(&server, &session).await;
        let seq = offered(&mut peer, ModuleHash::of(b"module"), 6).await;
        peer.send(&[peer::chunk(seq, offset, bytes)]).await;
        let refusal = told(&peer.refusal().await);
        assert!(
            refusal.starts_with("BadRequest: a piece of transfer 1 is wrong: it "),
            "{refusal}"
        );
    }
    let module = upload_text(&session, "m", &constant(7)).await;
    assert_eq!(module.call::<i32>("number", ()).get().await.unwrap(), 7);
}

async fn refusal(session: &Session, bytes: &[u8]) -> String {
    refused(session.uploader(bytes.to_vec()).name("m").send().await)
}

#[tokio::test]
async fn bytes_that_are_no_module_say_what_they_are() {
    let server = Server::start();
    let session = server.session().await;
    insta::assert_snapshot!(refusal(&session, b"").await, @"
    InvalidModule: the bytes are no WebAssembly: they begin with nothing, they are empty
    hint: upload a .wasm file (for Rust: cargo build --target wasm32-unknown-unknown) or WAT text
    ");
    insta::assert_snapshot!(refusal(&session, b"print('hello')").await, @r#"
    InvalidModule: the bytes are no WebAssembly: they begin with "print('hello')"
    hint: upload a .wasm file (for Rust: cargo build --target wasm32-unknown-unknown) or WAT text
    "#);
    insta::assert_snapshot!(refusal(&session, b"\x7fELF\x02\x01\x01").await, @"
    InvalidModule: the bytes are no WebAssembly: they begin with the mark of an ELF program for this machine
    hint: upload a .wasm file (for Rust: cargo build --target wasm32-unknown-unknown) or WAT text
    ");
    insta::assert_snapshot!(refusal(&session, b"\0asm\x0d\0\x01\0").await, @"
    InvalidModule: the bytes are a WebAssembly component; only core modules run here
    hint: build a core module instead; for Rust that is the target wasm32-unknown-unknown
    ");
    insta::assert_snapshot!(refusal(&session, b"(component)").await, @"
    InvalidModule: the bytes are a WebAssembly component; only core modules run here
    hint: build a core module instead; for Rust that is the target wasm32-unknown-unknown
    ");
    insta::assert_snapshot!(refusal(&session, b"\0asm\x01\0\0\0\x01\x7f").await, @"
    InvalidModule: the bytes are no valid WebAssembly module: unexpected end-of-file (at offset 0xa)
    hint: the file may be damaged or cut short, or use a proposal that is switched off (threads, GC)
    ");
    insta::assert_snapshot!(
        refusal(&session, b"(module (func (result i32) (i64.const 1)))").await, @"
    InvalidModule: the bytes are no valid WebAssembly module: type mismatch: expected i32, found i64 (at offset 0x1a)
    hint: the file may be damaged or cut short, or use a proposal that is switched off (threads, GC)
    ");
    let text = refusal(&session, b"(module (func (result i23)))").await;
    assert!(text.starts_with("the text is no WebAssembly module\ncaused by unexpected token"));
    insta::assert_snapshot!(
        refusal(&session, br#"(module (memory 1 1 shared))"#).await, @"
    InvalidModule: the bytes are no valid WebAssembly module: threads must be enabled for shared memories (at offset 0xb)
    hint: the file may be damaged or cut short, or use a proposal that is switched off (threads, GC)
    ");
    let whole = fs::read(guest("hello")).unwrap();
    let half = refusal(&session, &whole[..whole.len() / 2]).await;
    assert!(half.starts_with("InvalidModule: the bytes are no valid WebAssembly module"), "{half}");
    let missing = refused(session.upload("no-such.wasm").await);
    insta::assert_snapshot!(missing, @"
    could not read no-such.wasm
    caused by No such file or directory (os error 2)
    ");
}

#[tokio::test]
async fn each_import_that_is_not_provided_is_named() {
    let server = Server::start();
    let session = server.session().await;
    insta::assert_snapshot!(refusal(&session, br#"(module
        (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func (param i32))))"#).await, @"
    UnsupportedImport: the module imports what Farside does not provide: wasi_snapshot_preview1.fd_write (i32, i32, i32, i32) -> i32; wasi_snapshot_preview1.proc_exit (i32)
    hint: this is a WASI module, and guests have no files, environment or network here: build for wasm32-unknown-unknown
    ");
    insta::assert_snapshot!(refusal(&session, br#"(module
        (import "env" "now" (func (result f64)))
        (import "env" "memory" (memory 1)))"#).await, @"
    UnsupportedImport: the module imports what Farside does not provide: env.now () -> f64; env.memory (memory)
    hint: a guest can import farside.log, farside.panic, farside.clock, farside.random and nothing else
    ");
    insta::assert_snapshot!(refusal(&session, br#"(module
        (import "farside" "log" (func (param i32))))"#).await, @"
    UnsupportedImport: the module imports what Farside does not provide: farside.log (i32), which is a function (i32, i32, i32) here
    hint: a guest can import farside.log, farside.panic, farside.clock, farside.random and nothing else
    ");
}

const CLOCK: &str = r#"(module
    (import "farside" "clock" (func $clock (result i64)))
    (func (export "now") (result i64) (call $clock)))"#;

#[tokio::test]
async fn a_clock_is_there_when_the_operator_grants_it() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::builder().data(data.path()).start();
    let session = server.session().await;
    insta::assert_snapshot!(refusal(&session, CLOCK.as_bytes()).await, @"
    UnsupportedImport: the module imports what Farside does not provide: farside.clock () -> i64
    hint: the server's operator grants it with guests.clock = true
    ");
    drop(session);
    let _ = server.stop();

    let server = Server::builder().data(data.path()).flag("--guests-clock", "true").start();
    let session = server.session().await;
    let clock = upload_text(&session, "clock", CLOCK).await;
    let now: i64 = clock.call("now", ()).get().await.unwrap();
    assert!(now > 1_700_000_000_000_000_000);
    drop((clock, session));
    let _ = server.stop();

    // A grant that is taken back is gone for compiled modules as well.
    let server = Server::builder().data(data.path()).start();
    let refusal = refusal(&server.session().await, CLOCK.as_bytes()).await;
    assert!(refusal.starts_with("UnsupportedImport"), "{refusal}");
}

#[tokio::test]
async fn a_guest_of_another_abi_is_refused() {
    let server = Server::start();
    let session = server.session().await;
    let good = Describe::function("f");
    insta::assert_snapshot!(refusal(&session, sdk(99, &good, &good).as_bytes()).await, @"
    VersionMismatch: the module was built for guest ABI 99, the server runs ABI 1
    hint: rebuild the guest with the farside-guest of the server's release
    ");
}

#[tokio::test]
async fn a_guest_that_describes_itself_wrongly_is_refused() {
    let server = Server::start();
    let session = server.session().await;
    let good = Describe::function("f");
    let refusal = async |whole: &Describe, function: &Describe| {
        refusal(&session, sdk(GUEST_ABI, whole, function).as_bytes()).await
    };
    insta::assert_snapshot!(refusal(&good, &Describe::function("g")).await, @r#"
    InvalidModule: the module does not describe itself properly: the description of f is of a function named "g"
    hint: rebuild the guest with a current farside-guest
    "#);
    insta::assert_snapshot!(refusal(&good, &Describe::As(vec![0xc1])).await, @"
    InvalidModule: the module does not describe itself properly: its description can't be read
    hint: rebuild the guest with a current farside-guest
    caused by InvalidModule: no value begins with byte 0xc1 (at 0)
    ");
    insta::assert_snapshot!(refusal(&Describe::As(b"\xa1x".to_vec()), &good).await, @r#"
    InvalidModule: the module does not describe itself properly: its description can't be read
    hint: rebuild the guest with a current farside-guest
    caused by InvalidModule: invalid type: string "x", expected struct Manifest
    "#);
    insta::assert_snapshot!(refusal(&good, &Describe::As(vec![0x80])).await, @"
    InvalidModule: the module does not describe itself properly: a function has no description
    hint: rebuild the guest with a current farside-guest
    ");
    let outside = Describe::By("(i64.const 0x0000_0008_0000_ffff)");
    insta::assert_snapshot!(refusal(&outside, &good).await, @"
    InvalidModule: the module does not describe itself properly: its description failed
    hint: rebuild the guest with a current farside-guest
    caused by Trap: farside_describe gives no description
    ");
    insta::assert_snapshot!(refusal(&Describe::By("(unreachable)"), &good).await, @"
    InvalidModule: the module does not describe itself properly: its description failed
    hint: rebuild the guest with a current farside-guest
    caused by Trap: the guest trapped: wasm `unreachable` instruction executed
        in function 1
    ");
    let greedy = Describe::By("(drop (memory.grow (i32.const 2000))) (unreachable)");
    insta::assert_snapshot!(refusal(&greedy, &good).await, @"
    InvalidModule: the module does not describe itself properly: its description failed
    hint: rebuild the guest with a current farside-guest
    caused by MemoryLimit: the guest wanted another 125 MiB of memory, 125.1 MiB in all; the instances of the session use 64 KiB of 64 MiB
        in function 1
    ");

    let silent = sdk(GUEST_ABI, &good, &good).replace("farside_describe_f", "farside_describe_g");
    let silent = session.uploader(silent.into_bytes()).name("m").send().await;
    insta::assert_snapshot!(refused(silent), @"
    InvalidModule: the module does not describe itself properly: its description failed
    hint: rebuild the guest with a current farside-guest
    caused by Trap: the guest has no proper farside_describe_f
    ");
    let module = upload_text(&session, "m", &sdk(GUEST_ABI, &good, &good)).await;
    assert_eq!(module.manifest().functions[0].name, "f");
}

#[tokio::test]
async fn a_description_that_never_ends_is_stopped() {
    let server = Server::start();
    let session = server.session().await;
    let endless = Describe::By("(loop (br 0)) (i64.const 0)");
    let wat = sdk(GUEST_ABI, &endless, &Describe::function("f"));
    insta::assert_snapshot!(refusal(&session, wat.as_bytes()).await, @"
    InvalidModule: the module does not describe itself properly: its description takes more than 1s
    hint: rebuild the guest with a current farside-guest
    ");
}

#[tokio::test]
async fn text_is_accepted_from_a_client_that_does_not_translate_it() {
    let server = Server::start();
    let mut peer = Peer::attached(&server).await;
    for (text, number) in [(constant(1), 1), (format!(";; two\n{}", constant(2)), 2)] {
        let seq = offered(&mut peer, ModuleHash::of(text.as_bytes()), text.len() as u64).await;
        peer.send(&[peer::chunk(seq, 0, text)]).await;
        assert!(matches!(peer.next().await, Reply::Uploaded { .. }));
        let called = peer.call("number", &[0; 0]).await;
        assert_eq!(peer.get(peer.far(called)).await.unwrap(), peer::packed(&number));
    }
    let text = "(module (func (result i23)))";
    let seq = offered(&mut peer, ModuleHash::of(text.as_bytes()), text.len() as u64).await;
    peer.send(&[peer::chunk(seq, 0, text)]).await;
    let refusal = told(&peer.answer(seq).await.unwrap_err());
    assert!(refusal.starts_with("InvalidModule: the WAT text can't be read: "), "{refusal}");
}

/// A module that counts its calls, from a number on.
fn counter(from: i32) -> String {
    format!(
        r#"(module
            (global $count (mut i32) (i32.const {from}))
            (func (export "count") (result i32)
                (global.set $count (i32.add (global.get $count) (i32.const 1)))
                (global.get $count)))"#
    )
}

#[tokio::test]
async fn other_bytes_of_the_same_name_replace_a_module() {
    let server = Server::start();
    let session = server.session().await;
    let first = upload_text(&session, "counter", &counter(0)).await;
    assert!(!first.replaced());
    assert_eq!(first.call::<i32>("count", ()).get().await.unwrap(), 1);
    assert_eq!(first.call::<i32>("count", ()).get().await.unwrap(), 2);

    let second = upload_text(&session, "counter", &counter(100)).await;
    assert!(second.replaced());
    assert_eq!(second.call::<i32>("count", ()).get().await.unwrap(), 101);
    // An older handle finds the function in the new module.
    assert_eq!(first.call::<i32>("count", ()).get().await.unwrap(), 102);
    assert_eq!(session.function("counter.count").value::<i32>(()).await.unwrap(), 103);
    while session.describe().await.unwrap().instances != 1 {}
    assert_eq!(session.describe().await.unwrap().modules.len(), 1);

    // The first one again is another replacement, and begins anew.
    let third = upload_text(&session, "counter", &counter(0)).await;
    assert!(third.replaced() && third.known());
    assert_eq!(third.call::<i32>("count", ()).get().await.unwrap(), 1);

    // A module without that function leaves nothing to be found.
    upload_text(&session, "counter", &constant(1)).await;
    insta::assert_snapshot!(crate::told::broken(&first.call::<i32>("count", ())).await, @"NotFound: counter was replaced by a module without a function count");
}

#[tokio::test]
async fn a_call_that_runs_ends_well_on_the_replaced_instance() {
    let server = Server::start();
    let session = server.session().await;
    // A call that can only go on once the test has opened the gate.
    let echo = crate::echo::upload(&session).await;
    let gate = crate::gate::Gate::new(&server, &session, &"waited").await;
    let waiting = echo.call::<String>("echo", (&gate.far::<String>(),));
    let queued = echo.call::<String>("echo", ("queued",));
    session.flush().await.unwrap();
    upload_text(&session, "echo", &constant(5)).await;
    assert_eq!(session.function("echo.number").value::<i32>(()).await.unwrap(), 5);
    gate.open().await;
    assert_eq!(waiting.get().await.unwrap(), "waited");
    assert_eq!(queued.get().await.unwrap(), "queued");
    // The old instance goes.
    while session.describe().await.unwrap().instances != 1 {}
}

#[tokio::test]
async fn the_same_bytes_again_keep_the_state() {
    let server = Server::start();
    let session = server.session().await;
    let first = upload_text(&session, "counter", &counter(0)).await;
    assert_eq!(first.call::<i32>("count", ()).get().await.unwrap(), 1);
    let again = upload_text(&session, "counter", &counter(0)).await;
    assert!(!again.replaced());
    assert_eq!(again.call::<i32>("count", ()).get().await.unwrap(), 2);
    // Under another name they are another instance.
    let other = upload_text(&session, "other", &counter(0)).await;
    assert!(!other.replaced());
    assert_eq!(other.call::<i32>("count", ()).get().await.unwrap(), 1);
    assert_eq!(again.call::<i32>("count", ()).get().await.unwrap(), 3);
}

#[tokio::test]
async fn a_module_has_the_name_of_its_file_or_another() {
    let server = Server::start();
    let session = server.session().await;
    let folder = tempfile::tempdir().unwrap();
    let named = |name: &str| {
        let path = folder.path().join(name);
        fs::write(&path, constant(1)).unwrap();
        path
    };
    assert_eq!(session.upload(named("one.wat")).await.unwrap().name(), "one");
    assert_eq!(session.upload(named("two-2.wasm")).await.unwrap().name(), "two-2");
    let bytes = constant(1).into_bytes();
    let unnamed = session.uploader(bytes.clone()).send().await.unwrap();
    assert_eq!(unnamed.name(), unnamed.hash().short());
    let uploader = session.uploader(named("three.wat")).name("drei");
    assert_eq!(uploader.send().await.unwrap().name(), "drei");

    insta::assert_snapshot!(refused(session.upload(named("my module.wat")).await), @r#"
    BadRequest: "my module" can't be a module's name
    hint: a name has letters, digits, `_` and `-`; give one with --name
    "#);
    insta::assert_snapshot!(refused(session.upload(named("a.b.wat")).await), @r#"
    BadRequest: "a.b" can't be a module's name
    hint: a name has letters, digits, `_` and `-`; give one with --name
    "#);
    insta::assert_snapshot!(
        refused(session.uploader(bytes.clone()).name("").send().await), @r#"
    BadRequest: "" can't be a module's name
    hint: a name has letters, digits, `_` and `-`; give one with --name
    "#);
    let long = refused(session.uploader(bytes).name("x".repeat(257)).send().await);
    insta::assert_snapshot!(long.replace(&"x".repeat(257), "x.."), @"
    `x..` is too long for a module's name: at most 256 bytes
    hint: give it a shorter one
    ");
}
