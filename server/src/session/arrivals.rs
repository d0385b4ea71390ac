//! What came in whole: values, arguments and modules are checked, and compiled, with the
//! session's lock let go meanwhile.

use std::sync::Arc;

use bytes::Bytes;
use farside_protocol::{Failure, RefId, Reply, Seq};

use super::Session;
use super::arguments::{CheckedArguments, check_form};
use super::calls;
use super::drive::Patience;
use super::series;
use super::state::Asker;
use super::step::Step;
use super::transfers::check_value;
use super::writer::{Arrived, Purpose};
use crate::sandbox::CodeId;

impl Session {
    pub(super) fn find_module(
        self: &Arc<Self>,
        asker: Asker,
        seq: Seq,
        name: String,
        code: CodeId,
        size: u64,
    ) -> Vec<Step> {
        let mut steps = Vec::new();
        // What others have sent is not known to this owner.
        if !self.core.modules.was_shown(self.owner().name(), code.hash) {
            self.state().want_module(&asker, seq, name, code, size, &mut steps);
            return steps;
        }
        if let Some(module) = self.core.sandbox.catalog.live(code) {
            self.state().install(&asker, seq, &name, module, &mut steps);
            return steps;
        }
        let session = Arc::clone(self);
        self.core.runtime.spawn(async move {
            let core = Arc::clone(&session.core);
            let mut steps = Vec::new();
            match core.known_module(session.owner(), code).await {
                Some(Ok(module)) => {
                    session.state().install(&asker, seq, &name, module, &mut steps);
                }
                Some(Err(failure)) => asker.outbox.send(Reply::Failed { seq, failure }),
                None => session.state().want_module(&asker, seq, name, code, size, &mut steps),
            }
            session.drive(steps, &mut Patience::none());
        });
        steps
    }

    /// Checks what a transfer brought: a value, arguments, or a module.
    pub(super) fn take_arrived(self: &Arc<Self>, asker: Asker, arrived: Arrived) {
        let session = Arc::clone(self);
        let Arrived { seq, bytes, purpose } = arrived;
        let size = bytes.len() as u64;
        let id = RefId::new(asker.writer, seq);
        match purpose {
            Purpose::Value(content) => {
                self.core.runtime.spawn_blocking(move || {
                    let value = check_value(content, bytes, &session.config);
                    let mut steps = Vec::new();
                    session.state().value_arrived(id, size, value, &mut steps);
                    session.drive(steps, &mut Patience::none());
                });
            }
            Purpose::Arguments(taken) => {
                self.core.runtime.spawn_blocking(move || {
                    let checked = session.check_arrived(id, bytes);
                    let mut steps = Vec::new();
                    let mut state = session.state();
                    state.arrived(size);
                    state.arguments_arrived(id, taken, checked, &mut steps);
                    drop(state);
                    session.drive(steps, &mut Patience::none());
                });
            }
            Purpose::Module { name, code } => {
                self.core.runtime.spawn(async move {
                    let made = session.core.new_module(session.owner(), code, bytes).await;
                    if made.is_ok() {
                        session.core.modules.note_shown(session.owner().name(), code.hash).await;
                    }
                    let mut steps = Vec::new();
                    let mut state = session.state();
                    state.arrived(size);
                    match made {
                        Ok(module) => state.install(&asker, seq, &name, module, &mut steps),
                        Err(failure) => asker.outbox.send(Reply::Failed { seq, failure }),
                    }
                    drop(state);
                    session.drive(steps, &mut Patience::none());
                });
            }
        }
    }

    /// Checks a call's large arguments, with the session's lock let go meanwhile.
    fn check_arrived(&self, id: RefId, bytes: Bytes) -> Result<CheckedArguments, Failure> {
        let (of, depth) = (self.state().called(id), self.config.limits.value_depth);
        match of {
            Some((_, _, Some(how))) => series::check_form(how, bytes, depth),
            Some((module, function, None)) => check_form(&module, function, bytes, depth),
            None => Err(calls::cancelled()),
        }
    }
}
