//! Carries out what a session's state decided: runs calls, finds parts of
//! values, moves large ones to storage.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use bytes::Bytes;
use farside_protocol::value::{Path, RefSite};
use farside_protocol::{ErrorCode, Failure, RefId, Reply, Seq};
use tokio_util::sync::CancellationToken;

use super::Session;
use super::calls::{self, Ended};
use super::nested::Callee;
use super::series::Series;
use super::state::Asker;
use super::step::{Alarm, Job, Place, Step};
use super::value::{Body, Value};
use crate::failures;
use crate::sandbox::{
    Arguments, Begun, Bounds, CallLog, Caller, Finished, Ground, HostCalls, Invocation, Payer,
    Permit, Running, TICK, run,
};
use crate::storage::StorageUrl;

/// How much longer a thread may run calls itself before it hands them to the
/// executor, so that a connection's reader gets back to its socket.
pub(crate) struct Patience {
    until: Option<Instant>,
    /// The one call that it is for, if it is for one.
    only: Option<RefId>,
}

impl Patience {
    /// For one tick from now.
    pub(crate) fn one_tick(now: Instant) -> Patience {
        Patience { until: Some(now + TICK), only: None }
    }

    /// For one tick from now, with one call only.
    pub(super) fn with_call(call: RefId, now: Instant) -> Patience {
        Patience { until: Some(now + TICK), only: Some(call) }
    }

    /// Not at all.
    pub(crate) fn none() -> Patience {
        Patience { until: None, only: None }
    }

    /// Whether a thread that had some has none left.
    pub(crate) fn is_over(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() >= until)
    }

    /// Whether it is that of a call whose guest made another one.
    fn is_callers(&self) -> bool {
        self.only.is_some()
    }

    fn lasts(&self, call: RefId, now: Instant) -> bool {
        self.until.is_some_and(|until| now < until) && self.only.is_none_or(|only| only == call)
    }
}

impl Session {
    pub(super) fn drive(self: &Arc<Self>, steps: Vec<Step>, patience: &mut Patience) {
        let mut steps = VecDeque::from(steps);
        while let Some(step) = steps.pop_front() {
            match step {
                Step::Run(job) => steps.extend(self.run(job, patience)),
                Step::Answer { asker, seq, value, path } => self.answer(asker, seq, value, path),
                Step::Select { into, of, path } => self.select(into, of, path),
                Step::Spill { of, bytes } => self.spill(of, bytes),
                Step::FindModule { asker, seq, name, code, size } => {
                    steps.extend(self.find_module(asker, seq, name, code, size));
                }
                Step::Take { asker, arrived } => self.take_arrived(asker, arrived),
                Step::Alarm { at, alarm, off } => self.set_alarm(at, alarm, off),
                Step::Free(instance) => drop(instance),
            }
        }
    }

    fn run(self: &Arc<Self>, mut job: Job, patience: &mut Patience) -> Vec<Step> {
        let in_memory = job.inputs.iter().all(|(_, value)| matches!(value.body, Body::Memory(_)));
        if in_memory && job.each.is_some() {
            return self.start_series(job);
        }
        let ground = match (in_memory, job.instance.take()) {
            (true, Some(instance)) => Ground::Instance(instance),
            (true, None) => match self.ground_now(&job) {
                Some(ground) => ground,
                None => {
                    self.prepare(job);
                    return Vec::new();
                }
            },
            (false, instance) => {
                job.instance = instance;
                self.prepare(job);
                return Vec::new();
            }
        };
        self.start(job, ground, patience)
    }

    fn new_ground(&self, job: &Job, permit: Permit) -> Ground {
        let budget = Arc::clone(&self.budget);
        let fresh = job.place == Place::Fresh;
        Ground::New { module: Arc::clone(&job.module), budget, permit, fresh }
    }

    /// What a call without an instance enters, if that is to be had at once.
    fn ground_now(&self, job: &Job) -> Option<Ground> {
        let sandbox = &self.core.sandbox;
        if job.place == Place::Fresh
            && let Some(instance) = sandbox.stock.take(self.lane, &job.module)
        {
            return Some(Ground::Instance(instance));
        }
        sandbox.try_place(&job.module, self.owner()).map(|permit| self.new_ground(job, permit))
    }

    /// Gets what a call still needs, then has the executor run it.
    fn prepare(self: &Arc<Self>, mut job: Job) {
        let session = Arc::clone(self);
        self.core.runtime.spawn(async move {
            let (stop, deadline) = (job.stop.clone(), job.deadline);
            let late = async {
                match deadline {
                    Some((at, _)) => tokio::time::sleep_until(at.into()).await,
                    None => std::future::pending().await,
                }
            };
            let prepared = tokio::select! {
                biased;
                failure = stop.wait() => Err(failure),
                () = late => Err(calls::late()),
                prepared = session.prepared(&mut job) => prepared,
            };
            let steps = match prepared {
                Ok(None) => session.start_series(job),
                Ok(Some(ground)) => session.start(job, ground, &mut Patience::none()),
                Err(failure) => {
                    let finished = Finished::unbegun(job.instance.take(), failure);
                    session.finish(job.ended(), finished)
                }
            };
            session.drive(steps, &mut Patience::none());
        });
    }

    /// What a call enters, once its inputs are in memory; none for a function for each
    /// item.
    pub(super) async fn prepared(&self, job: &mut Job) -> Result<Option<Ground>, Failure> {
        for (_, value) in &mut job.inputs {
            if let Body::Stored(stored) = &value.body {
                // What storage has in memory is counted there.
                let copied = match self.core.config.storage {
                    StorageUrl::Memory => 0,
                    StorageUrl::File { .. } => stored.len(),
                };
                let charge = self.memory().charge(copied);
                let charge = charge.map_err(|error| failures::of_memory(&error))?;
                let bytes = stored.read(0..stored.len()).await;
                let bytes = bytes.map_err(|error| failures::of_storage(&error))?;
                value.body = Body::Memory(charge.hold(bytes));
            }
        }
        if job.each.is_some() {
            return Ok(None);
        }
        if let Some(instance) = job.instance.take() {
            return Ok(Some(Ground::Instance(instance)));
        }
        if let Some(ground) = self.ground_now(job) {
            return Ok(Some(ground));
        }
        let wait = self.core.config.limits.instance_wait;
        let permit = self.core.sandbox.places.take(&job.module, self.owner());
        match tokio::time::timeout(wait, permit).await {
            Ok(permit) => Ok(Some(self.new_ground(job, permit?))),
            Err(_) => {
                let message = format!("the server is full: no instance came free within {wait:?}");
                Err(Failure::new(ErrorCode::Unavailable, message)
                    .with_hint(self.core.sandbox.capacity.hint()))
            }
        }
    }

    /// Has the executor go over the items of a call.
    fn start_series(self: &Arc<Self>, job: Job) -> Vec<Step> {
        let Some(how) = job.each else { return Vec::new() };
        let now = Instant::now();
        let (ended, bounds, stop) = (job.ended(), self.bounds(&job, now), job.stop.clone());
        if let Some(failure) = self.cpu.is_used_up(now) {
            return self.finish(ended, Finished::unbegun(None, failure));
        }
        let callee = Callee::Known(job.slot, job.function);
        let arguments = spliced(job.arguments, job.inputs);
        let charge = self.memory().charge(arguments.len() as u64);
        let arguments = match charge {
            Ok(charge) => charge.hold(arguments.to_vec()),
            Err(full) => {
                return self.finish(ended, Finished::unbegun(None, failures::of_memory(&full)));
            }
        };
        let (of, deadline) = (job.of, bounds.deadline);
        let series = Series { of, how, callee, deadline, stop: stop.clone(), arguments };
        let future = Box::pin(series.run(Arc::clone(self)));
        let session = Arc::clone(self);
        let running = Running::unbegun(future, stop, bounds, Arc::clone(&self.cpu));
        self.core.sandbox.executor.run(self.lane, running, move |finished, _| {
            let steps = session.finish(ended, finished);
            session.drive(steps, &mut Patience::none());
        });
        Vec::new()
    }

    fn bounds(&self, job: &Job, now: Instant) -> Bounds {
        let limits = &self.config.limits;
        let own = (now + limits.call_deadline, limits.call_deadline);
        let (deadline, time) = job.deadline.map_or(own, |asked| asked.min(own));
        Bounds { deadline, time, cpu: limits.call_cpu }
    }

    /// Begins a call: here while patience lasts, else on the executor.
    fn start(self: &Arc<Self>, job: Job, ground: Ground, patience: &mut Patience) -> Vec<Step> {
        let now = Instant::now();
        let limits = &self.config.limits;
        let ended = job.ended();
        if let Some(failure) = self.cpu.is_used_up(now) {
            return self.refuse(ended, ground, failure);
        }
        let bounds = self.bounds(&job, now);
        let arguments = spliced(job.arguments, job.inputs);
        let invocation = Invocation {
            function: job.function,
            arguments,
            value_bytes: limits.value_bytes.bytes(),
            value_depth: limits.value_depth,
            memory: Arc::clone(self.memory()),
        };
        let stop = job.stop;
        let begins_here = patience.lasts(job.of, now) && !job.module.is_long(job.function);
        let caller = Caller::new(job.of, bounds.deadline, Arc::clone(self) as _);
        let (log, log_bytes) = (job.standing.outermost, limits.log_bytes.as_len());
        let host_calls = HostCalls::new(limits.call_host_calls, Arc::clone(&self.host_calls));
        let log = CallLog::new(log, Arc::clone(self) as _, log_bytes, host_calls);
        let log = log.of_caller(caller);
        let future = Box::pin(run(ground, stop.clone(), log, invocation));
        let payer = Payer { account: &self.cpu, is_within_caller: patience.is_callers() };
        let running = match begins_here {
            true => match self.core.sandbox.begin(future, stop, bounds, now, payer) {
                Begun::Finished { finished, is_long } => {
                    if is_long {
                        job.module.found_long(job.function, true);
                    }
                    return self.finish(ended, finished);
                }
                Begun::GoesOn(running) => {
                    job.module.found_long(job.function, true);
                    running
                }
            },
            false => Running::unbegun(future, stop, bounds, Arc::clone(&self.cpu)),
        };
        let session = Arc::clone(self);
        let (module, function) = (job.module, job.function);
        self.core.sandbox.executor.run(self.lane, running, move |finished, cpu_used| {
            module.found_long(function, cpu_used >= TICK);
            let steps = session.finish(ended, finished);
            // What is ready now has a tick of this thread, as part of the session's turn:
            // the calls of a long chain need not go round one by one.
            session.drive(steps, &mut Patience::one_tick(Instant::now()));
        });
        Vec::new()
    }

    /// Ends a call that may not begin; its instance stays as it is.
    #[cold]
    fn refuse(&self, ended: Ended, ground: Ground, failure: Failure) -> Vec<Step> {
        let instance = match ground {
            Ground::Instance(instance) => Some(instance),
            Ground::New { .. } => None,
        };
        self.finish(ended, Finished::unbegun(instance, failure))
    }

    fn finish(&self, ended: Ended, mut finished: Finished) -> Vec<Step> {
        let mut steps = Vec::new();
        if ended.place == Place::Fresh
            && let Some(instance) = finished.instance.take()
        {
            // Before anyone is told, so that the session's budget is right.
            self.core.sandbox.put_by(self.lane, instance);
        }
        let is_unkept = finished.instance.as_ref().is_some_and(|it| it.is_unkept());
        self.state().finish(ended, finished, &mut steps);
        if is_unkept {
            self.unkept.store(true, Ordering::Relaxed);
        }
        steps
    }

    fn answer(self: &Arc<Self>, asker: Asker, seq: Seq, value: Value, path: Path) {
        self.find_part(value, path, move |session, part| {
            match part {
                Ok(part) => asker.outbox.send_value(seq, part),
                Err(failure) => asker.outbox.send(Reply::Failed { seq, failure }),
            }
            session.state().parts_sought -= 1;
            Vec::new()
        });
    }

    fn select(self: &Arc<Self>, into: RefId, of: Value, path: Path) {
        self.find_part(of, path, move |session, part| session.selected(into, part));
    }

    fn selected(&self, into: RefId, part: Result<Value, Failure>) -> Vec<Step> {
        let mut steps = Vec::new();
        self.state().selected(into, part, &mut steps);
        steps
    }

    fn spill(self: &Arc<Self>, of: RefId, bytes: Bytes) {
        let session = Arc::clone(self);
        self.core.runtime.spawn(async move {
            if session.state().kept_in_memory(of).is_none() {
                return;
            }
            match session.core.values.write(bytes).await {
                Ok(stored) => session.state().spilled(of, stored),
                // The value stays in memory, where it counts against the limits.
                Err(error) => tracing::warn!(reference = %of, %error, "could not spill a value"),
            }
        });
    }

    fn set_alarm(self: &Arc<Self>, at: Instant, alarm: Alarm, off: CancellationToken) {
        if off.is_cancelled() {
            return;
        }
        let session = Arc::downgrade(self);
        self.core.runtime.spawn(async move {
            let time = tokio::time::sleep_until(at.into());
            if off.run_until_cancelled(time).await.is_some()
                && let Some(session) = session.upgrade()
            {
                let mut steps = Vec::new();
                session.state().alarm(alarm, &mut steps);
                session.drive(steps, &mut Patience::none());
            }
        });
    }
}

/// Arguments with the values in the places of references.
fn spliced(arguments: Bytes, inputs: Vec<(RefSite, Value)>) -> Arguments {
    let mut arguments = Arguments::new(arguments);
    for (site, value) in inputs {
        if let Body::Memory(bytes) = value.body {
            arguments.splice(site, bytes, value.content.is_msgpack());
        }
    }
    arguments
}

impl Job {
    fn ended(&self) -> Ended {
        Ended { of: self.of, place: self.place, bytes: self.bytes }
    }
}
