use std::fmt::Debug;
use std::fmt::Write;

use bytes::Bytes;
use farside_protocol::codec::DecodeError;
use farside_protocol::{Payload, Reply, Request, Seq, Target, caps};
use proptest::prelude::*;
use proptest::strategy::Union;

use crate::message::{any_reply, any_request, replies, requests};

fn encode<M>(messages: &[M], encode: fn(&M, &mut Vec<u8>)) -> Bytes {
    let mut frame = Vec::new();
    messages.iter().for_each(|message| encode(message, &mut frame));
    frame.into()
}

fn decode_requests(frame: &[u8]) -> Vec<Result<Request, DecodeError>> {
    Request::decode_frame(Bytes::copy_from_slice(frame)).collect()
}

fn decode_replies(frame: &[u8]) -> Vec<Result<Reply, DecodeError>> {
    Reply::decode_frame(Bytes::copy_from_slice(frame)).collect()
}

/// One line for each message: its name and its bytes.
fn lines<M>(messages: &[M], name: fn(&M) -> &str, put: fn(&M, &mut Vec<u8>)) -> String {
    let mut lines = String::new();
    for message in messages {
        let frame = encode(std::slice::from_ref(message), put);
        lines.push_str(name(message));
        frame.iter().for_each(|byte| write!(lines, " {byte:02x}").unwrap());
        lines.push('\n');
    }
    lines
}

/// Every cut of a message is [`DecodeError::Truncated`].
fn check_cuts<M: Debug + PartialEq>(
    frame: &[u8],
    decode: fn(&[u8]) -> Vec<Result<M, DecodeError>>,
) {
    assert_eq!(decode(&[]), []);
    for len in 1..frame.len() {
        assert_eq!(decode(&frame[..len]), [Err(DecodeError::Truncated)], "{:02x?}", &frame[..len]);
    }
}

#[test]
fn every_message_is_among_the_samples_and_the_strategies() {
    let mut sampled: Vec<_> = requests().iter().map(Request::name).collect();
    sampled.dedup();
    assert_eq!(sampled, Request::NAMES);
    assert_eq!(any_request().len(), Request::NAMES.len());
    let mut sampled: Vec<_> = replies().iter().map(Reply::name).collect();
    sampled.dedup();
    assert_eq!(sampled, Reply::NAMES);
    assert_eq!(any_reply().len(), Reply::NAMES.len());
}

#[test]
fn the_bytes_of_every_request() {
    insta::assert_snapshot!(lines(&requests(), Request::name, Request::encode), @r"
    Hello 94 01 01 a6 73 65 63 72 65 74 a6 74 65 73 74 2f 30
    Attach 93 02 c0 c0
    Attach 93 02 92 c4 10 11 11 11 11 11 11 11 11 11 11 11 11 11 11 11 11 c4 10 22 22 22 22 22 22 22 22 22 22 22 22 22 22 22 22 cd ea 60
    Call 96 0a 01 92 00 cc c8 07 cd 03 e8 c4 02 91 2a
    Call 96 0a 02 ac 68 65 6c 6c 6f 2e 73 71 75 61 72 65 00 c0 ce 00 10 00 00
    Put 94 0b 01 c0 c4 01 c3
    Put 94 0b 01 a9 69 6d 61 67 65 2f 70 6e 67 ce 00 01 11 70
    Select 94 0c 01 cf 00 07 00 00 00 00 01 2c a7 72 6f 77 73 5b 30 5d
    Get 94 0d 01 cf 00 07 00 00 00 00 01 2c a1 78
    Get 94 0d 01 cf 00 07 00 00 00 00 01 2c c0
    Wait 95 0e 01 92 cf 00 07 00 00 00 00 01 2c cf 00 07 00 00 00 00 01 2c 01 00
    Cancel 92 0f cf 00 07 00 00 00 00 01 2c
    Release 93 10 01 91 cf 00 07 00 00 00 00 01 2c
    Upload 96 11 01 a5 68 65 6c 6c 6f c4 20 33 33 33 33 33 33 33 33 33 33 33 33 33 33 33 33 33 33 33 33 33 33 33 33 33 33 33 33 33 33 33 33 cd 03 e8 c3
    Describe 93 12 01 92 01 c0
    Describe 93 12 01 92 02 c0
    Describe 93 12 01 92 03 cf 00 07 00 00 00 00 01 2c
    Renew 93 13 01 a5 68 65 6c 6c 6f
    Sessions 92 14 01
    CloseSession 93 15 01 c0
    CloseSession 93 15 01 c4 10 11 11 11 11 11 11 11 11 11 11 11 11 11 11 11 11
    Chunk 94 28 01 ce 00 01 00 00 c4 03 61 62 63
    Credit 93 29 01 cf 00 00 00 02 00 00 00 00
    Abort 92 2a cf 00 00 ff ff ff ff ff ff
    ");
}

#[test]
fn the_bytes_of_every_reply() {
    insta::assert_snapshot!(lines(&replies(), Reply::name, Reply::encode), @r"
    Welcome 96 01 01 a9 66 61 72 73 69 64 65 2f 30 01 01 a2 34 38
    Attached 98 02 c4 10 11 11 11 11 11 11 11 11 11 11 11 11 11 11 11 11 c4 10 22 22 22 22 22 22 22 22 22 22 22 22 22 22 22 22 07 00 cd 04 00 ce 00 10 00 00 ce 00 1b 77 40
    Refused 92 03 96 02 a2 6e 6f c0 90 c0 c0
    Ack 94 0a cc c8 ce 00 01 11 70 cf 00 00 00 01 00 00 00 00
    Value 94 0b 01 c0 c4 01 2a
    Failed 93 0c 01 96 11 ae 69 74 20 69 73 20 70 6f 69 73 6f 6e 65 64 a8 72 65 6e 65 77 20 69 74 91 ad 68 65 6c 6c 6f 3a 3a 73 71 75 61 72 65 c4 01 c0 96 0b ab 75 6e 72 65 61 63 68 61 62 6c 65 c0 90 c0 c0
    Waited 93 0d 01 94 00 01 02 03
    Uploaded 97 0e 01 00 a5 68 65 6c 6c 6f c4 20 33 33 33 33 33 33 33 33 33 33 33 33 33 33 33 33 33 33 33 33 33 33 33 33 33 33 33 33 33 33 33 33 c3 c4 01 80
    Wanted 92 0f 01
    Described 93 10 01 c4 01 80
    Done 92 11 01
    Log 94 12 cf 00 07 00 00 00 00 00 01 03 a6 61 20 6c 69 6e 65
    Chunk 94 28 01 00 c4 03 61 62 63
    Credit 93 29 01 ce 00 04 00 00
    ");
}

#[test]
fn a_frame_holds_several_messages_in_order() {
    let requests = requests();
    let decoded: Result<Vec<_>, _> =
        Request::decode_frame(encode(&requests, Request::encode)).collect();
    assert_eq!(decoded, Ok(requests));
    let replies = replies();
    let decoded: Result<Vec<_>, _> = Reply::decode_frame(encode(&replies, Reply::encode)).collect();
    assert_eq!(decoded, Ok(replies));
}

#[test]
fn a_frame_holds_so_many_messages() {
    let frame = |count| {
        let done = |seq| Reply::Done { seq: Seq::new(seq).unwrap() };
        encode(&(1..=count).map(done).collect::<Vec<_>>(), Reply::encode)
    };
    let most = caps::MESSAGES_IN_FRAME;
    assert_eq!(Reply::decode_frame(frame(most as u64)).filter(Result::is_ok).count(), most);
    let all: Vec<_> = Reply::decode_frame(frame(most as u64 + 2)).collect();
    assert_eq!(all.len(), most + 1, "nothing comes after an error");
    assert_eq!(all[most], Err(DecodeError::TooManyMessages));
}

#[test]
fn no_gathered_frame_holds_too_many_messages() {
    // The smallest message there is, with the smallest numbers there are.
    let mut frame = Vec::new();
    let mut messages = 0;
    while frame.len() < 64 * 1024 {
        messages += 1;
        Reply::Done { seq: Seq::new(messages).unwrap() }.encode(&mut frame);
    }
    assert!(messages <= caps::MESSAGES_IN_FRAME as u64, "{messages}");
}

#[test]
fn payloads_are_slices_of_the_frame() {
    let frame = encode(
        &[Request::Put {
            seq: Seq::FIRST,
            content: Default::default(),
            value: Payload::Inline(vec![7; 1000].into()),
        }],
        Request::encode,
    );
    let range = frame.as_ptr_range();
    match Request::decode_frame(frame.clone()).next() {
        Some(Ok(Request::Put { value: Payload::Inline(bytes), .. })) => {
            assert!(range.contains(&bytes.as_ptr()));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_message_cut_short_is_no_message() {
    for request in requests() {
        check_cuts(&encode(&[request], Request::encode), decode_requests);
    }
    for reply in replies() {
        check_cuts(&encode(&[reply], Reply::encode), decode_replies);
    }
}

#[test]
fn after_an_error_a_frame_has_no_more_messages() {
    let [good, bad] = [&[0x92, 42, 1][..], &[0x92, 99, 1]];
    let decoded = decode_requests(&[good, bad, good].concat());
    let unknown = DecodeError::UnknownNumber { of: "request", number: 99 };
    assert_eq!(decoded, [Ok(Request::Abort { transfer: Seq::FIRST }), Err(unknown)]);
}

#[track_caller]
fn check_error(frame: &[u8], expected: &str) {
    let errors: Vec<_> = decode_requests(frame)
        .into_iter()
        .map(|decoded| decoded.unwrap_err().to_string())
        .collect();
    assert_eq!(errors, [expected]);
}

#[test]
fn what_is_wrong_with_a_message_is_said() {
    check_error(&[0xc0], "expected an array, found MessagePack marker 0xc0");
    check_error(&[0x92, 99, 1], "unknown request number 99");
    check_error(&[0x91, 42], "Abort has 2 fields, not 1");
    check_error(&[0x93, 42, 1, 1], "Abort has 2 fields, not 3");
    check_error(&[0x92, 42, 0], "a message's number is out of range");
    check_error(&[0x92, 42, 0xff], "expected an unsigned integer, found MessagePack marker 0xff");
    check_error(&[0xdd, 0xff, 0xff, 0xff, 0xff, 42], "the frame ends inside a message");
    check_error(&[0x93, 19, 1, 0xa1, 0xff], "text is not UTF-8");
    check_error(&[0x93, 18, 1, 0x92, 4, 0xc0], "unknown subject number 4");
    check_error(&[0x96, 10, 1, 0xa1, b'f', 4, 0xc0, 0xc4, 0], "call flags is out of range");
    check_error(&[0x93, 21, 1, 0xc4, 1, 0], "SessionId is out of range");
    check_error(
        &[0x94, 11, 1, 0xc0, 0xcf, 0, 0, 0, 1, 0, 0, 0, 1],
        "a transfer's size is out of range",
    );
}

#[test]
fn every_length_has_a_cap() {
    #[track_caller]
    fn check(request: &Request, expected: &str) {
        let mut frame = Vec::new();
        request.encode(&mut frame);
        check_error(&frame, expected);
    }
    let (seq, far) = (Seq::FIRST, farside_protocol::RefId::from_bits(1));
    let long = |len: usize| "x".repeat(len + 1);
    let hello = Request::Hello { version: 1, token: long(caps::TOKEN_BYTES), agent: String::new() };
    check(&hello, "token is longer than 1024");
    let hello = Request::Hello { version: 1, token: String::new(), agent: long(caps::NAME_BYTES) };
    check(&hello, "agent is longer than 256");
    check(&Request::Renew { seq, module: long(caps::NAME_BYTES) }, "module is longer than 256");
    let path = long(caps::PATH_BYTES);
    check(&Request::Get { seq, of: far, path: Some(path.clone()) }, "path is longer than 4096");
    check(&Request::Select { seq, of: far, path }, "path is longer than 4096");
    let refs = vec![far; caps::REFS_IN_MESSAGE + 1];
    check(&Request::Release { seq, refs }, "a list is longer than 16384");
    let bytes = Bytes::from(vec![0; caps::CHUNK_BYTES + 1]);
    let chunk = Request::Chunk { transfer: seq, offset: 0, bytes: bytes.clone() };
    check(&chunk, "bytes is longer than 65536");
    let call = |target, args| Request::Call {
        seq,
        target,
        flags: Default::default(),
        timeout_ms: None,
        args,
    };
    let name = Target::Name(long(2 * caps::NAME_BYTES + 1));
    check(&call(name, Payload::Transfer { size: 0 }), "a function's name is longer than 513");
    check(
        &call(Target::Name(String::new()), Payload::Inline(bytes)),
        "an inline payload is longer than 65536",
    );
}

proptest! {
    #[test]
    fn requests_survive_the_wire(request in Union::new(any_request())) {
        let frame = encode(std::slice::from_ref(&request), Request::encode);
        prop_assert_eq!(decode_requests(&frame), [Ok(request)]);
    }

    #[test]
    fn replies_survive_the_wire(reply in Union::new(any_reply())) {
        let frame = encode(std::slice::from_ref(&reply), Reply::encode);
        prop_assert_eq!(decode_replies(&frame), [Ok(reply)]);
    }

    #[test]
    fn a_cut_is_never_another_message(
        request in Union::new(any_request()), reply in Union::new(any_reply()), cut in 0.0..1.0f64,
    ) {
        let request = encode(&[request], Request::encode);
        let reply = encode(&[reply], Reply::encode);
        let cut = |frame: &Bytes| frame.slice(..((frame.len() as f64 * cut) as usize).max(1));
        prop_assert_eq!(decode_requests(&cut(&request)), [Err(DecodeError::Truncated)]);
        prop_assert_eq!(decode_replies(&cut(&reply)), [Err(DecodeError::Truncated)]);
    }

    #[test]
    fn any_bytes_are_messages_or_an_error(
        frame in prop::collection::vec(prop_oneof![any::<u8>(), 0x90u8..0x98, 0u8..42], 0..80),
    ) {
        decode_requests(&frame);
        decode_replies(&frame);
    }

    #[test]
    fn a_changed_byte_never_panics(
        mut reply in Union::new(any_reply()).prop_map(|reply| encode(&[reply], Reply::encode).to_vec()),
        at: prop::sample::Index, byte: u8,
    ) {
        let at = at.index(reply.len());
        reply[at] = byte;
        decode_replies(&reply);
        decode_requests(&reply);
    }
}
