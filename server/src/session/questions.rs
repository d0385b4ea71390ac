//! Questions that are not answered yet: `get`s of values that are still to come, and
//! `wait`s. What bounds them is how many references they name in all.

use std::time::Instant;

use farside_protocol::{ErrorCode, Failure, RefId, RefState, Reply, Seq, WriterId};
use tokio_util::sync::DropGuard;

use super::ids::ById;
use super::refs::{EntryState, Waiter};
use super::state::{Asker, State};
use super::step::{Alarm, Step};

/// A session's unanswered questions. Each `get` stands with the reference that it
/// waits for.
pub(super) struct Questions {
    waits: ById<u64, Wait>,
    next_wait: u64,
    /// References that all of them name, counted each time.
    named: usize,
    most: usize,
}

/// A `wait` that is not answered yet.
struct Wait {
    asker: Asker,
    seq: Seq,
    refs: Vec<RefId>,
    /// References that must still settle.
    missing: u32,
    _alarm: Option<DropGuard>,
}

impl Questions {
    pub(super) fn new(most: usize) -> Questions {
        Questions { waits: ById::default(), next_wait: 0, named: 0, most }
    }

    /// Counts a question that names so many references.
    ///
    /// # Errors
    /// When there are too many already.
    pub(super) fn admit(&mut self, names: usize) -> Result<(), Failure> {
        if self.named + names > self.most {
            let message = format!(
                "the session's unanswered questions name {} references; {} are allowed",
                self.named, self.most
            );
            return Err(Failure::new(ErrorCode::QuotaExceeded, message).with_hint(
                "await answers before asking more, or raise limits.session_refs on the server",
            ));
        }
        self.named += names;
        Ok(())
    }

    /// Counts a question that a call has brought along; calls are bounded already.
    pub(super) fn add(&mut self) {
        self.named += 1;
    }

    /// Questions that named so many references are answered, or given up.
    pub(super) fn end(&mut self, names: usize) {
        self.named = self.named.saturating_sub(names);
    }
}

impl State {
    pub(super) fn take_wait(
        &mut self,
        asker: &Asker,
        seq: Seq,
        refs: Vec<RefId>,
        count: u32,
        deadline: Option<Instant>,
        steps: &mut Vec<Step>,
    ) {
        let pending = |id: &&RefId| self.refs.state(**id) == RefState::Pending;
        let settled = refs.len() - refs.iter().filter(pending).count();
        let missing = (count as usize).min(refs.len()).saturating_sub(settled) as u32;
        if missing == 0 {
            return self.tell_states(asker, seq, &refs);
        }
        if let Err(failure) = self.questions.admit(refs.len()) {
            return asker.outbox.send(Reply::Failed { seq, failure });
        }
        let number = self.questions.next_wait;
        self.questions.next_wait += 1;
        for id in &refs {
            if let Some(entry) = self.refs.visible(*id)
                && matches!(entry.state, EntryState::Pending)
            {
                entry.waiters.push(Waiter::Wait(number));
            }
        }
        let alarm = deadline.map(|at| Step::alarm(at, Alarm::Wait(number), steps));
        let wait = Wait { asker: asker.clone(), seq, refs, missing, _alarm: alarm };
        self.questions.waits.insert(number, wait);
    }

    /// One of a wait's references settled. The entry's state is set already.
    pub(super) fn count_settled(&mut self, number: u64) {
        let Some(wait) = self.questions.waits.get_mut(&number) else { return };
        wait.missing = wait.missing.saturating_sub(1);
        if wait.missing == 0 {
            self.answer_wait(number);
        }
    }

    /// Answers a wait with what is settled by now, unless it was answered.
    pub(super) fn answer_wait(&mut self, number: u64) {
        if let Some(Wait { asker, seq, refs, .. }) = self.end_wait(number) {
            self.tell_states(&asker, seq, &refs);
        }
    }

    fn tell_states(&self, asker: &Asker, seq: Seq, refs: &[RefId]) {
        let states = refs.iter().map(|id| self.refs.state(*id)).collect();
        asker.outbox.send(Reply::Waited { seq, states });
    }

    fn end_wait(&mut self, number: u64) -> Option<Wait> {
        let wait = self.questions.waits.remove(&number)?;
        self.questions.end(wait.refs.len());
        for id in &wait.refs {
            if let Some(entry) = self.refs.get_mut(*id) {
                entry
                    .waiters
                    .retain(|waiter| !matches!(waiter, Waiter::Wait(other) if *other == number));
            }
        }
        Some(wait)
    }

    /// Nobody hears the answers to a writer's questions any more.
    pub(super) fn give_up_questions(&mut self, writer: WriterId) {
        let waits = self.questions.waits.iter();
        let own = waits.filter(|(_, wait)| wait.asker.writer == writer);
        for number in own.map(|(number, _)| *number).collect::<Vec<_>>() {
            self.end_wait(number);
        }
        let gets = self.refs.give_up_gets(writer);
        self.questions.end(gets);
    }
}
