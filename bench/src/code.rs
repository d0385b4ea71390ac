//! Modules that no server has seen before.

use bytes::Bytes;
use rand::{Rng, RngExt as _};
use wasm_encoder::{
    BlockType, CodeSection, ExportKind, ExportSection, Function, FunctionSection, MemArg,
    MemArgTarget, MemorySection, MemoryType, Module, TypeSection, ValType,
};

/// Steps of a function; with them it has about half a kilobyte.
const STEPS: usize = 24;

/// A module of at least so many bytes of code, whose constants are random, so that
/// it has a name of its own. It exports `square(i64) -> i64` and a memory.
pub(crate) fn unknown_module(bytes: usize) -> Bytes {
    let mut rng = rand::rng();
    let mut types = TypeSection::new();
    types.ty().function([ValType::I64], [ValType::I64]);
    let mut functions = FunctionSection::new();
    let mut code = CodeSection::new();
    while code.byte_len() < bytes {
        functions.function(0);
        code.function(&if functions.len() == 1 { square() } else { mix(&mut rng) });
    }
    let mut memories = MemorySection::new();
    memories.memory(MemoryType {
        minimum: 1,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    let mut exports = ExportSection::new();
    exports.export("memory", ExportKind::Memory, 0).export("square", ExportKind::Func, 0);
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&memories);
    module.section(&exports).section(&code);
    Bytes::from(module.finish())
}

fn square() -> Function {
    let mut function = Function::new([]);
    function.instructions().local_get(0).local_get(0).i64_mul().end();
    function
}

/// A function of arithmetic, branches, loads and stores, as compilers make them.
fn mix(rng: &mut impl Rng) -> Function {
    let mut function = Function::new([(1, ValType::I64)]);
    let mut code = function.instructions();
    for _ in 0..STEPS {
        let offset = u64::from(rng.random::<u16>() & 0x7ff8);
        let place = MemArg { offset, align: 3, target: MemArgTarget::Memory(0), ordering: None };
        code.local_get(0).i64_const(rng.random()).i64_mul().local_get(1).i64_xor().local_set(1);
        code.local_get(1).i64_const(1).i64_and().i64_eqz().if_(BlockType::Empty);
        code.i32_const(0).local_get(1).i64_store(place).end();
    }
    code.local_get(1).end();
    function
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_valid_and_of_their_size() {
        let module = unknown_module(100 << 10);
        assert!((100 << 10..102 << 10).contains(&module.len()), "{} bytes", module.len());
        assert!(wasmtime::Module::validate(&wasmtime::Engine::default(), &module).is_ok());
        assert_ne!(module, unknown_module(100 << 10));
    }
}
