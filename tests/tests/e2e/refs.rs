//! Far references: made without waiting, used before they are ready, waited for,
//! given up, cancelled, broken and gone.

use std::collections::BTreeMap;
use std::time::Duration;

use farside::{ContentType, ErrorCode, Failure, Far, GetError, RefId, RefState, Session};
use farside_protocol::{Seq, WriterId};
use farside_tests::{Server, guest};
use serde::{Deserialize, Serialize};

use crate::echo;
use crate::gate::Gate;

/// A line of the logbook.
#[derive(Debug, PartialEq, Deserialize)]
struct Entry {
    number: u64,
    line: String,
}

async fn lines(session: &Session) -> Vec<String> {
    let entries: Vec<Entry> = session.function("logbook.last").value((100,)).await.unwrap();
    entries.into_iter().map(|entry| entry.line).collect()
}

fn failure(error: GetError) -> Failure {
    match error {
        GetError::Failed(failure) => failure,
        other => panic!("{other:?}"),
    }
}

/// A failure and its causes, one in a line.
fn chain(failure: &Failure) -> String {
    let all = std::iter::once(failure).chain(failure.causes());
    all.map(|failure| format!("{}: {failure}\n", failure.code)).collect()
}

/// Waits until a module's instance is there: its first call has begun.
async fn begun(session: &Session, module: &str) {
    loop {
        let modules = session.describe().await.unwrap().modules;
        if modules.iter().any(|outline| outline.name == module && outline.instance == "live") {
            return;
        }
    }
}

#[tokio::test]
async fn a_chain_of_any_length_is_one_round_trip() {
    let server = Server::start();
    let session = server.session().await;
    let hello = session.upload(guest("hello")).await.unwrap();
    for length in [1, 10, 100] {
        let before = session.wire();
        let mut sum = session.put(&0_i64);
        for _ in 0..length {
            sum = hello.call("add", (&sum, 1));
        }
        let got = sum.get().await.unwrap();
        let round_trips = session.wire().round_trips - before.round_trips;
        assert_eq!((got, round_trips), (length, 1), "after a chain of {length}");
    }
}

#[tokio::test]
async fn a_reference_stands_for_its_value_before_it_is_there() {
    #[derive(Serialize)]
    struct Count<'a> {
        words: &'a Far<BTreeMap<String, u64>>,
        lines: Vec<&'a Far<Line>>,
    }
    #[derive(Serialize, Deserialize)]
    struct Line {
        number: u32,
    }
    #[derive(Debug, PartialEq, Deserialize)]
    struct Occurrences {
        word: String,
        times: u64,
    }

    let server = Server::start();
    let session = server.session().await;
    let module = session.upload(guest("text")).await.unwrap();
    let gate = Gate::new(&server, &session, &"b a b\nc").await;

    let count = module.call::<()>("count", (gate.far::<String>(),));
    let words = count.select("words");
    let (first, second) = (count.select("lines[0]"), count.select("lines[-1]"));
    let nested = Count { words: &words, lines: vec![&first, &second] };
    let top = module.call::<Vec<Occurrences>>("top", (nested, 1));
    let whole = module.call::<Vec<Occurrences>>("top", (&count, 1));
    let states = session.wait(&[count.id(), words.id(), first.id(), top.id()], 0, None).await;
    assert_eq!(states.unwrap(), [RefState::Pending; 4]);

    gate.open().await;
    let b = [Occurrences { word: "b".to_owned(), times: 2 }];
    assert_eq!(top.get().await.unwrap(), b);
    assert_eq!(whole.get().await.unwrap(), b);
}

#[tokio::test]
async fn a_part_is_all_that_moves() {
    #[derive(Serialize)]
    struct Row {
        name: String,
        blob: serde_bytes::ByteBuf,
    }
    let rows: Vec<Row> =
        (0..100).map(|n| Row { name: format!("row {n}"), blob: vec![n; 40_000].into() }).collect();

    let server = Server::start();
    let session = server.session().await;
    let far = session.put(&rows);
    session.wait(&[far.id()], 1, None).await.unwrap();

    let before = session.wire();
    let names: Vec<String> = far.get_part("[10:13].name").await.unwrap();
    let moved = session.wire().bytes_received - before.bytes_received;
    assert_eq!(names, ["row 10", "row 11", "row 12"]);
    assert!(moved < 100, "{moved} bytes came");

    let before = session.wire();
    let far = far.select::<Vec<Row>>("[50:60]").select::<Vec<String>>("[-2:].name");
    assert_eq!(far.get().await.unwrap(), ["row 58", "row 59"]);
    let after = session.wire();
    assert_eq!(after.round_trips - before.round_trips, 1);
    let moved = after.bytes_received - before.bytes_received;
    assert!(moved < 100, "{moved} bytes came");
}

#[tokio::test]
async fn a_missing_part_says_what_was_there() {
    let server = Server::start();
    let session = server.session().await;
    let far = session.put(&BTreeMap::from([("rows", vec![1, 2, 3])]));
    let part = far.select::<i64>("rows[3]");
    let dependent = part.select::<i64>("[0]");
    let asked = failure(far.get_part::<i64>("row").await.unwrap_err());
    let selected = failure(part.get().await.unwrap_err());
    let dependent = failure(dependent.get().await.unwrap_err());
    insta::assert_snapshot!(chain(&asked) + &chain(&selected) + &chain(&dependent), @"
    InvalidArgument: no field `row`; it has `rows`
    InvalidArgument: index 3 is out of range at `rows`: it has 3 elements
    InvalidArgument: far:131073, of which far:196609 is a part, failed
    InvalidArgument: index 3 is out of range at `rows`: it has 3 elements
    ");
}

#[tokio::test]
async fn waiting_ends_with_enough_of_them_or_in_time() {
    let server = Server::start();
    let session = server.session().await;
    let gates = [
        Gate::new(&server, &session, &1).await,
        Gate::new(&server, &session, &2).await,
        Gate::new(&server, &session, &3).await,
    ];
    let ids = gates.each_ref().map(Gate::id);
    let [first, second, third] = gates;
    let wait = async |count, timeout| session.wait(&ids, count, timeout).await.unwrap();
    use RefState::{Failed, Gone, Pending, Ready};

    let soon = Some(Duration::from_millis(5));
    assert_eq!(wait(1, soon).await, [Pending; 3], "the time is over");
    let (one_of_three, ()) = tokio::join!(wait(1, None), second.open());
    assert_eq!(one_of_three, [Pending, Ready, Pending]);
    assert_eq!(wait(2, soon).await, [Pending, Ready, Pending], "the time is over");
    let (two_of_three, ()) = tokio::join!(wait(2, None), third.break_off());
    assert_eq!(two_of_three, [Pending, Ready, Failed], "failed ones count");
    let (all, ()) = tokio::join!(wait(3, None), first.open());
    assert_eq!(all, [Ready, Ready, Failed]);
    session.release(&ids[..2]);
    assert_eq!(wait(3, None).await, [Gone, Gone, Failed], "so do those that are gone");
}

#[tokio::test]
async fn dropping_a_reference_releases_it_and_cancels_nothing() {
    let server = Server::start();
    let session = server.session().await;
    let logbook = session.upload(guest("logbook")).await.unwrap();
    let gate = Gate::new(&server, &session, &"land in sight").await;
    let kept = session.put(&1);
    drop(logbook.call::<u64>("add", (gate.far::<String>(),)));

    let refs: Vec<RefId> = session.refs().await.unwrap().iter().map(|r| r.id).collect();
    assert_eq!(refs, [gate.id(), kept.id()], "the call's reference is given up");
    gate.open().await;
    assert_eq!(lines(&session).await, ["land in sight"], "and the call has run");
}

#[tokio::test]
async fn a_taken_call_keeps_its_arguments_alive() {
    let server = Server::start();
    let session = server.session().await;
    let echo = echo::upload(&session).await;
    let gate = Gate::new(&server, &session, &0).await;
    let large = session.put(serde_bytes::Bytes::new(&[7; 50_000]));
    let pair = echo.call::<(i64, serde_bytes::ByteBuf)>("echo", ((gate.far::<i64>(), &large),));
    let gone = large.id();
    drop(large);
    assert!(session.describe_ref(gone).await.is_err(), "it is released");
    assert!(session.describe().await.unwrap().kept_bytes > 50_000, "and held");

    gate.open().await;
    let (zero, bytes) = pair.get().await.unwrap();
    assert_eq!((zero, bytes.len()), (0, 50_000));
    drop(pair);
    let kept = session.describe().await.unwrap().kept_bytes;
    assert!(kept < 50_000, "{kept} bytes are still kept");
}

#[tokio::test]
async fn a_broken_chain_tells_its_causes_up_to_the_first() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Refusal {
        reason: String,
    }

    let server = Server::start();
    let session = server.session().await;
    let hello = session.upload(guest("hello")).await.unwrap();
    let first = hello.call::<String>("fail", ("no wind",));
    let second = hello.call::<String>("greet", (&first,));
    let part = second.select::<String>("[0]");
    let last = hello.call::<String>("greet", (&part,));
    let error = last.get().await.unwrap_err();
    let broken = failure(error);
    insta::assert_snapshot!(chain(&broken), @"
    GuestError: argument far:262145 failed
    GuestError: far:196609, of which far:262145 is a part, failed
    GuestError: argument far:131073 failed
    GuestError: fail returned an error
    ");
    let own: Refusal = rmp_serde::from_slice(broken.root().detail.as_deref().unwrap()).unwrap();
    assert_eq!(own, Refusal { reason: "no wind".to_owned() });
    let direct = first.get().await.unwrap_err();
    assert_eq!(direct.guest_error(), Some(Refusal { reason: "no wind".to_owned() }));

    let mut long = first;
    for _ in 0..50 {
        long = hello.call("greet", (&long,));
    }
    let broken = failure(long.get().await.unwrap_err());
    assert_eq!(broken.root().message, "fail returned an error", "the first cause stays");
}

#[tokio::test]
async fn a_pending_call_that_is_cancelled_never_runs() {
    let server = Server::start();
    let session = server.session().await;
    let logbook = session.upload(guest("logbook")).await.unwrap();
    let gate = Gate::new(&server, &session, &"never").await;
    let add = logbook.function("add").unwrap();
    let head = add.call::<u64>((gate.far::<String>(),));
    let behind = add.call::<u64>(("behind",));
    let fresh = add.clone().fresh().call::<u64>((gate.far::<String>(),));
    head.cancel();
    fresh.cancel();
    for cancelled in [&head, &fresh] {
        let failure = failure(cancelled.get().await.unwrap_err());
        assert_eq!(failure.code, ErrorCode::Cancelled, "{failure}");
    }
    assert_eq!(behind.get().await.unwrap(), 1, "what stood behind it goes on");
    gate.open().await;
    assert_eq!(lines(&session).await, ["behind"]);
}

#[tokio::test]
async fn a_running_call_that_is_cancelled_is_stopped_and_poisons_its_instance() {
    let server = Server::start();
    let session = server.session().await;
    let hello = session.upload(guest("hello")).await.unwrap();
    let spinning = hello.call::<()>("spin", ());
    begun(&session, "hello").await;
    spinning.cancel();
    let stopped = failure(spinning.get().await.unwrap_err());
    let next = failure(hello.call::<i64>("square", (2,)).get().await.unwrap_err());
    insta::assert_snapshot!(chain(&stopped) + &chain(&next), @"
    Cancelled: the call was cancelled
    Poisoned: the instance of hello was lost to an earlier failure and its state with it
    Cancelled: the call was cancelled
    ");
    hello.renew().await.unwrap();
    assert_eq!(hello.call::<i64>("square", (2,)).get().await.unwrap(), 4);
}

#[tokio::test]
async fn a_running_fresh_call_that_is_cancelled_poisons_nothing() {
    let server = Server::start();
    let session = server.session().await;
    let hello = session.upload(guest("hello")).await.unwrap();
    let spinning = hello.function("spin").unwrap().fresh().call::<()>(());
    while session.describe().await.unwrap().instances == 0 {}
    spinning.cancel();
    let stopped = failure(spinning.get().await.unwrap_err());
    assert_eq!(stopped.code, ErrorCode::Cancelled);
    assert_eq!(session.describe().await.unwrap().instances, 0, "its instance is freed");
    assert_eq!(hello.call::<i64>("square", (2,)).get().await.unwrap(), 4);
}

#[tokio::test]
async fn cancelling_what_is_settled_changes_nothing() {
    let server = Server::start();
    let session = server.session().await;
    let hello = session.upload(guest("hello")).await.unwrap();
    let four = hello.call::<i64>("square", (2,));
    assert_eq!(four.get().await.unwrap(), 4);
    four.cancel();
    four.cancel();
    session.cancel(RefId::new(WriterId(9), Seq::FIRST));
    assert_eq!(four.get().await.unwrap(), 4);
    assert_eq!(hello.call::<i64>("square", (&four,)).get().await.unwrap(), 16);
}

#[tokio::test]
async fn a_reference_that_was_cancelled_stays_so() {
    let server = Server::start();
    let session = server.session().await;
    let gate = Gate::new(&server, &session, &vec![1, 2, 3]).await;
    let part = gate.far::<Vec<i64>>().select::<i64>("[0]");
    part.cancel();
    let before = failure(part.get().await.unwrap_err());
    assert_eq!(before.code, ErrorCode::Cancelled);
    let (whole, kept) = (gate.id(), session.describe().await.unwrap().kept_bytes);
    gate.open().await;
    session.flush().await.unwrap();
    assert_eq!(failure(part.get().await.unwrap_err()), before);
    assert_eq!(session.far::<Vec<i64>>(whole).get().await.unwrap(), [1, 2, 3]);
    assert_eq!(session.describe().await.unwrap().kept_bytes, kept, "nothing is kept of the part");
}

#[tokio::test]
async fn references_of_another_session_are_not_found() {
    let server = Server::start();
    let (one, other) = (server.session().await, server.session().await);
    let second = server.client().await.attach(one.id(), one.key()).await.unwrap();
    let (same_number, secret) = (one.put(&"secret"), second.put(&"secret"));
    one.flush().await.unwrap();
    second.flush().await.unwrap();
    let own = other.put(&"own");
    assert_eq!(own.id(), same_number.id(), "ids are a session's own");
    assert_eq!(other.far::<String>(same_number.id()).get().await.unwrap(), "own");
    let taken = failure(other.far::<String>(secret.id()).get().await.unwrap_err());

    let hello = other.upload(guest("hello")).await.unwrap();
    let before = other.wire();
    let refused = hello.call::<String>("greet", (&secret,));
    let refused = refused.broken().cloned().unwrap();
    assert_eq!(other.wire(), before, "nothing was sent");
    let message = refused.message.replace(&one.id().to_string(), "[one]");
    let message = message.replace(&other.id().to_string(), "[other]");
    insta::assert_snapshot!(chain(&taken) + &message, @"
    NotFound: far:65538 names nothing in this session
    a call of `hello.greet` can't be sent: far:65538 is of session [one], and this is session [other]
    ");
}

#[tokio::test]
async fn what_is_not_there_says_why() {
    let server = Server::start();
    let session = server.session().await;
    let hello = session.upload(guest("hello")).await.unwrap();
    let released = session.put(&1).keep();
    session.release(&[released]);
    let unmade = RefId::new(session.writer(), Seq::new(1000).unwrap());
    let unknown = RefId::new(WriterId(9), Seq::FIRST);

    let mut texts = String::new();
    for id in [released, unmade, unknown] {
        let far = session.far::<i64>(id);
        texts += &chain(&failure(far.get().await.unwrap_err()));
        texts += &chain(&failure(far.select::<i64>("[0]").get().await.unwrap_err()));
        let used = hello.call::<i64>("square", (&far,));
        texts += &chain(&failure(used.get().await.unwrap_err()));
        assert!(session.describe_ref(id).await.is_err());
    }
    insta::assert_snapshot!(texts, @"
    Gone: far:131073 is gone, or never was
    Gone: far:131073 is gone, or never was
    Gone: argument far:131073 can't be used
    Gone: far:131073 is gone, or never was
    BadRequest: far:65536001 is not made yet
    BadRequest: far:65536001 is not made yet
    BadRequest: argument far:65536001 can't be used
    BadRequest: far:65536001 is not made yet
    NotFound: far:65545 names nothing in this session
    NotFound: far:65545 names nothing in this session
    NotFound: argument far:65545 can't be used
    NotFound: far:65545 names nothing in this session
    ");
}

#[tokio::test]
async fn a_kept_reference_is_there_until_it_is_released() {
    let server = Server::start();
    let session = server.session().await;
    let id = session.put(&vec![1, 2]).keep();
    drop(session.far::<Vec<i64>>(id));
    assert_eq!(session.far::<Vec<i64>>(id).keep(), id);
    assert_eq!(session.far::<Vec<i64>>(id).get().await.unwrap(), [1, 2]);
    session.release(&[id, id]);
    assert!(session.refs().await.unwrap().is_empty());
    assert_eq!(session.describe().await.unwrap().kept_bytes, 0);
}

#[tokio::test]
async fn values_in_other_encodings_pass_through_untouched() {
    let server = Server::start();
    let session = server.session().await;
    let echo = echo::upload(&session).await;
    let png = ContentType::named("image/png");
    // Bytes that are no MessagePack, in a message and as a transfer.
    for size in [1000, 100_000] {
        let image = vec![0xc1; size];
        let far = session.put_bytes(png.clone(), image.clone());
        let (content, bytes) = far.get_raw(None).await.unwrap();
        assert_eq!((&content, bytes.as_ref()), (&png, image.as_slice()));

        let echoed = echo.call::<serde_bytes::ByteBuf>("echo", (&far,));
        assert_eq!(echoed.get().await.unwrap(), image, "as an argument it is a byte string");
        let nested = echo.call::<Vec<serde_bytes::ByteBuf>>("echo", ([&far, &far],));
        assert_eq!(nested.get_part::<serde_bytes::ByteBuf>("[1]").await.unwrap(), image);

        let part = failure(far.get_part::<u8>("[0]").await.unwrap_err());
        let selected = failure(far.select::<u8>("[0]").get().await.unwrap_err());
        assert_eq!(part.code, ErrorCode::NotMaterializable);
        assert_eq!(part, selected);
        insta::allow_duplicates! {
            insta::assert_snapshot!(chain(&part), @"NotMaterializable: the value is image/png; parts can be taken of MessagePack values only");
        }
    }
}

#[tokio::test]
async fn what_is_no_value_is_not_kept() {
    let server = Server::start();
    let session = server.session().await;
    let far = session.put(&1);
    let mut texts = String::new();
    for bytes in [&[0xc1][..], &[0x92, 1], &[1, 1], &rmp_serde::to_vec(&far).unwrap()] {
        let refused = session.put_bytes(ContentType::MSGPACK, bytes.to_vec());
        texts += &chain(&failure(refused.get_raw(None).await.unwrap_err()));
    }
    insta::assert_snapshot!(texts, @"
    InvalidArgument: it is no value: no value begins with byte 0xc1 (at 0)
    InvalidArgument: it is no value: the bytes end inside a value
    InvalidArgument: it is no value: there are bytes after the value's end (at 1)
    InvalidArgument: a kept value can't hold references
    ");
}
