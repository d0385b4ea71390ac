//! The state of one session and how messages change it. All of it is synchronous:
//! each change pushes the [`Step`]s that follow from it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use farside_protocol::{ErrorCode, Failure, RefId, Reply, Request, Seq, SessionId, WriterId, caps};

use super::ids::ById;
use super::nested::Own;
use super::questions::Questions;
use super::refs::{Entry, EntryState, Origin, Refs, Waiter};
use super::releases::Releases;
use super::slot::{Call, Occupant, Slot};
use super::step::{Alarm, Step};
use super::value::Value;
use super::writer::{Window, Writer};
use crate::auth::Owner;
use crate::config::Config;
use crate::connection::Outbox;
use crate::cpu::CpuAccount;
use crate::evaluators::Evaluators;
use crate::meter::Meter;
use crate::sandbox::{Budget, CodeId, Profile};

/// Who asks, and where the answer goes.
#[derive(Clone)]
pub(crate) struct Asker {
    pub(crate) writer: WriterId,
    pub(crate) outbox: Arc<Outbox>,
}

/// A session's modules, references, calls and writers.
pub(super) struct State {
    pub(super) id: SessionId,
    pub(super) lease_ms: u64,
    pub(super) owner: Arc<Owner>,
    pub(super) config: Arc<Config>,
    pub(super) evaluators: Arc<Evaluators>,
    pub(super) budget: Arc<Budget>,
    pub(super) cpu: Arc<CpuAccount>,
    /// Memory of the owner's sessions.
    pub(super) memory: Arc<Meter>,
    pub(super) refs: Refs,
    pub(super) releases: Releases,
    pub(super) slots: Vec<Slot>,
    /// The slot that each name stands for now.
    pub(super) names: HashMap<Arc<str>, u32>,
    pub(super) fresh: Fresh,
    pub(super) questions: Questions,
    pub(super) writers: ById<WriterId, Writer>,
    pub(super) attached: ById<WriterId, Arc<Outbox>>,
    pub(super) pending_calls: u64,
    pub(super) pending_bytes: u64,
    /// Everything that a settled reference woke, until it is worked off: chains
    /// of dependent references are as long as a client likes, so no recursion.
    pub(super) woken: VecDeque<Woken>,
    /// Answers that wait until a part of a value is found.
    pub(super) parts_sought: u64,
    /// Why nothing new is taken any more.
    pub(super) retired: Option<Failure>,
    pub(super) closed: Option<Failure>,
    pub(super) own: Own,
    next_writer: u16,
}

/// Calls in stores of their own.
#[derive(Default)]
pub(super) struct Fresh {
    /// Taken and waiting for arguments.
    pub(super) waiting: ById<RefId, (u32, Call)>,
    /// Ready, and waiting for one of the session's instances to end.
    pub(super) ready: VecDeque<RefId>,
    pub(super) running: ById<RefId, Occupant>,
}

/// What goes on because a reference settled.
pub(super) enum Woken {
    Slot(u32),
    Fresh(RefId),
    Broken { into: RefId, cause: Failure },
    Then(Step),
}

impl State {
    pub(super) fn new(
        id: SessionId,
        owner: Arc<Owner>,
        config: Arc<Config>,
        evaluators: Arc<Evaluators>,
        budget: Arc<Budget>,
        cpu: Arc<CpuAccount>,
    ) -> State {
        let memory = Arc::clone(owner.memory());
        let kept_bytes = config.limits.session_kept_bytes.bytes();
        let (kept, counted) = (owner.kept().count(0), memory.count(0));
        let refs = Refs::new(config.limits.session_refs, kept_bytes, kept, counted);
        let questions = Questions::new(config.limits.session_refs);
        State {
            id,
            lease_ms: 0,
            owner,
            config,
            evaluators,
            budget,
            cpu,
            memory,
            refs,
            releases: Releases::default(),
            slots: Vec::new(),
            names: HashMap::new(),
            fresh: Fresh::default(),
            questions,
            writers: ById::default(),
            attached: ById::default(),
            pending_calls: 0,
            pending_bytes: 0,
            woken: VecDeque::new(),
            parts_sought: 0,
            retired: None,
            closed: None,
            own: Own::default(),
            next_writer: 1,
        }
    }

    /// Makes a new writer, heard through `outbox`.
    pub(super) fn attach(&mut self, outbox: Arc<Outbox>) -> Result<WriterId, Failure> {
        if let Some(failure) = self.closed.as_ref().or(self.retired.as_ref()) {
            return Err(failure.clone());
        }
        let writer = WriterId(self.next_writer);
        self.next_writer = self.next_writer.checked_add(1).ok_or_else(|| {
            let message = "the session has had 65,534 writers, as many as it can number";
            Failure::new(ErrorCode::QuotaExceeded, message)
                .with_hint("open a new session (on the command line: farside session new)")
        })?;
        let window = Window {
            calls: self.config.limits.session_pending_calls as u64,
            bytes: self.config.limits.session_pending_bytes.bytes(),
        };
        self.writers.insert(writer, Writer::new(window));
        self.attached.insert(writer, outbox);
        Ok(writer)
    }

    /// A connection ended: nobody hears this writer's answers any more, and what
    /// it was sending stays unfinished.
    pub(super) fn detach(&mut self, writer: WriterId, steps: &mut Vec<Step>) {
        self.attached.remove(&writer);
        self.give_up_questions(writer);
        self.slots.iter_mut().for_each(|slot| slot.forget_asker(writer));
        let open: Vec<Seq> = match self.writers.get(&writer) {
            Some(writer) => writer.incoming.keys().copied().collect(),
            None => Vec::new(),
        };
        for seq in open {
            let why = "the connection was lost while its bytes were on their way";
            self.abort_transfer(writer, seq, why, steps);
        }
        self.work_off(steps);
    }

    /// The totals of a new writer, for the reply to its attaching.
    pub(super) fn totals(&self, writer: WriterId) -> (u64, u64) {
        self.writers.get(&writer).map_or((0, 0), Writer::totals)
    }

    /// Takes one message.
    ///
    /// # Errors
    /// When the client broke the protocol: the connection is to be closed.
    pub(super) fn take(
        &mut self,
        asker: &Asker,
        request: Request,
        now: Instant,
        steps: &mut Vec<Step>,
    ) -> Result<(), Failure> {
        if let Some(failure) = &self.closed {
            return Err(failure.clone());
        }
        if let Some(seq) = request.seq()
            && !self.is_next(asker, seq)?
        {
            return Ok(());
        }
        let makes_reference =
            matches!(request, Request::Call { .. } | Request::Put { .. } | Request::Select { .. });
        if makes_reference && self.refs.is_flooded() {
            let message = "the session has twice as many references as it may, failures included";
            return Err(Failure::new(ErrorCode::QuotaExceeded, message)
                .with_hint("release references that are not needed any more, failed ones too"));
        }
        match request {
            Request::Call { seq, target, flags, timeout_ms, args } => {
                let timeout = timeout_ms.map(caps::duration_from_ms);
                self.take_call(asker, seq, target, flags, timeout, args, now, steps)?;
            }
            Request::Put { seq, content, value } => {
                self.take_put(asker, seq, content, value, steps);
            }
            Request::Select { seq, of, path } => self.take_select(asker, seq, of, &path, steps),
            Request::Get { seq, of, path } => {
                self.take_get(asker, seq, of, path.as_deref(), steps);
            }
            Request::Wait { seq, refs, count, timeout_ms } => {
                let deadline = timeout_ms.map(|ms| now + caps::duration_from_ms(ms));
                self.take_wait(asker, seq, refs, count, deadline, steps);
            }
            Request::Cancel { of } => self.take_cancel(asker, of, steps)?,
            Request::Release { refs, .. } => self.release(&refs),
            Request::Upload { seq, name, hash, size, metered } => {
                let code = CodeId { hash, profile: Profile::counting(metered) };
                self.take_upload(asker, seq, name, code, size, steps);
            }
            Request::Describe { seq, subject } => self.take_describe(asker, seq, &subject),
            Request::Renew { seq, module } => self.take_renew(asker, seq, &module, steps),
            Request::Chunk { transfer, offset, bytes } => {
                self.take_chunk(asker, transfer, offset, &bytes, steps)?;
            }
            Request::Credit { transfer, until } => asker.outbox.grant(transfer, until),
            Request::Abort { transfer } => {
                asker.outbox.abort(transfer);
                let why = "the client gave up sending it";
                self.abort_transfer(asker.writer, transfer, why, steps);
            }
            Request::Sessions { .. }
            | Request::CloseSession { .. }
            | Request::Hello { .. }
            | Request::Attach { .. } => {
                let message = format!("{} has no place here", request.name());
                return Err(Failure::new(ErrorCode::BadRequest, message));
            }
        }
        self.work_off(steps);
        Ok(())
    }

    /// Whether a numbered message is the next one; a repeated one is passed over.
    pub(super) fn is_next(&mut self, asker: &Asker, seq: Seq) -> Result<bool, Failure> {
        let Some(writer) = self.writers.get_mut(&asker.writer) else {
            return Err(Failure::new(ErrorCode::Internal, "the writer is not known"));
        };
        if seq.get() <= writer.taken {
            return Ok(false);
        }
        if seq.get() != writer.taken + 1 {
            let message = format!("message {} came after message {}", seq.get(), writer.taken);
            return Err(Failure::new(ErrorCode::BadRequest, message)
                .with_hint("each message takes the next number of its writer"));
        }
        writer.taken = seq.get();
        Ok(true)
    }

    /// Why a reference that is not in the table is not there.
    pub(super) fn absence(&self, id: RefId) -> Failure {
        match self.writers.get(&id.writer()) {
            Some(writer) if id.counter() > writer.taken => unmade(id),
            Some(_) => Failure::new(ErrorCode::Gone, format!("{id} is gone, or never was"))
                .with_hint("a released reference's value is lost: make it again"),
            None => {
                Failure::new(ErrorCode::NotFound, format!("{id} names nothing in this session"))
                    .with_hint("references belong to the session that made them")
            }
        }
    }

    /// Whether something new may be taken.
    ///
    /// # Errors
    /// Why not, once the server has retired.
    pub(super) fn admits(&self) -> Result<(), Failure> {
        self.retired.clone().map_or(Ok(()), Err)
    }

    /// Makes a reference that is broken from the start: of what is said in words.
    pub(super) fn refuse(&mut self, id: RefId, what: &'static str, failure: Failure) {
        self.refs.insert(id, Origin::Refused(what));
        self.settle(id, Err(failure));
    }

    /// A reference gets its value or its failure, and all that waits for it is
    /// woken. A value's bytes have been charged already; those of a failure are
    /// charged here.
    pub(super) fn settle(&mut self, id: RefId, result: Result<Value, Failure>) {
        let result = result.map_err(|failure| Arc::new(self.refs.admit(failure)));
        let pending = |entry: &&mut Entry| matches!(entry.state, EntryState::Pending);
        let Some(entry) = self.refs.get_mut(id).filter(pending) else {
            // Released, or cancelled, while the value came.
            return self.refs.let_go(&result);
        };
        if entry.is_for_one() {
            return self.pass_on(id, result);
        }
        let waiters = std::mem::take(&mut entry.waiters);
        entry.asked = waiters.iter().any(|waiter| matches!(waiter, Waiter::Get { .. }));
        entry.state = match &result {
            Ok(value) => EntryState::Ready(value.clone()),
            Err(failure) => EntryState::Failed(Arc::clone(failure)),
        };
        for waiter in waiters {
            self.wake(id, waiter, &result);
        }
        self.refs.sweep(id);
    }

    /// Gives a result to the one `get` that it is for; nothing is kept.
    fn pass_on(&mut self, id: RefId, result: Result<Value, Arc<Failure>>) {
        self.refs.let_go(&result);
        let waiters = self.refs.forget(id).map(|entry| entry.waiters);
        match waiters.and_then(|mut one| one.pop()) {
            Some(Waiter::Get { asker, seq, .. }) => {
                self.questions.end(1);
                match result {
                    Ok(value) => asker.outbox.send_value(seq, value),
                    Err(failure) => asker.outbox.send_failure(seq, &failure),
                }
            }
            Some(Waiter::Caller { of, told }) => self.tell_caller(of, told, result),
            _ => {}
        }
    }

    fn wake(&mut self, id: RefId, waiter: Waiter, result: &Result<Value, Arc<Failure>>) {
        match waiter {
            Waiter::Slot(slot) => self.woken.push_back(Woken::Slot(slot)),
            Waiter::Fresh(call) => self.woken.push_back(Woken::Fresh(call)),
            Waiter::Wait(wait) => self.count_settled(wait),
            Waiter::Get { asker, seq, path } => {
                self.questions.end(1);
                match (result, path) {
                    (Ok(value), _) if value.is_object() => {
                        if let Some(failure) = self.unmaterializable(id, value) {
                            asker.outbox.send(Reply::Failed { seq, failure });
                        }
                    }
                    (Ok(value), None) => asker.outbox.send_value(seq, value.clone()),
                    (Ok(value), Some(path)) => {
                        let step = self.answer_part(asker, seq, value.clone(), path);
                        self.woken.push_back(Woken::Then(step));
                    }
                    (Err(failure), _) => {
                        asker.outbox.send_failure(seq, failure);
                    }
                }
            }
            Waiter::Caller { of, told } => self.tell_caller(of, told, result.clone()),
            Waiter::Select { into, path } => self.woken.push_back(match result {
                Ok(value) => Woken::Then(Step::Select { into, of: value.clone(), path }),
                Err(failure) => {
                    let message = format!("{id}, of which {into} is a part, failed");
                    let cause = Failure::new(failure.code, message).with_cause(Arc::clone(failure));
                    Woken::Broken { into, cause }
                }
            }),
        }
    }

    /// Works off what settled references woke.
    pub(super) fn work_off(&mut self, steps: &mut Vec<Step>) {
        self.work_off_woken(steps);
        self.settle_dropped();
    }

    fn work_off_woken(&mut self, steps: &mut Vec<Step>) {
        while let Some(woken) = self.woken.pop_front() {
            match woken {
                Woken::Slot(slot) => self.advance(slot, steps),
                Woken::Fresh(call) => self.advance_fresh(call, steps),
                Woken::Broken { into, cause } => self.settle(into, Err(cause)),
                Woken::Then(step) => steps.push(step),
            }
        }
    }

    pub(super) fn alarm(&mut self, alarm: Alarm, steps: &mut Vec<Step>) {
        match alarm {
            Alarm::Wait(wait) => self.answer_wait(wait),
            Alarm::Call(id) => self.expire_call(id, steps),
        }
        self.work_off(steps);
    }

    /// Ends the session. Running calls are stopped; what they held is given back
    /// to be freed.
    pub(super) fn close(&mut self, failure: Failure, steps: &mut Vec<Step>) {
        if self.closed.is_some() {
            return;
        }
        self.closed = Some(failure.clone());
        for running in self.fresh.running.values() {
            running.stop.request(failure.clone());
        }
        for slot in &mut self.slots {
            slot.close(&failure, steps);
        }
        self.names.clear();
        self.fresh.waiting.clear();
        self.fresh.ready.clear();
        self.questions = Questions::new(0);
        self.refs = Refs::new(0, 0, self.owner.kept().count(0), self.memory.count(0));
        self.releases = Releases::default();
        self.writers.values_mut().for_each(|writer| writer.incoming.clear());
        for (_, outbox) in self.attached.drain() {
            outbox.refuse(failure.clone());
        }
    }
}

/// What is said of a reference that comes later than the message that names it.
pub(super) fn unmade(id: RefId) -> Failure {
    Failure::new(ErrorCode::BadRequest, format!("{id} is not made yet"))
        .with_hint("a message may name only references made before it")
}
