//! Takes the image of an instance.

use wasmtime::{AsContextMut, Instance, Module, Val};

use super::{ImageError, State};

/// The state of an instance of a revealed module.
pub(crate) struct Image {
    /// Each memory's bytes, by its number.
    pub(super) memories: Vec<Vec<u8>>,
    /// The values of mutable globals, by their numbers.
    pub(super) globals: Vec<(u32, Val)>,
}

impl Image {
    /// Copies the state of an instance whose guest is not running.
    ///
    /// # Errors
    /// When something that the module reveals is not there.
    pub(crate) fn capture(
        module: &Module,
        instance: &Instance,
        mut store: impl AsContextMut,
    ) -> Result<Image, ImageError> {
        let state = State::of(module, instance, &mut store)?;
        let memories = state.memories.iter().map(|memory| memory.data(&store).to_vec()).collect();
        let globals =
            state.globals.iter().map(|(number, global)| (*number, global.get(&mut store)));
        let globals = globals.collect();
        Ok(Image { memories, globals })
    }

    /// Bytes of all memories.
    pub(crate) fn memory_bytes(&self) -> u64 {
        self.memories.iter().map(|memory| memory.len() as u64).sum()
    }
}
