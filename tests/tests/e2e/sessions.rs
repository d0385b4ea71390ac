//! Sessions: joined again, shared by several writers, kept apart, ended.

use std::time::Duration;

use farside::{Client, Disconnected, ErrorCode, GetError, ResumeKey, Session, SessionId};
use farside_tests::{Server, guest};

fn add(session: &Session, line: &str) -> farside::Far<u64> {
    session.function("logbook.add").call((line,))
}

#[tokio::test]
async fn a_session_outlives_its_connection() {
    let server = Server::start();
    let session = server.session().await;
    session.upload(guest("logbook")).await.unwrap();
    let number = add(&session, "before").keep();
    let text = session.put(&"kept").keep();
    let dropped = session.put(&"dropped").id();
    session.flush().await.unwrap();
    let (id, key, first) = (session.id(), session.key(), session.writer());
    drop(session);

    let session = server.client().await.attach(id, key).await.unwrap();
    assert_eq!((session.id(), session.key()), (id, key));
    assert_ne!(session.writer(), first);
    assert_eq!(session.far::<u64>(number).get().await.unwrap(), 1);
    assert_eq!(session.far::<String>(text).get().await.unwrap(), "kept");
    let gone = session.far::<String>(dropped).get().await.unwrap_err();
    assert_eq!(gone.failure().unwrap().code, ErrorCode::Gone, "it was released on the way");
    assert_eq!(add(&session, "after").get().await.unwrap(), 2, "the instance is the same");
    let logbook = session.module("logbook").await.unwrap();
    assert_eq!(logbook.call::<u64>("clear", ()).get().await.unwrap(), 2);
}

#[tokio::test]
async fn two_writers_share_a_session() {
    let server = Server::start();
    let one = server.session().await;
    one.upload(guest("logbook")).await.unwrap();
    let other = server.client().await.attach(one.id(), one.key()).await.unwrap();
    assert_ne!(one.writer(), other.writer());
    assert_eq!(one.describe().await.unwrap().connections, 2);

    let mut numbers = Vec::new();
    for _ in 0..50 {
        numbers.push(add(&one, "one"));
        numbers.push(add(&other, "other"));
    }
    let mut ids: Vec<_> = numbers.iter().map(farside::Far::id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 100, "every reference has an id of its own");
    let mut got = Vec::new();
    for number in &numbers {
        got.push(number.get().await.unwrap());
    }
    got.sort_unstable();
    assert_eq!(got, (1..=100).collect::<Vec<u64>>(), "every line is added once");

    let text = one.put(&"for both");
    one.flush().await.unwrap();
    let upper = other.function("logbook.add").call::<u64>((&other.far::<String>(text.id()),));
    assert_eq!(upper.get().await.unwrap(), 101, "references are the session's");
}

#[tokio::test]
async fn only_its_key_opens_a_session() {
    let server = Server::start();
    let client = server.client().await;
    let session = client.session().await.unwrap();
    let mut key = session.key();
    key.0[15] ^= 1;
    let wrong_key = client.attach(session.id(), key).await.unwrap_err();
    let wrong_key = wrong_key.failure().unwrap();
    let unknown = client.attach(SessionId([7; 16]), ResumeKey([7; 16])).await.unwrap_err();
    let unknown = unknown.failure().unwrap();
    assert_eq!(wrong_key.code, ErrorCode::SessionExpired);
    assert_eq!(
        wrong_key.message.replace(&session.id().to_string(), "it"),
        unknown.message.replace(&SessionId([7; 16]).to_string(), "it"),
        "a stranger does not learn which sessions there are"
    );
    client.attach(session.id(), session.key()).await.unwrap();
}

#[tokio::test]
async fn a_session_ends_when_its_lease_runs_out() {
    let server = Server::builder().flag("--limits-session-lease", "10ms").start();
    let client = server.client().await;
    let session = client.session().await.unwrap();
    let other = client.session().await.unwrap();
    let (id, key) = (session.id(), session.key());
    session.put(&vec![0; 1000]).keep();
    assert_eq!(session.lease(), Duration::from_millis(10));
    drop(session);
    let left = async || {
        let sessions = client.sessions().await.unwrap();
        sessions.into_iter().map(|summary| summary.session).collect::<Vec<_>>()
    };
    while left().await.len() > 1 {}
    assert_eq!(left().await, [other.id()], "one that is attached stays");
    let expired = client.attach(id, key).await.unwrap_err();
    insta::assert_snapshot!(
        format!("{expired}\n\nhint: {}", expired.hint().unwrap()).replace(&id.to_string(), "[id]"),
        @"
    there is no session [id] that this key opens

    hint: its lease ran out, it was closed, or the server was restarted; open a new one (farside session new)
    "
    );
}

#[tokio::test]
async fn a_client_may_ask_for_another_lease() {
    let server = Server::builder().flag("--limits-session-lease-max", "2h").start();
    let lease = async |lease| {
        let client = Client::builder().url(server.url()).token(&server.token()).lease(lease);
        client.connect().await.unwrap().session().await.unwrap()
    };
    let hour = Duration::from_secs(3600);
    assert_eq!(lease(hour).await.lease(), hour);
    let day = lease(24 * hour).await;
    assert_eq!(day.lease(), 2 * hour, "within the server's own limit");
    let joined = server.client().await.attach(day.id(), day.key()).await.unwrap();
    assert_eq!(joined.lease(), 2 * hour, "who asks for none changes none");
}

#[tokio::test]
async fn sessions_are_listed_and_closed() {
    let server = Server::start();
    let client = server.client().await;
    assert!(client.sessions().await.unwrap().is_empty());
    let session = client.session().await.unwrap();
    session.upload(guest("logbook")).await.unwrap();
    let line = add(&session, "on deck");
    assert_eq!(line.get().await.unwrap(), 1);
    let other = client.session().await.unwrap();

    let summaries = client.sessions().await.unwrap();
    assert_eq!(summaries.len(), 2);
    let summary = summaries.iter().find(|summary| summary.session == session.id()).unwrap();
    assert_eq!(summary.modules, ["logbook"]);
    assert_eq!((summary.connections, summary.refs, summary.kept_bytes), (1, 1, 1));
    assert_eq!(summary.expires_in_s, None);

    let joined = server.client().await.attach(session.id(), session.key()).await.unwrap();
    let pending = joined.wait(&[line.id()], 1, None).await.unwrap();
    assert_eq!(pending.len(), 1);
    client.close_session(session.id()).await.unwrap();
    let told = joined.describe().await.unwrap_err();
    let source = std::error::Error::source(&told).unwrap().source().unwrap().to_string();
    assert_eq!(source, "the session was closed");
    assert!(matches!(line.get().await, Err(GetError::Disconnected(reason))
        if matches!(&*reason, Disconnected::Refused { failure } if failure.code == ErrorCode::SessionExpired)));
    let left: Vec<_> = client.sessions().await.unwrap().iter().map(|s| s.session).collect();
    assert_eq!(left, [other.id()]);
    let again = client.close_session(session.id()).await.unwrap_err();
    assert_eq!(again.failure().unwrap().code, ErrorCode::NotFound);
    other.close().await.unwrap();
    assert!(client.sessions().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_closed_session_gives_its_instances_back() {
    // Room for one instance in the whole server: the next session gets one only
    // when the last has given its own back.
    let server = Server::builder()
        .flag("--limits-instances", "1")
        .flag("--limits-instance-wait", "60s")
        .start();
    let client = server.client().await;
    for _ in 0..20 {
        let session = client.session().await.unwrap();
        session.upload(guest("logbook")).await.unwrap();
        assert_eq!(add(&session, "line").get().await.unwrap(), 1);
        session.close().await.unwrap();
    }
    let session = client.session().await.unwrap();
    session.upload(guest("hello")).await.unwrap();
    let spinning = session.function("hello.spin").call::<()>(());
    while session.describe().await.unwrap().instances == 0 {}
    session.close().await.unwrap();
    drop(spinning);
    let session = client.session().await.unwrap();
    session.upload(guest("logbook")).await.unwrap();
    assert_eq!(add(&session, "line").get().await.unwrap(), 1, "a running call was stopped");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn none_of_many_sessions_sees_the_state_of_another() {
    const SESSIONS: usize = 200;
    const ROUNDS: u64 = 10;
    let server = Server::start();
    let client = server.client().await;
    let open = (0..SESSIONS).map(|number| {
        let client = client.clone();
        tokio::spawn(async move {
            let session = client.session().await.unwrap();
            session.upload(guest("logbook")).await.unwrap();
            (number, session)
        })
    });
    let mut sessions = Vec::new();
    for session in open.collect::<Vec<_>>() {
        sessions.push(session.await.unwrap());
    }
    let rounds = sessions.into_iter().map(|(number, session)| {
        tokio::spawn(async move {
            let last = session.function("logbook.last");
            for round in 1..=ROUNDS {
                let line = format!("session {number}, round {round}");
                assert_eq!(add(&session, &line).get().await.unwrap(), round);
                let lines = last.call::<()>((100,)).select::<Vec<String>>("[:].line");
                let lines = lines.get().await.unwrap();
                assert_eq!(lines.len() as u64, round);
                assert_eq!(lines.last(), Some(&line));
            }
        })
    });
    for round in rounds.collect::<Vec<_>>() {
        round.await.unwrap();
    }
}

#[tokio::test]
async fn what_is_listed_is_listed_oldest_first() {
    let server = Server::builder().flag("--limits-session-refs", "20").start();
    let client = server.client().await;
    let one = client.session().await.unwrap();
    let other = server.client().await.attach(one.id(), one.key()).await.unwrap();
    let mut made = Vec::new();
    for n in 0..10 {
        for writer in [&other, &one] {
            let far = writer.put(&n);
            far.get().await.unwrap();
            made.push(far);
        }
    }
    // What is refused says what it was to be.
    made.push(one.put(&10));
    one.flush().await.unwrap();
    made.push(made[0].select("[0]"));
    other.flush().await.unwrap();
    let listed = one.refs().await.unwrap();
    let ids: Vec<_> = listed.iter().map(|outline| outline.id).collect();
    assert_eq!(ids, made.iter().map(farside::Far::id).collect::<Vec<_>>());
    let origins: Vec<&str> = listed[19..].iter().map(|outline| outline.origin.as_str()).collect();
    assert_eq!(origins, ["put", "put", "select"]);

    let mut opened = vec![one.id()];
    let mut held = Vec::new();
    for _ in 0..20 {
        let session = client.session().await.unwrap();
        opened.push(session.id());
        held.push(session);
    }
    let listed = client.sessions().await.unwrap();
    let listed: Vec<SessionId> = listed.iter().map(|summary| summary.session).collect();
    assert_eq!(listed, opened);
}
