//! What a session's state holds, message by message.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use farside_protocol::value::{FarArg, Kind, scan};
use farside_protocol::{CallFlags, ContentType, ModuleHash, Payload, RefId, Request, Seq, Target};
use serde::Serialize;
use tempfile::TempDir;

use super::refs::ENTRY_BYTES;
use super::slot::{SlotState, Standing};
use super::step::{Job, Place};
use super::{Asker, Body, Opening, Patience, Session, Value};
use crate::config::{ByteSize, Config, Limits, ProcessMemory};
use crate::connection::Outbox;
use crate::sandbox::{CodeId, Profile, Stop};
use crate::server::Server;
use crate::storage::StorageUrl;

/// A writer of a session in a small server.
struct Fixture {
    server: Server,
    session: Arc<Session>,
    asker: Asker,
    next: Seq,
    _data: TempDir,
}

const MODULE: &str = r#"(module
    (func (export "same") (param i32) (result i32) (local.get 0))
    (func (export "trap") (unreachable)))"#;

impl Fixture {
    async fn new(limits: Limits) -> Fixture {
        Fixture::stored_in(StorageUrl::File { folder: None }, limits).await
    }

    async fn stored_in(storage: StorageUrl, limits: Limits) -> Fixture {
        let data = tempfile::tempdir().unwrap();
        let limits = Limits { instances: 10, ..limits };
        let config = Config { data: data.path().to_owned(), storage, limits, ..Config::default() };
        let server = Server::start(config).await.unwrap();
        let core = server.core();
        let owner = core.owners.admit(server.token(), SystemTime::now()).unwrap().owner;
        let Opening::Now(session) = core.sessions.open(core, &owner, None).unwrap() else {
            panic!("there is a place")
        };
        let outbox = Arc::new(Outbox::new(core.runtime.clone()));
        let (asker, _) = session.attach(&outbox, None).unwrap();
        let bytes = Bytes::from_static(MODULE.as_bytes());
        let id = CodeId { hash: ModuleHash::of(&bytes), profile: Profile::counting(false) };
        let module = core.new_module(&owner, id, bytes).await.unwrap();
        session.state().install(&asker, Seq::FIRST, "m", module, &mut Vec::new());
        Fixture { server, session, asker, next: Seq::FIRST, _data: data }
    }

    fn send(&mut self, make: impl FnOnce(Seq) -> Request) -> RefId {
        let seq = self.next;
        let request = make(seq);
        if request.seq().is_some() {
            self.next = seq.next();
        }
        let now = Instant::now();
        let patience = &mut Patience::one_tick(now);
        self.session.handle(&self.asker, request, now, patience).unwrap();
        RefId::new(self.asker.writer, seq)
    }

    fn put_later(&mut self) -> RefId {
        let content = ContentType::MSGPACK;
        let value = Payload::Transfer { size: 1 };
        self.send(|seq| Request::Put { seq, content, value })
    }

    fn call(&mut self, fresh: bool, args: &impl Serialize) -> RefId {
        let args = Payload::Inline(rmp_serde::to_vec(args).unwrap().into());
        let flags = CallFlags { fresh, ..CallFlags::default() };
        let target = Target::Name("m.same".to_owned());
        self.send(|seq| Request::Call { seq, target, flags, timeout_ms: None, args })
    }

    fn cancel(&mut self, of: RefId) {
        self.send(|_| Request::Cancel { of });
    }

    fn waiters(&self, id: RefId) -> usize {
        self.session.state().refs.get(id).unwrap().waiters.len()
    }

    fn used(&self) -> u64 {
        self.server.core().memory.used()
    }
}

#[tokio::test]
async fn who_waits_for_a_reference_stands_there_once() {
    let mut fixture = Fixture::new(Limits::default()).await;
    let late = fixture.put_later();
    let mut calls: Vec<RefId> = (0..20).map(|_| fixture.call(false, &(FarArg(late),))).collect();
    assert_eq!(fixture.waiters(late), 1, "the queue's head, however many stand behind it");
    calls.extend((0..20).map(|_| fixture.call(true, &(FarArg(late),))));
    assert_eq!(fixture.waiters(late), 21);
    let path = "[0]";
    calls.push(fixture.send(|seq| Request::Select { seq, of: late, path: path.to_owned() }));
    assert_eq!(fixture.waiters(late), 22);
    for call in calls {
        fixture.cancel(call);
    }
    assert_eq!(fixture.waiters(late), 0, "and with its cancelling it goes");
    assert_eq!(fixture.session.state().pending_calls, 0);
}

#[tokio::test]
async fn renewals_that_wait_are_bounded_and_hold_no_connection() {
    let limits = Limits { session_refs: 5, ..Limits::default() };
    let mut fixture = Fixture::new(limits).await;
    let late = fixture.put_later();
    // The renewals are another writer's.
    let others = Arc::new(Outbox::new(fixture.server.core().runtime.clone()));
    let (asker, _) = fixture.session.attach(&others, None).unwrap();
    let outbox = Arc::downgrade(&others);
    drop(others);
    let first = std::mem::replace(&mut fixture.asker, asker);
    fixture.next = Seq::FIRST;
    fixture.call(false, &(FarArg(late),));
    for _ in 0..10 {
        fixture.send(|seq| Request::Renew { seq, module: "m".to_owned() });
    }
    let queued = |fixture: &Fixture| fixture.session.state().slots[0].queue.len();
    assert_eq!(queued(&fixture), 1 + 5);
    let second = std::mem::replace(&mut fixture.asker, first);
    fixture.session.detach(second.writer);
    drop(second);
    assert_eq!(queued(&fixture), 1 + 5, "what was asked for is still done");
    assert!(outbox.upgrade().is_none(), "but nobody is kept for hearing of it");
    fixture.cancel(late);
    assert_eq!(queued(&fixture), 0);
    let state = fixture.session.state();
    assert!(matches!(state.slots[0].state, SlotState::Empty));
}

#[tokio::test]
async fn what_is_cancelled_while_it_comes_is_charged_no_more() {
    let mut fixture = Fixture::new(Limits::default()).await;
    let before = fixture.used();
    let put = fixture.put_later();
    let args = Payload::Transfer { size: 1000 };
    let target = Target::Name("m.same".to_owned());
    let flags = CallFlags::default();
    let call = fixture.send(|seq| Request::Call { seq, target, flags, timeout_ms: None, args });
    assert_eq!(fixture.session.state().refs.kept_bytes(), 1001);
    fixture.cancel(put);
    fixture.cancel(call);
    let refs = vec![put, call];
    fixture.send(|seq| Request::Release { seq, refs });
    assert_eq!(fixture.session.state().refs.kept_bytes(), 0);
    assert_eq!(fixture.used(), before);
}

#[tokio::test]
async fn references_count_as_memory() {
    let memory = ProcessMemory::Size(ByteSize::mib(64));
    let limits = Limits { process_memory: memory, ..Limits::default() };
    let mut fixture = Fixture::new(limits).await;
    let before = fixture.used();
    let late = fixture.put_later();
    let path = "x".repeat(1000);
    let select = fixture.send(|seq| Request::Select { seq, of: late, path });
    assert_eq!(fixture.used() - before, 1 + 2 * ENTRY_BYTES + 1000);
    let refs = vec![select];
    fixture.cancel(select);
    fixture.send(|seq| Request::Release { seq, refs });
    assert_eq!(fixture.used() - before, 1 + ENTRY_BYTES);

    // With the memory full, none is made.
    let full = fixture.server.core().memory.count(64 << 20);
    let refused = fixture.call(false, &(1,));
    let state = fixture.session.state();
    match &state.refs.get(refused).unwrap().state {
        super::refs::EntryState::Failed(failure) => {
            assert!(failure.message.starts_with("the server's memory is full"), "{failure}");
        }
        _ => panic!("it was made"),
    }
    drop((state, full));
    let call = fixture.call(false, &(1,));
    assert!(!matches!(
        fixture.session.state().refs.get(call).unwrap().state,
        super::refs::EntryState::Failed(_)
    ));
}

#[tokio::test]
async fn a_stored_argument_counts_once() {
    const LEN: usize = 1 << 20;
    for (storage, copies) in [(StorageUrl::Memory, 1), (StorageUrl::File { folder: None }, 2)] {
        let fixture = Fixture::stored_in(storage, Limits::default()).await;
        let core = Arc::clone(fixture.server.core());
        let before = fixture.used();
        let bytes = core.memory.charge(LEN as u64).unwrap().hold(vec![0; LEN]);
        let body = Body::Stored(core.values.write(bytes.clone()).await.unwrap());
        let value = Value { content: ContentType::MSGPACK, kind: Kind::Bytes, body };
        let id = RefId::from_bits(1);
        let args = rmp_serde::to_vec(&(FarArg(id),)).unwrap();
        let site = scan(&args).unwrap().refs[0];
        let module = fixture.session.state().slots[0].module().map(Arc::clone).unwrap();
        let mut job = Job {
            standing: Standing::outermost(id, fixture.session.state().refs.now()),
            of: id,
            place: Place::Fresh,
            slot: 0,
            each: None,
            module,
            function: 0,
            instance: None,
            arguments: args.into(),
            inputs: vec![(site, value)],
            deadline: None,
            stop: Stop::default(),
            bytes: 0,
        };
        let ground = fixture.session.prepared(&mut job).await;
        assert!(ground.is_ok());
        assert!(matches!(job.inputs[0].1.body, Body::Memory(_)));
        assert_eq!(fixture.used() - before, copies * LEN as u64);
        drop(bytes);
    }
}
