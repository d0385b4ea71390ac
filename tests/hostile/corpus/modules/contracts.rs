//! Guests of the SDK's contract that break it: allocators, entries, exports.

use farside::manifest::GUEST_ABI;

use super::guest::{STOPPED, made};
use crate::corpus::case::Case;
use crate::sdk::{Describe, sdk};

/// Arguments too large for any inbox, so that the guest has to allocate.
const LONG: &str = concat!(r#"[""#, "0123456789012345678901234567890123456789", r#""]"#);

pub(super) fn cases() -> Vec<Case> {
    vec![
        made(
            "an allocator that gives nothing",
            &["Trap"],
            || allocating("(i32.const 0)"),
            &[("f", LONG)],
        ),
        made(
            "an allocator that points at the end of the address space",
            &["Trap"],
            || allocating("(i32.const -1)"),
            &[("f", LONG)],
        ),
        made(
            "an allocator that points half out of the memory",
            &["Trap"],
            || allocating("(i32.const 65530)"),
            &[("f", LONG)],
        ),
        made(
            "an allocator that points into the guest's own description",
            &["7, 7"],
            || allocating("(i32.const 1)"),
            &[("f", LONG), ("f", LONG)],
        ),
        made(
            "an allocator that gives odd addresses",
            &["7"],
            || allocating("(i32.const 16385)"),
            &[("f", LONG)],
        ),
        made(
            "an allocator that gives the same bytes twice",
            &["7, 7"],
            || allocating("(i32.const 20000)"),
            &[("f", LONG), ("f", LONG)],
        ),
        made(
            "an allocator that never ends",
            STOPPED,
            || allocating("(loop (br 0)) (i32.const 8)"),
            &[("f", LONG)],
        ),
        made(
            "an allocator that takes all memory",
            &["MemoryLimit"],
            || {
                allocating(
                    "(loop (br_if 0 (i32.ge_s (memory.grow (i32.const 64)) (i32.const 0))))
                    (i32.const 0)",
                )
            },
            &[("f", LONG)],
        ),
        made(
            "an allocator that traps",
            &["Trap, Poisoned"],
            || allocating("(unreachable)"),
            &[("f", LONG), ("f", LONG)],
        ),
        made(
            "an allocator that calls the function it is for",
            &["Trap"],
            || {
                allocating(
                    "(drop (call $entry (i32.const 0) (i32.const 0))) (call $alloc (i32.const 1))",
                )
            },
            &[("f", LONG)],
        ),
        made(
            "an allocator of another type",
            &["Trap"],
            || {
                replaced(
                    r#"(func (export "farside_alloc") (param i64) (result i64) (i64.const 8))"#,
                )
            },
            &[("f", LONG)],
        ),
        made(
            "an allocator that is a global",
            &["Trap"],
            || replaced(r#"(global (export "farside_alloc") i32 (i32.const 8))"#),
            &[("f", LONG)],
        ),
        made("no allocator", &["Trap"], || replaced(""), &[("f", LONG)]),
        made(
            "an entry of another type",
            &["Trap"],
            || {
                plain()
                    .replace(
                        "(param i32 i32) (result i64) (i64.const 0)",
                        "(param f64) (result f64) (f64.const 0)",
                    )
                    .into_bytes()
            },
            &[("f", "[]")],
        ),
        made(
            "an entry that is a global",
            &["Trap", "refused: InvalidModule"],
            || {
                plain()
                    .replace(
                        r#"(func (export "farside_call_f") (param i32 i32) (result i64) (i64.const 0))"#,
                        r#"(global (export "farside_call_f") i32 (i32.const 0))"#,
                    )
                    .into_bytes()
            },
            &[("f", "[]")],
        ),
        made(
            "no memory to be seen",
            &["refused: InvalidModule"],
            || plain().replace(r#"(export "memory") "#, "").into_bytes(),
            &[],
        ),
        made(
            "a memory that is a function",
            &["refused: InvalidModule"],
            || {
                plain()
                    .replace(
                        r#"(memory (export "memory") 1)"#,
                        r#"(memory 1) (func (export "memory"))"#,
                    )
                    .into_bytes()
            },
            &[],
        ),
        made(
            "a memory with 64-bit addresses",
            &["refused: InvalidModule", "7", "Trap"],
            || {
                plain()
                    .replace(
                        r#"(memory (export "memory") 1)"#,
                        r#"(memory (export "memory") i64 1)"#,
                    )
                    .replace("(i32.const 0) \"", "(i64.const 0) \"")
                    .replace("(i32.const 4096) \"", "(i64.const 4096) \"")
                    .into_bytes()
            },
            &[("f", "[]")],
        ),
        made(
            "another ABI",
            &["refused: VersionMismatch"],
            || {
                let good = Describe::function("f");
                sdk(GUEST_ABI + 1, &good, &good).into_bytes()
            },
            &[],
        ),
        made(
            "an ABI that never says which",
            &["refused: InvalidModule"],
            || {
                let from = format!("(result i32) (i32.const {GUEST_ABI})");
                plain().replace(&from, "(result i32) (loop (br 0)) (i32.const 1)").into_bytes()
            },
            &[],
        ),
        made(
            "an entry that answers otherwise each time",
            &["1, 2, Trap"],
            changing,
            &[("f", "[]"), ("f", "[]"), ("f", "[]")],
        ),
        made(
            "an entry that writes over its own inbox and memory",
            &["7", "Trap"],
            || {
                plain()
                    .replace(
                        "(param i32 i32) (result i64) (i64.const 0)",
                        "(param i32 i32) (result i64)
                        (memory.fill (i32.const 0) (i32.const 7) (i32.const 65536))
                        (i64.const 0x1_0000_0000)",
                    )
                    .into_bytes()
            },
            &[("f", "[]")],
        ),
    ]
}

/// A guest whose function `f` takes nothing, with an allocator that does its work.
fn plain() -> String {
    let good = Describe::function("f");
    sdk(GUEST_ABI, &good, &good).replace(
        r#"(func (export "farside_abi")"#,
        r#"(func (export "farside_alloc") (param i32) (result i32) (i32.const 8192))
        (func (export "farside_abi")"#,
    )
}

/// A guest whose function `f(text)` gives 7, with an allocator of its own.
fn allocating(body: &str) -> Vec<u8> {
    replaced(&format!(r#"(func $alloc (export "farside_alloc") (param i32) (result i32) {body})"#))
}

/// The same with another export in place of the allocator.
fn replaced(allocator: &str) -> Vec<u8> {
    let good = Describe::taking("f", &["text"]);
    sdk(GUEST_ABI, &good, &good)
        .replace(
            r#"(func (export "farside_call_f") (param i32 i32) (result i64) (i64.const 0))"#,
            &format!(
                r#"(data (i32.const 30000) "\07") {allocator}
                (func $entry (export "farside_call_f") (param i32 i32) (result i64)
                    (i64.const 0x1_0000_7530))"#
            ),
        )
        .into_bytes()
}

/// A guest that gives a number, then another one, then what lies outside.
fn changing() -> Vec<u8> {
    plain()
        .replace(
            r#"(func (export "farside_call_f") (param i32 i32) (result i64) (i64.const 0))"#,
            r#"(global $calls (mut i32) (i32.const 0))
            (func (export "farside_call_f") (param i32 i32) (result i64)
                (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
                (i32.store8 (i32.const 9000) (global.get $calls))
                (if (result i64) (i32.lt_u (global.get $calls) (i32.const 3))
                    (then (i64.const 0x1_0000_2328)) (else (i64.const 0x0100_0000_ffff_ffff))))"#,
        )
        .into_bytes()
}
