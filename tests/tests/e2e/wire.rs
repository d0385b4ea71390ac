//! The protocol as such: what a client must not send, and what becomes of it. The
//! server stays up whatever comes, and other sessions go on.

use bytes::Bytes;
use farside::Failure;
use farside_protocol::{
    CallFlags, PROTOCOL_VERSION, Payload, Reply, Request, Seq, Subject, Target, caps,
};
use farside_tests::{Server, guest};
use tokio_tungstenite::tungstenite::Message;

use crate::bystander::Bystander;
use crate::local::Local;
use crate::peer::{self, Peer, chunk, hello, packed, put_later};

/// A server with a session that must not notice anything.
struct Watched {
    server: Server,
    bystander: Bystander,
}

impl Watched {
    async fn new() -> Watched {
        let server = Server::start();
        let bystander = Bystander::new(&server).await;
        Watched { server, bystander }
    }

    /// What the server says to a peer that it refuses; the other session and new
    /// ones go on.
    async fn refusal(&mut self, peer: &mut Peer) -> String {
        let failure = peer.refusal().await;
        self.bystander.goes_on().await;
        let newcomer = self.server.session().await;
        assert_eq!(newcomer.put(&1).get().await.unwrap(), 1);
        text(&failure)
    }
}

fn text(failure: &Failure) -> String {
    let hint = failure.hint.iter().map(|hint| format!("\nhint: {hint}"));
    format!("{}: {failure}{}\n", failure.code, hint.collect::<String>())
}

#[tokio::test]
async fn who_is_not_greeted_is_told_why() {
    let mut watched = Watched::new().await;
    let token = watched.server.token();
    let first_messages = [
        hello(PROTOCOL_VERSION + 1, &token),
        hello(PROTOCOL_VERSION, &token[1..]),
        hello(PROTOCOL_VERSION, ""),
        Request::Attach { session: None, lease_ms: None },
        Request::Sessions { seq: Seq::FIRST },
    ];
    let mut texts = String::new();
    for first in first_messages {
        let mut peer = Peer::silent(&watched.server).await;
        peer.send(&[first]).await;
        texts += &watched.refusal(&mut peer).await;
    }
    insta::assert_snapshot!(texts, @"
    VersionMismatch: the client speaks protocol version 2, the server version 1
    hint: use a client and a server of the same release
    Unauthenticated: the token is wrong
    hint: the server's operator makes one with `farside token new NAME`; on the server's machine, `farside token show` prints the server's own
    Unauthenticated: no token was given
    hint: the server's operator makes one with `farside token new NAME`; on the server's machine, `farside token show` prints the server's own
    BadRequest: the first message was Attach, not Hello
    BadRequest: the first message was Sessions, not Hello
    ");
}

#[tokio::test]
async fn messages_have_their_place() {
    let mut watched = Watched::new().await;
    let mut texts = String::new();
    let describe = Request::Describe { seq: Seq::FIRST, subject: Subject::Session };
    let greet_again = hello(PROTOCOL_VERSION, &watched.server.token());
    let attach = Request::Attach { session: None, lease_ms: None };
    for early in [describe, greet_again.clone()] {
        let mut peer = Peer::greeted(&watched.server).await;
        peer.send(&[early]).await;
        texts += &watched.refusal(&mut peer).await;
    }
    for late in [greet_again, attach] {
        let mut peer = Peer::attached(&watched.server).await;
        peer.send(&[late]).await;
        texts += &watched.refusal(&mut peer).await;
    }
    insta::assert_snapshot!(texts, @"
    BadRequest: Describe needs a session; attach first
    BadRequest: Hello has no place here
    BadRequest: Hello has no place here
    BadRequest: Attach has no place here
    ");
}

#[tokio::test]
async fn a_repeated_message_is_passed_over() {
    let server = Server::start();
    let session = server.session().await;
    session.upload(guest("logbook")).await.unwrap();
    let mut peer = Peer::beside(&server, &session).await;
    let seq = peer.seq();
    let add = peer::call(seq, "logbook.add", Payload::Inline(packed(&("once",))));
    peer.send(&[add.clone(), add.clone()]).await;
    assert_eq!(peer.get(peer.far(seq)).await.unwrap(), packed(&1));
    // Its arguments are not even looked at.
    let other = peer::call(seq, "logbook.add", Payload::Inline(Bytes::from_static(&[0xc1])));
    peer.send(&[add, other]).await;
    assert_eq!(peer.get(peer.far(seq)).await.unwrap(), packed(&1));
    let again = session.function("logbook.add").value::<u64>(("twice",)).await;
    assert_eq!(again.unwrap(), 2, "it ran once");
}

#[tokio::test]
async fn a_number_left_out_ends_the_connection() {
    let mut watched = Watched::new().await;
    let mut peer = Peer::attached(&watched.server).await;
    let (first, _, third) = (peer.seq(), peer.seq(), peer.seq());
    peer.send(&[
        Request::Describe { seq: first, subject: Subject::Refs },
        Request::Describe { seq: third, subject: Subject::Refs },
    ])
    .await;
    insta::assert_snapshot!(watched.refusal(&mut peer).await, @"
    BadRequest: message 3 came after message 1
    hint: each message takes the next number of its writer
    ");
}

#[tokio::test]
async fn what_is_no_message_ends_the_connection() {
    let mut watched = Watched::new().await;
    let mut texts = String::new();
    let mut whole = Vec::new();
    Request::Describe { seq: Seq::FIRST, subject: Subject::Session }.encode(&mut whole);
    let frames: [&[u8]; 6] = [
        &[0x91, 0xcc, 99],
        &[0x91, 18],
        &whole[..whole.len() - 1],
        &[0xc1],
        &[0xdd, 0xff, 0xff, 0xff, 0xff],
        b"GET / HTTP/1.1",
    ];
    for frame in frames {
        let mut peer = Peer::attached(&watched.server).await;
        peer.send_message(Message::binary(frame.to_vec())).await;
        texts += &watched.refusal(&mut peer).await;
    }
    insta::assert_snapshot!(texts, @"
    BadRequest: a message can't be read: unknown request number 99
    BadRequest: a message can't be read: Describe has 3 fields, not 1
    BadRequest: a message can't be read: the frame ends inside a message
    BadRequest: a message can't be read: expected an array, found MessagePack marker 0xc1
    BadRequest: a message can't be read: the frame ends inside a message
    BadRequest: a message can't be read: expected an array, found MessagePack marker 0x47
    ");
}

#[tokio::test]
async fn a_text_message_ends_the_connection() {
    let mut watched = Watched::new().await;
    let mut peer = Peer::attached(&watched.server).await;
    peer.send_message(Message::text("hello")).await;
    insta::assert_snapshot!(watched.refusal(&mut peer).await, @"BadRequest: what came can't be read: it is a text message; frames are binary");
}

#[tokio::test]
async fn a_frame_has_a_cap() {
    let mut watched = Watched::new().await;
    let mut peer = Peer::attached(&watched.server).await;
    // Frames of exactly the cap are read: as many messages as there may be.
    let mut frame = Vec::new();
    for _ in 0..caps::MESSAGES_IN_FRAME {
        let seq = peer.seq();
        Request::Wait { seq, refs: Vec::new(), count: 0, timeout_ms: None }.encode(&mut frame);
    }
    frame.resize(caps::FRAME_BYTES, 0xc1);
    peer.send_message(Message::binary(frame)).await;
    for number in 1..=caps::MESSAGES_IN_FRAME as u64 {
        let answer = Reply::Waited { seq: Seq::new(number).unwrap(), states: Vec::new() };
        assert_eq!(peer.next().await, answer);
    }
    insta::assert_snapshot!(watched.refusal(&mut peer).await, @"BadRequest: a message can't be read: a frame of more than 16384 messages");

    let mut peer = Peer::attached(&watched.server).await;
    peer.send_message(Message::binary(vec![0xc1; caps::FRAME_BYTES + 1])).await;
    insta::assert_snapshot!(watched.refusal(&mut peer).await, @"BadRequest: what came can't be read: Space limit exceeded: Message too long: 262145 > 262144");
}

#[tokio::test]
async fn what_is_sent_in_vain_is_passed_over() {
    let server = Server::start();
    let mut peer = Peer::attached(&server).await;
    let unknown = Seq::new(99).unwrap();
    let released = peer.seq();
    let far = peer.far(unknown);
    peer.send(&[
        chunk(unknown, 0, &b"bytes"[..]),
        Request::Credit { transfer: unknown, until: 1 << 40 },
        Request::Abort { transfer: unknown },
        Request::Release { seq: released, refs: vec![far, far] },
        Request::Cancel { of: far },
    ])
    .await;
    let seq = peer.seq();
    let put = Request::Put {
        seq,
        content: farside::ContentType::MSGPACK,
        value: Payload::Inline(packed(&"goes on")),
    };
    peer.send(&[put]).await;
    assert_eq!(peer.get(peer.far(seq)).await.unwrap(), packed(&"goes on"));
}

#[tokio::test]
async fn a_call_can_not_name_itself() {
    let server = Server::start();
    let session = server.session().await;
    session.upload(guest("hello")).await.unwrap();
    let mut peer = Peer::beside(&server, &session).await;
    let seq = peer.seq();
    let args = packed(&(farside_protocol::value::FarArg(peer.far(seq)),));
    peer.send(&[peer::call(seq, "hello.greet", Payload::Inline(args))]).await;
    let failure = peer.get(peer.far(seq)).await.unwrap_err();
    insta::assert_snapshot!(text(failure.root()), @"
    BadRequest: far:65538 is not made yet
    hint: a message may name only references made before it
    ");
}

#[tokio::test]
async fn a_piece_must_fit_its_transfer() {
    let mut watched = Watched::new().await;
    let mut texts = String::new();
    let kib = |n: usize| vec![0; n * 1024];
    let first = Seq::FIRST;
    let wrong: [Vec<Request>; 6] = [
        vec![put_later(first, 10), chunk(first, 0, vec![0; 11])],
        vec![put_later(first, 10), chunk(first, 0, vec![0; 5]), chunk(first, 4, vec![0; 5])],
        vec![put_later(first, 10), chunk(first, 1, vec![0; 5])],
        vec![put_later(first, 10), chunk(first, 0, vec![])],
        vec![put_later(first, 10), chunk(first, u64::MAX, vec![0; 5])],
        vec![put_later(first, 1 << 20), chunk(first, 0, kib(64)), chunk(first, 1 << 16, kib(65))],
    ];
    for messages in wrong {
        let mut peer = Peer::attached(&watched.server).await;
        for message in messages {
            peer.send(&[message]).await;
        }
        texts += &watched.refusal(&mut peer).await;
    }
    insta::assert_snapshot!(texts, @"
    BadRequest: a piece of transfer 1 is wrong: it goes beyond the announced size
    BadRequest: a piece of transfer 1 is wrong: it does not continue where the last one ended
    BadRequest: a piece of transfer 1 is wrong: it does not continue where the last one ended
    BadRequest: a piece of transfer 1 is wrong: it is empty or larger than a chunk may be
    BadRequest: a piece of transfer 1 is wrong: its offset overflows
    BadRequest: a message can't be read: bytes is longer than 65536
    ");
}

#[tokio::test]
async fn a_transfer_is_granted_more_as_it_comes() {
    let server = Server::start();
    let mut peer = Peer::attached(&server).await;
    let (seq, size) = (peer.seq(), 2 << 20);
    let piece = Bytes::from(vec![0xc0; caps::CHUNK_BYTES]);
    peer.send(&[put_later(seq, size)]).await;
    let (mut sent, mut granted) = (0, caps::TRANSFER_CREDIT);
    while granted < size {
        while sent < granted {
            peer.send(&[chunk(seq, sent, piece.clone())]).await;
            sent += piece.len() as u64;
        }
        match peer.next().await {
            Reply::Credit { transfer, until } if transfer == seq => {
                assert!(until > granted && until <= sent + 4 * caps::TRANSFER_CREDIT);
                granted = until;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(granted, size);
    peer.send(&[Request::Abort { transfer: seq }]).await;
    let aborted = peer.get(peer.far(seq)).await.unwrap_err();
    insta::assert_snapshot!(text(&aborted), @"BadRequest: a transfer ended after 1638400 of 2097152 bytes: the client gave up sending it");
}

/// A call by name whose value comes in the answer.
fn value_of(seq: Seq, function: &str, args: &impl serde::Serialize) -> Request {
    Request::Call {
        seq,
        target: Target::Name(function.to_owned()),
        flags: CallFlags { get: true, release: true, fresh: false },
        timeout_ms: None,
        args: Payload::Inline(packed(args)),
    }
}

#[tokio::test]
async fn a_flood_of_frames_is_answered_in_order_and_stops_nobody() {
    let server = Server::start();
    let session = server.session().await;
    session.upload(guest("hello")).await.unwrap();
    let mut peer = Peer::beside(&server, &session).await;
    let calls: Vec<(Seq, i64)> = (0..5_000).map(|n| (peer.seq(), n)).collect();
    let frames: Vec<Request> =
        calls.iter().map(|(seq, n)| value_of(*seq, "hello.square", &(n,))).collect();
    peer.send_frames(&frames).await;
    assert_eq!(session.put(&1).get().await.unwrap(), 1);
    for (seq, n) in calls {
        assert_eq!(peer.answer(seq).await.unwrap(), packed(&(n * n)));
    }
}

#[tokio::test]
async fn a_goodbye_takes_no_answer_away_that_was_asked_for_before() {
    let server = Server::start();
    let session = server.session().await;
    let nine = session.put(&9);
    session.flush().await.unwrap();
    let mut peer = Peer::beside(&server, &session).await;
    let gets: Vec<Seq> = (0..100).map(|_| peer.seq()).collect();
    let get = |seq: &Seq| Request::Get { seq: *seq, of: nine.id(), path: None };
    let frames: Vec<Request> = gets.iter().map(get).collect();
    peer.send_last_frames(&frames).await;
    for seq in gets {
        assert_eq!(peer.answer(seq).await.unwrap(), packed(&9));
    }
}

#[tokio::test]
async fn calls_beyond_the_credit_end_the_connection() {
    let server = Server::builder().flag("--limits-session-pending-calls", "10").start();
    let session = server.session().await;
    session.upload(guest("hello")).await.unwrap();
    let mut peer = Peer::beside(&server, &session).await;
    let calls: Vec<Request> = (0..11)
        .map(|_| peer::call(peer.seq(), "hello.spin", Payload::Inline(packed(&[0; 0]))))
        .collect();
    peer.send(&calls).await;
    insta::assert_snapshot!(text(&peer.refusal().await), @"
    BadRequest: the client made more calls, or sent more argument bytes, than it had credit for
    hint: wait for the credit that acknowledgements bring
    ");
}

#[tokio::test]
async fn credit_comes_back_as_calls_finish() {
    let server = Server::builder().flag("--limits-session-pending-calls", "8").start();
    let session = server.session().await;
    session.upload(guest("hello")).await.unwrap();
    let mut peer = Peer::beside(&server, &session).await;
    let mut acks = Vec::new();
    for n in 0..40_i64 {
        let seq = peer.seq();
        peer.send(&[value_of(seq, "hello.square", &(n,))]).await;
        loop {
            match peer.next().await {
                Reply::Ack { taken, calls, bytes } => acks.push((taken, calls, bytes)),
                Reply::Value { seq: of, value: Payload::Inline(bytes), .. } => {
                    assert_eq!((of, bytes), (seq, packed(&(n * n))));
                    break;
                }
                other => panic!("{other:?}"),
            }
        }
    }
    assert!(acks.windows(2).all(|pair| pair[0] < pair[1]), "totals grow: {acks:?}");
    let (taken, calls, bytes) = *acks.last().unwrap();
    assert!(taken <= 40 && calls > 40 && calls <= 48, "{acks:?}");
    assert!(bytes > 64 << 20, "{acks:?}");
    assert!(acks.len() >= 10, "told before it runs out: {acks:?}");
}

#[tokio::test]
async fn what_is_ended_leaves_no_alarm_behind() {
    let local = Local::start().await;
    let client = local.client(local.server.token()).await.unwrap();
    let session = client.session().await.unwrap();
    session.upload(guest("hello")).await.unwrap();
    let hour = std::time::Duration::from_secs(3600);
    let greet = session.function("hello.greet").timeout(hour);

    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    // Large enough to be still on its way when the calls are taken.
    let name = session.put(&"x".repeat(500_000));
    let calls: Vec<farside::Far<String>> = (0..50).map(|_| greet.call((&name,))).collect();
    let ids: Vec<_> = calls.iter().map(farside::Far::id).collect();
    session.wait(&ids, ids.len(), Some(hour)).await.unwrap();
    for _ in 0..100 {
        session.flush().await.unwrap();
    }
    let left = tasks() - before;
    assert!(left < 10, "{left} tasks are left");
}
