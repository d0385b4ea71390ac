//! Who runs a call that does not finish at once: guest threads of their own,
//! fair between owners, and between the sessions of each.
//!
//! A guest gives up its thread at a tick of the epoch, and goes back into the queue;
//! or where it waits for a call of its own, and is parked until that has ended. Each
//! owner with work has one place in the round, however many sessions and calls it has, and
//! so has each session in its owner's.

use std::future::Future;
use std::panic::{self, AssertUnwindSafe};
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use farside_protocol::{ErrorCode, Failure};
use tokio::sync::Notify;

use super::ending::Ending;
use super::engine::{TICK, Ticker};
use super::fault::Fault;
use super::instance::{FIRST_TICKS, Finished};
use super::parking::Place;
use super::rounds::{Lane, Rounds};
use crate::cpu::CpuAccount;

/// A call's future.
pub(crate) type GuestFuture = Pin<Box<dyn Future<Output = Finished> + Send>>;

/// How long a call may go on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// When it is stopped.
    pub(crate) deadline: Instant,
    /// What it was allowed, for the error's text.
    pub(crate) time: Duration,
    /// CPU time that it may use.
    pub(crate) cpu: Duration,
}

/// Whose CPU time a call uses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Payer<'a> {
    pub(crate) account: &'a Arc<CpuAccount>,
    /// Whether its first tick lies in that of its caller, which is charged as a whole.
    pub(crate) is_within_caller: bool,
}

/// Asks a call to stop, be it before it runs or while it does.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stop {
    shared: Arc<StopShared>,
}

#[derive(Debug, Default)]
struct StopShared {
    failure: OnceLock<Failure>,
    /// Of those who prepare the call.
    told: Notify,
    /// Once the guest was entered.
    ending: Ending,
    /// Of the call where it is parked.
    parked: OnceLock<Waker>,
}

impl Stop {
    /// The call ends with this failure at its next tick; the first request counts.
    pub(crate) fn request(&self, failure: Failure) {
        let _ = self.shared.failure.set(failure);
        self.shared.told.notify_waiters();
        if let Some(parked) = self.shared.parked.get() {
            parked.wake_by_ref();
        }
    }

    /// Whom to wake on a request.
    fn wakes(&self, parked: Waker) {
        let _ = self.shared.parked.set(parked);
    }

    /// What it shall end with, if it shall.
    pub(crate) fn requested(&self) -> Option<Failure> {
        self.shared.failure.get().cloned()
    }

    /// How the guest is brought to its end, once it runs.
    pub(super) fn ending(&self) -> &Ending {
        &self.shared.ending
    }

    /// Waits until it shall stop.
    pub(crate) async fn wait(&self) -> Failure {
        loop {
            let told = self.shared.told.notified();
            if let Some(failure) = self.requested() {
                return failure;
            }
            told.await;
        }
    }
}

/// A call that runs, or is about to.
pub(crate) struct Running {
    future: GuestFuture,
    bounds: Bounds,
    cpu_used: Duration,
    account: Arc<CpuAccount>,
    stop: Stop,
    /// Whether the guest may have been entered.
    begun: bool,
}

impl Running {
    /// Lets a new call run for at most one tick on the caller's thread, from now on.
    pub(crate) fn begin(
        mut future: GuestFuture,
        stop: Stop,
        bounds: Bounds,
        started: Instant,
        payer: Payer<'_>,
        ticker: &Ticker,
    ) -> Begun {
        ticker.guest_runs();
        // Where the executor takes it on, it is polled once more.
        let finished = match poll_guarded(&mut future, Waker::noop()) {
            Poll::Ready(finished) if payer.is_within_caller => {
                return Begun::Finished { finished, is_long: false };
            }
            Poll::Ready(finished) => Some(finished),
            Poll::Pending => None,
        };
        // The thread's own clock would take a system call for each small call.
        let now = Instant::now();
        let elapsed = now.saturating_duration_since(started);
        if !payer.is_within_caller {
            payer.account.charge(elapsed, now);
        }
        match finished {
            // One instruction on much memory takes as long as it takes.
            Some(finished) => Begun::Finished { finished, is_long: elapsed >= FIRST_TICKS * TICK },
            None => {
                // While it ran, others may have had the processor for most of the time.
                let cpu_used = elapsed.clamp(TICK, FIRST_TICKS * TICK);
                let account = Arc::clone(payer.account);
                Begun::GoesOn(Running { future, bounds, cpu_used, account, stop, begun: true })
            }
        }
    }

    /// A call that the executor shall begin.
    pub(crate) fn unbegun(
        future: GuestFuture,
        stop: Stop,
        bounds: Bounds,
        account: Arc<CpuAccount>,
    ) -> Running {
        Running { future, bounds, cpu_used: Duration::ZERO, account, stop, begun: false }
    }

    /// Runs for one tick.
    fn advance(&mut self, ticker: &Ticker, waker: &Waker) -> Poll<Finished> {
        if let Some(failure) = self.over() {
            if !self.begun {
                // The call's future looks at this before it enters the guest.
                self.stop.request(failure);
            } else if !self.stop.ending().press(&failure, self.cpu_used, Instant::now()) {
                return Poll::Ready(Finished::of(Fault::poisoning(failure)));
            }
        }
        self.begun = true;
        let before = thread_cpu_time();
        ticker.guest_runs();
        let polled = poll_guarded(&mut self.future, waker);
        let used = thread_cpu_time().saturating_sub(before);
        self.cpu_used += used;
        self.account.charge(used, Instant::now());
        polled
    }

    /// Why the call must not go on, if it must not.
    fn over(&self) -> Option<Failure> {
        if let Some(failure) = self.stop.requested() {
            return Some(failure);
        }
        let now = Instant::now();
        if now >= self.bounds.deadline {
            let message =
                format!("the call was stopped: it did not finish within {:?}", self.bounds.time);
            return Some(Failure::new(ErrorCode::DeadlineExceeded, message).with_hint(
                "look for an endless loop, ask for a longer timeout, or raise limits.call_deadline on the server",
            ));
        }
        if self.cpu_used >= self.bounds.cpu {
            let message =
                format!("the call was stopped: it used {:?} of CPU time", self.bounds.cpu);
            return Some(
                Failure::new(ErrorCode::CpuLimit, message)
                    .with_hint("do less in one call, or raise limits.call_cpu on the server"),
            );
        }
        let used_up = self.account.is_used_up(now)?;
        let message = format!("the call was stopped: {}", used_up.message);
        Some(Failure { message, ..used_up })
    }
}

/// Polls a call; a panic of the host under it ends the call and not the thread.
fn poll_guarded(future: &mut GuestFuture, waker: &Waker) -> Poll<Finished> {
    let poll = || future.as_mut().poll(&mut Context::from_waker(waker));
    // After a panic the future is only dropped.
    panic::catch_unwind(AssertUnwindSafe(poll)).unwrap_or_else(|_| {
        let failure = Failure::new(ErrorCode::Internal, "the server failed while it ran the call");
        Poll::Ready(Finished::of(Fault::poisoning(failure)))
    })
}

/// What became of a call in its first tick.
pub(crate) enum Begun {
    Finished {
        finished: Finished,
        /// Whether it took longer than a call should on a connection's thread.
        is_long: bool,
    },
    GoesOn(Running),
}

/// CPU time that this thread has used.
#[cfg(unix)]
pub(super) fn thread_cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Without a CPU clock for threads, time on the thread counts.
#[cfg(not(unix))]
pub(super) fn thread_cpu_time() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

/// The guest threads.
pub(crate) struct Executor {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

pub(super) struct Shared {
    /// Held only to push and pop.
    queue: Mutex<Queue>,
    wake: Condvar,
    ticker: Arc<Ticker>,
}

#[derive(Default)]
struct Queue {
    rounds: Rounds<Task>,
    stopping: bool,
}

pub(super) struct Task {
    running: Running,
    end: Box<dyn FnOnce(Finished, Duration) + Send>,
    /// Where it is parked while it waits.
    place: Arc<Place>,
}

impl Executor {
    pub(super) fn start(threads: usize, ticker: Arc<Ticker>) -> std::io::Result<Executor> {
        let queue = Mutex::default();
        let shared = Arc::new(Shared { queue, wake: Condvar::new(), ticker });
        let threads = (0..threads.max(1))
            .map(|number| {
                let shared = Arc::clone(&shared);
                thread::Builder::new()
                    .name(format!("farside-guest-{number}"))
                    .spawn(move || shared.run())
            })
            .collect::<Result<_, _>>()?;
        Ok(Executor { shared, threads })
    }

    /// Runs a call to its end, then calls `end`, on a guest thread, with how it
    /// ended and the CPU time that it used.
    pub(crate) fn run(
        &self,
        lane: Lane,
        running: Running,
        end: impl FnOnce(Finished, Duration) + Send + 'static,
    ) {
        let place = Arc::new(Place::new(&self.shared, lane));
        running.stop.wakes(Waker::from(Arc::clone(&place)));
        let task = Task { running, end: Box::new(end), place };
        self.shared.push(lane, task);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a task have a turn.
    pub(super) fn push(&self, lane: Lane, task: Task) {
        self.lock().rounds.push(lane, task);
        self.wake.notify_one();
    }

    fn run(&self) {
        let mut queue = self.lock();
        while !queue.stopping {
            let Some((lane, mut task)) = queue.rounds.pop() else {
                queue = self.wake.wait(queue).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            drop(queue);
            let place = Arc::clone(&task.place);
            let waker = place.leave();
            match task.running.advance(&self.ticker, &waker) {
                Poll::Ready(finished) => {
                    let Task { running, end, .. } = task;
                    // A stopped guest is unwound and its memory freed before
                    // anyone is told, so that the session's budget is right.
                    let cpu_used = running.cpu_used;
                    drop(running);
                    end(finished, cpu_used);
                    queue = self.lock();
                }
                Poll::Pending => {
                    let ready = place.park(task);
                    queue = self.lock();
                    if let Some(task) = ready {
                        queue.rounds.push(lane, task);
                    }
                }
            }
        }
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        self.shared.lock().stopping = true;
        self.shared.wake.notify_all();
        for thread in self.threads.drain(..) {
            // A guest thread runs guests, whose traps are no panics, and `end`.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::CpuRate;

    const HOUR: Duration = Duration::from_secs(3600);

    fn account(most: Duration) -> Arc<CpuAccount> {
        Arc::new(CpuAccount::new(most, CpuRate::new(HOUR, Instant::now())))
    }

    fn bounds() -> Bounds {
        Bounds { deadline: Instant::now() + HOUR, time: HOUR, cpu: HOUR }
    }

    fn finished() -> Finished {
        Finished::of(Fault::poisoning(Failure::new(ErrorCode::Trap, "its end")))
    }

    /// A call that takes so long at first and ends after as many polls.
    fn call(first: Duration, polls: usize) -> GuestFuture {
        let mut left = polls;
        Box::pin(std::future::poll_fn(move |_| {
            let entered = Instant::now();
            while left == polls && entered.elapsed() < first {
                std::hint::spin_loop();
            }
            left -= 1;
            if left == 0 { Poll::Ready(finished()) } else { Poll::Pending }
        }))
    }

    #[tokio::test]
    async fn a_first_tick_counts_as_no_more_than_it_can_have_been() {
        let ticker = Ticker::start(vec![wasmtime::Engine::default()]).unwrap();
        // Others have the processor for much longer than the guest may.
        let future = call(20 * TICK, 2);
        let payer = Payer { account: &account(HOUR), is_within_caller: false };
        match Running::begin(future, Stop::default(), bounds(), Instant::now(), payer, &ticker) {
            Begun::GoesOn(running) => assert_eq!(running.cpu_used, FIRST_TICKS * TICK),
            Begun::Finished { .. } => panic!("it goes on"),
        }
    }

    #[tokio::test]
    async fn who_waits_for_a_stop_hears_of_the_first() {
        let stop = Stop::default();
        let waits = tokio::spawn({
            let stop = stop.clone();
            async move { stop.wait().await }
        });
        tokio::task::yield_now().await;
        stop.request(Failure::new(ErrorCode::Cancelled, "first"));
        stop.request(Failure::new(ErrorCode::Cancelled, "second"));
        assert_eq!(waits.await.unwrap().message, "first");
        assert_eq!(stop.wait().await.message, "first");
    }
}
