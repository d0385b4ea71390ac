//! The head of a MessagePack value: what it is and how long, from at most nine
//! bytes.

use std::fmt;

use crate::array;

/// What kind of thing a value is, as people are told it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nil.
    Nil,
    /// True or false.
    Bool,
    /// A whole number.
    Integer,
    /// A floating-point number.
    Float,
    /// Text.
    String,
    /// A byte string.
    Bytes,
    /// A list or tuple.
    List,
    /// A map or struct.
    Map,
    /// An n-dimensional array.
    Array,
    /// A far reference.
    Reference,
    /// A timestamp.
    Timestamp,
    /// An extension of another type.
    Extension(i8),
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Nil => "nil",
            Kind::Bool => "a boolean",
            Kind::Integer => "an integer",
            Kind::Float => "a float",
            Kind::String => "a string",
            Kind::Bytes => "a byte string",
            Kind::List => "a list",
            Kind::Map => "a map",
            Kind::Array => "an array",
            Kind::Reference => "a reference",
            Kind::Timestamp => "a timestamp",
            Kind::Extension(super::OBJECT) => "an object",
            Kind::Extension(number) => return write!(f, "extension {number}"),
        })
    }
}

/// What the first bytes of a value say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// What it is.
    pub kind: Kind,
    /// Bytes of the head itself.
    pub len: usize,
    /// For a string, byte string or extension: bytes that follow the head. For
    /// all else zero: a number's bytes belong to its head.
    pub body: u64,
    /// For a list its elements, for a map its keys and values together: values
    /// that follow the head.
    pub items: u64,
    /// The bits of a bool or an integer (sign-extended) and of a float (as `f64`).
    pub bits: u64,
    /// Whether an integer is below zero.
    pub negative: bool,
}

impl Head {
    /// Most bytes that a head takes.
    pub const MAX: usize = 9;

    /// Reads the head of the value at the beginning of `bytes`; none if there are
    /// too few bytes, or for the marker that MessagePack never uses.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Head> {
        let marker = *bytes.first()?;
        let be = |at: usize, len: usize| {
            let field = bytes.get(at..at + len)?;
            Some(field.iter().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte)))
        };
        let head = |kind, len| Head { kind, len, body: 0, items: 0, bits: 0, negative: false };
        let body = |kind, len, body| Some(Head { body, ..head(kind, len) });
        let items = |kind, len, items| Some(Head { items, ..head(kind, len) });
        let unsigned = |len, bits| Some(Head { bits, ..head(Kind::Integer, len) });
        let signed = |len, number: i64| {
            Some(Head { bits: number as u64, negative: number < 0, ..head(Kind::Integer, len) })
        };
        let extension = |at: usize, len: u64| {
            let kind = match be(at, 1)? as u8 as i8 {
                super::REFERENCE => Kind::Reference,
                array::EXTENSION => Kind::Array,
                -1 => Kind::Timestamp,
                other => Kind::Extension(other),
            };
            body(kind, at + 1, len)
        };
        match marker {
            0x00..=0x7f => unsigned(1, u64::from(marker)),
            0x80..=0x8f => items(Kind::Map, 1, 2 * u64::from(marker & 0x0f)),
            0x90..=0x9f => items(Kind::List, 1, u64::from(marker & 0x0f)),
            0xa0..=0xbf => body(Kind::String, 1, u64::from(marker & 0x1f)),
            0xc0 => Some(head(Kind::Nil, 1)),
            0xc1 => None,
            0xc2 | 0xc3 => Some(Head { bits: u64::from(marker & 1), ..head(Kind::Bool, 1) }),
            0xc4 => body(Kind::Bytes, 2, be(1, 1)?),
            0xc5 => body(Kind::Bytes, 3, be(1, 2)?),
            0xc6 => body(Kind::Bytes, 5, be(1, 4)?),
            0xc7 => extension(2, be(1, 1)?),
            0xc8 => extension(3, be(1, 2)?),
            0xc9 => extension(5, be(1, 4)?),
            0xca => {
                let float = f64::from(f32::from_bits(be(1, 4)? as u32));
                Some(Head { bits: float.to_bits(), ..head(Kind::Float, 5) })
            }
            0xcb => Some(Head { bits: be(1, 8)?, ..head(Kind::Float, 9) }),
            0xcc => unsigned(2, be(1, 1)?),
            0xcd => unsigned(3, be(1, 2)?),
            0xce => unsigned(5, be(1, 4)?),
            0xcf => unsigned(9, be(1, 8)?),
            0xd0 => signed(2, i64::from(be(1, 1)? as u8 as i8)),
            0xd1 => signed(3, i64::from(be(1, 2)? as u16 as i16)),
            0xd2 => signed(5, i64::from(be(1, 4)? as u32 as i32)),
            0xd3 => signed(9, be(1, 8)? as i64),
            0xd4..=0xd8 => extension(1, 1 << (marker - 0xd4)),
            0xd9 => body(Kind::String, 2, be(1, 1)?),
            0xda => body(Kind::String, 3, be(1, 2)?),
            0xdb => body(Kind::String, 5, be(1, 4)?),
            0xdc => items(Kind::List, 3, be(1, 2)?),
            0xdd => items(Kind::List, 5, be(1, 4)?),
            0xde => items(Kind::Map, 3, 2 * be(1, 2)?),
            0xdf => items(Kind::Map, 5, 2 * be(1, 4)?),
            0xe0..=0xff => signed(1, i64::from(marker as i8)),
        }
    }

    /// The integer that it is, if it is one.
    #[must_use]
    pub fn integer(&self) -> Option<i128> {
        (self.kind == Kind::Integer).then(|| {
            if self.negative { i128::from(self.bits as i64) } else { i128::from(self.bits) }
        })
    }

    /// The number that it is, if it is one; an integer may lose its last bits.
    #[must_use]
    pub fn number(&self) -> Option<f64> {
        match self.kind {
            Kind::Float => Some(f64::from_bits(self.bits)),
            _ => self.integer().map(|number| number as f64),
        }
    }
}
