//! Bytes that are no module, or one of another kind.

use super::guest::{made, text};
use crate::corpus::case::{Case, Kind};
use crate::corpus::raw;

const INVALID: &[&str] = &["refused: InvalidModule"];

pub(super) fn cases() -> Vec<Case> {
    vec![
        made("a program of this machine", INVALID, || b"\x7fELF\x02\x01\x01".to_vec(), &[]),
        made("a component", INVALID, || b"\0asm\x0d\0\x01\0".to_vec(), &[]),
        made("a module cut short", INVALID, || b"\0asm\x01\0\0\0\x01\x7f".to_vec(), &[]),
        made("a section that says it has 4 GiB", INVALID, lying_section, &[]),
        made("a vector that says it has 4 billion entries", INVALID, lying_vector, &[]),
        made(
            "sections in a wrong order",
            INVALID,
            || b"\0asm\x01\0\0\0\x0a\x01\0\x01\x01\0".to_vec(),
            &[],
        ),
        made("a body that says it is longer", INVALID, lying_body, &[]),
        made("random bytes behind a right beginning", INVALID, noise, &[]),
        made("names that are no UTF-8", INVALID, bad_name, &[]),
        text("types that do not fit", INVALID, "(module (func (result i32) (i64.const 1)))", &[]),
        text("shared memory", INVALID, "(module (memory 1 1 shared))", &[]),
        text("structs of the GC proposal", INVALID, "(module (type (struct (field i32))))", &[]),
        text(
            "two exports of a name",
            &["refused: InvalidModule", "refused by the client"],
            r#"(module (func (export "f")) (func (export "f")))"#,
            &[],
        ),
        text(
            "a reserved export",
            INVALID,
            r#"(module (memory (export "farside:memory:0") 1))"#,
            &[],
        ),
        Case::new(Kind::Module, "text of a million open brackets", INVALID, |server| {
            raw::upload(server, "(module ".to_owned() + &"(func (block ".repeat(1_000_000))
        }),
        Case::new(Kind::Module, "text with a number of a million digits", INVALID, |server| {
            let digits = "9".repeat(1_000_000);
            raw::upload(server, format!("(module (func (drop (i32.const {digits}))))"))
        }),
        Case::new(Kind::Module, "text that never ends a string", INVALID, |server| {
            raw::upload(server, format!(r#"(module (data "{}"#, "\\00".repeat(1_000_000)))
        }),
    ]
}

/// The beginning of every module.
const PREAMBLE: [u8; 8] = *b"\0asm\x01\0\0\0";

fn with(bytes: &[u8]) -> Vec<u8> {
    [&PREAMBLE, bytes].concat()
}

fn lying_section() -> Vec<u8> {
    with(&[1, 0xff, 0xff, 0xff, 0xff, 0x0f, 0])
}

fn lying_vector() -> Vec<u8> {
    with(&[1, 5, 0xff, 0xff, 0xff, 0xff, 0x0f])
}

fn lying_body() -> Vec<u8> {
    with(&[1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, 10, 4, 1, 0x7f, 0, 0x0b])
}

fn bad_name() -> Vec<u8> {
    // A function exported under two bytes that are no text.
    with(&[1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, 7, 6, 1, 2, 0xff, 0xfe, 0, 0, 10, 4, 1, 2, 0, 0x0b])
}

fn noise() -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let noise = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    });
    with(&noise.take(100_000).collect::<Vec<u8>>())
}
