//! What is asked of references: values, parts, descriptions.

use std::sync::Arc;

use farside_protocol::outline::{self, ModuleOutline, SessionOutline};
use farside_protocol::value::Kind;
use farside_protocol::value::path::Path;
use farside_protocol::{ContentType, ErrorCode, Failure, RefId, Reply, Seq, Subject};
use serde::Serialize;

use super::refs::{Entry, EntryState, Origin, Waiter};
use super::slot::SlotState;
use super::state::{Asker, State};
use super::step::Step;
use super::value::Value;
use crate::failures;
use crate::meter::Meter;

impl State {
    pub(super) fn take_get(
        &mut self,
        asker: &Asker,
        seq: Seq,
        of: RefId,
        path: Option<&str>,
        steps: &mut Vec<Step>,
    ) {
        let path = match path.map(parse_path).transpose() {
            Ok(path) => path,
            Err(failure) => return asker.outbox.send(Reply::Failed { seq, failure }),
        };
        if let Some(Entry { state: EntryState::Ready(value), .. }) = self.refs.visible(of)
            && value.is_object()
        {
            let value = value.clone();
            if let Some(failure) = self.unmaterializable(of, &value) {
                return asker.outbox.send(Reply::Failed { seq, failure });
            }
        }
        let Some(entry) = self.refs.visible(of) else {
            let failure = self.absence(of);
            return asker.outbox.send(Reply::Failed { seq, failure });
        };
        match (&entry.state, path) {
            (EntryState::Pending, path) => match self.questions.admit(1) {
                Ok(()) => entry.waiters.push(Waiter::Get { asker: asker.clone(), seq, path }),
                Err(failure) => asker.outbox.send(Reply::Failed { seq, failure }),
            },
            (EntryState::Ready(value), None) => asker.outbox.send_value(seq, value.clone()),
            (EntryState::Ready(value), Some(path)) => {
                let value = value.clone();
                steps.push(self.answer_part(asker.clone(), seq, value, path));
            }
            (EntryState::Failed(failure), _) => {
                asker.outbox.send_failure(seq, failure);
                entry.asked = true;
            }
        }
    }

    /// The step that answers with a part of a value.
    pub(super) fn answer_part(&mut self, asker: Asker, seq: Seq, value: Value, path: Path) -> Step {
        self.parts_sought += 1;
        Step::Answer { asker, seq, value, path }
    }

    pub(super) fn take_select(
        &mut self,
        asker: &Asker,
        seq: Seq,
        of: RefId,
        path: &str,
        steps: &mut Vec<Step>,
    ) {
        let into = RefId::new(asker.writer, seq);
        let parsed = self.refs.has_room().and_then(|()| parse_path(path));
        let parsed = match (parsed, self.refs.visible(of).is_some()) {
            (Ok(parsed), true) => parsed,
            (Err(failure), _) => return self.refuse(into, "select", failure),
            (_, false) => {
                let failure = self.absence(of);
                return self.refuse(into, "select", failure);
            }
        };
        self.refs.insert(into, Origin::Select { of, path: path.to_owned() });
        let Some(whole) = self.refs.get_mut(of) else { return };
        match &whole.state {
            EntryState::Pending => whole.waiters.push(Waiter::Select { into, path: parsed }),
            EntryState::Ready(value) => {
                steps.push(Step::Select { into, of: value.clone(), path: parsed });
            }
            EntryState::Failed(failure) => {
                let message = format!("{of}, of which {into} is a part, failed");
                let failure = Failure::new(failure.code, message).with_cause(Arc::clone(failure));
                self.settle(into, Err(failure));
            }
        }
    }

    /// A part was found, or not.
    pub(super) fn selected(
        &mut self,
        into: RefId,
        result: Result<Value, Failure>,
        steps: &mut Vec<Step>,
    ) {
        let result = result.and_then(|value| self.refs.charge(value.len()).map(|()| value));
        self.keep(into, result, steps);
        self.work_off(steps);
    }

    pub(super) fn take_describe(&mut self, asker: &Asker, seq: Seq, subject: &Subject) {
        let name = |slot: u32, function: u32| self.full_name(slot, function);
        match subject {
            Subject::Session => self.describe(asker, seq, &self.outline()),
            Subject::Refs => self.describe(asker, seq, &self.refs.outlines(name)),
            Subject::Ref(id) => match self.refs.get(*id).filter(|entry| entry.released.is_none()) {
                Some(entry) => self.describe(asker, seq, &entry.outline(*id, name)),
                None => {
                    let failure = self.absence(*id);
                    asker.outbox.send(Reply::Failed { seq, failure });
                }
            },
        }
    }

    fn describe<T: Serialize>(&self, asker: &Asker, seq: Seq, outline: &T) {
        match description(outline, Kind::Map, &self.memory) {
            Ok(body) => asker.outbox.send_description(seq, body),
            Err(failure) => asker.outbox.send(Reply::Failed { seq, failure }),
        }
    }

    fn full_name(&self, slot: u32, function: u32) -> String {
        match self.slots.get(slot as usize) {
            Some(slot) => {
                format!("{}.{}", slot.name, slot.function_name(function).unwrap_or("?"))
            }
            None => "?".to_owned(),
        }
    }

    fn outline(&self) -> SessionOutline {
        let mut modules: Vec<ModuleOutline> = self
            .names
            .iter()
            .filter_map(|(name, number)| {
                let slot = self.slots.get(*number as usize)?;
                let module = slot.module()?;
                let (instance, poison) = match &slot.state {
                    SlotState::Empty => ("none", None),
                    SlotState::Idle(_) | SlotState::Busy(_) | SlotState::Aside => ("live", None),
                    SlotState::Poisoned { first, .. } => ("poisoned", Some(first.to_string())),
                };
                Some(ModuleOutline {
                    number: *number,
                    name: name.to_string(),
                    hash: module.hash(),
                    instance: instance.to_owned(),
                    poison,
                    metered: module.is_metered(),
                    manifest: module.manifest().clone(),
                })
            })
            .collect();
        modules.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        SessionOutline {
            session: self.id,
            modules,
            refs: self.refs.len() as u64,
            kept_bytes: self.refs.kept_bytes(),
            memory_bytes: self.budget.memory() as u64,
            instances: self.budget.instances(),
            cpu_us: u64::try_from(self.cpu.used().as_micros()).unwrap_or(u64::MAX),
            pending_calls: self.pending_calls,
            connections: self.attached.len() as u64,
            lease_ms: self.lease_ms,
        }
    }
}

/// A description as a value, which counts as memory until it is sent.
pub(crate) fn description<T: Serialize>(
    outline: &T,
    kind: Kind,
    memory: &Arc<Meter>,
) -> Result<Value, Failure> {
    let body = outline::encode(outline)
        .map_err(|error| Failure::new(ErrorCode::Internal, error.to_string()))?;
    let charge = memory.charge(body.len() as u64).map_err(|full| failures::of_memory(&full))?;
    Ok(Value::new(ContentType::MSGPACK, kind, charge.hold(body)))
}

pub(super) fn parse_path(text: &str) -> Result<Path, Failure> {
    text.parse().map_err(|error: farside_protocol::value::path::PathError| {
        Failure::new(ErrorCode::InvalidArgument, error.to_string())
            .with_hint("a path looks like rows[10:20].name, [\"odd key\"], [-1] or [3, 1:5]")
    })
}
