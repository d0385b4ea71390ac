//! What carries the protocol: memory, a Unix socket, a path of another server; and
//! the example programs, as somebody would run them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use farside::{Client, SessionError, memory_transport};
use farside_protocol::{Reply, caps};
use farside_server::config::Config;
use farside_tests::{Server, guest, program};
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpListener;

use crate::local::Local;

/// What an example program prints when it is run with these arguments.
fn run(server: Option<&Server>, name: &str, arguments: &[&Path]) -> String {
    run_in(Path::new("."), server, name, arguments)
}

/// The same in a folder.
fn run_in(folder: &Path, server: Option<&Server>, name: &str, arguments: &[&Path]) -> String {
    let mut example = Command::new(program(name));
    example
        .current_dir(folder)
        .args(arguments)
        .env_remove("FARSIDE_URL")
        .env_remove("FARSIDE_TOKEN");
    if let Some(server) = server {
        example.env("FARSIDE_URL", server.url()).env("FARSIDE_TOKEN", server.token());
    }
    let output = example.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name} failed: {stderr}");
    assert_eq!(stderr, "", "{name} complains");
    String::from_utf8(output.stdout).unwrap()
}

/// The text of an example program.
fn source(name: &str) -> String {
    let programs = Path::new(env!("FARSIDE_CHECKOUT")).join("examples/programs/src/bin");
    fs::read_to_string(programs.join(name).with_extension("rs")).unwrap()
}

#[test]
fn server_and_client_share_a_process() {
    insta::assert_snapshot!(run(None, "in-process", &[&guest("hello")]), @"3 squared, and squared again: 81");
}

#[cfg(unix)]
#[test]
fn a_unix_socket_carries_the_protocol() {
    insta::assert_snapshot!(run(None, "unix-socket", &[&guest("hello")]), @"Hello, Unix!");
    let lines = source("unix-socket").lines().count();
    assert!(lines < 60, "the example has {lines} lines");
}

#[test]
fn an_application_has_farside_under_one_of_its_paths() {
    insta::assert_snapshot!(run(None, "embed", &[&guest("hello")]), @"Hello, application!");
}

#[test]
fn the_main_job_is_ten_lines() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    fs::copy(guest("stats"), folder.path().join("stats.wasm")).unwrap();
    let printed = run_in(folder.path(), Some(&server), "quickstart", &[]);
    insta::assert_snapshot!(printed, @"288.6749902572095");
}

#[test]
fn the_readme_shows_the_quickstart() {
    let readme = include_str!("../../../README.md");
    let (_, block) = readme.split_once("```rust,no_run\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    let source = source("quickstart");
    let (_, program) = source.split_once("\n\n").unwrap();
    assert_eq!(block, program);
}

#[test]
fn state_outlives_a_connection() {
    let server = Server::start();
    insta::assert_snapshot!(run(Some(&server), "logbook", &[&guest("logbook")]), @"
    saw land
    dropped anchor
    ");
}

#[test]
fn results_are_arguments_and_have_parts() {
    let server = Server::start();
    insta::assert_snapshot!(run(Some(&server), "text", &[&guest("text")]), @"
    4 x water
    2 x every
    longest of the last line: drink
    ");
}

#[test]
fn one_row_of_an_image_is_fetched_and_then_all() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("mandelbrot.png");
    let printed = run(Some(&server), "mandelbrot", &[&guest("mandelbrot"), &path]);
    insta::assert_snapshot!(printed, @"
    the middle row: 582 points of the set, 1221 bytes
    the whole image: 960222 bytes
    ");

    let file = std::io::BufReader::new(fs::File::open(path).unwrap());
    let mut reader = png::Decoder::new(file).read_info().unwrap();
    let mut shades = vec![0; reader.output_buffer_size().unwrap()];
    let frame = reader.next_frame(&mut shades).unwrap();
    assert_eq!((frame.width, frame.height), (1200, 800));
    assert_eq!(frame.color_type, png::ColorType::Grayscale);
    let at = |x: usize, y: usize| shades[y * 1200 + x];
    assert_eq!((at(600, 400), at(0, 0)), (0, 1), "the middle stays, the corner escapes");
    for y in 0..400 {
        assert!((0..1200).all(|x| at(x, y) == at(x, 799 - y)), "row {y} is mirrored");
    }
}

#[tokio::test]
async fn a_client_over_a_transport_has_one_session() {
    let local = Local::start().await;
    let client = local.client(local.server.token()).await.unwrap();
    let session = client.session().await.unwrap();
    assert!(matches!(client.session().await, Err(SessionError::OneSession)));
    let large = vec![1_u8; 1 << 20];
    let far = session.put(serde_bytes::Bytes::new(&large));
    assert_eq!(far.get_raw(None).await.unwrap().1[5..], large);
    session.upload(guest("hello")).await.unwrap();
    assert_eq!(session.function("square").value::<i64>((12,)).await.unwrap(), 144);
    session.close().await.unwrap();
    local.server.shutdown().await;
}

#[tokio::test]
async fn settings_that_a_program_fills_in_are_checked() {
    let data = tempfile::tempdir().unwrap();
    let refusal = async |change: fn(&mut Config)| {
        let mut config = Config { data: data.path().to_owned(), ..Config::default() };
        change(&mut config);
        match farside_server::Server::start(config).await {
            Ok(_) => panic!("it starts"),
            Err(error) => format!("{error}\nhint: {}\n", error.hint().unwrap()),
        }
    };
    let mut texts = String::new();
    texts += &refusal(|config| config.limits.call_deadline = Duration::MAX).await;
    texts += &refusal(|config| config.shutdown_grace = Duration::ZERO).await;
    texts += &refusal(|config| config.limits.value_depth = 1 << 20).await;
    texts += &refusal(|config| config.limits.session_lease_max = Duration::from_secs(1)).await;
    insta::assert_snapshot!(texts, @"
    `limits.call_deadline` cannot be `18446744073709551615ms` (the program): too large
    hint: the most is 30d
    `shutdown_grace` cannot be `0ms` (the program): too small
    hint: the least is 1ms
    `limits.value_depth` cannot be `1_048_576` (the program): too large
    hint: the most is 128
    `limits.session_lease` (30min) is longer than `limits.session_lease_max` (1s)
    hint: raise the one or lower the other
    ");
}

#[tokio::test]
async fn a_refused_token_is_refused_over_any_transport() {
    let client = Local::start().await.client("wrong").await;
    insta::assert_snapshot!(client.unwrap_err(), @"the given transport does not accept the token");
}

#[tokio::test]
async fn a_frame_has_a_cap_on_every_transport() {
    let local = Local::start().await;
    let (mut near, far) = memory_transport();
    let frame = vec![0xc1; caps::FRAME_BYTES + 1];
    let client = async move {
        near.send(frame.into()).await.unwrap();
        near.next().await.unwrap().unwrap()
    };
    let (answer, ()) = tokio::join!(client, local.server.accept(far));
    let replies: Vec<Reply> = Reply::decode_frame(answer).collect::<Result<_, _>>().unwrap();
    let [Reply::Refused { failure }] = &replies[..] else { panic!("{replies:?}") };
    insta::assert_snapshot!(failure, @"a frame of 262145 bytes; 262144 are allowed");
}

#[tokio::test]
async fn urls_with_a_path_lead_to_a_mounted_server() {
    let local = Local::start().await;
    let application = axum::Router::new()
        .route("/page", axum::routing::get(|| async { "a page" }))
        .nest("/deep/farside", local.server.router());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, application).await.unwrap() });

    let connect = async |path: &str| {
        let url = format!("ws://{address}{path}");
        let client = Client::builder().url(&url).token(local.server.token()).connect().await;
        client.map_err(|error| error.to_string().replace(&address.to_string(), "[address]"))
    };
    let session = connect("/deep/farside").await.unwrap().session().await.unwrap();
    assert_eq!(session.put(&7).get().await.unwrap(), 7);
    let mut elsewhere = String::new();
    for path in ["", "/", "/page", "/deep", "/deep/farside/deeper"] {
        elsewhere += &connect(path).await.unwrap_err();
        elsewhere += "\n";
    }
    insta::assert_snapshot!(elsewhere, @"
    what answers at ws://[address] is no Farside server: HTTP 404 Not Found
    what answers at ws://[address]/ is no Farside server: HTTP 404 Not Found
    what answers at ws://[address]/page is no Farside server: HTTP 200 OK
    what answers at ws://[address]/deep is no Farside server: HTTP 404 Not Found
    what answers at ws://[address]/deep/farside/deeper is no Farside server: HTTP 404 Not Found
    ");
}
