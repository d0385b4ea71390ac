//! Too much of everything: sessions, connections, values, questions, calls, cancels.

use std::sync::Arc;
use std::time::Duration;

use farside::{ErrorCode, Far};
use farside_protocol::{AttachTo, Payload, Request, Subject};

use super::values::put;
use super::{client, ending, forget, goes_on};
use crate::corpus::case::Case;
use crate::corpus::modules::guest::code;
use crate::corpus::raw::Socket;
use crate::peer::{self, Peer, packed};
use crate::server::Server;

pub(super) fn cases() -> Vec<Case> {
    vec![
        client("sessions until there are no more", &["QuotaExceeded"], sessions).heavy(),
        client("500 connections that say nothing", &["goes on"], |server| async move {
            let mut sockets = Vec::new();
            for _ in 0..500 {
                sockets.push(Socket::open(&server).await);
            }
            fresh_session(&server).await
        }),
        client("300 writers of a session", &["goes on"], |server| async move {
            let mut first = Peer::attached(&server).await;
            let (session, key) = first.session();
            let mut writers = Vec::new();
            for _ in 0..300 {
                let to = AttachTo { session, key: farside_protocol::ResumeKey(key.0) };
                writers.push(Peer::attached_to(&server, Some(to)).await);
            }
            let outcome = goes_on(&mut first).await.to_owned();
            forget(&server, &first).await;
            outcome
        }),
        client(
            "puts until there is no room for references",
            &["hung up: QuotaExceeded"],
            references,
        )
        .heavy(),
        client(
            "kept bytes until there is no room",
            &["QuotaExceeded, goes on"],
            |server| async move {
                let session = server.session().await;
                let value = serde_json::Value::from("x".repeat(60_000));
                let mut kept: Vec<Far<serde_json::Value>> = Vec::new();
                let refused = loop {
                    kept.push(session.put(&value));
                    if kept.len().is_multiple_of(500)
                        && let Err(error) = kept[kept.len() - 1].get_part::<String>("[0:1]").await
                    {
                        break code(&error);
                    }
                };
                drop(kept);
                session.flush().await.unwrap();
                let on = session.put(&1).get().await.is_ok_and(|one| one == 1);
                session.close().await.unwrap();
                format!("{refused}, {}", if on { "goes on" } else { "does not go on" })
            },
        )
        .heavy(),
        client("10,000 gets whose answers nobody reads", &["goes on"], |server| async move {
            let mut peer = Peer::attached(&server).await;
            let value = peer.seq();
            peer.send(&[put(value, &packed(&"x".repeat(60_000)))]).await;
            let of = peer.far(value);
            let gets: Vec<_> =
                (0..10_000).map(|_| Request::Get { seq: peer.seq(), of, path: None }).collect();
            peer.send(&gets).await;
            let outcome = fresh_session(&server).await;
            forget(&server, &peer).await;
            outcome
        }),
        client("selects of which each takes long", &["goes on"], |server| async move {
            let mut peer = Peer::attached(&server).await;
            let value = peer.seq();
            let list: Vec<u8> = vec![1; 60_000];
            peer.send(&[put(value, &packed(&list))]).await;
            let of = peer.far(value);
            let selects: Vec<_> = (0..500)
                .map(|_| Request::Select { seq: peer.seq(), of, path: "[-1]".to_owned() })
                .collect();
            peer.send(&selects).await;
            let outcome = fresh_session(&server).await;
            let answer = peer.get(peer.far(selects[499].seq().unwrap())).await;
            forget(&server, &peer).await;
            if answer.is_ok_and(|one| one == packed(&1)) { outcome } else { "no answer".to_owned() }
        }),
        client("10,000 descriptions of the session", &["goes on"], |server| async move {
            let mut peer = Peer::attached(&server).await;
            let asked: Vec<_> = (0..10_000)
                .map(|_| Request::Describe { seq: peer.seq(), subject: Subject::Session })
                .collect();
            peer.send(&asked).await;
            let outcome = fresh_session(&server).await;
            forget(&server, &peer).await;
            outcome
        }),
        client("lists of the owner's sessions, 5,000 times", &["goes on"], |server| async move {
            let mut peer = Peer::attached(&server).await;
            let asked: Vec<_> = (0..5_000).map(|_| Request::Sessions { seq: peer.seq() }).collect();
            peer.send(&asked).await;
            let outcome = fresh_session(&server).await;
            forget(&server, &peer).await;
            outcome
        }),
        client(
            "more calls than there is credit for",
            &["hung up: BadRequest"],
            |server| async move {
                let session = server.session().await;
                crate::echo::upload(&session).await;
                let mut peer = Peer::beside(&server, &session).await;
                let gate = peer.seq();
                peer.send(&[peer::put_later(gate, 10)]).await;
                let held = packed(&(farside_protocol::value::FarArg(peer.far(gate)),));
                let calls: Vec<_> = (0..10_001)
                    .map(|_| peer::call(peer.seq(), "echo", Payload::Inline(held.clone())))
                    .collect();
                for calls in calls.chunks(2000) {
                    peer.try_send(calls).await;
                }
                let outcome = ending(&mut peer).await;
                session.close().await.unwrap();
                outcome
            },
        ),
        client("1,000 endless fresh calls at once", &["stopped"], spinning).heavy(),
        client("renewals without end", &["goes on"], |server| async move {
            let session = server.session().await;
            crate::echo::upload(&session).await;
            let mut peer = Peer::beside(&server, &session).await;
            for _ in 0..20 {
                let renewals: Vec<_> = (0..100)
                    .map(|_| Request::Renew { seq: peer.seq(), module: "echo".to_owned() })
                    .collect();
                peer.send(&renewals).await;
            }
            let outcome = goes_on(&mut peer).await.to_owned();
            session.close().await.unwrap();
            outcome
        }),
        client(
            "an instance of each of 65 modules",
            &["QuotaExceeded, goes on"],
            |server| async move {
                let session = server.session().await;
                let mut refused = None;
                for number in 0..65 {
                    let wat = format!(
                        r#"(module (func (export "f{number}") (result i32) (i32.const 1)))"#
                    );
                    let name = format!("m{number}");
                    let module =
                        session.uploader(wat.into_bytes()).name(name).send().await.unwrap();
                    let call = module.call::<i32>(&format!("f{number}"), ());
                    refused = call.get().await.err();
                }
                let refused =
                    refused.map_or_else(|| "none refused".to_owned(), |error| code(&error));
                let on = session.put(&1).get().await.is_ok_and(|one| one == 1);
                session.close().await.unwrap();
                format!("{refused}, {}", if on { "goes on" } else { "does not go on" })
            },
        )
        .heavy(),
        client(
            "the same module uploaded by 30 sessions at once",
            &["all have it"],
            |server| async move {
                let wat = r#"(module (func (export "f") (result i32) (i32.const 30)))"#;
                let mut uploads = tokio::task::JoinSet::new();
                for _ in 0..30 {
                    let server = Arc::clone(&server);
                    uploads.spawn(async move {
                        let session = server.session().await;
                        let upload =
                            session.uploader(wat.as_bytes().to_vec()).name("m").send().await;
                        let value = upload.unwrap().call::<i32>("f", ()).get().await.unwrap();
                        session.close().await.unwrap();
                        value
                    });
                }
                let values = uploads.join_all().await;
                if values == [30; 30] { "all have it".to_owned() } else { format!("{values:?}") }
            },
        ),
    ]
}

/// Whether somebody new can open a session and use it.
async fn fresh_session(server: &Server) -> String {
    let session = server.session().await;
    let goes_on = session.put(&1).get().await.is_ok_and(|one| one == 1);
    session.close().await.unwrap();
    if goes_on { "goes on" } else { "does not go on" }.to_owned()
}

async fn sessions(server: Arc<Server>) -> String {
    let mut opened = Vec::new();
    let refused = loop {
        match server.client().await.session().await {
            Ok(session) => opened.push(session),
            Err(error) => break error.failure().map_or(ErrorCode::Internal, |f| f.code),
        }
    };
    for session in opened {
        session.close().await.unwrap();
    }
    refused.to_string()
}

async fn references(server: Arc<Server>) -> String {
    let mut peer = Peer::attached(&server).await;
    for _ in 0..150 {
        let puts: Vec<_> = (0..2000).map(|_| put(peer.seq(), &packed(&1))).collect();
        peer.try_send(&puts).await;
    }
    let outcome = ending(&mut peer).await;
    forget(&server, &peer).await;
    outcome
}

/// Fresh calls that never end; the session that made them is closed while some run.
async fn spinning(server: Arc<Server>) -> String {
    let session = server.session().await;
    let wat = r#"(module (func (export "f") (loop (br 0))))"#;
    let module = session.uploader(wat.as_bytes().to_vec()).name("m").send().await.unwrap();
    let function = module.function("f").unwrap().fresh().timeout(Duration::from_secs(1));
    let calls: Vec<Far<()>> = (0..1000).map(|_| function.call(())).collect();
    let ids: Vec<_> = calls.iter().map(Far::id).collect();
    let states = session.wait(&ids, ids.len(), Some(Duration::from_secs(20))).await.unwrap();
    let pending = states.iter().filter(|state| **state == farside::RefState::Pending).count();
    session.close().await.unwrap();
    if pending == 0 { "stopped".to_owned() } else { format!("{pending} still run") }
}
