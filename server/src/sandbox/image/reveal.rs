//! Exports a module's memories and mutable globals under the reserved prefix.

use wasm_encoder::{Encode, Module, RawSection};
use wasmparser::{BinaryReader, Operator, Parser, Payload, ValType};

use super::{EXPORT, ImageError, RESERVED, global_name, is_behind, memory_name};

/// A module whose state can be seen, or why it can't.
pub(crate) struct Revealed {
    pub(crate) binary: Vec<u8>,
    /// What stands in the way of an image; the module is as it was then.
    pub(crate) obstacle: Option<String>,
    /// Whether it has a start function.
    pub(crate) starts: bool,
}

/// What is found in a module before it is rewritten.
#[derive(Default)]
struct Found {
    memories: u32,
    /// The numbers of the mutable ones.
    globals: Vec<u32>,
    obstacle: Option<String>,
    starts: bool,
}

/// Reveals the state of a valid module without imported memories and globals.
pub(crate) fn reveal(binary: &[u8]) -> Result<Revealed, ImageError> {
    let found = look(binary)?;
    if found.obstacle.is_some() {
        let Found { obstacle, starts, .. } = found;
        return Ok(Revealed { binary: binary.to_owned(), obstacle, starts });
    }
    let mut items = Vec::new();
    let mut count = 0;
    let mut export = |name: String, kind: u8, number: u32| {
        name.encode(&mut items);
        items.push(kind);
        number.encode(&mut items);
        count += 1;
    };
    (0..found.memories).for_each(|number| export(memory_name(number), 2, number));
    found.globals.iter().for_each(|number| export(global_name(*number), 3, *number));
    let binary = match count {
        0 => binary.to_owned(),
        _ => with_exports(binary, count, &items)?,
    };
    Ok(Revealed { binary, obstacle: None, starts: found.starts })
}

fn look(binary: &[u8]) -> Result<Found, ImageError> {
    let mut found = Found::default();
    for payload in Parser::new(0).parse_all(binary) {
        match payload? {
            Payload::MemorySection(memories) => found.memories = memories.count(),
            Payload::GlobalSection(globals) => {
                for (number, global) in globals.into_iter().enumerate() {
                    let ty = global?.ty;
                    if ty.mutable && matches!(ty.content_type, ValType::Ref(_)) {
                        found.obstacle = Some("it has a global that refers to a function".into());
                    }
                    if ty.mutable {
                        found.globals.push(number as u32);
                    }
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports {
                    let name = export?.name;
                    if name.starts_with(RESERVED) {
                        return Err(ImageError::Reserved { name: name.to_owned() });
                    }
                }
            }
            Payload::StartSection { .. } => found.starts = true,
            Payload::CodeSectionEntry(body) if found.obstacle.is_none() => {
                for operator in body.get_operators_reader()? {
                    if let Some(what) = obstacle(&operator?) {
                        found.obstacle = Some(format!("it has an instruction that {what}"));
                        break;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(found)
}

/// What an instruction does that no image shows.
fn obstacle(operator: &Operator<'_>) -> Option<&'static str> {
    match operator {
        Operator::TableSet { .. }
        | Operator::TableGrow { .. }
        | Operator::TableFill { .. }
        | Operator::TableCopy { .. }
        | Operator::TableInit { .. } => Some("writes a table"),
        Operator::ElemDrop { .. } | Operator::DataDrop { .. } => Some("drops a segment"),
        _ => None,
    }
}

/// The module with so many more exports.
fn with_exports(binary: &[u8], count: u32, items: &[u8]) -> Result<Vec<u8>, ImageError> {
    let mut module = Module::new();
    let mut is_done = false;
    let merged = |old: &[u8]| -> Result<Vec<u8>, ImageError> {
        let mut reader = BinaryReader::new(old, 0);
        let before = if old.is_empty() { 0 } else { reader.read_var_u32()? };
        let mut data = Vec::with_capacity(old.len() + items.len() + 4);
        (before + count).encode(&mut data);
        data.extend_from_slice(&old[reader.current_position()..]);
        data.extend_from_slice(items);
        Ok(data)
    };
    for payload in Parser::new(0).parse_all(binary) {
        let Some((id, range)) = payload?.as_section() else { continue };
        let data = &binary[range];
        if id == EXPORT {
            module.section(&RawSection { id, data: &merged(data)? });
            is_done = true;
            continue;
        }
        if !is_done && is_behind(id, EXPORT) {
            module.section(&RawSection { id: EXPORT, data: &merged(&[])? });
            is_done = true;
        }
        module.section(&RawSection { id, data });
    }
    if !is_done {
        module.section(&RawSection { id: EXPORT, data: &merged(&[])? });
    }
    Ok(module.finish())
}
