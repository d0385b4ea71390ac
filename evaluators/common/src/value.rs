//! Values on the wire: read one by one, and written piece by piece.

use farside_protocol::array;
use farside_protocol::value::{BIG_INTEGER, Head, Kind, OBJECT, Object};

use crate::array::NdArray;

/// Deepest nesting of lists and maps that is written or read, as deep as the server
/// takes it. What is in itself would have no end.
pub const DEPTH: usize = 128;

/// MessagePack's own extension type for a point in time.
const TIMESTAMP: i8 = -1;

/// One value, or the head of one that holds others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Item<'a> {
    /// Nothing.
    Nil,
    /// True or false.
    Bool(bool),
    /// An integer of MessagePack's.
    Integer(i128),
    /// An integer beyond 64 bits: two's complement, big-endian.
    BigInteger(&'a [u8]),
    /// A floating-point number.
    Float(f64),
    /// Text.
    Text(&'a str),
    /// A byte string.
    Bytes(&'a [u8]),
    /// So many values follow.
    List(usize),
    /// So many keys with their values follow.
    Map(usize),
    /// The body of an n-dimensional array.
    Array(&'a [u8]),
    /// A point in time.
    Timestamp(Timestamp),
    /// What the evaluator keeps, by its id.
    Object(u64),
    /// An extension that is not known here.
    Unknown(i8),
}

/// A point in time: seconds since 1970, and what is left of the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamp {
    /// Whole seconds, rounded down.
    pub seconds: i64,
    /// Below a billion.
    pub nanoseconds: u32,
}

/// The bytes are no proper values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// Reads values, those inside others after them.
#[derive(Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Begins at the first value.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    /// The next value, or the head of it.
    ///
    /// # Errors
    /// The bytes are malformed.
    pub fn next_item(&mut self) -> Result<Item<'a>, Malformed> {
        let head = Head::read(self.rest).ok_or(Malformed)?;
        let head_bytes = self.take(head.len as u64)?;
        let items = usize::try_from(head.items).map_err(|_| Malformed)?;
        if items > self.rest.len() {
            return Err(Malformed);
        }
        Ok(match head.kind {
            Kind::Nil => Item::Nil,
            Kind::Bool => Item::Bool(head.bits != 0),
            Kind::Integer => Item::Integer(head.integer().ok_or(Malformed)?),
            Kind::Float => Item::Float(f64::from_bits(head.bits)),
            Kind::String => {
                Item::Text(str::from_utf8(self.take(head.body)?).map_err(|_| Malformed)?)
            }
            Kind::Bytes => Item::Bytes(self.take(head.body)?),
            Kind::List => Item::List(items),
            Kind::Map => Item::Map(items / 2),
            Kind::Array => Item::Array(self.take(head.body)?),
            Kind::Timestamp => Item::Timestamp(Timestamp::read(self.take(head.body)?)?),
            Kind::Reference | Kind::Extension(_) => {
                let number = head_bytes.last().copied().ok_or(Malformed)?.cast_signed();
                let body = self.take(head.body)?;
                match number {
                    BIG_INTEGER => Item::BigInteger(body),
                    OBJECT => Item::Object(Object::read_body(body).ok_or(Malformed)?.id),
                    _ => Item::Unknown(number),
                }
            }
        })
    }

    fn take(&mut self, len: u64) -> Result<&'a [u8], Malformed> {
        let len = usize::try_from(len).map_err(|_| Malformed)?;
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(Malformed)?;
        self.rest = rest;
        Ok(taken)
    }
}

impl Timestamp {
    fn read(body: &[u8]) -> Result<Timestamp, Malformed> {
        let timestamp = match *body {
            [_, _, _, _] => {
                let seconds = u32::from_be_bytes(body.try_into().map_err(|_| Malformed)?);
                Timestamp { seconds: i64::from(seconds), nanoseconds: 0 }
            }
            [_, _, _, _, _, _, _, _] => {
                let both = u64::from_be_bytes(body.try_into().map_err(|_| Malformed)?);
                let seconds = (both & 0x3_ffff_ffff).cast_signed();
                Timestamp { seconds, nanoseconds: (both >> 34) as u32 }
            }
            [a, b, c, d, ref seconds @ ..] => {
                let seconds = i64::from_be_bytes(seconds.try_into().map_err(|_| Malformed)?);
                Timestamp { seconds, nanoseconds: u32::from_be_bytes([a, b, c, d]) }
            }
            _ => return Err(Malformed),
        };
        if timestamp.nanoseconds >= 1_000_000_000 { Err(Malformed) } else { Ok(timestamp) }
    }
}

/// Writes values.
#[derive(Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// Writes nothing yet.
    #[must_use]
    pub fn new() -> Writer {
        Writer::default()
    }

    /// What was written.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Nothing.
    pub fn nil(&mut self) {
        self.bytes.push(0xc0);
    }

    /// True or false.
    pub fn bool(&mut self, value: bool) {
        self.bytes.push(0xc2 | u8::from(value));
    }

    /// An integer, in as few bytes as it needs.
    pub fn integer(&mut self, value: i128) {
        if let Ok(value) = u64::try_from(value) {
            self.unsigned(value);
        } else if let Ok(value) = i64::try_from(value) {
            self.negative(value);
        } else {
            self.big_integer(&value.to_be_bytes());
        }
    }

    fn unsigned(&mut self, value: u64) {
        match value {
            0..=0x7f => self.bytes.push(value as u8),
            0x80..=0xff => self.put(0xcc, &[value as u8]),
            0x100..=0xffff => self.put(0xcd, &(value as u16).to_be_bytes()),
            0x1_0000..=0xffff_ffff => self.put(0xce, &(value as u32).to_be_bytes()),
            _ => self.put(0xcf, &value.to_be_bytes()),
        }
    }

    fn negative(&mut self, value: i64) {
        match value {
            -0x20.. => self.bytes.push(value as u8),
            -0x80.. => self.put(0xd0, &[value as u8]),
            -0x8000.. => self.put(0xd1, &(value as i16).to_be_bytes()),
            -0x8000_0000.. => self.put(0xd2, &(value as i32).to_be_bytes()),
            _ => self.put(0xd3, &value.to_be_bytes()),
        }
    }

    /// An integer of any size, in two's complement, big-endian; bytes that only
    /// repeat its sign are left out.
    pub fn big_integer(&mut self, mut bytes: &[u8]) {
        while let [0, 0..=0x7f, ..] | [0xff, 0x80..=0xff, ..] = bytes {
            bytes = &bytes[1..];
        }
        if bytes.len() <= 8 {
            let sign = if bytes.first().is_some_and(|first| first & 0x80 != 0) { -1 } else { 0 };
            let value = bytes.iter().fold(sign, |sum: i64, byte| sum << 8 | i64::from(*byte));
            return self.integer(i128::from(value));
        }
        if let [0, magnitude @ ..] = bytes
            && let Ok(magnitude) = magnitude.try_into()
        {
            return self.unsigned(u64::from_be_bytes(magnitude));
        }
        self.extension(BIG_INTEGER, bytes.len());
        self.bytes.extend_from_slice(bytes);
    }

    /// A floating-point number.
    pub fn float(&mut self, value: f64) {
        self.put(0xcb, &value.to_bits().to_be_bytes());
    }

    /// Text.
    pub fn text(&mut self, text: &str) {
        match text.len() {
            len @ 0..=0x1f => self.bytes.push(0xa0 | len as u8),
            len @ 0x20..=0xff => self.put(0xd9, &[len as u8]),
            len => self.head(0xda, len),
        }
        self.bytes.extend_from_slice(text.as_bytes());
    }

    /// A byte string.
    pub fn bytes(&mut self, bytes: &[u8]) {
        match bytes.len() {
            len @ 0..=0xff => self.put(0xc4, &[len as u8]),
            len => self.head(0xc5, len),
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// The head of a list, whose values follow.
    pub fn list(&mut self, len: usize) {
        match len {
            0..=0xf => self.bytes.push(0x90 | len as u8),
            _ => self.head(0xdc, len),
        }
    }

    /// The head of a map, whose keys with their values follow.
    pub fn map(&mut self, len: usize) {
        match len {
            0..=0xf => self.bytes.push(0x80 | len as u8),
            _ => self.head(0xde, len),
        }
    }

    /// An n-dimensional array.
    pub fn array(&mut self, array: &NdArray) {
        self.array_body(&array.encode());
    }

    /// An n-dimensional array, by its extension's bytes.
    pub fn array_body(&mut self, body: &[u8]) {
        self.extension(array::EXTENSION, body.len());
        self.bytes.extend_from_slice(body);
    }

    /// What the evaluator keeps: what it is, and how the language shows it.
    pub fn object(&mut self, id: u64, kind: &str, text: &str) {
        let mut body = Writer { bytes: id.to_be_bytes().to_vec() };
        body.text(kind);
        body.text(text);
        self.extension(OBJECT, body.bytes.len());
        self.bytes.extend_from_slice(&body.bytes);
    }

    /// A point in time, in the shortest of MessagePack's forms.
    pub fn timestamp(&mut self, Timestamp { seconds, nanoseconds }: Timestamp) {
        match u64::try_from(seconds) {
            Ok(seconds) if nanoseconds == 0 && seconds <= u64::from(u32::MAX) => {
                self.extension(TIMESTAMP, 4);
                self.bytes.extend_from_slice(&(seconds as u32).to_be_bytes());
            }
            Ok(seconds) if seconds < 1 << 34 => {
                self.extension(TIMESTAMP, 8);
                let both = u64::from(nanoseconds) << 34 | seconds;
                self.bytes.extend_from_slice(&both.to_be_bytes());
            }
            _ => {
                self.extension(TIMESTAMP, 12);
                self.bytes.extend_from_slice(&nanoseconds.to_be_bytes());
                self.bytes.extend_from_slice(&seconds.to_be_bytes());
            }
        }
    }

    fn extension(&mut self, number: i8, len: usize) {
        match len {
            1 | 2 | 4 | 8 | 16 => self.bytes.push(0xd4 + len.trailing_zeros() as u8),
            0..=0xff => self.put(0xc7, &[len as u8]),
            _ => self.head(0xc8, len),
        }
        self.bytes.push(number.cast_unsigned());
    }

    /// A length of two bytes, or of four behind the next marker.
    fn head(&mut self, marker: u8, len: usize) {
        match u16::try_from(len) {
            Ok(len) => self.put(marker, &len.to_be_bytes()),
            Err(_) => self.put(marker + 1, &(len as u32).to_be_bytes()),
        }
    }

    fn put(&mut self, marker: u8, bytes: &[u8]) {
        self.bytes.push(marker);
        self.bytes.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
        let mut writer = Writer::new();
        write(&mut writer);
        writer.into_bytes()
    }

    fn check(write: impl FnOnce(&mut Writer), expected: Item<'_>) {
        let bytes = written(write);
        let mut reader = Reader::new(&bytes);
        assert_eq!(reader.next_item(), Ok(expected), "{bytes:02x?}");
        assert!(reader.rest.is_empty(), "{bytes:02x?}");
    }

    #[test]
    fn integers_keep_their_value() {
        let mut values: Vec<i128> = vec![0, -1];
        for bits in 0..64 {
            for delta in [-1, 0, 1] {
                values.extend([(1 << bits) + delta, -(1 << bits) + delta]);
            }
        }
        values.retain(|value| u64::try_from(*value).is_ok() || i64::try_from(*value).is_ok());
        for value in values {
            check(|writer| writer.integer(value), Item::Integer(value));
            check(|writer| writer.big_integer(&value.to_be_bytes()), Item::Integer(value));
        }
    }

    #[test]
    fn integers_beyond_64_bits_are_as_short_as_can_be() {
        for value in [1_i128 << 64, -(1 << 64), i128::MAX, i128::MIN, -(1 << 63) - 1] {
            let bytes = written(|writer| writer.integer(value));
            let Ok(Item::BigInteger(body)) = Reader::new(&bytes).next_item() else {
                panic!("{value} is no big integer: {bytes:02x?}");
            };
            let sign = if body[0] & 0x80 == 0 { 0 } else { -1 };
            let read = body.iter().fold(sign, |sum: i128, byte| sum << 8 | i128::from(*byte));
            assert_eq!(read, value);
        }
        assert_eq!(
            written(|writer| writer.integer(1 << 64)),
            [0xc7, 9, 3, 1, 0, 0, 0, 0, 0, 0, 0, 0]
        );
    }

    #[test]
    fn all_else_is_read_as_it_was_written() {
        check(Writer::nil, Item::Nil);
        check(|writer| writer.bool(true), Item::Bool(true));
        check(|writer| writer.float(-0.5), Item::Float(-0.5));
        for len in [0, 31, 32, 255, 256, 65_535, 65_536] {
            let text = "x".repeat(len);
            check(|writer| writer.text(&text), Item::Text(&text));
            check(|writer| writer.bytes(text.as_bytes()), Item::Bytes(text.as_bytes()));
        }
        for (seconds, nanoseconds) in
            [(0, 0), (1 << 32, 0), (5, 999_999_999), (-1, 1), (1 << 40, 7), (i64::MIN, 0)]
        {
            let timestamp = Timestamp { seconds, nanoseconds };
            check(|writer| writer.timestamp(timestamp), Item::Timestamp(timestamp));
        }
    }

    #[test]
    fn what_is_cut_short_is_malformed() {
        for bytes in [&[][..], &[0xc1], &[0xa1], &[0xdd, 0xff, 0xff, 0xff, 0xff], &[0x91]] {
            assert_eq!(Reader::new(bytes).next_item(), Err(Malformed), "{bytes:02x?}");
        }
    }
}
