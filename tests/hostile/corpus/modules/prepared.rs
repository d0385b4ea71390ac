//! Guests that abuse what runs before their first call: init, which runs once when the
//! module is compiled, and wake, which runs in each new instance.

use super::guest::{made, text};
use crate::corpus::case::Case;

const LIMIT: &[&str] = &["refused: CompileLimit"];

const INVALID: &[&str] = &["refused: InvalidModule"];

pub(super) fn cases() -> Vec<Case> {
    vec![
        made("an init that never ends", LIMIT, || init("(loop (br 0))"), &[]),
        made(
            "an init that takes all memory",
            &["taken", "refused: CompileLimit"],
            || init("(loop (br_if 0 (i32.ge_s (memory.grow (i32.const 16)) (i32.const 0))))"),
            &[],
        ),
        made("an init that recurses", INVALID, || init("(call $init) (call $init)"), &[]),
        made("an init that traps", INVALID, || init("(unreachable)"), &[]),
        made(
            "an init that writes to a table",
            INVALID,
            || init("(table.set (i32.const 0) (ref.func $init))"),
            &[],
        ),
        made(
            "an init that fills 100 MiB",
            &["9", "refused: CompileLimit"],
            || {
                init(
                    "(drop (memory.grow (i32.const 1600)))
                (memory.fill (i32.const 0) (i32.const 9) (i32.const 104857600))",
                )
            },
            &[("f", "[]")],
        )
        .heavy(),
        text(
            "an init of another type",
            INVALID,
            r#"(module (memory 1) (func (export "farside_init") (param i32)) (func (export "f")))"#,
            &[],
        ),
        text(
            "an init that is a memory",
            &["refused: InvalidModule"],
            r#"(module (memory (export "farside_init") 1) (func (export "f")))"#,
            &[],
        ),
        text(
            "a wake that never ends",
            &["CpuLimit, CpuLimit", "DeadlineExceeded, DeadlineExceeded"],
            r#"(module (func (export "farside_wake") (loop (br 0))) (func (export "f")))"#,
            &[("f", "[]"), ("fresh f", "[]")],
        ),
        text(
            "a wake that traps",
            &["Trap, Trap"],
            r#"(module (func (export "farside_wake") (unreachable)) (func (export "f")))"#,
            &[("f", "[]"), ("f", "[]")],
        ),
        text(
            "a wake that is a table",
            &["Trap"],
            r#"(module (table (export "farside_wake") 1 funcref) (func (export "f")))"#,
            &[("f", "[]")],
        ),
        text(
            "an interrupt byte outside of the memory",
            &["1, Trap"],
            r#"(module (memory (export "memory") 1)
                (func (export "farside_interrupt") (result i32) (i32.const -1))
                (func (export "f") (result i32) (i32.const 1))
                (func (export "g") (unreachable)))"#,
            &[("f", "[]"), ("g", "[]")],
        ),
        text(
            "fresh calls that change all they can",
            &["0, 0, 0, 5"],
            r#"(module (memory 1) (global $g (mut i32) (i32.const 0))
                (func (export "f") (result i32)
                    (i32.add (global.get $g) (i32.load (i32.const 500)))
                    (global.set $g (i32.const 1))
                    (memory.fill (i32.const 0) (i32.const 1) (i32.const 65536))
                    (drop (memory.grow (i32.const 1))))
                (func (export "s") (result i32) (global.set $g (i32.const 5)) (global.get $g)))"#,
            &[("fresh f", "[]"), ("fresh f", "[]"), ("fresh f", "[]"), ("s", "[]")],
        ),
    ]
}

/// A guest whose init does this, and whose `f` gives the first byte of the memory.
fn init(body: &str) -> Vec<u8> {
    format!(
        r#"(module (memory 1) (table 1 funcref) (elem declare func $init)
            (func $init (export "farside_init") {body})
            (func (export "f") (result i32) (i32.load8_u (i32.const 0))))"#
    )
    .into_bytes()
}
