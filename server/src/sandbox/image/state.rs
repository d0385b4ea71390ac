//! The memories and mutable globals of an instance, found by their reserved exports.

use wasmtime::{AsContextMut, Extern, Global, Instance, Memory, Module};

use super::{ImageError, RESERVED};

/// All that can change in an instance of a revealed module.
pub(crate) struct State {
    /// By their numbers.
    pub(super) memories: Vec<Memory>,
    /// The mutable ones, with their numbers.
    pub(super) globals: Vec<(u32, Global)>,
}

impl State {
    /// Finds it.
    ///
    /// # Errors
    /// When something that the module reveals is not there.
    pub(crate) fn of(
        module: &Module,
        instance: &Instance,
        mut store: impl AsContextMut,
    ) -> Result<State, ImageError> {
        let mut state = State { memories: Vec::new(), globals: Vec::new() };
        for name in module.exports().map(|export| export.name()) {
            let Some(what) = name.strip_prefix(RESERVED) else { continue };
            let hidden = || ImageError::Hidden { name: name.to_owned() };
            let number = what.split_once(':').and_then(|(_, number)| number.parse().ok());
            let number: u32 = number.ok_or_else(hidden)?;
            match instance.get_export(&mut store, name).ok_or_else(hidden)? {
                // They were revealed in the order of their numbers.
                Extern::Memory(memory) => state.memories.push(memory),
                Extern::Global(global) => state.globals.push((number, global)),
                _ => return Err(hidden()),
            }
        }
        Ok(state)
    }
}
