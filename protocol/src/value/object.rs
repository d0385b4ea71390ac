//! Objects: what an evaluator keeps, as its value tells of it.

use super::OBJECT;
use super::head::{Head, Kind};

/// Most bytes of an object's value.
pub const OBJECT_BYTES: usize = 1024;

/// What stands in an object's value: the extension [`OBJECT`], whose body is the id,
/// eight bytes big-endian, and two strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Object<'a> {
    /// What its evaluator knows it by.
    pub id: u64,
    /// What it is: `function`, or the name of its class.
    pub kind: &'a str,
    /// How the language shows it, cut short.
    pub text: &'a str,
}

impl<'a> Object<'a> {
    /// Reads a whole value; none if it is no object's.
    #[must_use]
    pub fn read(value: &'a [u8]) -> Option<Object<'a>> {
        let head = Head::read(value).filter(|head| head.kind == Kind::Extension(OBJECT))?;
        let body = value.get(head.len..)?;
        if body.len() as u64 != head.body {
            return None;
        }
        Object::read_body(body)
    }

    /// Reads the extension's body.
    #[must_use]
    pub fn read_body(body: &'a [u8]) -> Option<Object<'a>> {
        if body.len() > OBJECT_BYTES {
            return None;
        }
        let (id, rest) = body.split_first_chunk::<8>()?;
        let (kind, rest) = text(rest)?;
        let (text, rest) = text(rest)?;
        rest.is_empty().then_some(Object { id: u64::from_be_bytes(*id), kind, text })
    }
}

fn text(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let head = Head::read(bytes).filter(|head| head.kind == Kind::String)?;
    let len = usize::try_from(head.body).ok()?;
    let (text, rest) = bytes.get(head.len..)?.split_at_checked(len)?;
    Some((str::from_utf8(text).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &[u8], expected: Option<Object<'_>>) {
        let mut value = vec![0xc7, body.len() as u8, OBJECT as u8];
        value.extend_from_slice(body);
        assert_eq!(Object::read(&value), expected);
        assert_eq!(Object::read_body(body), expected);
    }

    #[test]
    fn an_object_is_an_id_and_two_texts() {
        let body = b"\0\0\0\0\0\0\x01\x02\xa1f\xa3f()";
        check(body, Some(Object { id: 258, kind: "f", text: "f()" }));
        check(&body[..12], None);
        check(b"\0\0\0\0\0\0\x01\x02\xa1f\xa3f()x", None);
        check(b"\0\0\0\0\0\0\x01\x02\xa1\xff\xa0", None);
        check(b"", None);
        assert_eq!(Object::read(b"\xa1x"), None);
    }
}
