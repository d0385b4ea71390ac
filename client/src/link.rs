//! What a connection's driver and its callers share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use farside_protocol::{Failure, RefId, Request, Seq, Transport};
use futures_util::task::AtomicWaker;
use tokio::sync::{Notify, broadcast};

use crate::ask::{Answer, Ask};
use crate::disconnected::Disconnected;
use crate::driver::Driver;
use crate::logs::{self, LogLine};
use crate::outbox::Outbox;
use crate::transfer::Outgoing;
use crate::wire::{Wire, WireCounts};

/// The keys of the questions that a connection begins with: no message has these numbers.
pub(crate) const GREETING: u64 = 0;
pub(crate) const ATTACHING: u64 = u64::MAX;

/// Where an answer arrives.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    pub(crate) answer: Option<Answer>,
    pub(crate) waker: Option<Waker>,
    /// The module that is sent when the server wants it.
    pub(crate) upload: Option<Box<Outgoing>>,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) outbox: Outbox,
    pub(crate) slots: HashMap<u64, Slot>,
    /// Questions given up since the driver last looked.
    pub(crate) forgotten: Vec<Seq>,
    pub(crate) wire: Wire,
    /// The driver's timer is running, so it will look at the outbox by itself.
    pub(crate) lingering: bool,
    /// The last handle is gone: what is queued is sent, then the link ends.
    pub(crate) closing: bool,
    pub(crate) lost: Option<Arc<Disconnected>>,
    pub(crate) logs: Option<broadcast::Sender<LogLine>>,
}

/// The shared half of a connection; the other half is its [`Driver`].
#[derive(Debug)]
pub(crate) struct Link {
    /// A std mutex: it is held for a few table operations, never across an await.
    state: Mutex<State>,
    driver: AtomicWaker,
    /// Told when there may be more room in the queue, or less in transfer.
    room: Notify,
}

/// The handle that keeps a connection open. When it is dropped, the driver sends
/// what is queued and closes the transport.
#[derive(Debug)]
pub(crate) struct Connection {
    link: Arc<Link>,
}

impl Connection {
    /// Spawns the driver of a transport.
    pub(crate) fn start(transport: impl Transport, queue_bytes: usize) -> Connection {
        let state = State {
            outbox: Outbox::new(queue_bytes),
            slots: HashMap::new(),
            forgotten: Vec::new(),
            wire: Wire::default(),
            lingering: false,
            closing: false,
            lost: None,
            logs: Some(logs::channel()),
        };
        let link = Arc::new(Link {
            state: Mutex::new(state),
            driver: AtomicWaker::new(),
            room: Notify::new(),
        });
        tokio::spawn(Driver::new(Arc::clone(&link), transport).run());
        Connection { link }
    }
}

impl std::ops::Deref for Connection {
    type Target = Link;

    fn deref(&self) -> &Link {
        &self.link
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.link.close();
    }
}

impl Link {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn register_driver(&self, waker: &Waker) {
        self.driver.register(waker);
    }

    /// Says who connects.
    pub(crate) fn greet(&self, hello: &Request) -> Ask<'_> {
        self.handshake(hello, GREETING)
    }

    /// Says which session it is for; not before the greeting, but maybe before its answer.
    pub(crate) fn join(&self, attach: &Request) -> Ask<'_> {
        self.handshake(attach, ATTACHING)
    }

    fn handshake(&self, request: &Request, key: u64) -> Ask<'_> {
        let mut state = self.state();
        state.outbox.push_handshake(request);
        state.slots.insert(key, Slot::default());
        self.wake(state);
        Ask::new(self, key)
    }

    /// Sends a message that makes a reference, and gives its number. Nobody waits
    /// for it yet, so it may linger until somebody does.
    ///
    /// # Errors
    /// When the queue is full, or the arguments are more than it may ever send.
    pub(crate) fn refer(
        &self,
        argument_bytes: u64,
        body: Option<Bytes>,
        make: impl FnOnce(Seq) -> Request,
    ) -> Result<Seq, Failure> {
        let mut state = self.state();
        state.outbox.check_room(argument_bytes, body.is_some())?;
        let seq = state.outbox.push(make, body);
        if state.outbox.is_due() || !state.lingering {
            self.wake(state);
        }
        Ok(seq)
    }

    /// Sends a call and asks for its value, in one message.
    ///
    /// # Errors
    /// As [`Link::refer`].
    pub(crate) fn call(
        &self,
        argument_bytes: u64,
        body: Option<Bytes>,
        make: impl FnOnce(Seq) -> Request,
    ) -> Result<Ask<'_>, Failure> {
        let mut state = self.state();
        state.outbox.check_room(argument_bytes, body.is_some())?;
        let seq = state.outbox.ask(make, body);
        Ok(self.expect(state, seq, Slot::default()))
    }

    /// Asks the server something.
    pub(crate) fn ask(&self, make: impl FnOnce(Seq) -> Request) -> Ask<'_> {
        let mut state = self.state();
        let seq = state.outbox.ask(make, None);
        self.expect(state, seq, Slot::default())
    }

    /// Offers a module; `outgoing` makes the transfer that is sent if it is wanted. If
    /// that makes none, the upload ends then.
    pub(crate) fn upload(
        &self,
        make: impl FnOnce(Seq) -> Request,
        outgoing: impl FnOnce(Seq) -> Option<Outgoing>,
    ) -> Ask<'_> {
        let mut state = self.state();
        let seq = state.outbox.ask(make, None);
        let upload = outgoing(seq).map(Box::new);
        self.expect(state, seq, Slot { upload, ..Slot::default() })
    }

    fn expect<'a>(&'a self, mut state: MutexGuard<'_, State>, seq: Seq, slot: Slot) -> Ask<'a> {
        state.slots.insert(seq.get(), slot);
        self.wake(state);
        Ask::new(self, seq.get())
    }

    /// Cancels a call, at once; one of this writer has a number.
    pub(crate) fn cancel(&self, of: RefId, own: Option<Seq>) {
        let mut state = self.state();
        state.outbox.cancel(of, own);
        self.wake(state);
    }

    /// Gives up references, before the next question or a little later.
    pub(crate) fn release(&self, refs: &[RefId]) {
        let mut state = self.state();
        state.outbox.release(refs);
        if !state.lingering {
            self.wake(state);
        }
    }

    /// Begins the numbering and credit of a writer.
    pub(crate) fn attach(&self, next: Seq, calls: u64, bytes: u64) {
        self.state().outbox.attach(next, calls, bytes);
    }

    pub(crate) fn poll_answer(
        &self,
        key: u64,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Answer, Arc<Disconnected>>> {
        let mut state = self.state();
        let State { slots, lost, .. } = &mut *state;
        let Some(slot) = slots.get_mut(&key) else { return Poll::Pending };
        let answer = match (slot.answer.take(), lost) {
            (Some(answer), _) => Ok(answer),
            (None, Some(lost)) => Err(Arc::clone(lost)),
            (None, None) => {
                match &mut slot.waker {
                    Some(waker) => waker.clone_from(cx.waker()),
                    none => *none = Some(cx.waker().clone()),
                }
                return Poll::Pending;
            }
        };
        slots.remove(&key);
        Poll::Ready(answer)
    }

    /// Nobody waits for this answer any more.
    pub(crate) fn forget(&self, key: u64) {
        let mut state = self.state();
        let slot = state.slots.remove(&key);
        // With an answer in its slot nothing is under way, and after the link is
        // lost nobody would look.
        if let (Some(Slot { answer: None, .. }), Some(seq), None) =
            (slot, Seq::new(key), &state.lost)
        {
            state.forgotten.push(seq);
            self.wake(state);
        }
    }

    /// Waits until a call made now would be sent at once.
    pub(crate) async fn ready(&self) -> Result<(), Arc<Disconnected>> {
        self.until(Outbox::is_ready).await
    }

    /// Waits until all bytes of all transfers are on their way.
    pub(crate) async fn transferred(&self) -> Result<(), Arc<Disconnected>> {
        self.until(Outbox::has_transferred).await
    }

    async fn until(&self, met: impl Fn(&Outbox) -> bool) -> Result<(), Arc<Disconnected>> {
        loop {
            let room = self.room.notified();
            {
                let mut state = self.state();
                if let Some(lost) = &state.lost {
                    return Err(Arc::clone(lost));
                }
                if met(&state.outbox) {
                    return Ok(());
                }
                state.outbox.flush();
                self.wake(state);
            }
            room.await;
        }
    }

    pub(crate) fn notify_room(&self) {
        self.room.notify_waiters();
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.state().lost.is_some()
    }

    pub(crate) fn wire(&self) -> WireCounts {
        self.state().wire.counts
    }

    pub(crate) fn subscribe(&self) -> Option<broadcast::Receiver<LogLine>> {
        self.state().logs.as_ref().map(broadcast::Sender::subscribe)
    }

    /// Ends the link once what is queued is sent.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.closing = true;
        state.outbox.flush();
        self.wake(state);
    }

    /// The link is of no use any more: everything that waits ends with this.
    pub(crate) fn lose(&self, reason: Disconnected) {
        let mut state = self.state();
        state.lost.get_or_insert_with(|| Arc::new(reason));
        state.outbox.close();
        state.logs = None;
        let wakers: Vec<Waker> =
            state.slots.values_mut().filter_map(|slot| slot.waker.take()).collect();
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        self.room.notify_waiters();
    }

    /// Wakes the driver, after the lock is let go.
    fn wake(&self, state: MutexGuard<'_, State>) {
        drop(state);
        self.driver.wake();
    }
}
