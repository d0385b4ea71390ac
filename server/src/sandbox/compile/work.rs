//! From a module's bytes to code: what the compiler does, wherever it runs.

use bytes::Bytes;
use wasmtime::{Engine, Module, OptLevel};

use super::describe::describe;
use super::guest::Guests;
use super::order::{Birth, Order, Product};
use super::prepare::{INIT, prepare};
use crate::sandbox::engine;
use crate::sandbox::image::{self, ImageError, Revealed};
use crate::sandbox::imports;
use crate::sandbox::module::{self, ModuleError};
use crate::sandbox::needs;

/// Makes code of a module.
pub(super) fn work(order: &Order, bytes: &Bytes) -> Result<Product, ModuleError> {
    let binary = module::to_binary(bytes)?;
    order.ceilings.shape.check(&binary)?;
    imports::check(&binary, order.grants)?;
    let engine = new_engine(order, OptLevel::Speed)?;
    Module::validate(&engine, &binary)
        .map_err(|error| ModuleError::Invalid { message: format!("{error:#}") })?;
    needs::check(&binary, &order.sizes)?;
    let Revealed { binary, obstacle, starts } = image::reveal(&binary).map_err(of_image)?;

    let is_prepared = exports_init(&binary)?;
    let (code, manifest, birth) = if is_prepared {
        if let Some(obstacle) = obstacle {
            return Err(ModuleError::Unpreparable { obstacle });
        }
        // This code runs once.
        let once = new_engine(order, OptLevel::None)?;
        let code = compile(&once, &binary)?;
        let guests = Guests::new(&once, code, order)?;
        let manifest = describe(&guests)?;
        let prepared = prepare(&guests, &order.ceilings)?;
        let baked = image::bake(&binary, &prepared).map_err(of_image)?;
        needs::check(&baked, &order.sizes)?;
        let birth = Birth { image: prepared.memory_bytes(), starts: false };
        (compile(&engine, &baked)?, manifest, birth)
    } else {
        let code = compile(&engine, &binary)?;
        let guests = Guests::new(&engine, code.clone(), order)?;
        let mut manifest = describe(&guests)?;
        manifest.obstacle = obstacle;
        (code, manifest, Birth { image: 0, starts })
    };
    let code =
        code.serialize().map_err(|error| ModuleError::Compile { message: format!("{error:#}") })?;
    Ok(Product { manifest, birth, code: code.into() })
}

fn new_engine(order: &Order, level: OptLevel) -> Result<Engine, ModuleError> {
    engine::compiler_engine(&order.sizes, order.profile, level)
        .map_err(|error| ModuleError::Compile { message: format!("{error:#}") })
}

fn compile(engine: &Engine, binary: &[u8]) -> Result<Module, ModuleError> {
    Module::new(engine, binary)
        .map_err(|error| ModuleError::Compile { message: format!("{error:#}") })
}

fn exports_init(binary: &[u8]) -> Result<bool, ModuleError> {
    let invalid =
        |error: wasmparser::BinaryReaderError| ModuleError::Invalid { message: error.to_string() };
    for payload in wasmparser::Parser::new(0).parse_all(binary) {
        if let wasmparser::Payload::ExportSection(exports) = payload.map_err(invalid)? {
            for export in exports {
                if export.map_err(invalid)?.name == INIT {
                    return Ok(true);
                }
            }
        }
    }
    Ok(false)
}

fn of_image(error: ImageError) -> ModuleError {
    ModuleError::Invalid { message: error.to_string() }
}
