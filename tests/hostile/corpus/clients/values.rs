//! Values that burst when they are read, and paths that take long to follow.

use std::sync::Arc;

use bytes::Bytes;
use farside::ContentType;
use farside_protocol::{ErrorCode, Payload, Request, Seq};

use super::{client, forget};
use crate::corpus::case::Case;
use crate::peer::{self, Peer, packed};
use crate::server::Server;

pub(super) fn cases() -> Vec<Case> {
    vec![
        client("a list that says it has 4 billion elements", &["InvalidArgument"], |server| {
            kept(server, b"\xdd\xff\xff\xff\xff\x01".to_vec())
        }),
        client("lists in lists that say they have 65,535 each", &["InvalidArgument"], |server| {
            kept(server, b"\xdc\xff\xff".repeat(100))
        }),
        client("lists nested 60,000 deep", &["InvalidArgument", "ValueTooLarge"], |server| {
            let mut bytes = vec![0x91; 60_000];
            bytes.push(1);
            kept(server, bytes)
        }),
        client("a map with the same key 10,000 times", &["kept"], |server| {
            let mut bytes = b"\xde\x27\x10".to_vec();
            (0..10_000).for_each(|_| bytes.extend(b"\xa1k\x01"));
            kept(server, bytes)
        }),
        client(
            "an array of which nobody could have the elements",
            &["InvalidArgument"],
            |server| {
                let mut bytes = b"\xc7\x12\x02\x0a\x02".to_vec();
                bytes.extend(u64::MAX.to_le_bytes());
                bytes.extend(2_u64.to_le_bytes());
                kept(server, bytes)
            },
        ),
        client(
            "a value that holds a reference",
            &["InvalidArgument", "NotMaterializable"],
            |server| kept(server, b"\xd7\x01\0\x01\0\0\0\0\0\x01".to_vec()),
        ),
        client(
            "a value that is a forged object",
            &["InvalidArgument", "NotMaterializable"],
            |server| kept(server, b"\xc7\x0e\x04\0\0\0\0\0\0\0\x01\xa1f\xa3f()".to_vec()),
        ),
        client("JSON nested a million deep, which nobody reads", &["kept"], |server| async move {
            let session = server.session().await;
            let json = ContentType::named("application/json");
            let far = session.put_bytes(json, "[".repeat(1_000_000));
            let whole = far.get_raw(None).await.is_ok_and(|(_, bytes)| bytes.len() == 1_000_000);
            let part = far.get_raw(Some("[0]")).await.is_err();
            session.close().await.unwrap();
            if whole && part { "kept" } else { "not kept" }.to_owned()
        }),
        client("arguments that are a bomb", &["InvalidArgument"], |server| {
            called(server, b"\xdd\xff\xff\xff\xff\x01")
        }),
        client("arguments that are a number", &["InvalidArgument"], |server| {
            called(server, b"\x07")
        }),
        client("arguments nested 200 deep", &["InvalidArgument", "ValueTooLarge"], |server| {
            called(server, [0x91; 200])
        }),
        client("arguments by the same name twice", &["InvalidArgument"], |server| {
            called(server, b"\x82\xa5value\x01\xa5value\x02")
        }),
        client("64 steps into a value 128 deep", &["a value"], |server| async move {
            let mut bytes = vec![0x91; 127];
            bytes.push(1);
            part(server, bytes, "[0]".repeat(64)).await
        }),
        client("a path of 1,000 steps", &["InvalidArgument"], |server| {
            part(server, vec![0x91, 1], "[0]".repeat(1000))
        }),
        client("a path of nothing but open brackets", &["InvalidArgument"], |server| {
            part(server, vec![0x91, 1], "[".repeat(4096))
        }),
        client("places beyond all numbers", &["InvalidArgument"], |server| {
            part(server, vec![0x91, 1], "[99999999999999999999999999999999]")
        }),
        client("a slice of step zero", &["InvalidArgument"], |server| {
            part(server, vec![0x91, 1], "[::0]")
        }),
        client("64 slices of slices", &["a value"], |server| async move {
            let list: Vec<u32> = (0..10_000).collect();
            part(server, packed(&list).to_vec(), "[::-1]".repeat(64)).await
        }),
        client(
            "a field of each of 10,000 elements, 64 times",
            &["BadRequest", "NotFound", "InvalidArgument"],
            |server| async move {
                let list: Vec<u32> = (0..10_000).collect();
                part(server, packed(&list).to_vec(), "[:].a".repeat(32)).await
            },
        ),
        client(
            "a list turned round a thousand times at once",
            &["answered"],
            |server| async move {
                let session = server.session().await;
                let list = session.put(&(0..5_000).collect::<Vec<u32>>());
                let parts: Vec<_> =
                    (0..1000).map(|_| list.select::<Vec<u32>>("[::-1][::-1]")).collect();
                let mut answered = 0;
                for part in &parts {
                    answered +=
                        usize::from(part.get_part::<u32>("[7]").await.is_ok_and(|n| n == 7));
                }
                session.close().await.unwrap();
                if answered == 1000 {
                    "answered".to_owned()
                } else {
                    format!("{answered} answered")
                }
            },
        ),
        client(
            "a chain of 10,000 parts of parts, broken at its beginning",
            &["broken to its end"],
            |server| async move {
                let mut peer = Peer::attached(&server).await;
                let start = peer.seq();
                let mut chain = vec![peer::put_later(start, 10)];
                let mut last = start;
                for _ in 0..10_000 {
                    let seq = peer.seq();
                    chain.push(Request::Select { seq, of: peer.far(last), path: "a".to_owned() });
                    last = seq;
                }
                for messages in chain.chunks(2000) {
                    peer.send(messages).await;
                }
                peer.send(&[Request::Abort { transfer: start }]).await;
                let failed = peer.get(peer.far(last)).await.unwrap_err();
                let outcome = if failed.root().code == ErrorCode::BadRequest
                    && failed.causes().count() < 20
                {
                    "broken to its end".to_owned()
                } else {
                    format!("{} with {} causes", failed.root().code, failed.causes().count())
                };
                forget(&server, &peer).await;
                outcome
            },
        ),
    ]
}

/// Keeps a value that is in the message.
pub(super) fn put(seq: Seq, value: &Bytes) -> Request {
    let (content, value) = (ContentType::MSGPACK, Payload::Inline(value.clone()));
    Request::Put { seq, content, value }
}

/// Whether a value is kept, or what is said instead.
async fn kept(server: Arc<Server>, bytes: Vec<u8>) -> String {
    let mut peer = Peer::attached(&server).await;
    let seq = peer.seq();
    peer.send(&[put(seq, &bytes.into())]).await;
    let outcome = match peer.get(peer.far(seq)).await {
        Ok(_) => "kept".to_owned(),
        Err(failure) => failure.code.to_string(),
    };
    forget(&server, &peer).await;
    outcome
}

/// What a part of a value is, or why there is none.
async fn part(server: Arc<Server>, bytes: Vec<u8>, path: impl Into<String>) -> String {
    let mut peer = Peer::attached(&server).await;
    let (seq, get) = (peer.seq(), peer.seq());
    let of = peer.far(seq);
    peer.send(&[put(seq, &bytes.into()), Request::Get { seq: get, of, path: Some(path.into()) }])
        .await;
    let outcome = match peer.answer(get).await {
        Ok(_) => "a value".to_owned(),
        Err(failure) => failure.code.to_string(),
    };
    forget(&server, &peer).await;
    outcome
}

/// What a call with these arguments fails with.
async fn called(server: Arc<Server>, args: impl Into<Vec<u8>>) -> String {
    let session = server.session().await;
    crate::echo::upload(&session).await;
    let mut peer = Peer::beside(&server, &session).await;
    let seq = peer.seq();
    peer.send(&[peer::call(seq, "echo", Payload::Inline(args.into().into()))]).await;
    let outcome = match peer.get(peer.far(seq)).await {
        Ok(_) => "a value".to_owned(),
        Err(failure) => failure.code.to_string(),
    };
    session.close().await.unwrap();
    outcome
}
