//! Modules that are large in one way: what they cost to compile, and whether at all.

use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, CustomSection, DataSection, EntityType, ExportKind,
    ExportSection, Function, FunctionSection, GlobalSection, GlobalType, ImportSection, MemArg,
    MemArgTarget, MemorySection, MemoryType, Module, TypeSection, ValType,
};

use super::guest::{Step, made};
use crate::corpus::case::Case;

/// What is counted before anything is compiled.
const COUNTED: &[&str] = &["refused: CompileLimit"];

/// What is compiled first, and may take too long to be counted.
const COUNTED_LATER: &[&str] = &["refused: InvalidModule", "refused: CompileLimit"];

const CALL: &[Step] = &[("f", "[]")];

pub(super) fn cases() -> Vec<Case> {
    vec![
        made("a million functions", COUNTED, || functions(1_000_000), CALL).heavy(),
        made("a function beyond a million", COUNTED, || functions(1_000_001), &[]).heavy(),
        made("10,001 exported functions", COUNTED_LATER, || exports(10_001), &[]).heavy(),
        made("100,000 imports", COUNTED, imports, &[]),
        made("100,000 types", COUNTED, types, CALL).heavy(),
        made("100,000 mutable globals", COUNTED, globals, CALL).heavy(),
        made("50,000 locals", COUNTED, || locals(49_999), CALL),
        made("50,001 locals", COUNTED, || locals(50_001), &[]),
        made("4 billion locals", COUNTED, || locals(u32::MAX), &[]),
        made("br_table of a million targets", COUNTED, br_table, CALL).heavy(),
        made("blocks nested 100,000 deep", COUNTED, nested, CALL).heavy(),
        made("a function of 1.5 million instructions", COUNTED, || body(500_000), CALL).heavy(),
        made("a function of 8 MB", COUNTED, || body(2_700_000), &[]).heavy(),
        made("data of 16 MiB", &["7"], data, CALL).heavy(),
        made("50,000 pieces of data", &["7", "refused: CompileLimit"], pieces, CALL).heavy(),
        made("more bytes than a module may have", &["refused: ValueTooLarge"], || custom(33), &[])
            .heavy(),
        made("a custom section of 16 MiB", &["1"], || custom(16), CALL).heavy(),
        made("a name section of noise", &["Trap"], names, CALL),
        made("an exported name of 90,000 bytes", &["taken"], long_name, &[]),
        made("a thousand parameters and results", &["1"], wide, CALL),
    ]
}

/// A module being put together, with the exported function `f`, which gives 1, as its
/// last one.
#[derive(Default)]
struct Parts {
    types: TypeSection,
    imports: ImportSection,
    functions: FunctionSection,
    memories: MemorySection,
    globals: GlobalSection,
    exports: ExportSection,
    code: CodeSection,
    data: DataSection,
}

impl Parts {
    /// With the types 0, which takes and gives nothing, and 1, which gives a number.
    fn new() -> Parts {
        let mut parts = Parts::default();
        parts.types.ty().function([], []);
        parts.types.ty().function([], [ValType::I32]);
        parts
    }

    fn function(&mut self, of_type: u32, function: &Function) -> u32 {
        self.functions.function(of_type);
        self.code.function(function);
        self.code.len() - 1
    }

    fn memory(&mut self, pages: u64) {
        self.memories.memory(MemoryType {
            minimum: pages,
            maximum: None,
            memory64: false,
            shared: false,
            page_size_log2: None,
        });
    }

    /// The module, with this function as `f`.
    fn with_f(mut self, f: &Function) -> Module {
        let f = self.function(1, f);
        self.exports.export("f", ExportKind::Func, f);
        let mut module = Module::new();
        module.section(&self.types);
        if !self.imports.is_empty() {
            module.section(&self.imports);
        }
        module.section(&self.functions);
        if !self.memories.is_empty() {
            module.section(&self.memories);
        }
        if !self.globals.is_empty() {
            module.section(&self.globals);
        }
        module.section(&self.exports).section(&self.code);
        if !self.data.is_empty() {
            module.section(&self.data);
        }
        module
    }

    fn finish(self) -> Vec<u8> {
        self.with_f(&one()).finish()
    }
}

/// A function that gives 1.
fn one() -> Function {
    let mut function = Function::new([]);
    function.instructions().i32_const(1).end();
    function
}

/// A function that does nothing.
fn nothing() -> Function {
    let mut function = Function::new([]);
    function.instructions().end();
    function
}

fn functions(count: u32) -> Vec<u8> {
    let mut parts = Parts::new();
    let function = nothing();
    (1..count).for_each(|_| {
        parts.function(0, &function);
    });
    parts.finish()
}

fn exports(count: u32) -> Vec<u8> {
    let mut parts = Parts::new();
    for number in 1..count {
        let function = parts.function(0, &nothing());
        parts.exports.export(&format!("g{number}"), ExportKind::Func, function);
    }
    parts.finish()
}

fn imports() -> Vec<u8> {
    let mut parts = Parts::new();
    for number in 0..100_000 {
        parts.imports.import("env", &format!("i{number}"), EntityType::Function(0));
    }
    parts.finish()
}

fn types() -> Vec<u8> {
    let mut parts = Parts::new();
    for number in 0..100_000_u32 {
        let bits = (0..17).map(|bit| match number >> bit & 1 {
            0 => ValType::I32,
            _ => ValType::F64,
        });
        parts.types.ty().function(bits, []);
    }
    parts.finish()
}

fn globals() -> Vec<u8> {
    let mut parts = Parts::new();
    for _ in 0..100_000 {
        let ty = GlobalType { val_type: ValType::I64, mutable: true, shared: false };
        parts.globals.global(ty, &ConstExpr::i64_const(7));
    }
    parts.finish()
}

fn locals(count: u32) -> Vec<u8> {
    let mut function = Function::new([(count, ValType::I64)]);
    function.instructions().i32_const(1).end();
    Parts::new().with_f(&function).finish()
}

fn br_table() -> Vec<u8> {
    let mut function = Function::new([]);
    let targets: Vec<u32> = (0..1_000_000).map(|target| target % 2).collect();
    let mut body = function.instructions();
    body.block(BlockType::Empty).block(BlockType::Empty);
    body.i32_const(999_999).br_table(targets, 0).end().end().i32_const(1).end();
    Parts::new().with_f(&function).finish()
}

fn nested() -> Vec<u8> {
    const DEPTH: usize = 100_000;
    let mut function = Function::new([]);
    let mut body = function.instructions();
    for _ in 0..DEPTH {
        body.block(BlockType::Empty);
    }
    for _ in 0..DEPTH {
        body.end();
    }
    body.i32_const(1).end();
    Parts::new().with_f(&function).finish()
}

/// So many additions of a constant, three bytes each.
fn body(additions: usize) -> Vec<u8> {
    let mut function = Function::new([]);
    let mut body = function.instructions();
    body.i32_const(1);
    for _ in 0..additions {
        body.i32_const(0).i32_add();
    }
    body.end();
    Parts::new().with_f(&function).finish()
}

/// A function that gives the byte at an address.
fn byte_at(address: i32) -> Function {
    let mut function = Function::new([]);
    let place = MemArg { offset: 0, align: 0, target: MemArgTarget::Memory(0), ordering: None };
    function.instructions().i32_const(address).i32_load8_u(place).end();
    function
}

fn data() -> Vec<u8> {
    let mut parts = Parts::new();
    parts.memory(257);
    parts.data.active(0, &ConstExpr::i32_const(0), vec![7; 16 << 20]);
    parts.with_f(&byte_at((16 << 20) - 1)).finish()
}

fn pieces() -> Vec<u8> {
    let mut parts = Parts::new();
    parts.memory(1000);
    for piece in 0..50_000 {
        parts.data.active(0, &ConstExpr::i32_const(piece * 1000), [7]);
    }
    parts.with_f(&byte_at(49_999_000)).finish()
}

/// A module with a custom section of so many MiB.
fn custom(mib: usize) -> Vec<u8> {
    let mut module = Parts::new().with_f(&one());
    module.section(&CustomSection { name: "large".into(), data: vec![0; mib << 20].into() });
    module.finish()
}

/// A trap in a module whose names are noise.
fn names() -> Vec<u8> {
    let mut function = Function::new([]);
    function.instructions().unreachable().end();
    let mut module = Parts::new().with_f(&function);
    let noise: Vec<u8> = (0..100_000_u32).map(|n| (n * 31 % 251) as u8).collect();
    module.section(&CustomSection { name: "name".into(), data: noise.clone().into() });
    module.section(&CustomSection { name: ".debug_info".into(), data: noise.into() });
    module.finish()
}

fn long_name() -> Vec<u8> {
    let mut parts = Parts::new();
    let function = parts.function(0, &nothing());
    parts.exports.export(&"x".repeat(90_000), ExportKind::Func, function);
    parts.finish()
}

/// A function that calls another one of a thousand parameters and results.
fn wide() -> Vec<u8> {
    const COUNT: usize = 1000;
    let mut parts = Parts::new();
    let all = || std::iter::repeat_n(ValType::I64, COUNT);
    parts.types.ty().function(all(), all());
    let mut function = Function::new([]);
    let mut through = function.instructions();
    for local in 0..COUNT {
        through.local_get(local as u32);
    }
    through.end();
    let through = parts.function(2, &function);
    let mut function = Function::new([]);
    let mut body = function.instructions();
    for number in 0..COUNT {
        body.i64_const(number as i64);
    }
    body.call(through);
    for _ in 0..COUNT {
        body.drop();
    }
    body.i32_const(1).end();
    parts.with_f(&function).finish()
}
