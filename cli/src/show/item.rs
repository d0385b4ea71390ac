//! A value's bytes, read one item at a time.

use farside_protocol::RefId;
use farside_protocol::array::ArrayHeader;
use farside_protocol::value::{Head, Kind, ScanError};

/// What stands at one place of a value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Item<'a> {
    Nil,
    Bool(bool),
    Integer(i128),
    /// A float of 32 bits, whose shortest text is shorter than its 64 bits' one.
    Single(f32),
    Float(f64),
    Text(&'a str),
    Bytes(&'a [u8]),
    /// So many elements follow.
    List(u64),
    /// So many pairs of key and value follow.
    Map(u64),
    /// The elements are little-endian and in C order.
    Array(ArrayHeader, &'a [u8]),
    Reference(RefId),
    Extension(i8, &'a [u8]),
}

/// The items of a value, or of several values one after the other.
#[derive(Clone)]
pub(crate) struct Items<'a>(&'a [u8]);

impl<'a> Items<'a> {
    pub(crate) fn of(value: &'a [u8]) -> Items<'a> {
        Items(value)
    }

    /// The next item; of a list or a map the elements come next.
    ///
    /// # Errors
    /// None where [`scan`](farside_protocol::value::scan) passed the bytes.
    pub(crate) fn next(&mut self) -> Result<Item<'a>, ScanError> {
        let head = Head::read(self.0).ok_or(ScanError::Truncated)?;
        let single = self.0.first() == Some(&0xca);
        let end = usize::try_from(head.body).ok().and_then(|body| head.len.checked_add(body));
        let (taken, rest) =
            end.and_then(|end| self.0.split_at_checked(end)).ok_or(ScanError::Truncated)?;
        let body = &taken[head.len..];
        self.0 = rest;
        Ok(match head.kind {
            Kind::Nil => Item::Nil,
            Kind::Bool => Item::Bool(head.bits != 0),
            Kind::Integer => Item::Integer(head.integer().unwrap_or_default()),
            Kind::Float if single => Item::Single(f64::from_bits(head.bits) as f32),
            Kind::Float => Item::Float(f64::from_bits(head.bits)),
            Kind::String => {
                Item::Text(str::from_utf8(body).map_err(|_| ScanError::NotUtf8 { at: 0 })?)
            }
            Kind::Bytes => Item::Bytes(body),
            Kind::List => Item::List(head.items),
            Kind::Map => Item::Map(head.items / 2),
            Kind::Array => {
                let header = ArrayHeader::decode(body, head.body)
                    .map_err(|what| ScanError::Extension { what, at: 0 })?;
                let elements = &body[header.encoded_len()..];
                Item::Array(header, elements)
            }
            Kind::Reference => {
                let bits = body.try_into().map_err(|_| ScanError::Truncated)?;
                Item::Reference(RefId::from_bits(u64::from_be_bytes(bits)))
            }
            Kind::Timestamp => Item::Extension(-1, body),
            Kind::Extension(number) => Item::Extension(number, body),
        })
    }

    /// Passes over one whole value, and gives its bytes.
    ///
    /// # Errors
    /// As for [`next`](Self::next).
    pub(crate) fn value(&mut self) -> Result<&'a [u8], ScanError> {
        let before = self.0;
        let mut left = 1u64;
        while left > 0 {
            left -= 1;
            left += match self.next()? {
                Item::List(items) => items,
                Item::Map(pairs) => 2 * pairs,
                _ => 0,
            };
        }
        Ok(&before[..before.len() - self.0.len()])
    }
}
