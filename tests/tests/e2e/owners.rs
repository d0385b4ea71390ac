//! Several owners on one server: tokens, permissions, policies and quotas, and that no
//! owner learns of another's.

use std::fs;
use std::time::Duration;

use farside::{
    Client, ConnectError, Disconnected, ErrorCode, Far, RefState, Session, SessionError,
    UploadError, WaitError,
};
use farside_tests::{Server, Shell, guest};
use insta::assert_snapshot;
use serde_bytes::ByteBuf;

use crate::told::{broken, chain, failure, told, upload_text};

const ADD: &str = r#"(module (func (export "add") (param i64 i64) (result i64)
    (i64.add (local.get 0) (local.get 1))))"#;

/// The account of a server, at its command line.
fn operator(server: &Server) -> Shell {
    server.shell().env("FARSIDE_DATA", server.data())
}

/// Makes a token with the command line.
fn new_token(server: &Server, words: &[&str]) -> String {
    let words = [&["token", "new", "--json"], words].concat();
    let output = operator(server).command(&words).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    json["token"].as_str().unwrap().to_owned()
}

/// Why a session's connection ended, once it has.
async fn lost(session: &Session) -> Disconnected {
    loop {
        match session.wait(&[], 0, Some(Duration::ZERO)).await {
            Ok(_) => {}
            Err(WaitError::Disconnected(reason)) => return (*reason).clone(),
            Err(error) => panic!("{error}"),
        }
    }
}

/// Waits until a value is kept.
async fn kept<T>(session: &Session, far: &Far<T>) {
    let states = session.wait(&[far.id()], 1, None).await.unwrap();
    assert_eq!(states, [RefState::Ready]);
}

fn bytes(count: usize) -> ByteBuf {
    ByteBuf::from(vec![0; count])
}

async fn connect(server: &Server, token: &str) -> Result<Client, ConnectError> {
    Client::builder().url(server.url()).token(token).connect().await
}

/// A client with a token that the server reads soon.
async fn admitted(server: &Server, token: &str) -> Client {
    loop {
        match connect(server, token).await {
            Ok(client) => return client,
            Err(ConnectError::WrongToken { .. }) => tokio::task::yield_now().await,
            Err(error) => panic!("{error:?}"),
        }
    }
}

/// A client of another owner.
pub(crate) async fn owner(server: &Server, words: &[&str]) -> Client {
    admitted(server, &new_token(server, words)).await
}

/// A session of another owner.
pub(crate) async fn session_of(server: &Server, words: &[&str]) -> Session {
    owner(server, words).await.session().await.unwrap()
}

#[test]
fn tokens_are_made_listed_shown_and_revoked() {
    let server = Server::start();
    let shell = operator(&server);
    assert_snapshot!(shell.run(&["token", "list"]), @"
    --- stderr
    no tokens but the server's own, which `farside token show` prints
    ");
    assert_snapshot!(shell.run(&["token", "new", "alice"]), @"
    fst_[hash]
    --- stderr

    the token of alice; it permits: upload, call, eval; it expires: never
    it is shown this once; its owner sets it with:
      export FARSIDE_TOKEN=fst_[hash]
    ");
    let limits = ["--limit", "session_memory=64MiB", "--limit", "limits.owner_sessions=2"];
    let new = [&["token", "new", "ci", "--allow", "call,eval", "--expires", "30d"], &limits[..]];
    assert_snapshot!(shell.run(&new.concat()), @"
    fst_[hash]
    --- stderr

    the token of ci; it permits: call, eval; it expires: in 30 d
    it is shown this once; its owner sets it with:
      export FARSIDE_TOKEN=fst_[hash]
    ");
    assert_snapshot!(shell.run(&["token", "list"]), @"
    OWNER  PERMITS             EXPIRES       LIMITS
    alice  upload, call, eval  never
    ci     call, eval          in 29 d 23 h  owner_sessions=2 session_memory=64MiB
    ");
    let shown = shell.run(&["token", "show", "ci"]).to_string();
    let shown: Vec<_> = shown.lines().filter(|line| !line.starts_with("expires")).collect();
    assert_snapshot!(shown.join("\n"), @"
    owner    ci
    permits  call, eval
    limits   owner_sessions=2 session_memory=64MiB
    ");
    assert_snapshot!(shell.run(&["token", "revoke", "ci", "--json"]), @r#"{"revoked":"ci"}"#);
    assert_snapshot!(shell.run(&["token", "revoke", "ci"]), @"
    --- stderr
    error: cannot revoke the token: there is no token `ci`

    hint: there is one for alice
    --- exit code 2
    ");
    for wrong in [
        &["token", "new", "alice"][..],
        &["token", "new", "local"],
        &["token", "new", "bob", "--allow", "everything"],
        &["token", "new", "bob", "--limit", "sesion_memory=1MiB"],
        &["token", "new", "bob", "--limit", "sessions=1"],
        &["token", "new", "bob", "--limit", "session_memory=1TiB"],
        &["token", "show", "bob"],
    ] {
        let name = format!("wrong token {} {}", wrong[1], wrong[2..].join(" "));
        assert_snapshot!(name, shell.run(wrong));
    }
}

#[tokio::test]
async fn a_token_permits_what_it_says() {
    let server = Server::start();
    let hello = guest("hello");
    let reader = session_of(&server, &["reader", "--allow", "call"]).await;
    let refused = reader.upload(&hello).await.unwrap_err();
    let UploadError::Failed(refused) = refused else { panic!("{refused:?}") };
    assert_snapshot!(told(&refused), @"
    Forbidden: the token of reader does not permit uploads
    hint: the operator can give it the permission `upload` (farside token new --replace)
    ");
    let kept = reader.put(&7);
    assert_eq!(kept.get().await.unwrap(), 7, "values need no permission");

    let uploader = session_of(&server, &["uploader", "--allow", "upload"]).await;
    let module = upload_text(&uploader, "sum", ADD).await;
    assert_snapshot!(broken(&module.call::<i64>("add", (1, 2))).await, @"
    Forbidden: the token of uploader does not permit calls
    hint: the operator can give it the permission `call` (farside token new --replace)
    ");
    let evaluated = uploader.eval::<i64>("1 + 1");
    assert_eq!(failure(&evaluated).await.code, ErrorCode::Forbidden);
}

#[tokio::test]
async fn owners_do_not_see_each_other() {
    let server = Server::start();
    let alice = admitted(&server, &new_token(&server, &["alice"])).await;
    let bob = admitted(&server, &new_token(&server, &["bob"])).await;
    let session = alice.session().await.unwrap();
    upload_text(&session, "sum", ADD).await;
    assert_eq!(bob.sessions().await.unwrap(), []);
    let seen = alice.sessions().await.unwrap();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].owner, "alice");

    // Not even with the key, nor to end it.
    let (id, key) = (session.id(), session.key());
    let joined = bob.attach(id, key).await.unwrap_err();
    let SessionError::Failed(joined) = joined else { panic!("{joined:?}") };
    assert_eq!(joined.code, ErrorCode::SessionExpired);
    let bob = admitted(&server, &new_token(&server, &["bob", "--replace"])).await;
    let closed = bob.close_session(id).await.unwrap_err();
    let SessionError::Failed(closed) = closed else { panic!("{closed:?}") };
    assert_eq!(closed.code, ErrorCode::NotFound);

    // The server's own token administers.
    let operator = server.client().await;
    let all = operator.sessions().await.unwrap();
    assert_eq!(all.iter().map(|one| one.owner.as_str()).collect::<Vec<_>>(), ["alice"]);
    operator.close_session(id).await.unwrap();
    assert_eq!(alice.sessions().await.unwrap(), []);
}

#[tokio::test]
async fn what_one_owner_has_sent_is_not_known_to_another() {
    let server = Server::start();
    let alice = session_of(&server, &["alice"]).await;
    let bob = session_of(&server, &["bob"]).await;
    let first = upload_text(&alice, "sum", ADD).await;
    assert!(!first.known());
    let again = upload_text(&alice, "sum2", ADD).await;
    assert!(again.known());
    let other = upload_text(&bob, "sum", ADD).await;
    assert!(!other.known(), "its bytes are asked for, as if nobody had sent them");
    assert_eq!(first.hash(), other.hash());
    assert_eq!(other.call::<i64>("add", (1, 2)).get().await.unwrap(), 3);
}

#[tokio::test]
async fn an_owner_has_limits_and_quotas_of_its_own() {
    let server = Server::start();
    let limits = [
        "--limit",
        "owner_sessions=2",
        "--limit",
        "owner_kept_bytes=1MiB",
        "--limit",
        "value_bytes=700KiB",
        "--limit",
        "owner_instances=1",
    ];
    let token = new_token(&server, &[&["small"], &limits[..]].concat());
    let first = admitted(&server, &token).await.session().await.unwrap();
    let second = admitted(&server, &token).await.session().await.unwrap();
    let third = admitted(&server, &token).await.session().await.unwrap_err();
    let SessionError::Failed(third) = third else { panic!("{third:?}") };
    assert_snapshot!(told(&third), @"
    QuotaExceeded: there are 2 sessions already, as many as may be
    hint: close sessions, or raise limits.owner_sessions on the server
    ");

    let large = first.put(&bytes(800 << 10));
    assert_eq!(failure(&large).await.code, ErrorCode::ValueTooLarge);
    let kept = first.put(&bytes(600 << 10));
    self::kept(&first, &kept).await;
    let over = second.put(&bytes(600 << 10));
    assert_snapshot!(broken(&over).await, @"
    QuotaExceeded: keeping 600.0 KiB more would pass the 1 MiB of all sessions of the owner, of which 600.0 KiB are used
    hint: release what is not needed in this or another session, or raise limits.owner_kept_bytes on the server
    ");
    drop(kept);

    // Others are as they were.
    let other = server.session().await;
    let large = other.put(&bytes(800 << 10));
    self::kept(&other, &large).await;
}

#[tokio::test]
async fn a_revoked_token_ends_connections_and_sessions_and_a_replaced_one_connections() {
    let server = Server::start();
    let token = new_token(&server, &["alice"]);
    let session = admitted(&server, &token).await.session().await.unwrap();
    let (id, key) = (session.id(), session.key());
    let kept = session.put(&"still here");
    self::kept(&session, &kept).await;

    let next = new_token(&server, &["alice", "--replace"]);
    assert_snapshot!(chain(&lost(&session).await), @"
    the server ended it
    caused by the token was revoked
    ");
    let joined = admitted(&server, &next).await.attach(id, key).await.unwrap();
    assert_eq!(joined.far::<String>(kept.id()).get().await.unwrap(), "still here");

    assert_eq!(operator(&server).run(&["token", "revoke", "alice"]).code, Some(0));
    assert_snapshot!(chain(&lost(&joined).await), @"
    the server ended it
    caused by the token was revoked
    ");
    while !server.client().await.sessions().await.unwrap().is_empty() {}
}

#[tokio::test]
async fn a_file_of_tokens_that_is_wrong_stops_a_start_and_no_running_server() {
    let server = Server::start();
    let token = new_token(&server, &["alice"]);
    admitted(&server, &token).await;
    let file = server.data().join("tokens.toml");
    fs::write(&file, "[[token]]\nname = 7\n").unwrap();
    let logged = server.wait_for_log("the tokens stay as they were");
    assert!(logged.contains("line 2"), "{logged}");
    admitted(&server, &token).await;

    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("tokens.toml"), "[[token]]\nname = 7\n").unwrap();
    let shell = Shell::away();
    let data = folder.path().display().to_string();
    let ran = shell.run(&["serve", "--listen", "127.0.0.1:0", "--data", &data]);
    let text = ran.to_string().replace(&data, "[data]");
    assert_snapshot!(text, @"
    --- stderr
    error: cannot serve: [data]/tokens.toml: line 2: invalid type: integer `7`, expected a string

    hint: mend the entry, or remove it and make it again with `farside token new`
    --- exit code 9
    ");
}

#[tokio::test]
async fn an_owners_sessions_share_its_memory() {
    const GROWING: &str = r#"(module (memory 1)
        (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))"#;
    /// 40 MiB, in pages.
    const MUCH: i32 = 640;
    let server = Server::start();
    let client = owner(&server, &["alice", "--limit", "owner_memory=64MiB"]).await;
    let (one, two) = (client.session().await.unwrap(), client.session().await.unwrap());
    let grow = upload_text(&one, "growing", GROWING).await;
    assert_eq!(grow.call::<i32>("grow", (MUCH,)).get().await.unwrap(), 1);
    let grows = upload_text(&two, "growing", GROWING).await;
    assert_eq!(grows.call::<i32>("grow", (MUCH,)).get().await.unwrap(), -1, "it is refused");
    // What others have is not its, and what it gives up it has again.
    let other = session_of(&server, &["bob", "--limit", "owner_memory=64MiB"]).await;
    let others = upload_text(&other, "growing", GROWING).await;
    assert_eq!(others.call::<i32>("grow", (MUCH,)).get().await.unwrap(), 1);
    one.close().await.unwrap();
    assert_eq!(grows.call::<i32>("grow", (MUCH,)).get().await.unwrap(), 1);
}

#[tokio::test]
async fn each_token_of_an_account_goes_on_with_its_own_session() {
    let server = Server::start();
    let shell = operator(&server);
    let tokens = [new_token(&server, &["alice"]), new_token(&server, &["bob"])];
    for token in &tokens {
        admitted(&server, token).await;
    }
    let run = |token: Option<&str>, words: &[&str]| {
        let mut command = shell.command(words);
        match token {
            Some(token) => command.env("FARSIDE_TOKEN", token),
            None => command.env_remove("FARSIDE_TOKEN"),
        };
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let sum = shell.home().join("sum.wat");
    fs::write(&sum, ADD).unwrap();
    let upload = ["upload", &sum.display().to_string()];
    for token in &tokens {
        run(Some(token), &upload);
    }
    for token in tokens.iter().cycle().take(4) {
        assert_eq!(run(Some(token), &["call", "add", "2", "40"]).trim(), "42");
    }
    // The server's own is the same, whether it is told or found.
    run(Some(&server.token()), &upload);
    assert_eq!(run(None, &["call", "add", "1", "2"]).trim(), "3");
}

#[test]
fn tokens_of_a_folder_without_a_server_are_said_to_be_that() {
    let shell = Shell::away().env("FARSIDE_DATA", "unused");
    let said = shell.run(&["token", "list"]).to_string();
    assert!(said.contains("no server runs with the data folder"), "{said}");
    let said = shell.run(&["token", "new", "alice"]).to_string();
    assert!(said.contains("no server runs with the data folder"), "{said}");
}
