//! Guests against what the host provides: imports, log, panic.

use super::guest::{STOPPED, text};
use crate::corpus::case::Case;

const UNSUPPORTED: &[&str] = &["refused: UnsupportedImport"];

/// What stops a guest that asks the host without end.
const STOPPED_OR_REFUSED: &[&str] = &["CpuLimit", "DeadlineExceeded", "QuotaExceeded"];

pub(super) fn cases() -> Vec<Case> {
    vec![
        text(
            "files of WASI",
            UNSUPPORTED,
            r#"(module (import "wasi_snapshot_preview1" "path_open"
                (func (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32))))"#,
            &[],
        ),
        text(
            "what only evaluators may",
            UNSUPPORTED,
            r#"(module (import "farside" "call" (func (param i32 i32 i32 i32) (result i64))))"#,
            &[],
        ),
        text(
            "clock and random numbers that are not granted",
            UNSUPPORTED,
            r#"(module (import "farside" "clock" (func (result i64)))
                (import "farside" "random" (func (param i32 i32))))"#,
            &[],
        ),
        text(
            "an import of another type",
            UNSUPPORTED,
            r#"(module (import "farside" "log" (func (param i64))))"#,
            &[],
        ),
        text(
            "a memory and a table of the host's",
            UNSUPPORTED,
            r#"(module (import "farside" "memory" (memory 1))
                (import "farside" "table" (table 1 funcref)))"#,
            &[],
        ),
        text(
            "a log of a hundred thousand lines",
            &["null, 1", "QuotaExceeded, Poisoned"],
            r#"(module (import "farside" "log" (func $log (param i32 i32 i32)))
                (memory (export "memory") 1)
                (func (export "f") (param i32)
                    (loop (call $log (i32.const 1) (i32.const 0) (i32.const 1000))
                        (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
                        (br_if 0 (local.get 0))))
                (func (export "g") (result i32) (i32.const 1)))"#,
            &[("f", "[100000]"), ("g", "[]")],
        ),
        text(
            "a log without end",
            STOPPED_OR_REFUSED,
            r#"(module (import "farside" "log" (func $log (param i32 i32 i32)))
                (memory (export "memory") 1)
                (func (export "f")
                    (loop (call $log (i32.const 1) (i32.const 0) (i32.const 0)) (br 0))))"#,
            &[("f", "[]")],
        ),
        text(
            "log lines from outside of the memory",
            &["Trap, Trap, Trap"],
            r#"(module (import "farside" "log" (func $log (param i32 i32 i32)))
                (memory (export "memory") 1)
                (func (export "f") (param i32 i32)
                    (call $log (i32.const 1) (local.get 0) (local.get 1))))"#,
            &[
                ("f", "[65530, 7]"),
                ("renew", ""),
                ("f", "[-1, -1]"),
                ("renew", ""),
                ("f", "[0, -1]"),
            ],
        ),
        text(
            "a log without a memory",
            &["Trap"],
            r#"(module (import "farside" "log" (func $log (param i32 i32 i32)))
                (func (export "f") (call $log (i32.const 1) (i32.const 0) (i32.const 1))))"#,
            &[("f", "[]")],
        ),
        text(
            "a report of a panic that is the whole memory",
            &["Trap"],
            r#"(module (import "farside" "panic" (func $panic (param i32 i32)))
                (memory (export "memory") 100)
                (func (export "f") (call $panic (i32.const 0) (i32.const 6553600))
                    (unreachable)))"#,
            &[("f", "[]")],
        ),
        text(
            "panics that are reported without end",
            &["Trap"],
            r#"(module (import "farside" "panic" (func $panic (param i32 i32)))
                (memory (export "memory") 1)
                (func (export "f")
                    (loop (call $panic (i32.const 0) (i32.const 8192)) (br 0))))"#,
            &[("f", "[]")],
        ),
        text(
            "the host's import as an exported function",
            &["Trap"],
            r#"(module (import "farside" "log" (func $log (param i32 i32 i32)))
                (export "f" (func $log)) (memory (export "memory") 1))"#,
            &[("f", "[1, -1, -1]")],
        ),
        text(
            "a start function that logs and loops",
            STOPPED,
            r#"(module (import "farside" "log" (func $log (param i32 i32 i32)))
                (memory (export "memory") 1)
                (func $s (call $log (i32.const 1) (i32.const 0) (i32.const 9)) (loop (br 0)))
                (start $s) (func (export "f")))"#,
            &[("f", "[]")],
        ),
    ]
}
