//! Guests that do not come to an end, or run out of stack.

use super::guest::{STOPPED, STOPPED_AND_LOST, made, text};
use crate::corpus::case::Case;

pub(super) fn cases() -> Vec<Case> {
    vec![
        text(
            "endless loop",
            STOPPED_AND_LOST,
            r#"(module (func (export "f") (loop (br 0))))"#,
            &[("f", "[]"), ("f", "[]")],
        ),
        text(
            "endless loop in a fresh call",
            &["CpuLimit, 1", "DeadlineExceeded, 1"],
            r#"(module (func (export "f") (loop (br 0)))
                (func (export "g") (result i32) (i32.const 1)))"#,
            &[("fresh f", "[]"), ("g", "[]")],
        ),
        text(
            "endless tail calls",
            STOPPED,
            r#"(module (func $f (export "f") (return_call $f)))"#,
            &[("f", "[]")],
        ),
        text(
            "endless loop of slow instructions",
            STOPPED,
            r#"(module (memory 1000)
                (func (export "f") (loop
                    (memory.copy (i32.const 0) (i32.const 1) (i32.const 65000000))
                    (br 0))))"#,
            &[("f", "[]")],
        ),
        text(
            "endless recursion",
            &["Trap, Poisoned"],
            r#"(module (func $f (export "f") (result i32) (i32.add (call $f) (i32.const 1))))"#,
            &[("f", "[]"), ("f", "[]")],
        ),
        text(
            "recursion through a table",
            &["Trap"],
            r#"(module (type $t (func (result i32))) (table funcref (elem $a $b))
                (func $a (result i32) (i32.add (call_indirect (type $t) (i32.const 1)) (i32.const 1)))
                (func $b (export "f") (result i32)
                    (i32.add (call_indirect (type $t) (i32.const 0)) (i32.const 1))))"#,
            &[("f", "[]")],
        ),
        made(
            "recursion with frames of 8 KiB",
            &["Trap, Trap"],
            wide_frames,
            &[("f", "[]"), ("renew", ""), ("f", "[]")],
        ),
        text(
            "recursion in a tree, short of the stack's end",
            STOPPED,
            r#"(module (func $f (param i32) (result i32)
                    (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 1)) (else (i32.add
                        (call $f (i32.sub (local.get 0) (i32.const 1)))
                        (call $f (i32.sub (local.get 0) (i32.const 1)))))))
                (func (export "f") (result i32) (call $f (i32.const 200))))"#,
            &[("f", "[]")],
        ),
        text(
            "a start function that loops",
            STOPPED_AND_LOST,
            r#"(module (func $s (loop (br 0))) (start $s) (func (export "f")))"#,
            &[("f", "[]"), ("f", "[]")],
        ),
        text(
            "a start function that traps",
            &["Trap, Trap"],
            r#"(module (func $s (unreachable)) (start $s) (func (export "f")))"#,
            &[("f", "[]"), ("f", "[]")],
        ),
        text(
            "a start function that recurses",
            &["Trap"],
            r#"(module (func $s (call $s) (call $s)) (start $s) (func (export "f")))"#,
            &[("f", "[]")],
        ),
        text(
            "divisions by zero and of the least integer",
            &["Trap, Trap, Trap"],
            r#"(module
                (func (export "f") (param i32) (result i32)
                    (i32.div_s (i32.const 0x80000000) (local.get 0)))
                (func (export "g") (result i32) (i32.trunc_f64_s (f64.const nan))))"#,
            &[("f", "[0]"), ("renew", ""), ("f", "[-1]"), ("renew", ""), ("g", "[]")],
        ),
    ]
}

/// A function that calls itself with a thousand locals alive.
fn wide_frames() -> Vec<u8> {
    const LOCALS: usize = 1000;
    let mut body = String::new();
    for local in 0..LOCALS {
        body += &format!("(local.set {local} (i64.add (i64.const {local}) (global.get 0)))");
    }
    body += "(local.set 0 (call $f))";
    for local in 0..LOCALS {
        body += &format!("(local.set 0 (i64.add (local.get 0) (local.get {local})))");
    }
    let locals = "i64 ".repeat(LOCALS);
    format!(
        r#"(module (global (mut i64) (i64.const 1))
            (func $f (export "f") (result i64) (local {locals}) {body} (local.get 0)))"#
    )
    .into_bytes()
}
