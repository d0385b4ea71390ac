//! The encoding of message headers: the few MessagePack forms that messages use.
//!
//! Values inside messages are byte strings here; their own encoding is the
//! subject of [`value`](crate::value). Decoding slices them out of the frame
//! without a copy.

use bytes::{Buf, Bytes};

use crate::{ContentType, ModuleHash, Payload, RefId, ResumeKey, Seq, SessionId, WriterId, caps};

/// Why bytes are no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The frame ends inside a message.
    #[error("the frame ends inside a message")]
    Truncated,
    /// A field has another form than its message says.
    #[error("expected {expected}, found MessagePack marker 0x{found:02x}")]
    Unexpected {
        /// What the field should have been.
        expected: &'static str,
        /// The marker byte that was there.
        found: u8,
    },
    /// A message number that this protocol version does not have.
    #[error("unknown {of} number {number}")]
    UnknownNumber {
        /// `request`, `reply`, or the field's name.
        of: &'static str,
        /// What was there.
        number: u64,
    },
    /// A message with too few or too many fields.
    #[error("{message} has {expected} fields, not {found}")]
    FieldCount {
        /// The message's name.
        message: &'static str,
        /// Fields it should have.
        expected: u32,
        /// Fields that the peer announced.
        found: u32,
    },
    /// A number outside its range.
    #[error("{what} is out of range")]
    OutOfRange {
        /// The field.
        what: &'static str,
    },
    /// A field longer than its cap.
    #[error("{what} is longer than {cap}")]
    TooLong {
        /// The field.
        what: &'static str,
        /// Its cap, in bytes or elements.
        cap: usize,
    },
    /// Text that is not UTF-8.
    #[error("text is not UTF-8")]
    NotUtf8,
    /// More messages in a frame than there may be.
    #[error("a frame of more than {} messages", caps::MESSAGES_IN_FRAME)]
    TooManyMessages,
}

/// A field or message that has a wire form.
pub(crate) trait Wire: Sized {
    fn encode(&self, out: &mut Vec<u8>);
    fn decode(input: &mut Decoder) -> Result<Self, DecodeError>;
}

/// A field whose length has a cap.
pub(crate) trait Capped {
    fn len(&self) -> usize;
}

impl Capped for String {
    fn len(&self) -> usize {
        self.len()
    }
}

impl Capped for Option<String> {
    fn len(&self) -> usize {
        self.as_ref().map_or(0, String::len)
    }
}

impl<T> Capped for Vec<T> {
    fn len(&self) -> usize {
        self.len()
    }
}

impl Capped for Bytes {
    fn len(&self) -> usize {
        self.len()
    }
}

pub(crate) fn check_len(
    what: &'static str,
    field: &impl Capped,
    cap: usize,
) -> Result<(), DecodeError> {
    if field.len() > cap { Err(DecodeError::TooLong { what, cap }) } else { Ok(()) }
}

pub(crate) fn put_nil(out: &mut Vec<u8>) {
    out.push(0xc0);
}

pub(crate) fn put_array(out: &mut Vec<u8>, len: u32) {
    match len {
        0..=15 => out.push(0x90 | len as u8),
        16..=0xffff => {
            out.push(0xdc);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        _ => {
            out.push(0xdd);
            out.extend_from_slice(&len.to_be_bytes());
        }
    }
}

pub(crate) fn put_uint(out: &mut Vec<u8>, number: u64) {
    if number < 0x80 {
        out.push(number as u8);
    } else if let Ok(small) = u8::try_from(number) {
        out.extend_from_slice(&[0xcc, small]);
    } else if let Ok(small) = u16::try_from(number) {
        out.push(0xcd);
        out.extend_from_slice(&small.to_be_bytes());
    } else if let Ok(small) = u32::try_from(number) {
        out.push(0xce);
        out.extend_from_slice(&small.to_be_bytes());
    } else {
        out.push(0xcf);
        out.extend_from_slice(&number.to_be_bytes());
    }
}

pub(crate) fn put_bin(out: &mut Vec<u8>, bytes: &[u8]) {
    put_bin_header(out, bytes.len());
    out.extend_from_slice(bytes);
}

/// The header of a byte string whose bytes the caller appends.
pub fn put_bin_header(out: &mut Vec<u8>, len: usize) {
    if let Ok(len) = u8::try_from(len) {
        out.extend_from_slice(&[0xc4, len]);
    } else if let Ok(len) = u16::try_from(len) {
        out.push(0xc5);
        out.extend_from_slice(&len.to_be_bytes());
    } else {
        out.push(0xc6);
        out.extend_from_slice(&(len as u32).to_be_bytes());
    }
}

/// The header of an extension value whose bytes the caller appends.
pub(crate) fn put_ext_header(out: &mut Vec<u8>, extension: i8, len: usize) {
    if let Ok(len) = u8::try_from(len) {
        out.extend_from_slice(&[0xc7, len]);
    } else if let Ok(len) = u16::try_from(len) {
        out.push(0xc8);
        out.extend_from_slice(&len.to_be_bytes());
    } else {
        out.push(0xc9);
        out.extend_from_slice(&(len as u32).to_be_bytes());
    }
    out.push(extension as u8);
}

pub(crate) fn put_str(out: &mut Vec<u8>, text: &str) {
    put_str_header(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

/// The header of a string whose bytes the caller appends.
pub(crate) fn put_str_header(out: &mut Vec<u8>, len: usize) {
    if len < 32 {
        out.push(0xa0 | len as u8);
    } else if let Ok(len) = u8::try_from(len) {
        out.extend_from_slice(&[0xd9, len]);
    } else if let Ok(len) = u16::try_from(len) {
        out.push(0xda);
        out.extend_from_slice(&len.to_be_bytes());
    } else {
        out.push(0xdb);
        out.extend_from_slice(&(len as u32).to_be_bytes());
    }
}

/// Reads the fields of messages from one frame.
pub(crate) struct Decoder {
    rest: Bytes,
}

impl Decoder {
    pub(crate) fn new(frame: Bytes) -> Decoder {
        Decoder { rest: frame }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Reads no more.
    pub(crate) fn end(&mut self) {
        self.rest.clear();
    }

    fn peek(&self) -> Result<u8, DecodeError> {
        self.rest.first().copied().ok_or(DecodeError::Truncated)
    }

    fn marker(&mut self) -> Result<u8, DecodeError> {
        let marker = self.peek()?;
        self.rest.advance(1);
        Ok(marker)
    }

    fn be(&mut self, len: usize) -> Result<u64, DecodeError> {
        let bytes = self.rest.get(..len).ok_or(DecodeError::Truncated)?;
        let number = bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        self.rest.advance(len);
        Ok(number)
    }

    fn take(&mut self, len: u64) -> Result<Bytes, DecodeError> {
        if len > self.rest.len() as u64 {
            return Err(DecodeError::Truncated);
        }
        Ok(self.rest.split_to(len as usize))
    }

    pub(crate) fn uint(&mut self) -> Result<u64, DecodeError> {
        match self.marker()? {
            fix @ 0..=0x7f => Ok(u64::from(fix)),
            0xcc => self.be(1),
            0xcd => self.be(2),
            0xce => self.be(4),
            0xcf => self.be(8),
            found => Err(DecodeError::Unexpected { expected: "an unsigned integer", found }),
        }
    }

    /// The length of an array; each element takes at least one byte, so a length
    /// beyond the bytes left is refused before anything is allocated by it.
    pub(crate) fn array(&mut self) -> Result<u32, DecodeError> {
        let len = match self.marker()? {
            fix @ 0x90..=0x9f => u64::from(fix & 0x0f),
            0xdc => self.be(2)?,
            0xdd => self.be(4)?,
            found => return Err(DecodeError::Unexpected { expected: "an array", found }),
        };
        if len > self.rest.len() as u64 {
            return Err(DecodeError::Truncated);
        }
        Ok(len as u32)
    }

    pub(crate) fn peek_is_array(&self) -> Result<bool, DecodeError> {
        self.peek().map(|marker| matches!(marker, 0x90..=0x9f | 0xdc | 0xdd))
    }

    pub(crate) fn is_nil(&mut self) -> Result<bool, DecodeError> {
        let nil = self.peek()? == 0xc0;
        if nil {
            self.rest.advance(1);
        }
        Ok(nil)
    }

    fn bin(&mut self) -> Result<Bytes, DecodeError> {
        let len = match self.marker()? {
            0xc4 => self.be(1)?,
            0xc5 => self.be(2)?,
            0xc6 => self.be(4)?,
            found => return Err(DecodeError::Unexpected { expected: "a byte string", found }),
        };
        self.take(len)
    }

    fn text(&mut self) -> Result<String, DecodeError> {
        let len = match self.marker()? {
            fix @ 0xa0..=0xbf => u64::from(fix & 0x1f),
            0xd9 => self.be(1)?,
            0xda => self.be(2)?,
            0xdb => self.be(4)?,
            found => return Err(DecodeError::Unexpected { expected: "text", found }),
        };
        let bytes = self.take(len)?;
        std::str::from_utf8(&bytes).map(str::to_owned).map_err(|_| DecodeError::NotUtf8)
    }
}

impl Wire for u64 {
    fn encode(&self, out: &mut Vec<u8>) {
        put_uint(out, *self);
    }

    fn decode(input: &mut Decoder) -> Result<u64, DecodeError> {
        input.uint()
    }
}

macro_rules! wire_small_uint {
    ($($int:ident),*) => {$(
        impl Wire for $int {
            fn encode(&self, out: &mut Vec<u8>) {
                put_uint(out, u64::from(*self));
            }

            fn decode(input: &mut Decoder) -> Result<$int, DecodeError> {
                $int::try_from(input.uint()?)
                    .map_err(|_| DecodeError::OutOfRange { what: stringify!($int) })
            }
        }
    )*};
}
wire_small_uint!(u8, u16, u32);

impl Wire for bool {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(if *self { 0xc3 } else { 0xc2 });
    }

    fn decode(input: &mut Decoder) -> Result<bool, DecodeError> {
        match input.marker()? {
            0xc2 => Ok(false),
            0xc3 => Ok(true),
            found => Err(DecodeError::Unexpected { expected: "true or false", found }),
        }
    }
}

impl Wire for String {
    fn encode(&self, out: &mut Vec<u8>) {
        put_str(out, self);
    }

    fn decode(input: &mut Decoder) -> Result<String, DecodeError> {
        input.text()
    }
}

impl Wire for Bytes {
    fn encode(&self, out: &mut Vec<u8>) {
        put_bin(out, self);
    }

    fn decode(input: &mut Decoder) -> Result<Bytes, DecodeError> {
        input.bin()
    }
}

impl<T: Wire> Wire for Option<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Some(inner) => inner.encode(out),
            None => out.push(0xc0),
        }
    }

    fn decode(input: &mut Decoder) -> Result<Option<T>, DecodeError> {
        if input.is_nil()? { Ok(None) } else { T::decode(input).map(Some) }
    }
}

impl<A: Wire, B: Wire> Wire for (A, B) {
    fn encode(&self, out: &mut Vec<u8>) {
        put_array(out, 2);
        self.0.encode(out);
        self.1.encode(out);
    }

    fn decode(input: &mut Decoder) -> Result<(A, B), DecodeError> {
        match input.array()? {
            2 => Ok((A::decode(input)?, B::decode(input)?)),
            found => Err(DecodeError::FieldCount { message: "a pair", expected: 2, found }),
        }
    }
}

impl<T: Wire> Wire for Vec<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        put_array(out, self.len() as u32);
        self.iter().for_each(|item| item.encode(out));
    }

    fn decode(input: &mut Decoder) -> Result<Vec<T>, DecodeError> {
        let len = input.array()? as usize;
        if len > caps::REFS_IN_MESSAGE {
            return Err(DecodeError::TooLong { what: "a list", cap: caps::REFS_IN_MESSAGE });
        }
        (0..len).map(|_| T::decode(input)).collect()
    }
}

impl Wire for Seq {
    fn encode(&self, out: &mut Vec<u8>) {
        put_uint(out, self.get());
    }

    fn decode(input: &mut Decoder) -> Result<Seq, DecodeError> {
        Seq::new(input.uint()?).ok_or(DecodeError::OutOfRange { what: "a message's number" })
    }
}

impl Wire for RefId {
    fn encode(&self, out: &mut Vec<u8>) {
        put_uint(out, self.to_bits());
    }

    fn decode(input: &mut Decoder) -> Result<RefId, DecodeError> {
        input.uint().map(RefId::from_bits)
    }
}

impl Wire for WriterId {
    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
    }

    fn decode(input: &mut Decoder) -> Result<WriterId, DecodeError> {
        u16::decode(input).map(WriterId)
    }
}

macro_rules! wire_fixed_bytes {
    ($($name:ident),*) => {$(
        impl Wire for $name {
            fn encode(&self, out: &mut Vec<u8>) {
                put_bin(out, &self.0);
            }

            fn decode(input: &mut Decoder) -> Result<$name, DecodeError> {
                let bytes = input.bin()?;
                bytes.as_ref().try_into().map($name)
                    .map_err(|_| DecodeError::OutOfRange { what: stringify!($name) })
            }
        }
    )*};
}
wire_fixed_bytes!(SessionId, ResumeKey, ModuleHash);

impl Wire for Payload {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Payload::Inline(bytes) => put_bin(out, bytes),
            Payload::Transfer { size } => put_uint(out, *size),
        }
    }

    fn decode(input: &mut Decoder) -> Result<Payload, DecodeError> {
        if matches!(input.peek()?, 0xc4..=0xc6) {
            let bytes = input.bin()?;
            if bytes.len() > caps::INLINE_BYTES {
                let cap = caps::INLINE_BYTES;
                return Err(DecodeError::TooLong { what: "an inline payload", cap });
            }
            Ok(Payload::Inline(bytes))
        } else {
            match input.uint()? {
                size @ 0..=caps::VALUE_BYTES => Ok(Payload::Transfer { size }),
                _ => Err(DecodeError::OutOfRange { what: "a transfer's size" }),
            }
        }
    }
}

impl Wire for ContentType {
    fn encode(&self, out: &mut Vec<u8>) {
        match self.other() {
            None => out.push(0xc0),
            Some(name) => put_str(out, name),
        }
    }

    fn decode(input: &mut Decoder) -> Result<ContentType, DecodeError> {
        match Option::<String>::decode(input)? {
            None => Ok(ContentType::MSGPACK),
            Some(name) if name.len() <= caps::NAME_BYTES => Ok(ContentType::named(&name)),
            Some(_) => Err(DecodeError::TooLong { what: "a content type", cap: caps::NAME_BYTES }),
        }
    }
}
