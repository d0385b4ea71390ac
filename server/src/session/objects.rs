//! Objects: results that stay in the instance of the evaluator that gave them.
//!
//! The reference holds what the evaluator said of it. It can be an argument of calls of
//! the same instance, and breaks with that. When it goes, the evaluator is told with its
//! next call.

use std::sync::Arc;

use farside_protocol::value::{Kind, OBJECT, Object};
use farside_protocol::{ErrorCode, Failure, RefId};

use super::refs::{Entry, EntryState, Origin};
use super::state::State;
use super::step::Place;
use super::value::{Body, Value};

/// An object whose reference went.
pub(super) struct Dropped {
    pub(super) slot: u32,
    pub(super) of: RefId,
    pub(super) object: u64,
}

impl Value {
    /// What it says of an object, if it is one.
    pub(super) fn object(&self) -> Option<Object<'_>> {
        match &self.body {
            Body::Memory(bytes) if self.is_object() => Object::read(bytes),
            _ => None,
        }
    }

    pub(super) fn is_object(&self) -> bool {
        self.kind == Kind::Extension(OBJECT) && self.content.is_msgpack()
    }
}

impl State {
    /// A call gave an object: it stays where it is, for as long as its reference does.
    pub(super) fn admit_object(
        &mut self,
        of: RefId,
        place: Place,
        value: &Value,
    ) -> Result<(), Failure> {
        let Place::Slot(number) = place else {
            let message = "the result is an object, which ends with the store of a fresh call";
            return Err(Failure::new(ErrorCode::NotMaterializable, message)
                .with_hint("call it without `fresh`"));
        };
        let is_wanted = self.refs.get(of).is_some_and(|entry| !entry.is_for_one());
        let slot = &mut self.slots[number as usize];
        let Some(object) = value.object().filter(|_| slot.evaluates) else {
            let message = format!("{} gives an object, which is for evaluators", slot.name);
            return Err(Failure::new(ErrorCode::NotMaterializable, message));
        };
        if is_wanted {
            slot.objects.insert(of);
            return Ok(());
        }
        slot.dropped.push(object.id);
        let language = Arc::clone(&slot.name);
        Err(stays(&language, object))
    }

    /// What is said of a value that can't leave the server.
    pub(super) fn unmaterializable(&self, of: RefId, value: &Value) -> Option<Failure> {
        let object = value.object()?;
        let Some(Origin::Call { module, .. }) = self.refs.get(of).map(|entry| &entry.origin) else {
            return None;
        };
        Some(stays(&self.slots.get(*module as usize)?.name, object))
    }

    /// Refuses an object as an argument where it does not live.
    pub(super) fn check_home(
        &self,
        argument: RefId,
        value: &Value,
        place: Place,
    ) -> Result<(), Failure> {
        if !value.is_object() {
            return Ok(());
        }
        let home = match self.refs.get(argument).map(|entry| &entry.origin) {
            Some(Origin::Call { module, .. }) => *module,
            _ => return Ok(()),
        };
        if place == Place::Slot(home) {
            return Ok(());
        }
        let name = &self.slots[home as usize].name;
        let message = format!("argument {argument} is an object of {name}, which can't leave it");
        Err(Failure::new(ErrorCode::NotMaterializable, message)
            .with_hint("have plain data made of it there, and pass that"))
    }

    /// The instance of a slot is gone, and what lived in it.
    pub(super) fn break_objects(&mut self, number: u32, failure: impl Fn(&str) -> Failure) {
        self.settle_dropped();
        let slot = &mut self.slots[number as usize];
        slot.dropped = Vec::new();
        let (broken, name) = (std::mem::take(&mut slot.objects), Arc::clone(&slot.name));
        if broken.is_empty() {
            return;
        }
        let failure = Arc::new(failure(&name).clipped());
        for id in broken {
            self.refs.lose(id, Arc::clone(&failure));
        }
    }

    /// References that went: their objects go, too.
    pub(super) fn settle_dropped(&mut self) {
        for Dropped { slot, of, object } in self.refs.take_dropped() {
            let slot = &mut self.slots[slot as usize];
            if slot.objects.remove(&of) {
                slot.dropped.push(object);
            }
        }
    }

    /// The objects that the evaluator of a running call need not keep any more.
    pub(super) fn released_objects(&mut self, caller: RefId) -> Vec<u64> {
        self.settle_dropped();
        match self.refs.get(caller).map(|entry| &entry.origin) {
            Some(Origin::Call { module, fresh: false, .. }) => {
                std::mem::take(&mut self.slots[*module as usize].dropped)
            }
            _ => Vec::new(),
        }
    }
}

impl Entry {
    /// The object that it refers to, if it does.
    pub(super) fn dropped(&self, of: RefId) -> Option<Dropped> {
        match (&self.state, &self.origin) {
            (EntryState::Ready(value), Origin::Call { module, .. }) => {
                let object = value.object()?.id;
                Some(Dropped { slot: *module, of, object })
            }
            _ => None,
        }
    }
}

fn stays(language: &str, object: Object<'_>) -> Failure {
    let Object { kind, text, .. } = object;
    let shown = if text.is_empty() { String::new() } else { format!(" `{text}`") };
    let message = format!("the value is an object of {language}, and stays there: {kind}{shown}");
    Failure::new(ErrorCode::NotMaterializable, message).with_hint(
        "invoke it, take an attribute or an item of it, or pass its reference to an evaluation (`farside eval --far` gives it)",
    )
}

/// What is said of the objects of an instance that somebody has ended.
pub(super) fn ended(name: &str) -> Failure {
    let message = format!("it was an object of {name}, whose instance has ended");
    Failure::new(ErrorCode::Gone, message).with_hint("evaluate again what gave it")
}
