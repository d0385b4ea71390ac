//! Results that are no value, or one that bursts when it is read.

use super::guest::made;
use crate::corpus::case::Case;
use crate::sdk::answering;

const BROKEN: &[&str] = &["Trap, Poisoned"];

const TOO_LARGE: &[&str] = &["ValueTooLarge, ValueTooLarge"];

const TWICE: &[(&str, &str)] = &[("f", "[]"), ("f", "[]")];

pub(super) fn cases() -> Vec<Case> {
    vec![
        made("a result of no bytes", BROKEN, || value(b""), TWICE),
        made("a result longer than the memory", BROKEN, || sized(b"\x01", 8 << 16), TWICE),
        made("a result of 2 GiB", TOO_LARGE, || sized(b"\x01", 0x7fff_ffff), TWICE),
        made("a list of 4 billion elements", BROKEN, || value(b"\xdd\xff\xff\xff\xff\x01"), TWICE),
        made(
            "a map of 4 billion entries",
            BROKEN,
            || value(b"\xdf\xff\xff\xff\xff\x01\x01"),
            TWICE,
        ),
        made("a text of 4 GiB", BROKEN, || value(b"\xdb\xff\xff\xff\xffx"), TWICE),
        made("an extension of 4 GiB", BROKEN, || value(b"\xc9\xff\xff\xff\xff\x02x"), TWICE),
        made("lists nested 128 deep", &["a large value"], || nested(127), &[("f", "[]")]),
        made("lists nested 129 deep", TOO_LARGE, || nested(129), TWICE),
        made("lists nested 30,000 deep", TOO_LARGE, || nested(30_000), TWICE),
        made("lists of lists of lists, 16 million in name", BROKEN, bomb, TWICE),
        made("text that is no UTF-8", BROKEN, || value(b"\xa2\xff\xfe"), TWICE),
        made("a byte that begins no value", BROKEN, || value(b"\xc1"), TWICE),
        made("bytes behind the value", BROKEN, || value(b"\x01\x02"), TWICE),
        made(
            "a forged reference",
            &["NotMaterializable, NotMaterializable"],
            || value(b"\xd7\x01\0\x01\0\0\0\0\0\x01"),
            TWICE,
        ),
        made(
            "a forged reference deep inside",
            &["NotMaterializable, NotMaterializable"],
            || value(b"\x91\x81\xa1k\x91\xd7\x01\0\x01\0\0\0\0\0\x01"),
            TWICE,
        ),
        made("a reference of three bytes", BROKEN, || value(b"\xc7\x03\x01\0\0\0"), TWICE),
        made(
            "an object that is none",
            BROKEN,
            || value(b"\x91\xc7\x09\x04\0\0\0\0\0\0\0\0\0"),
            TWICE,
        ),
        made(
            "an object of a module that keeps none",
            &["NotMaterializable", "Trap"],
            object,
            &[("f", "[]")],
        ),
        made("an array whose shape overflows", BROKEN, || array(&[u64::MAX, 2]), TWICE),
        made("an array of more elements than bytes", BROKEN, || array(&[1 << 40]), TWICE),
        made("an array of 255 dimensions", BROKEN, || value(b"\xc7\x03\x02\x0a\xff\x00"), TWICE),
        made("a timestamp of five bytes", BROKEN, || value(b"\xc7\x05\xff\0\0\0\0\0"), TWICE),
        made("an error that is none", BROKEN, || failed(b"\x80", 1), TWICE),
        made("an error of a broken value", BROKEN, || failed(b"\x92\0\xc1", 3), TWICE),
        made(
            "an error of 100 KB",
            TOO_LARGE,
            || failed(b"\x92\0\xc6\0\x01\x86\xa0", 100_007),
            TWICE,
        ),
        made("an error longer than the memory", BROKEN, || failed(b"\x92\0", 8 << 16), TWICE),
        made(
            "an error of an unknown kind",
            &["GuestError"],
            || failed(b"\x92\xcc\xa1x", 4),
            &[("f", "[]")],
        ),
    ]
}

fn value(bytes: &[u8]) -> Vec<u8> {
    sized(bytes, bytes.len() as u64)
}

fn sized(bytes: &[u8], len: u64) -> Vec<u8> {
    answering(bytes, len, false, 8).into_bytes()
}

fn failed(bytes: &[u8], len: u64) -> Vec<u8> {
    answering(bytes, len, true, 8).into_bytes()
}

/// An empty list in so many lists.
fn nested(lists: usize) -> Vec<u8> {
    let mut bytes = vec![0x91; lists];
    bytes.push(0x90);
    value(&bytes)
}

/// Each list says that it has 65,535 elements.
fn bomb() -> Vec<u8> {
    value(&b"\xdc\xff\xff".repeat(3))
}

/// What an evaluator gives for an object, from a guest that is none.
fn object() -> Vec<u8> {
    value(b"\xc7\x0e\x04\0\0\0\0\0\0\0\x01\xa1f\xa3f()")
}

/// An array of bytes of this shape, with four elements.
fn array(shape: &[u64]) -> Vec<u8> {
    let mut bytes = vec![0xc7, 2 + 8 * shape.len() as u8 + 4, 2, 1, shape.len() as u8];
    shape.iter().for_each(|len| bytes.extend(len.to_le_bytes()));
    bytes.extend([0; 4]);
    value(&bytes)
}
