//! Guests that want memory and tables beyond their share.

use super::guest::{made, text};
use crate::corpus::case::Case;

pub(super) fn cases() -> Vec<Case> {
    vec![
        text(
            "memory.grow until it is refused, then a trap",
            &["MemoryLimit"],
            r#"(module (memory 1)
                (func (export "f")
                    (loop (br_if 0 (i32.ge_s (memory.grow (i32.const 16)) (i32.const 0))))
                    (unreachable)))"#,
            &[("f", "[]")],
        ),
        text(
            "memory.grow refused a million times",
            &["0", "CpuLimit"],
            r#"(module (memory 1) (func (export "f") (param i32) (result i32)
                (loop (drop (memory.grow (i32.const 65535)))
                    (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
                    (br_if 0 (local.get 0)))
                (local.get 0)))"#,
            &[("f", "[1000000]")],
        ),
        text(
            "every page of all the memory there is",
            &["4096, 268435456"],
            r#"(module (memory 1)
                (func (export "grow") (result i32)
                    (loop (br_if 0 (i32.ge_s (memory.grow (i32.const 1)) (i32.const 0))))
                    (memory.size))
                (func (export "touch") (result i32) (local i32)
                    (loop
                        (i32.store8 (local.get 0) (i32.const 1))
                        (local.set 0 (i32.add (local.get 0) (i32.const 4096)))
                        (br_if 0 (i32.lt_u (local.get 0) (i32.shl (memory.size) (i32.const 16)))))
                    (local.get 0)))"#,
            &[("grow", "[]"), ("touch", "[]")],
        )
        .heavy(),
        text(
            "all the memory there is, touched in fresh calls",
            &["1, 1, 1, 1"],
            r#"(module (memory 4000) (func (export "f") (result i32)
                (memory.fill (i32.const 0) (i32.const 1) (i32.const 262144000))
                (i32.load8_u (i32.const 262143999))))"#,
            &[("fresh f", "[]"), ("fresh f", "[]"), ("fresh f", "[]"), ("fresh f", "[]")],
        )
        .heavy(),
        text(
            "addresses around and beyond the memory",
            &["Trap, Trap, Trap"],
            r#"(module (memory 1)
                (func (export "f") (param i32) (result i64)
                    (i64.load offset=0xffffffff (local.get 0)))
                (func (export "g") (param i32) (result i64) (i64.load (local.get 0))))"#,
            &[("f", "[-1]"), ("renew", ""), ("g", "[65529]"), ("renew", ""), ("g", "[-8]")],
        ),
        text(
            "table.grow until it is refused, then a trap",
            &["MemoryLimit"],
            r#"(module (table 1 funcref)
                (func (export "f")
                    (loop (br_if 0 (i32.ge_s
                        (table.grow 0 (ref.null func) (i32.const 1000)) (i32.const 0))))
                    (unreachable)))"#,
            &[("f", "[]")],
        ),
        text(
            "table.grow by 4 billion",
            &["-1, 1"],
            r#"(module (table 1 funcref)
                (func (export "f") (result i32) (table.grow 0 (ref.null func) (i32.const -1)))
                (func (export "g") (result i32) (table.size 0)))"#,
            &[("f", "[]"), ("g", "[]")],
        ),
        text("a memory of 4 GiB", &["refused: MemoryLimit"], "(module (memory 65536))", &[]),
        text(
            "a 64-bit memory of 16 EiB",
            &["refused: InvalidModule", "refused: MemoryLimit"],
            "(module (memory i64 0x1_0000_0000_0000))",
            &[],
        ),
        text(
            "a 64-bit memory that grows by 2^48 pages",
            &["-1"],
            r#"(module (memory i64 1)
                (func (export "f") (result i64) (memory.grow (i64.const 0x1_0000_0000_0000))))"#,
            &[("f", "[]")],
        ),
        text(
            "a table of 4 billion elements",
            &["refused: MemoryLimit", "refused: InvalidModule"],
            "(module (table 0xffffffff funcref))",
            &[],
        ),
        made(
            "a hundred memories",
            &["refused: InvalidModule"],
            || repeated("(memory 1)", 100),
            &[],
        ),
        made(
            "a hundred tables",
            &["refused: InvalidModule"],
            || repeated("(table 1 funcref)", 100),
            &[],
        ),
        text(
            "four memories that share what there is",
            &["MemoryLimit"],
            r#"(module (memory 2000) (memory 2000) (memory 2000) (memory 2000) (func (export "f")))"#,
            &[("f", "[]")],
        ),
        text(
            "data beyond the memory",
            &["Trap, Trap"],
            r#"(module (memory 1) (data (i32.const 65535) "two") (func (export "f")))"#,
            &[("f", "[]"), ("f", "[]")],
        ),
        text(
            "elements beyond the table",
            &["Trap"],
            r#"(module (table 1 funcref) (elem (i32.const 1) $f) (func $f (export "f")))"#,
            &[("f", "[]")],
        ),
        text(
            "a call through a null, a wrong type and no element at all",
            &["Trap, Trap, Trap"],
            r#"(module (type $t (func (param i64))) (table 2 funcref) (elem (i32.const 1) $g)
                (func $g) (func (export "f") (param i32)
                    (call_indirect (type $t) (i64.const 0) (local.get 0))))"#,
            &[("f", "[0]"), ("renew", ""), ("f", "[1]"), ("renew", ""), ("f", "[-1]")],
        ),
    ]
}

/// A module with the same field many times.
fn repeated(field: &str, times: usize) -> Vec<u8> {
    format!("(module {})", field.repeat(times)).into_bytes()
}
