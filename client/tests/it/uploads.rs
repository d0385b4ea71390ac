//! Uploads: by hash, in pieces, from files, bytes and text.

use bytes::Bytes;
use farside::manifest::{Function, Manifest};
use farside::{ErrorCode, Failure, ModuleHash, Session, UploadError};
use farside_protocol::{Payload, Reply, Request, caps};

use crate::errors::text;
use crate::peer::{Peer, packed, seq, session};

pub(crate) fn uploaded(number: u64, name: &str, hash: ModuleHash, manifest: &Manifest) -> Reply {
    Reply::Uploaded {
        seq: seq(number),
        module: 3,
        name: name.into(),
        hash,
        replaced: false,
        manifest: Payload::Inline(packed(manifest)),
    }
}

fn manifest() -> Manifest {
    let square = Function { name: "square".into(), ..Function::default() };
    Manifest { functions: vec![square], ..Manifest::default() }
}

fn wasm(len: usize) -> Bytes {
    let mut bytes = b"\0asm\x01\0\0\0".to_vec();
    bytes.resize(len, 0);
    bytes.into()
}

async fn offer(peer: &mut Peer) -> (String, ModuleHash, u64) {
    match peer.next().await {
        Request::Upload { name, hash, size, .. } => (name, hash, size),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_known_module_is_one_round_trip_and_no_bytes() {
    let (session, mut peer) = session().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hello.wasm");
    std::fs::write(&path, wasm(1000)).unwrap();
    let before = session.wire();
    let (module, ()) = tokio::join!(session.upload(&path), async {
        let (name, hash, size) = offer(&mut peer).await;
        assert_eq!((name.as_str(), size), ("hello", 1000));
        assert_eq!(hash, ModuleHash::of(&wasm(1000)));
        peer.send(&[uploaded(1, &name, hash, &manifest())]).await;
    });
    let module = module.unwrap();
    assert_eq!(module.name(), "hello");
    assert_eq!(module.hash(), ModuleHash::of(&wasm(1000)));
    assert_eq!(*module.manifest(), manifest());
    assert!(!module.replaced());
    let after = session.wire();
    assert_eq!(after.round_trips - before.round_trips, 1);
    assert_eq!(after.messages_sent - before.messages_sent, 1);
}

/// Uploads `bytes` to a peer that wants them; gives what the peer received.
async fn send_wanted(session: &Session, peer: &mut Peer, bytes: Bytes) -> (Vec<u8>, Vec<u64>) {
    let (mut received, mut progress) = (Vec::new(), Vec::new());
    let size = bytes.len() as u64;
    let upload = session.uploader(bytes).name("big").progress(|sent, total| {
        assert_eq!(total, size);
        progress.push(sent);
    });
    let (module, ()) = tokio::join!(upload.send(), async {
        let (name, hash, _) = offer(peer).await;
        peer.send(&[Reply::Wanted { seq: seq(1) }]).await;
        while (received.len() as u64) < size {
            let Request::Chunk { offset, bytes, .. } = peer.next().await else { panic!() };
            assert_eq!(offset, received.len() as u64);
            received.extend_from_slice(&bytes);
            let until = received.len() as u64 + caps::TRANSFER_CREDIT;
            peer.send(&[Reply::Credit { transfer: seq(1), until }]).await;
        }
        peer.send(&[uploaded(1, &name, hash, &manifest())]).await;
    });
    module.unwrap();
    (received, progress)
}

#[tokio::test]
async fn a_wanted_module_is_sent_with_progress() {
    let (session, mut peer) = session().await;
    let (received, progress) = send_wanted(&session, &mut peer, wasm(1_000_000)).await;
    assert_eq!(received, wasm(1_000_000));
    assert!(progress.is_sorted() && !progress.is_empty(), "{progress:?}");
}

#[tokio::test]
async fn text_is_translated_and_bytes_are_named_by_their_hash() {
    let (session, mut peer) = session().await;
    let source = Bytes::from_static(b" (module (func (export \"f\")))");
    let (module, ()) = tokio::join!(session.uploader(source.clone()).send(), async {
        let (name, hash, size) = offer(&mut peer).await;
        let translated = wat::parse_bytes(&source).unwrap();
        assert_eq!(hash, ModuleHash::of(&translated));
        assert_eq!((name.as_str(), size), (hash.short().as_str(), translated.len() as u64));
        peer.send(&[uploaded(1, &name, hash, &manifest())]).await;
    });
    module.unwrap();
}

#[tokio::test]
async fn a_module_the_server_refuses_is_an_error() {
    let (session, mut peer) = session().await;
    let (module, ()) = tokio::join!(session.uploader(wasm(1_000_000)).send(), async {
        offer(&mut peer).await;
        peer.send(&[Reply::Wanted { seq: seq(1) }]).await;
        peer.next().await;
        let failure = Failure::new(ErrorCode::InvalidModule, "no module at all");
        peer.send(&[Reply::Failed { seq: seq(1), failure }]).await;
    });
    let error = module.unwrap_err();
    assert_eq!(error.failure().unwrap().code, ErrorCode::InvalidModule);
    assert_eq!(text(&error), "no module at all");
}

#[tokio::test]
async fn dropping_an_upload_aborts_it() {
    let (session, mut peer) = session().await;
    tokio::select! {
        _ = session.uploader(wasm(1_000_000)).send() => panic!("it has no credit"),
        () = async {
            offer(&mut peer).await;
            peer.send(&[Reply::Wanted { seq: seq(1) }]).await;
            for _ in 0..4 {
                assert!(matches!(peer.next().await, Request::Chunk { .. }));
            }
        } => {}
    }
    assert_eq!(peer.next().await, Request::Abort { transfer: seq(1) });
}

#[tokio::test]
async fn what_is_wrong_with_a_file_is_said() {
    let (session, _peer) = session().await;
    let missing = session.upload("no/such/hello.wasm").await.unwrap_err();
    insta::assert_snapshot!(text(&missing), @"could not read no/such/hello.wasm: No such file or directory (os error 2)");
    let bad = session.uploader(Bytes::from_static(b"(module (funk))")).send().await.unwrap_err();
    assert!(matches!(bad, UploadError::Text { .. }));
    insta::assert_snapshot!(text(&bad), @r"
    the text is no WebAssembly module: expected valid module field
         --> <anon>:1:10
          |
        1 | (module (funk))
          |          ^
    ");
}
