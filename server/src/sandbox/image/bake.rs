//! A module whose instances begin with the state of an image.

use std::ops::Range;

use wasm_encoder::{
    ConstExpr, DataCountSection, DataSection, Encode, MemorySection, MemoryType, Module, RawSection,
};
use wasmparser::{DataKind, DataSectionReader, GlobalSectionReader, Parser, Payload};
use wasmtime::Val;

use super::{DATA, DATA_COUNT, GLOBAL, Image, ImageError, MEMORY, START, is_behind};

/// Memory is looked through in pieces of this size; those of zeros are left out.
const PIECE: usize = 4096;

/// An image larger than this is mapped by wasmtime only if at least half of it, from
/// its first byte to its last, is data (`try_static_init` in wasmtime-environ 48).
const ALWAYS_MAPPED: usize = 1 << 20;

/// Makes a module of a revealed one and of the image of one of its instances. It does
/// not run a start function again.
pub(crate) fn bake(binary: &[u8], image: &Image) -> Result<Vec<u8>, ImageError> {
    let segments = Segments::of(image);
    let mut module = Module::new();
    let mut old = Old::default();
    for payload in Parser::new(0).parse_all(binary) {
        match payload? {
            Payload::MemorySection(memories) => {
                for memory in memories {
                    old.is_wide.push(memory?.memory64);
                }
            }
            Payload::DataCountSection { .. } => old.are_counted = true,
            Payload::DataSection(data) => old.read(binary, data)?,
            _ => {}
        }
    }
    let data = segments.section(binary, &old, image);
    let mut is_done = false;
    for payload in Parser::new(0).parse_all(binary) {
        let payload = payload?;
        let Some((id, range)) = payload.as_section() else { continue };
        if !is_done && is_behind(id, DATA) {
            module.section(&data);
            is_done = true;
        }
        match (id, payload) {
            (MEMORY, Payload::MemorySection(memories)) => {
                let mut section = MemorySection::new();
                for (memory, bytes) in memories.into_iter().zip(&image.memories) {
                    let memory = memory?;
                    let page = memory.page_size_log2.unwrap_or(16);
                    section.memory(MemoryType {
                        minimum: (bytes.len() as u64) >> page,
                        maximum: memory.maximum,
                        memory64: memory.memory64,
                        shared: memory.shared,
                        page_size_log2: memory.page_size_log2,
                    });
                }
                module.section(&section);
            }
            (GLOBAL, Payload::GlobalSection(globals)) => {
                let contents = globals_section(binary, globals, image)?;
                module.section(&RawSection { id, data: &contents });
            }
            (START, _) => {}
            (DATA_COUNT, _) => {
                module.section(&DataCountSection { count: data.len() });
            }
            (DATA, _) => {
                module.section(&data);
                is_done = true;
            }
            (_, _) => {
                module.section(&RawSection { id, data: &binary[range] });
            }
        }
    }
    if !is_done {
        module.section(&data);
    }
    Ok(module.finish())
}

/// The globals as they were, but for the values of the mutable ones.
fn globals_section(
    binary: &[u8],
    globals: GlobalSectionReader<'_>,
    image: &Image,
) -> Result<Vec<u8>, ImageError> {
    let mut contents = Vec::new();
    globals.count().encode(&mut contents);
    for (number, global) in globals.into_iter_with_offsets().enumerate() {
        let (at, global) = global?;
        let init = global.init_expr.get_binary_reader().range();
        contents.extend_from_slice(&binary[at..init.start]);
        let now = image.globals.iter().find(|(it, _)| *it as usize == number);
        match now.and_then(|(_, value)| constant(value)) {
            Some(value) => value.encode(&mut contents),
            None => contents.extend_from_slice(&binary[init]),
        }
    }
    Ok(contents)
}

fn constant(value: &Val) -> Option<ConstExpr> {
    match value {
        Val::I32(value) => Some(ConstExpr::i32_const(*value)),
        Val::I64(value) => Some(ConstExpr::i64_const(*value)),
        Val::F32(bits) => Some(ConstExpr::f32_const(f32::from_bits(*bits).into())),
        Val::F64(bits) => Some(ConstExpr::f64_const(f64::from_bits(*bits).into())),
        Val::V128(value) => Some(ConstExpr::v128_const(value.as_u128() as i128)),
        _ => None,
    }
}

/// The module as it was. Instructions may name its segments by number, so they keep
/// their places; those that were written into memory already are empty.
#[derive(Default)]
struct Old {
    /// Whether each memory has 64-bit addresses.
    is_wide: Vec<bool>,
    are_counted: bool,
    /// The bytes of the passive ones.
    passive: Vec<Option<Range<usize>>>,
}

impl Old {
    fn read(&mut self, binary: &[u8], data: DataSectionReader<'_>) -> Result<(), ImageError> {
        for segment in data {
            let segment = segment?;
            let bytes = segment.data.as_ptr() as usize - binary.as_ptr() as usize;
            let range = bytes..bytes + segment.data.len();
            self.passive.push(matches!(segment.kind, DataKind::Passive).then_some(range));
        }
        Ok(())
    }

    /// Whether nothing can name them.
    fn are_unnamed(&self) -> bool {
        !self.are_counted && self.passive.iter().all(Option::is_none)
    }
}

/// Which bytes of each memory are data.
struct Segments(Vec<(u32, Range<usize>)>);

impl Segments {
    fn of(image: &Image) -> Segments {
        let mut segments = Vec::new();
        for (number, memory) in image.memories.iter().enumerate() {
            let runs = runs(memory);
            let data: usize = runs.iter().map(ExactSizeIterator::len).sum();
            if let (Some(first), Some(last)) = (runs.first(), runs.last()) {
                let extent = first.start..last.end;
                let is_thin = data * 2 <= extent.len() && extent.len() >= ALWAYS_MAPPED;
                let ranges = if is_thin { Vec::from([extent]) } else { runs };
                segments.extend(ranges.into_iter().map(|range| (number as u32, range)));
            }
        }
        Segments(segments)
    }

    fn section(&self, binary: &[u8], old: &Old, image: &Image) -> DataSection {
        let mut section = DataSection::new();
        if !old.are_unnamed() {
            for segment in &old.passive {
                let bytes = segment.clone().map_or(&[][..], |range| &binary[range]);
                section.passive(bytes.iter().copied());
            }
        }
        for (number, range) in &self.0 {
            let memory = &image.memories[*number as usize];
            let offset = match old.is_wide.get(*number as usize) {
                Some(true) => ConstExpr::i64_const(range.start as i64),
                _ => ConstExpr::i32_const(range.start as u32 as i32),
            };
            section.active(*number, &offset, memory[range.clone()].iter().copied());
        }
        section
    }
}

/// The pieces of a memory that are not all zero, those side by side as one.
fn runs(memory: &[u8]) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (number, piece) in memory.chunks(PIECE).enumerate() {
        if piece.iter().all(|byte| *byte == 0) {
            continue;
        }
        let at = number * PIECE;
        let end = at + piece.len();
        match runs.last_mut().filter(|last| last.end == at) {
            Some(last) => last.end = end,
            None => runs.push(at..end),
        }
    }
    runs
}
