//! Names and numbers of functions and modules: what they stand for now.

use std::sync::Arc;

use farside_protocol::value::nearest;
use farside_protocol::{ErrorCode, Failure, RefId, Target};

use super::refs::{Entry, EntryState, Origin};
use super::slot::Slot;
use super::state::State;
use super::taking::EVALUATING;
use crate::auth::Permission;

impl State {
    /// The slot and function that a target names.
    pub(super) fn resolve(&mut self, target: &Target) -> Result<(u32, u32), Failure> {
        match target {
            Target::Index { module, function } => self.resolve_index(*module, *function),
            Target::Name(name) => self.resolve_name(name),
            Target::Each { function, .. } => match &**function {
                Target::Index { module, function } => self.resolve_index(*module, *function),
                Target::Name(name) => self.resolve_name(name),
                _ => Err(Failure::new(ErrorCode::NotFound, "there is no such function")),
            },
            Target::Beside { of, function } => self.resolve_beside(*of, function),
        }
    }

    fn resolve_index(&self, module: u32, function: u32) -> Result<(u32, u32), Failure> {
        let Some(slot) = self.slots.get(module as usize) else {
            let message = format!("the session has no module number {module}");
            return Err(Failure::new(ErrorCode::NotFound, message));
        };
        if slot.replaced_by.is_none() {
            return match slot.function_name(function) {
                Some(_) => Ok((module, function)),
                None => {
                    let message = format!("{} has no function number {function}", slot.name);
                    Err(Failure::new(ErrorCode::NotFound, message))
                }
            };
        }
        // An older handle: its function is looked up in the module that has the name now.
        let name = slot.function_name(function).unwrap_or("(unknown)");
        match self.names.get(&slot.name).and_then(|now| self.find_in(*now, name)) {
            Some(found) => Ok(found),
            None => {
                let message =
                    format!("{} was replaced by a module without a function {name}", slot.name);
                Err(Failure::new(ErrorCode::NotFound, message))
            }
        }
    }

    /// A function of the module whose call made a reference.
    fn resolve_beside(&mut self, of: RefId, function: &str) -> Result<(u32, u32), Failure> {
        let made_by = match self.refs.visible(of) {
            Some(Entry { origin: Origin::Call { module, .. }, .. }) => Some(*module),
            Some(Entry { state: EntryState::Failed(failure), .. }) => {
                let message = format!("{of} failed");
                return Err(Failure::new(failure.code, message).with_cause(Arc::clone(failure)));
            }
            Some(_) => None,
            None => {
                let absence = self.absence(of);
                let message = format!("{of} can't be used");
                return Err(Failure::new(absence.code, message).with_cause(absence));
            }
        };
        let evaluator = made_by.filter(|number| self.slots[*number as usize].evaluates);
        let Some(number) = evaluator else {
            let message = format!("{of} is no object: no evaluation gave it");
            return Err(Failure::new(ErrorCode::InvalidArgument, message)
                .with_hint("`select` and `get_part` take parts of data"));
        };
        self.find_in(number, function).ok_or_else(|| {
            let name = &self.slots[number as usize].name;
            let message = format!("the evaluator {name} can't do this: it has no `{function}`");
            Failure::new(ErrorCode::NotFound, message)
        })
    }

    fn find_in(&self, slot: u32, function: &str) -> Option<(u32, u32)> {
        let module = self.slots.get(slot as usize)?.module()?;
        module.manifest().function(function).map(|(place, _)| (slot, place))
    }

    fn resolve_name(&mut self, name: &str) -> Result<(u32, u32), Failure> {
        if let Some((module, function)) = name.split_once('.')
            && let Some(slot) = self.find_module(module)?
        {
            return self.find_in(slot, function).ok_or_else(|| self.unknown_function(name));
        }
        let mut found: Vec<(u32, u32)> =
            self.names.values().filter_map(|slot| self.find_in(*slot, name)).collect();
        match (found.pop(), found.is_empty()) {
            (Some(only), true) => Ok(only),
            (Some(_), false) => {
                let message = format!("more than one module has a function {name}");
                let mut names: Vec<String> = self
                    .function_names()
                    .filter(|full| full.ends_with(&format!(".{name}")))
                    .collect();
                names.sort_unstable();
                Err(Failure::new(ErrorCode::NotFound, message)
                    .with_hint(format!("say which: {}", names.join(" or "))))
            }
            (None, _) => Err(self.unknown_function(name)),
        }
    }

    /// The slot of a module's name. An evaluator gets one when it is first named.
    fn find_module(&mut self, name: &str) -> Result<Option<u32>, Failure> {
        if let Some(slot) = self.names.get(name) {
            return Ok(Some(*slot));
        }
        let Some(module) = self.evaluators.module(name) else { return Ok(None) };
        self.owner.permit(Permission::Eval, EVALUATING)?;
        let number = self.new_slot(name, module?)?;
        self.slots[number as usize].evaluates = true;
        Ok(Some(number))
    }

    fn function_names(&self) -> impl Iterator<Item = String> + '_ {
        self.names.iter().flat_map(|(name, slot)| {
            let module = self.slots.get(*slot as usize).and_then(Slot::module);
            module.into_iter().flat_map(move |module| {
                module.manifest().functions.iter().map(move |f| format!("{name}.{}", f.name))
            })
        })
    }

    fn unknown_function(&self, name: &str) -> Failure {
        if let Some((language, "eval" | "execute" | "define")) = name.split_once('.')
            && !self.names.contains_key(language)
        {
            return self.unknown_language(language);
        }
        let failure = Failure::new(ErrorCode::NotFound, format!("there is no function {name}"));
        if self.names.is_empty() {
            return failure.with_hint("the session has no modules yet; upload one first");
        }
        // Nobody means those of evaluators, which are called by other words.
        let evaluates = |full: &str| {
            let slot = full.split_once('.').and_then(|(module, _)| self.names.get(module));
            slot.is_some_and(|number| self.slots[*number as usize].evaluates)
        };
        let full: Vec<String> = self.function_names().filter(|full| !evaluates(full)).collect();
        let bare = full.iter().filter_map(|full| full.split_once('.').map(|(_, bare)| bare));
        let near = nearest(name, full.iter().map(String::as_str).chain(bare));
        let mut modules: Vec<&str> = self.names.keys().map(|name| &**name).collect();
        modules.sort_unstable();
        failure.with_hint(match near.is_empty() {
            false => format!("did you mean {}?", near.join(" or ")),
            true => format!("the session's modules are {}", modules.join(", ")),
        })
    }

    fn unknown_language(&self, language: &str) -> Failure {
        let known: Vec<&str> = self.evaluators.files().map(|(language, _)| language).collect();
        let message = format!("this server does not evaluate {language}");
        Failure::new(ErrorCode::NotFound, message).with_hint(match known.is_empty() {
            false => format!(
                "it evaluates {}: name the language (farside eval --language NAME)",
                known.join(" and ")
            ),
            true => "its operator names an evaluator with --evaluator NAME=FILE, or puts \
                     NAME.wasm into the data folder's evaluators (cargo xtask guests builds them)"
                .to_owned(),
        })
    }

    pub(super) fn unknown_module(&self, name: &str) -> Failure {
        let failure = Failure::new(ErrorCode::NotFound, format!("there is no module {name}"));
        let mut names: Vec<&str> = self.names.keys().map(|name| &**name).collect();
        names.sort_unstable();
        failure.with_hint(match names.is_empty() {
            true => "the session has no modules yet; upload one first".to_owned(),
            false => format!("the session's modules are {}", names.join(", ")),
        })
    }
}
