//! Every message, as a sample and as a strategy.

use bytes::Bytes;
use farside_protocol::{
    AttachTo, CallFlags, ContentType, Each, ErrorCode, Failure, LogLevel, ModuleHash, Payload,
    RefId, RefState, Reply, Request, ResumeKey, Seq, SessionId, Subject, Target, WriterId, caps,
};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

fn seq(number: u64) -> Seq {
    Seq::new(number).expect("a message's number")
}

/// A request of every kind, in the order of their numbers.
pub(crate) fn requests() -> Vec<Request> {
    let (one, far) = (seq(1), RefId::new(WriterId(7), seq(300)));
    let (session, key) = (SessionId([0x11; 16]), ResumeKey([0x22; 16]));
    vec![
        Request::Hello { version: 1, token: "secret".to_owned(), agent: "test/0".to_owned() },
        Request::Attach { session: None, lease_ms: None },
        Request::Attach { session: Some(AttachTo { session, key }), lease_ms: Some(60_000) },
        Request::Call {
            seq: one,
            target: Target::Index { module: 0, function: 200 },
            flags: CallFlags { fresh: true, get: true, release: true },
            timeout_ms: Some(1000),
            args: Payload::Inline(Bytes::from_static(&[0x91, 42])),
        },
        Request::Call {
            seq: seq(2),
            target: Target::Name("hello.square".to_owned()),
            flags: CallFlags::default(),
            timeout_ms: None,
            args: Payload::Transfer { size: 1 << 20 },
        },
        Request::Put {
            seq: one,
            content: ContentType::MSGPACK,
            value: Payload::Inline(Bytes::from_static(&[0xc3])),
        },
        Request::Put {
            seq: one,
            content: ContentType::named("image/png"),
            value: Payload::Transfer { size: 70_000 },
        },
        Request::Select { seq: one, of: far, path: "rows[0]".to_owned() },
        Request::Get { seq: one, of: far, path: Some("x".to_owned()) },
        Request::Get { seq: one, of: far, path: None },
        Request::Wait { seq: one, refs: vec![far, far], count: 1, timeout_ms: Some(0) },
        Request::Cancel { of: far },
        Request::Release { seq: one, refs: vec![far] },
        Request::Upload {
            seq: one,
            name: "hello".to_owned(),
            hash: ModuleHash([0x33; 32]),
            size: 1000,
            metered: true,
        },
        Request::Describe { seq: one, subject: Subject::Session },
        Request::Describe { seq: one, subject: Subject::Refs },
        Request::Describe { seq: one, subject: Subject::Ref(far) },
        Request::Renew { seq: one, module: "hello".to_owned() },
        Request::Sessions { seq: one },
        Request::CloseSession { seq: one, session: None },
        Request::CloseSession { seq: one, session: Some(session) },
        Request::Chunk { transfer: one, offset: 65_536, bytes: Bytes::from_static(b"abc") },
        Request::Credit { transfer: one, until: 1 << 33 },
        Request::Abort { transfer: seq((1 << 48) - 1) },
    ]
}

/// A reply of every kind, in the order of their numbers.
pub(crate) fn replies() -> Vec<Reply> {
    let one = seq(1);
    let mut failure = Failure::new(ErrorCode::Poisoned, "it is poisoned")
        .with_hint("renew it")
        .with_cause(Failure::new(ErrorCode::Trap, "unreachable"));
    failure.backtrace = vec!["hello::square".to_owned()];
    failure.detail = Some(Bytes::from_static(&[0xc0]));
    vec![
        Reply::Welcome {
            version: 1,
            server: "farside/0".to_owned(),
            guest_abi: 1,
            data_format: 1,
            wasmtime: "48".to_owned(),
        },
        Reply::Attached {
            session: SessionId([0x11; 16]),
            key: ResumeKey([0x22; 16]),
            writer: WriterId(7),
            taken: 0,
            calls: 1024,
            bytes: 1 << 20,
            lease_ms: 1_800_000,
        },
        Reply::Refused { failure: Failure::new(ErrorCode::Unauthenticated, "no") },
        Reply::Ack { taken: 200, calls: 70_000, bytes: 1 << 32 },
        Reply::Value {
            seq: one,
            content: ContentType::MSGPACK,
            value: Payload::Inline(Bytes::from_static(&[0x2a])),
        },
        Reply::Failed { seq: one, failure },
        Reply::Waited {
            seq: one,
            states: vec![RefState::Pending, RefState::Ready, RefState::Failed, RefState::Gone],
        },
        Reply::Uploaded {
            seq: one,
            module: 0,
            name: "hello".to_owned(),
            hash: ModuleHash([0x33; 32]),
            replaced: true,
            manifest: Payload::Inline(Bytes::from_static(&[0x80])),
        },
        Reply::Wanted { seq: one },
        Reply::Described { seq: one, body: Payload::Inline(Bytes::from_static(&[0x80])) },
        Reply::Done { seq: one },
        Reply::Log {
            of: RefId::new(WriterId(7), one),
            level: LogLevel::Info,
            text: "a line".to_owned(),
        },
        Reply::Chunk { transfer: one, offset: 0, bytes: Bytes::from_static(b"abc") },
        Reply::Credit { transfer: one, until: 262_144 },
    ]
}

fn any_seq() -> impl Strategy<Value = Seq> {
    prop_oneof![1u64..300, 1u64..1 << 48].prop_map(seq)
}

fn any_ref() -> impl Strategy<Value = RefId> {
    any::<u64>().prop_map(RefId::from_bits)
}

fn any_bytes() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        4 => vec(any::<u8>(), 0..300),
        1 => prop::sample::select(vec![255, 256, 65_535, 65_536]).prop_map(|len| vec![7; len]),
    ]
    .prop_map(Bytes::from)
}

fn any_text() -> impl Strategy<Value = String> {
    "\\PC{0,60}"
}

fn any_payload() -> impl Strategy<Value = Payload> {
    prop_oneof![
        any_bytes().prop_map(Payload::Inline),
        (0..=caps::VALUE_BYTES).prop_map(|size| Payload::Transfer { size }),
    ]
}

fn any_content() -> impl Strategy<Value = ContentType> {
    of(any_text())
        .prop_map(|name| name.map_or(ContentType::MSGPACK, |name| ContentType::named(&name)))
}

fn any_session() -> impl Strategy<Value = SessionId> {
    any::<[u8; 16]>().prop_map(SessionId)
}

fn any_attach() -> impl Strategy<Value = AttachTo> {
    (any_session(), any::<[u8; 16]>())
        .prop_map(|(session, key)| AttachTo { session, key: ResumeKey(key) })
}

fn any_hash() -> impl Strategy<Value = ModuleHash> {
    any::<[u8; 32]>().prop_map(ModuleHash)
}

fn any_target() -> impl Strategy<Value = Target> {
    let each = prop_oneof![Just(Each::Map), Just(Each::Filter), Just(Each::Reduce)];
    let each = (each, any_text()).prop_map(|(how, name)| {
        let function = Box::new(Target::Name(name));
        Target::Each { how, function }
    });
    prop_oneof![
        each,
        any::<(u32, u32)>().prop_map(|(module, function)| Target::Index { module, function }),
        any_text().prop_map(Target::Name),
        (any_ref(), any_text()).prop_map(|(of, function)| Target::Beside { of, function }),
    ]
}

fn any_flags() -> impl Strategy<Value = CallFlags> {
    any::<(bool, bool, bool)>().prop_map(|(fresh, get, release)| CallFlags {
        fresh,
        get,
        release: get && release,
    })
}

fn any_subject() -> impl Strategy<Value = Subject> {
    prop_oneof![Just(Subject::Session), Just(Subject::Refs), any_ref().prop_map(Subject::Ref)]
}

fn any_failure() -> impl Strategy<Value = Failure> {
    let code = prop::sample::select(ErrorCode::ALL);
    let one = (code, any_text(), of(any_text()), vec(any_text(), 0..4), of(any_bytes())).prop_map(
        |(code, message, hint, backtrace, detail)| {
            let detail = detail.filter(|detail| detail.len() <= caps::FAILURE_BYTES / 32);
            Failure { code, message, hint, backtrace, detail, cause: None }
        },
    );
    vec(one, 1..caps::CAUSE_DEPTH + 2).prop_map(|chain| {
        let links = chain.into_iter().reduce(|cause, failure| failure.with_cause(cause));
        links.expect("one failure at least")
    })
}

macro_rules! strategy {
    ($Enum:ident::$Name:ident { $($field:ident: $strategy:expr),* $(,)? }) => {
        ($($strategy,)*).prop_map(|($($field,)*)| $Enum::$Name { $($field),* }).boxed()
    };
}

/// Strategies for every request, in the order of their numbers.
pub(crate) fn any_request() -> Vec<BoxedStrategy<Request>> {
    vec![
        strategy!(Request::Hello { version: any::<u16>(), token: any_text(), agent: any_text() }),
        strategy!(Request::Attach { session: of(any_attach()), lease_ms: any::<Option<u64>>() }),
        strategy!(Request::Call {
            seq: any_seq(),
            target: any_target(),
            flags: any_flags(),
            timeout_ms: any::<Option<u64>>(),
            args: any_payload(),
        }),
        strategy!(Request::Put { seq: any_seq(), content: any_content(), value: any_payload() }),
        strategy!(Request::Select { seq: any_seq(), of: any_ref(), path: any_text() }),
        strategy!(Request::Get { seq: any_seq(), of: any_ref(), path: of(any_text()) }),
        strategy!(Request::Wait {
            seq: any_seq(),
            refs: vec(any_ref(), 0..40),
            count: any::<u32>(),
            timeout_ms: any::<Option<u64>>(),
        }),
        strategy!(Request::Cancel { of: any_ref() }),
        strategy!(Request::Release { seq: any_seq(), refs: vec(any_ref(), 0..40) }),
        strategy!(Request::Upload {
            seq: any_seq(),
            name: any_text(),
            hash: any_hash(),
            size: any::<u64>(),
            metered: any::<bool>(),
        }),
        strategy!(Request::Describe { seq: any_seq(), subject: any_subject() }),
        strategy!(Request::Renew { seq: any_seq(), module: any_text() }),
        strategy!(Request::Sessions { seq: any_seq() }),
        strategy!(Request::CloseSession { seq: any_seq(), session: of(any_session()) }),
        strategy!(Request::Chunk { transfer: any_seq(), offset: any::<u64>(), bytes: any_bytes() }),
        strategy!(Request::Credit { transfer: any_seq(), until: any::<u64>() }),
        strategy!(Request::Abort { transfer: any_seq() }),
    ]
}

/// Strategies for every reply, in the order of their numbers.
pub(crate) fn any_reply() -> Vec<BoxedStrategy<Reply>> {
    let state = prop::sample::select(vec![
        RefState::Pending,
        RefState::Ready,
        RefState::Failed,
        RefState::Gone,
    ]);
    let level = prop::sample::select(vec![
        LogLevel::Error,
        LogLevel::Warn,
        LogLevel::Info,
        LogLevel::Debug,
    ]);
    vec![
        strategy!(Reply::Welcome {
            version: any::<u16>(),
            server: any_text(),
            guest_abi: any::<u32>(),
            data_format: any::<u32>(),
            wasmtime: any_text(),
        }),
        strategy!(Reply::Attached {
            session: any_session(),
            key: any::<[u8; 16]>().prop_map(ResumeKey),
            writer: any::<u16>().prop_map(WriterId),
            taken: any::<u64>(),
            calls: any::<u64>(),
            bytes: any::<u64>(),
            lease_ms: any::<u64>(),
        }),
        strategy!(Reply::Refused { failure: any_failure() }),
        strategy!(Reply::Ack { taken: any::<u64>(), calls: any::<u64>(), bytes: any::<u64>() }),
        strategy!(Reply::Value { seq: any_seq(), content: any_content(), value: any_payload() }),
        strategy!(Reply::Failed { seq: any_seq(), failure: any_failure() }),
        strategy!(Reply::Waited { seq: any_seq(), states: vec(state.clone(), 0..40) }),
        strategy!(Reply::Uploaded {
            seq: any_seq(),
            module: any::<u32>(),
            name: any_text(),
            hash: any_hash(),
            replaced: any::<bool>(),
            manifest: any_payload(),
        }),
        strategy!(Reply::Wanted { seq: any_seq() }),
        strategy!(Reply::Described { seq: any_seq(), body: any_payload() }),
        strategy!(Reply::Done { seq: any_seq() }),
        strategy!(Reply::Log { of: any_ref(), level: level.clone(), text: any_text() }),
        strategy!(Reply::Chunk { transfer: any_seq(), offset: any::<u64>(), bytes: any_bytes() }),
        strategy!(Reply::Credit { transfer: any_seq(), until: any::<u64>() }),
    ]
}
