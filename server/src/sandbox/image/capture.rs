//! Takes the image of an instance.

use wasmtime::{AsContextMut, Extern, Instance, Module, Val};

use super::{ImageError, RESERVED};

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
        let mut image = Image { memories: Vec::new(), globals: Vec::new() };
        for name in module.exports().map(|export| export.name()) {
            let Some(what) = name.strip_prefix(RESERVED) else { continue };
            let hidden = || ImageError::Hidden { name: name.to_owned() };
            let number = what.split_once(':').and_then(|(_, number)| number.parse().ok());
            let number: u32 = number.ok_or_else(hidden)?;
            match instance.get_export(&mut store, name).ok_or_else(hidden)? {
                // They were revealed in the order of their numbers.
                Extern::Memory(memory) => image.memories.push(memory.data(&store).to_vec()),
                Extern::Global(global) => image.globals.push((number, global.get(&mut store))),
                _ => return Err(hidden()),
            }
        }
        Ok(image)
    }

    /// Bytes of all memories.
    pub(crate) fn memory_bytes(&self) -> u64 {
        self.memories.iter().map(|memory| memory.len() as u64).sum()
    }
}
