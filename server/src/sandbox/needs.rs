//! What a module needs from its start on, against what there can be at most. What it
//! asks for later is a matter of its session's budget.

use std::collections::BTreeSet;

use wasmparser::{BinaryReaderError, Parser, Payload};

use super::capacity::Sizes;
use super::engine::PER_MODULE;
use super::module::{CALL_PREFIX, ModuleError};
use crate::config::ByteSize;

/// Refuses a valid module of which no instance could ever be made.
pub(super) fn check(binary: &[u8], sizes: &Sizes) -> Result<(), ModuleError> {
    let invalid = |error: BinaryReaderError| ModuleError::Invalid { message: error.to_string() };
    let too_many = |what| ModuleError::TooMany { what, most: PER_MODULE as usize };
    for payload in Parser::new(0).parse_all(binary) {
        match payload.map_err(invalid)? {
            Payload::MemorySection(memories) => {
                if memories.count() > PER_MODULE {
                    return Err(too_many("memories"));
                }
                for memory in memories {
                    let memory = memory.map_err(invalid)?;
                    let page = memory.page_size_log2.unwrap_or(16);
                    let needed =
                        1_u64.checked_shl(page).and_then(|page| memory.initial.checked_mul(page));
                    let needed = needed.unwrap_or(u64::MAX);
                    if needed > sizes.memory_bytes as u64 {
                        let (needed, most) = (ByteSize::new(needed), sizes.memory_bytes as u64);
                        return Err(ModuleError::Memory { needed, most: ByteSize::new(most) });
                    }
                }
            }
            Payload::TableSection(tables) => {
                if tables.count() > PER_MODULE {
                    return Err(too_many("tables"));
                }
                for table in tables {
                    let needed = table.map_err(invalid)?.ty.initial;
                    if needed > sizes.table_elements as u64 {
                        return Err(ModuleError::Table { needed, most: sizes.table_elements });
                    }
                }
            }
            Payload::CodeSectionStart { .. } => break,
            _ => {}
        }
    }
    Ok(())
}

/// The SDK functions that a module exports, by name; the rest of it is not looked at.
///
/// # Errors
/// What is wrong with the bytes.
pub(crate) fn functions_of(bytes: &[u8]) -> Result<BTreeSet<String>, String> {
    let mut functions = BTreeSet::new();
    for payload in Parser::new(0).parse_all(bytes) {
        match payload {
            Ok(Payload::ExportSection(exports)) => {
                for export in exports {
                    let export = export.map_err(|error| error.to_string())?;
                    functions.extend(export.name.strip_prefix(CALL_PREFIX).map(str::to_owned));
                }
            }
            Ok(Payload::CodeSectionStart { .. }) => break,
            Ok(_) => {}
            Err(error) => return Err(format!("it is no WebAssembly module: {error}")),
        }
    }
    Ok(functions)
}
