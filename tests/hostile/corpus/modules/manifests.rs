//! Guests that describe themselves falsely, hugely, or without end.

use farside::manifest::{Function, GUEST_ABI, Inbox, Manifest, Param, Schema, TypeName};

use super::guest::{Step, made};
use crate::corpus::case::Case;
use crate::sdk::{Describe, sdk};

const INVALID: &[&str] = &["refused: InvalidModule"];

const CALL: &[Step] = &[("f", "[]")];

/// Where [`placed`] puts a description that is larger than a page of the guest's.
const FAR: u64 = 1 << 20;

pub(super) fn cases() -> Vec<Case> {
    vec![
        made(
            "a description that never ends",
            INVALID,
            || whole("(loop (br 0)) (i64.const 0)"),
            &[],
        ),
        made(
            "a function's description that never ends",
            INVALID,
            || of_f("(loop (br 0)) (i64.const 0)"),
            &[],
        ),
        made("a description that traps", INVALID, || whole("(unreachable)"), &[]),
        made("a description that recurses", INVALID, recursing, &[]),
        made(
            "a description that takes all memory",
            INVALID,
            || {
                whole(
                    "(loop (br_if 0 (i32.ge_s (memory.grow (i32.const 9)) (i32.const 0)))) (unreachable)",
                )
            },
            &[],
        ),
        made(
            "a description outside of the memory",
            INVALID,
            || whole("(i64.const 0x8_ffff_ffff)"),
            &[],
        ),
        made("a description of 2 GiB", INVALID, || whole("(i64.const 0x7fff_ffff_0000_0000)"), &[]),
        made(
            "a description of another function",
            INVALID,
            || described(&Describe::function("f"), &Describe::function("g")),
            &[],
        ),
        made(
            "two descriptions of one function",
            &["7"],
            || {
                let f = Function { name: "f".to_owned(), ..Function::default() };
                in_full(&Manifest { functions: vec![f.clone(), f], ..Manifest::default() })
            },
            CALL,
        ),
        made(
            "a description of no function",
            INVALID,
            || described(&Describe::function("f"), &Describe::of(&Manifest::default())),
            &[],
        ),
        made(
            "a name that is no UTF-8",
            INVALID,
            || described(&Describe::function("f"), &Describe::As(named(b"\xff\xfe"))),
            &[],
        ),
        made(
            "a name that is a number",
            INVALID,
            || {
                described(
                    &Describe::function("f"),
                    &Describe::As(b"\x81\xa9functions\x91\x81\xa4name\x07".to_vec()),
                )
            },
            &[],
        ),
        made(
            "a description that is a number",
            INVALID,
            || described(&Describe::As(vec![7]), &Describe::function("f")),
            &[],
        ),
        made(
            "a list of 4 billion functions",
            INVALID,
            || {
                described(
                    &Describe::As(b"\x81\xa9functions\xdd\xff\xff\xff\xff".to_vec()),
                    &Describe::function("f"),
                )
            },
            &[],
        ),
        made("a type nested 100 deep", &["7"], || nested(100), CALL),
        made("a type nested 10,000 deep", INVALID, || nested(10_000), &[]),
        made(
            "a type that refers to itself by a keyword that is unknown",
            &["7"],
            || described(&Describe::function("f"), &Describe::As(cyclic())),
            CALL,
        ),
        made(
            "a type of 3 MB of names",
            &["7", "refused: InvalidModule"],
            || {
                let names = (0..200_000).map(|number| format!("name-{number}")).collect();
                placed(&function(Schema { names, ..Schema::default() }))
            },
            CALL,
        ),
        made(
            "docs of 5 MB",
            INVALID,
            || placed(&Manifest { docs: "x".repeat(5 << 20), ..function(Schema::default()) }),
            &[],
        )
        .heavy(),
        made(
            "a result of another type than it says",
            &["7"],
            || typed(Schema::of(TypeName::String)),
            CALL,
        ),
        made(
            "70,000 parameters",
            &["InvalidArgument", "refused: InvalidModule"],
            || {
                let param = |number| Param { name: format!("p{number}"), ..Param::default() };
                let params = (0..70_000).map(param).collect();
                let functions =
                    vec![Function { name: "f".to_owned(), params, ..Function::default() }];
                placed(&Manifest { functions, ..Manifest::default() })
            },
            CALL,
        )
        .heavy(),
        made(
            "two parameters of a name",
            &["7, InvalidArgument"],
            || described(&Describe::function("f"), &Describe::taking("f", &["x", "x"])),
            &[("f", "[1, 2]"), ("f", r#"{"x": 1}"#)],
        ),
        made(
            "an inbox outside of the memory",
            &["Trap"],
            || with_inbox(Inbox { address: u32::MAX, size: u32::MAX }),
            CALL,
        ),
        made(
            "an inbox that ends beyond the memory",
            &["Trap"],
            || with_inbox(Inbox { address: 65_536, size: 4096 }),
            CALL,
        ),
        made(
            "an inbox of all the memory",
            &["7"],
            || with_inbox(Inbox { address: 0, size: u32::MAX }),
            CALL,
        ),
        made(
            "an obstacle of its own invention",
            &["7"],
            || {
                let obstacle = Some("x".repeat(1000));
                in_full(&Manifest { obstacle, ..function(Schema::default()) })
            },
            CALL,
        ),
    ]
}

/// A guest whose `f` gives 7 and that describes itself so.
fn described(whole: &Describe, f: &Describe) -> Vec<u8> {
    sdk(GUEST_ABI, whole, f)
        .replace(
            r#"(func (export "farside_call_f") (param i32 i32) (result i64) (i64.const 0))"#,
            r#"(func (export "farside_alloc") (param i32) (result i32) (i32.const 50000))
            (data (i32.const 60000) "\07")
            (func (export "farside_call_f") (param i32 i32) (result i64)
                (i64.const 0x1_0000_ea60))"#,
        )
        .into_bytes()
}

fn whole(instructions: &'static str) -> Vec<u8> {
    described(&Describe::By(instructions), &Describe::function("f"))
}

fn of_f(instructions: &'static str) -> Vec<u8> {
    described(&Describe::function("f"), &Describe::By(instructions))
}

/// The same description for the module and for `f`.
fn in_full(manifest: &Manifest) -> Vec<u8> {
    described(&Describe::of(manifest), &Describe::of(manifest))
}

fn recursing() -> Vec<u8> {
    let text = String::from_utf8(whole("(call $d)")).unwrap();
    text.replace(r#"(func (export "farside_describe")"#, r#"(func $d (export "farside_describe")"#)
        .replace("(call $d)", "(i64.add (call $d) (call $d))")
        .into_bytes()
}

/// A manifest of `f` with this result.
fn function(result: Schema) -> Manifest {
    let functions = vec![Function { name: "f".to_owned(), result, ..Function::default() }];
    Manifest { functions, ..Manifest::default() }
}

fn typed(result: Schema) -> Vec<u8> {
    described(&Describe::function("f"), &Describe::of(&function(result)))
}

/// A result of lists of lists, so deep.
fn nested(depth: usize) -> Vec<u8> {
    let mut bytes = b"\x81\xa9functions\x91\x82\xa4name\xa1f\xa6result".to_vec();
    bytes.extend(b"\x81\xa5items".repeat(depth));
    bytes.push(0x80);
    placed_bytes(&bytes)
}

fn with_inbox(inbox: Inbox) -> Vec<u8> {
    in_full(&Manifest { inbox: Some(inbox), ..function(Schema::default()) })
}

/// A description of a function of this name, which is a text by its head alone.
fn named(name: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x81\xa9functions\x91\x81\xa4name".to_vec();
    bytes.push(0xa0 | name.len() as u8);
    bytes.extend(name);
    bytes
}

fn cyclic() -> Vec<u8> {
    b"\x81\xa9functions\x91\x82\xa4name\xa1f\xa6result\x81\xa4$ref\xa1#".to_vec()
}

/// A guest whose `f` has a description that takes megabytes.
fn placed(manifest: &Manifest) -> Vec<u8> {
    placed_bytes(&rmp_serde::to_vec_named(manifest).unwrap())
}

fn placed_bytes(bytes: &[u8]) -> Vec<u8> {
    let data: String = bytes.iter().map(|byte| format!("\\{byte:02x}")).collect();
    let packed = (bytes.len() as u64) << 32 | FAR;
    String::from_utf8(of_f("(i64.const PACKED)"))
        .unwrap()
        .replace("PACKED", &packed.to_string())
        .replace(
            r#"(memory (export "memory") 1)"#,
            &format!(r#"(memory (export "memory") 200) (data (i32.const {FAR}) "{data}")"#),
        )
        .into_bytes()
}
