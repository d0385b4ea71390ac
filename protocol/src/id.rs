//! Identifiers: what they name, and how they are written as text.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

const COUNTER_BITS: u32 = 48;
const COUNTER_MASK: u64 = (1 << COUNTER_BITS) - 1;

/// A writer of a session: one attachment, numbered by the server. Zero stands
/// for references that the server itself makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WriterId(pub u16);

/// A message's number within its writer; the first is 1. At most 48 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Seq(u64);

impl Seq {
    /// The number of a writer's first message.
    pub const FIRST: Seq = Seq(1);

    /// A number from the wire, if it fits 48 bits and is not zero.
    #[must_use]
    pub fn new(number: u64) -> Option<Seq> {
        (1..=COUNTER_MASK).contains(&number).then_some(Seq(number))
    }

    /// The bare number.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }

    /// The number after this one. 2^48 messages are not reached in practice: at
    /// ten million a second they last most of a year; then the number stays.
    #[must_use]
    pub fn next(self) -> Seq {
        Seq((self.0 + 1).min(COUNTER_MASK))
    }
}

/// A far reference within its session: the writer in the top 16 bits, the number
/// of the message that made it in the rest.
///
/// Its text is `far:N`, where N has the writer in the *low* bits, so that the
/// first references of a session are short: `far:65543` is message 1 of writer 7.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RefId(u64);

impl RefId {
    /// The reference that `writer`'s message `seq` makes.
    #[must_use]
    pub fn new(writer: WriterId, seq: Seq) -> RefId {
        RefId(u64::from(writer.0) << COUNTER_BITS | seq.0)
    }

    /// The id as it stands on the wire.
    #[must_use]
    pub fn to_bits(self) -> u64 {
        self.0
    }

    /// An id from the wire. Any bits are an id; whether it names anything is for
    /// the session to say.
    #[must_use]
    pub fn from_bits(bits: u64) -> RefId {
        RefId(bits)
    }

    /// The writer whose message made the reference.
    #[must_use]
    pub fn writer(self) -> WriterId {
        WriterId((self.0 >> COUNTER_BITS) as u16)
    }

    /// The number, within its writer, of the message that made the reference.
    #[must_use]
    pub fn counter(self) -> u64 {
        self.0 & COUNTER_MASK
    }
}

impl fmt::Display for RefId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "far:{}", self.0.rotate_left(16))
    }
}

impl fmt::Debug for RefId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for RefId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<RefId, IdError> {
        let wrong = || IdError { text: text.to_owned(), expected: "a reference like far:65543" };
        let digits = text.strip_prefix("far:").ok_or_else(wrong)?;
        // Rust's own parsing would take a plus sign.
        let number = digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse());
        let number: u64 = number.and_then(Result::ok).ok_or_else(wrong)?;
        Ok(RefId(number.rotate_right(16)))
    }
}

/// Text that should have been an id and is not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {expected}")]
pub struct IdError {
    text: String,
    expected: &'static str,
}

macro_rules! hex_id {
    ($(#[$doc:meta])* $name:ident, $len:literal, $expected:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub [u8; $len]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<$name, IdError> {
                parse_hex(text).map($name).ok_or_else(|| IdError {
                    text: text.to_owned(),
                    expected: $expected,
                })
            }
        }
    };
}

hex_id!(
    /// A session's public name: random, written as 32 hex digits.
    SessionId, 16, "a session id of 32 hex digits"
);
hex_id!(
    /// The secret that lets a client attach to an existing session.
    ResumeKey, 16, "a resume key of 32 hex digits"
);
hex_id!(
    /// SHA-256 of a module's bytes as uploaded.
    ModuleHash, 32, "a module hash of 64 hex digits"
);

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for ModuleHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for ResumeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResumeKey(..)")
    }
}

impl ModuleHash {
    /// The hash of a module's bytes.
    #[must_use]
    pub fn of(module: &[u8]) -> ModuleHash {
        ModuleHash(Sha256::digest(module).into())
    }

    /// The first eight hex digits, for people.
    #[must_use]
    pub fn short(&self) -> String {
        self.to_string()[..8].to_owned()
    }
}

fn parse_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        *byte = (high << 4 | low) as u8;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_reference_is_written_with_its_writer_in_the_low_bits() {
        let id = RefId::new(WriterId(7), Seq::FIRST);
        assert_eq!(id.to_string(), "far:65543");
        assert_eq!("far:65543".parse(), Ok(id));
        assert_eq!(id.to_bits() >> 48, 7);
    }

    #[test]
    fn text_that_is_no_reference_says_so() {
        let error = "fer:7".parse::<RefId>().unwrap_err();
        assert_eq!(error.to_string(), "`fer:7` is not a reference like far:65543");
        for text in ["", "far:", "far:+7", "far:-7", "far:7 ", "far:99999999999999999999"] {
            assert!(text.parse::<RefId>().is_err(), "{text}");
        }
    }

    #[test]
    fn sequence_numbers_are_48_bits_and_never_zero() {
        assert_eq!(Seq::new(0), None);
        assert_eq!(Seq::new(1 << 48), None);
        assert_eq!(Seq::new((1 << 48) - 1).map(Seq::get), Some((1 << 48) - 1));
    }

    proptest! {
        #[test]
        fn references_survive_text(bits: u64) {
            let id = RefId::from_bits(bits);
            prop_assert_eq!(id.to_string().parse::<RefId>(), Ok(id));
        }

        #[test]
        fn hex_ids_survive_text(bytes: [u8; 32]) {
            let hash = ModuleHash(bytes);
            prop_assert_eq!(hash.to_string().parse::<ModuleHash>(), Ok(hash));
        }

        #[test]
        fn hex_parsing_never_panics(text: String) {
            let _ = text.parse::<SessionId>();
        }
    }
}
