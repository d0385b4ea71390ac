//! Values that are too large for one message, in both directions.

use farside::{ContentType, ErrorCode, Far, Session};
use farside_protocol::value::FarArg;
use farside_protocol::{CallFlags, Payload, Reply, Request, Seq, Target, caps};
use farside_tests::{Server, guest};
use serde_bytes::{ByteBuf, Bytes};

use crate::echo;
use crate::peer::{self, Peer, chunk, packed, put_later};

/// Bytes that differ from place to place.
fn pattern(len: usize) -> ByteBuf {
    let mut state = 1_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(len).collect::<Vec<u8>>().into()
}

async fn kept(session: &Session) -> u64 {
    session.describe().await.unwrap().kept_bytes
}

#[tokio::test]
async fn sizes_around_the_end_of_a_message_come_back_whole() {
    let server = Server::start();
    let session = server.session().await;
    let echo = echo::upload(&session).await;
    // A byte string's head has three bytes up to 65,535 and five beyond; an
    // argument list has one more.
    for size in [65_531, 65_532, 65_533, 65_534, 65_535, 65_536, 65_537, 131_072, 262_144] {
        let bytes = pattern(size);
        let far = session.put(&bytes);
        assert_eq!(far.get().await.unwrap(), bytes, "{size} bytes put");
        let echoed = echo.function("echo").unwrap().value::<ByteBuf>((&bytes,)).await;
        assert_eq!(echoed.unwrap(), bytes, "{size} bytes as an argument");
        let echoed = echo.call::<ByteBuf>("echo", (&far,));
        assert_eq!(echoed.get().await.unwrap(), bytes, "{size} bytes by reference");
        let raw = session.put_bytes(ContentType::named("x/y"), bytes.to_vec());
        assert_eq!(raw.get_raw(None).await.unwrap().1, bytes.to_vec(), "{size} raw bytes");
    }
}

#[tokio::test]
async fn an_array_of_eight_mebibytes_goes_there_and_back() {
    let server = Server::start();
    let session = server.session().await;
    let echo = echo::upload(&session).await;
    let data: Vec<f64> = (0..1 << 20).map(f64::from).collect();
    let array = farside::Array::from_shape(vec![1024, 1024], data).unwrap();
    let far = session.put(&array);
    let echoed = echo.call::<farside::Array<f64>>("echo", (&far,));
    let back = echoed.get().await.unwrap();
    assert_eq!(back.shape(), array.shape());
    assert_eq!(back.data(), array.data());
    let corner: farside::Array<f64> = echoed.get_part("[1022:, 1022:]").await.unwrap();
    assert_eq!(
        corner.data(),
        &array.data()[..]
            .chunks(1024)
            .skip(1022)
            .flat_map(|row| row[1022..].to_vec())
            .collect::<Vec<_>>()[..]
    );
}

#[tokio::test]
async fn a_large_value_crosses_once_and_a_slice_of_it_once() {
    const SIZE: u64 = 64 << 20;
    let server = Server::start();
    let session = server.session().await;
    let echo = echo::upload(&session).await;
    let value = pattern(SIZE as usize);
    let before = session.wire();
    let far = session.put(&value);
    let echoed = echo.call::<ByteBuf>("echo", (&far,));
    let slice: ByteBuf =
        echoed.get_part("[30_000_000:30_001_000]".replace('_', "").as_str()).await.unwrap();
    let after = session.wire();
    assert_eq!(slice, value[30_000_000..30_001_000].to_vec());
    let (up, down) =
        (after.bytes_sent - before.bytes_sent, after.bytes_received - before.bytes_received);
    assert!((SIZE..SIZE + SIZE / 1000).contains(&up), "{up} bytes went up");
    // The slice, and a grant of credit for every piece or two.
    assert!((1000..1000 + SIZE / 1000).contains(&down), "{down} bytes came down");
}

#[tokio::test]
async fn large_arguments_count_as_pending_and_then_no_more() {
    let server = Server::start();
    let session = server.session().await;
    let hello = session.upload(guest("hello")).await.unwrap();
    let name = "x".repeat(10 << 20);
    for _ in 0..10 {
        let greeting = hello.call::<String>("greet", (&name,));
        assert_eq!(greeting.get_part::<String>("").await.unwrap().len(), name.len() + 8);
    }
    assert_eq!(kept(&session).await, 0);
}

#[tokio::test]
async fn who_reads_one_value_slowly_still_hears_the_rest() {
    let server = Server::start();
    let session = server.session().await;
    session.upload(guest("hello")).await.unwrap();
    let mut peer = Peer::beside(&server, &session).await;
    let large = session.put(&pattern(1 << 20));
    session.flush().await.unwrap();

    let slow = peer.seq();
    peer.send(&[Request::Get { seq: slow, of: large.id(), path: None }]).await;
    let mut received = 0;
    while received < caps::TRANSFER_CREDIT {
        match peer.next().await {
            Reply::Chunk { transfer, offset, bytes } if transfer == slow => {
                assert_eq!(offset, received);
                received += bytes.len() as u64;
            }
            Reply::Value { seq, value: Payload::Transfer { .. }, .. } if seq == slow => {}
            other => panic!("{other:?}"),
        }
    }
    // No credit is given: nothing more of it comes, and all else does.
    let spin = peer.call("hello.spin", &[0; 0]).await;
    peer.send(&[Request::Cancel { of: peer.far(spin) }]).await;
    let cancelled = peer.get(peer.far(spin)).await.unwrap_err();
    assert_eq!(cancelled.code, ErrorCode::Cancelled);
    let other = peer.seq();
    let path = Some("[:100000]".to_owned());
    peer.send(&[Request::Get { seq: other, of: large.id(), path }]).await;
    let mut came = 0;
    while came < 100_000 {
        match peer.next().await {
            Reply::Chunk { transfer, bytes, .. } => {
                assert_eq!(transfer, other, "it is sent although it has no credit");
                came += bytes.len();
            }
            Reply::Value { seq, .. } if seq == other => {}
            other => panic!("{other:?}"),
        }
    }
    peer.send(&[Request::Credit { transfer: slow, until: 1 << 20 }]).await;
    while received < 1 << 20 {
        match peer.next().await {
            Reply::Chunk { transfer, offset, bytes } if transfer == slow => {
                assert_eq!(offset, received);
                received += bytes.len() as u64;
            }
            Reply::Chunk { transfer, .. } if transfer == other => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn what_a_lost_connection_was_sending_fails_and_is_given_back() {
    let server = Server::start();
    let session = server.session().await;
    session.upload(guest("hello")).await.unwrap();
    let mut peer = Peer::beside(&server, &session).await;
    let (value, arguments, module) = (peer.seq(), peer.seq(), peer.seq());
    let size = 1 << 20;
    peer.send(&[
        put_later(value, size),
        peer::call(arguments, "hello.greet", Payload::Transfer { size }),
        Request::Upload {
            seq: module,
            name: "half".to_owned(),
            hash: farside::ModuleHash::of(b"half"),
            size,
            metered: false,
        },
        chunk(value, 0, vec![0; 50_000]),
    ])
    .await;
    peer.send(&[chunk(arguments, 0, vec![0; 50_000])]).await;
    while peer.next().await != (Reply::Wanted { seq: module }) {}
    peer.send(&[chunk(module, 0, vec![0; 50_000])]).await;
    let (value, arguments) = (peer.far(value), peer.far(arguments));
    while kept(&session).await < 3 * size {}
    drop(peer);

    let mut texts = String::new();
    for id in [value, arguments] {
        let error = session.far::<String>(id).get().await.unwrap_err();
        texts += &format!("{}: {error}\n", error.failure().unwrap().code);
    }
    insta::assert_snapshot!(texts, @"
    BadRequest: a transfer ended after 50000 of 1048576 bytes: the connection was lost while its bytes were on their way
    BadRequest: a transfer ended after 50000 of 1048576 bytes: the connection was lost while its bytes were on their way
    ");
    assert_eq!(kept(&session).await, 0);
    let hello = session.function("hello.greet");
    assert_eq!(hello.value::<String>(("you",)).await.unwrap(), "Hello, you!");
}

#[tokio::test]
async fn a_call_that_ends_while_its_arguments_come_holds_nothing() {
    let server = Server::start();
    let session = server.session().await;
    echo::upload(&session).await;
    let mut peer = Peer::beside(&server, &session).await;
    let (held, call) = (peer.seq(), peer.seq());
    let put = Request::Put {
        seq: held,
        content: ContentType::MSGPACK,
        value: Payload::Inline(packed(&"held")),
    };
    let args = packed(&((Bytes::new(&[0; 100_000]), FarArg(peer.far(held))),));
    peer.send(&[
        put,
        peer::call(call, "echo.echo", Payload::Transfer { size: args.len() as u64 }),
        chunk(call, 0, args.slice(..60_000)),
    ])
    .await;
    peer.send(&[Request::Cancel { of: peer.far(call) }]).await;
    peer.send(&[chunk(call, 60_000, args.slice(60_000..))]).await;
    assert_eq!(peer.get(peer.far(call)).await.unwrap_err().code, ErrorCode::Cancelled);
    let release = peer.seq();
    peer.send(&[Request::Release { seq: release, refs: vec![peer.far(held)] }]).await;
    assert_eq!(peer.get(peer.far(held)).await.unwrap_err().code, ErrorCode::Gone);
    assert_eq!(kept(&session).await, 0);
}

/// A session with a writer that has put a small value, announced a call of `echo`,
/// and sent what `then` gives of the call's number.
async fn arriving(
    server: &Server,
    args: impl FnOnce(&Peer, Seq) -> Vec<u8>,
    then: impl FnOnce(&mut Peer, Seq) -> Vec<Request>,
) -> (Session, Result<bytes::Bytes, farside::Failure>) {
    let session = server.session().await;
    echo::upload(&session).await;
    let mut peer = Peer::beside(server, &session).await;
    let put = peer.seq();
    let value = Payload::Inline(packed(&"small"));
    peer.send(&[Request::Put { seq: put, content: ContentType::MSGPACK, value }]).await;
    let call = peer.seq();
    let args = args(&peer, put);
    let (size, args) = (args.len() as u64, bytes::Bytes::from(args));
    peer.send(&[peer::call(call, "echo.echo", Payload::Transfer { size })]).await;
    let then = then(&mut peer, put);
    peer.send(&then).await;
    peer.send(&[chunk(call, 0, args)]).await;
    let path = Some("[1]".to_owned());
    let get = peer.seq();
    peer.send(&[Request::Get { seq: get, of: peer.far(call), path }]).await;
    let answer = peer.answer(get).await;
    let release = peer.seq();
    peer.send(&[Request::Release { seq: release, refs: vec![peer.far(call)] }]).await;
    peer.get(peer.far(call)).await.unwrap_err();
    (session, answer)
}

/// Arguments of a single list: some bytes and a reference.
fn bytes_and(far: farside::RefId) -> Vec<u8> {
    packed(&((Bytes::new(&[0; 50_000]), FarArg(far)),)).to_vec()
}

#[tokio::test]
async fn what_is_given_up_while_arguments_come_is_still_theirs() {
    let server = Server::start();
    let args = |peer: &Peer, put| bytes_and(peer.far(put));
    let release = |peer: &mut Peer, put| {
        let refs = vec![peer.far(put)];
        vec![Request::Release { seq: peer.seq(), refs }]
    };
    let (session, answer) = arriving(&server, args, release).await;
    assert_eq!(answer.unwrap(), packed(&"small"));
    assert_eq!(kept(&session).await, 0, "and goes with them");
}

#[tokio::test]
async fn arguments_that_come_late_name_nothing_that_is_later() {
    let server = Server::start();
    let mut texts = String::new();
    for later in 1..=2 {
        // The call itself, and what is put after it.
        let name =
            |peer: &Peer, put: Seq| bytes_and(peer.far(Seq::new(put.get() + later).unwrap()));
        let put_another = |peer: &mut Peer, _| {
            let value = Payload::Inline(packed(&"later"));
            vec![Request::Put { seq: peer.seq(), content: ContentType::MSGPACK, value }]
        };
        let (_, answer) = arriving(&server, name, put_another).await;
        let failure = answer.unwrap_err();
        let chain = std::iter::once(&failure).chain(failure.causes());
        texts += &chain.map(|failure| format!("{}: {failure}\n", failure.code)).collect::<String>();
    }
    insta::assert_snapshot!(texts, @"
    BadRequest: argument far:131074 can't be used
    BadRequest: far:131074 is not made yet
    BadRequest: argument far:196610 can't be used
    BadRequest: far:196610 is not made yet
    ");
}

#[tokio::test]
async fn arguments_that_turn_out_wrong_break_their_call_alone() {
    let server = Server::start();
    let session = server.session().await;
    let hello = session.upload(guest("hello")).await.unwrap();
    let greet = session.function("hello.greet");
    let wrong = greet.call::<String>((vec![1; 100_000],));
    let error = wrong.get().await.unwrap_err();
    insta::assert_snapshot!(error, @"argument `name` of greet: expected string, got a list");
    assert_eq!(hello.call::<i64>("square", (3,)).get().await.unwrap(), 9);
    assert_eq!(kept(&session).await, 0);
}

#[tokio::test]
async fn a_get_that_is_dropped_is_aborted() {
    const SIZE: usize = 32 << 20;
    let server = Server::start();
    let session = server.session().await;
    let far = session.put(&pattern(SIZE));
    session.wait(&[far.id()], 1, None).await.unwrap();
    let before = session.wire().bytes_received;
    {
        let mut get = std::pin::pin!(far.get());
        let some = async {
            while session.wire().bytes_received - before < 1 << 20 {
                session.flush().await.unwrap()
            }
        };
        tokio::select! {
            biased;
            () = some => {}
            _ = &mut get => panic!("it came too fast to be dropped"),
        }
    }
    // Three questions later everything that was on its way has come.
    for _ in 0..3 {
        session.flush().await.unwrap();
    }
    let settled = session.wire().bytes_received;
    for _ in 0..20 {
        session.flush().await.unwrap();
    }
    let after = session.wire().bytes_received;
    assert!(after - settled < 1000, "{} bytes came after the abort", after - settled);
    assert!(after - before < SIZE as u64 / 2, "{} bytes came in all", after - before);
    assert_eq!(
        far.get_part::<ByteBuf>("[:3]").await.unwrap(),
        pattern(3),
        "the value is untouched"
    );
}

#[tokio::test]
async fn an_aborted_put_gives_its_memory_back() {
    let server = Server::start();
    let mut peer = Peer::attached(&server).await;
    let (id, key) = peer.session();
    let session = server.client().await.attach(id, key).await.unwrap();
    let seq = peer.seq();
    peer.send(&[put_later(seq, 1 << 20), chunk(seq, 0, vec![0; 10_000])]).await;
    while kept(&session).await == 0 {}
    peer.send(&[Request::Abort { transfer: seq }]).await;
    let aborted: Far<()> = session.far(peer.far(seq));
    let error = aborted.get().await.unwrap_err();
    assert_eq!(error.failure().unwrap().code, ErrorCode::BadRequest);
    assert_eq!(kept(&session).await, 0);
}

#[tokio::test]
async fn many_large_values_at_once_all_arrive() {
    let server = Server::start();
    let session = server.session().await;
    let values: Vec<ByteBuf> = (0..20).map(|n| pattern(300_000 + n)).collect();
    let fars: Vec<Far<ByteBuf>> = values.iter().map(|value| session.put(value)).collect();
    let gets = fars.iter().map(|far| far.get());
    let got = futures_util::future::join_all(gets).await;
    for (got, value) in got.into_iter().zip(values) {
        assert_eq!(got.unwrap(), value);
    }
}

#[tokio::test]
async fn large_arguments_ride_with_a_get_in_one_call() {
    let server = Server::start();
    let session = server.session().await;
    echo::upload(&session).await;
    let mut peer = Peer::beside(&server, &session).await;
    let args = packed(&(Bytes::new(&[7; 70_000]),));
    let seq = peer.seq();
    peer.send(&[Request::Call {
        seq,
        target: Target::Name("echo.echo".to_owned()),
        flags: CallFlags { get: true, release: true, fresh: false },
        timeout_ms: None,
        args: Payload::Transfer { size: args.len() as u64 },
    }])
    .await;
    peer.send(&[chunk(seq, 0, args.slice(..65_536))]).await;
    peer.send(&[chunk(seq, 65_536, args.slice(65_536..))]).await;
    let mut result = Vec::new();
    while result.len() < args.len() - 1 {
        match peer.next().await {
            Reply::Value { seq: of, value: Payload::Transfer { size }, .. } => {
                assert_eq!((of, size), (seq, args.len() as u64 - 1));
            }
            Reply::Chunk { transfer, bytes, .. } if transfer == seq => result.extend(bytes),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(result, args[1..]);
    assert_eq!(kept(&session).await, 0, "it is released with its answer");
    let absent = peer.get(peer.far(Seq::FIRST)).await.unwrap_err();
    assert_eq!(absent.code, ErrorCode::Gone);
}
