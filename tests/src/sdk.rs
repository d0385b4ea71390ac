//! Guests with the SDK's exports, written as text: right ones, and wrong ones.
#![expect(clippy::unwrap_used, reason = "it is for tests, which may panic; that is how they fail")]

use farside::manifest::{Function, GUEST_ABI, Manifest, Param};

/// Where an answer of [`answering`] lies.
const ANSWER: u64 = 16 * 1024;

/// What an export that describes something does.
pub enum Describe {
    /// It gives these bytes.
    As(Vec<u8>),
    /// It runs these instructions.
    By(&'static str),
}

impl Describe {
    /// A description of a function of this name.
    pub fn function(name: &str) -> Describe {
        Describe::taking(name, &[])
    }

    /// The same, with parameters of these names and of any type.
    pub fn taking(name: &str, params: &[&str]) -> Describe {
        let param = |name: &&str| Param { name: (*name).to_owned(), ..Param::default() };
        let params = params.iter().map(param).collect();
        let functions = vec![Function { name: name.to_owned(), params, ..Function::default() }];
        Describe::of(&Manifest { functions, ..Manifest::default() })
    }

    /// Any description.
    pub fn of(manifest: &Manifest) -> Describe {
        Describe::As(rmp_serde::to_vec_named(manifest).unwrap())
    }

    /// The export's instructions, and the data that they point at.
    fn wat(&self, address: u64) -> (String, String) {
        match self {
            Describe::As(bytes) => {
                let data: String = bytes.iter().map(|byte| format!("\\{byte:02x}")).collect();
                let packed = (bytes.len() as u64) << 32 | address;
                (
                    format!("(i64.const {packed})"),
                    format!(r#"(data (i32.const {address}) "{data}")"#),
                )
            }
            Describe::By(instructions) => ((*instructions).to_owned(), String::new()),
        }
    }
}

/// A guest with the SDK's exports that describes itself and its function `f` so.
pub fn sdk(abi: u32, whole: &Describe, function: &Describe) -> String {
    let (whole, whole_data) = whole.wat(0);
    let (function, function_data) = function.wat(4096);
    format!(
        r#"(module
            (memory (export "memory") 1)
            {whole_data}
            {function_data}
            (func (export "farside_abi") (result i32) (i32.const {abi}))
            (func (export "farside_describe") (result i64) {whole})
            (func (export "farside_describe_f") (result i64) {function})
            (func (export "farside_call_f") (param i32 i32) (result i64) (i64.const 0)))"#,
    )
}

/// A guest whose function `f()` gives these bytes, as a value or as an error, out of
/// a memory of `pages` that is zero beyond them.
pub fn answering(bytes: &[u8], len: u64, failed: bool, pages: u32) -> String {
    let packed = len << 32 | ANSWER | u64::from(failed) << 63;
    let data: String = bytes.iter().map(|byte| format!("\\{byte:02x}")).collect();
    let good = Describe::function("f");
    sdk(GUEST_ABI, &good, &good)
        .replace(
            r#"(param i32 i32) (result i64) (i64.const 0)"#,
            &format!("(param i32 i32) (result i64) (i64.const {packed:#x})"),
        )
        .replace(
            r#"(memory (export "memory") 1)"#,
            &format!(
                r#"(memory (export "memory") {pages})
                (func (export "farside_alloc") (param i32) (result i32) (i32.const 8192))
                (data (i32.const {ANSWER}) "{data}")"#
            ),
        )
}
