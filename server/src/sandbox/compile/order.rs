//! What crosses between the server and its compiler: an order and the module's bytes
//! one way; the other way first which walls stand, then a product or a failure.

use std::time::Duration;

use bytes::Bytes;
use farside_protocol::manifest::Manifest;
use farside_protocol::{Failure, Reply, Seq};
use serde::{Deserialize, Serialize};

use super::walls::Raised;
use crate::sandbox::capacity::Sizes;
use crate::sandbox::host::Grants;
use crate::sandbox::profile::Profile;
use crate::sandbox::shape::Shape;

/// What is to be compiled, and within what; the module's bytes follow it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) profile: Profile,
    pub(crate) grants: Grants,
    pub(crate) sizes: Sizes,
    pub(crate) ceilings: Ceilings,
}

/// How much it may take.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Ceilings {
    /// CPU time in all.
    pub(crate) cpu: Duration,
    /// Bytes of memory that can be written to.
    pub(crate) memory: u64,
    /// CPU time of a module's own preparation.
    pub(crate) init_cpu: Duration,
    /// Bytes of linear memory after it.
    pub(crate) image: u64,
    /// Parts of the module.
    pub(crate) shape: Shape,
}

impl Ceilings {
    /// Those of the modules that the operator provides as evaluators: an interpreter
    /// with its library is far larger than what clients send.
    pub(crate) fn of_evaluators(self) -> Ceilings {
        const CPU: Duration = Duration::from_secs(300);
        const MEMORY: u64 = 6 << 30;
        const IMAGE: u64 = 256 << 20;
        Ceilings {
            cpu: self.cpu.max(CPU),
            memory: self.memory.max(MEMORY),
            init_cpu: self.init_cpu.max(CPU),
            image: self.image.max(IMAGE),
            shape: Shape::OF_EVALUATORS,
        }
    }
}

/// A compiled module.
#[derive(Debug, PartialEq)]
pub(crate) struct Product {
    pub(crate) manifest: Manifest,
    pub(crate) birth: Birth,
    /// Serialized by wasmtime, for an engine of the same settings.
    pub(crate) code: Bytes,
}

/// How instances of a module begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Birth {
    /// Bytes of memory that all of them share until they write to them.
    pub(crate) image: u64,
    /// Whether each runs code of its own when it is made.
    pub(crate) starts: bool,
}

/// Bytes of a number that tells a length.
const LENGTH: usize = size_of::<u32>();

/// What a message of the compiler begins with.
const PRODUCT: u8 = 1;
const FAILURE: u8 = 2;
const WALLS: u8 = 3;

/// What an answer begins with: its kind, and how long it took.
const ANSWER_HEAD: usize = 1 + size_of::<u64>();

/// The most that is said of walls, in bytes.
const WALLS_BYTES: usize = 16 * 1024;

/// The beginning of what a compiler says first: which walls stand.
pub(super) struct Head {
    /// Bytes that follow.
    pub(super) len: usize,
}

impl Head {
    pub(super) const BYTES: usize = 1 + LENGTH;

    /// None if it is no such thing, or too much follows.
    pub(super) fn decode(bytes: [u8; Head::BYTES]) -> Option<Head> {
        let [WALLS, len @ ..] = bytes else { return None };
        let len = u32::from_le_bytes(len) as usize;
        (len <= WALLS_BYTES).then_some(Head { len })
    }
}

/// Which walls stand, as a compiler says it.
pub(super) fn encode_walls(walls: &[Raised]) -> Vec<u8> {
    let mut out = vec![WALLS];
    // Of what can't be written, nothing is known on the other side.
    out.extend(with_length(&rmp_serde::to_vec(walls).unwrap_or_default()));
    out
}

/// What follows the head; none if it is no such thing.
pub(super) fn decode_walls(bytes: &[u8]) -> Option<Vec<Raised>> {
    rmp_serde::from_slice(bytes).ok()
}

/// What a compiler said after that, if it said it.
pub(super) fn without_walls(bytes: Bytes) -> Bytes {
    match bytes.first() {
        Some(&WALLS) => split(&bytes.slice(1..)).map_or(bytes, |(_, rest)| rest),
        _ => bytes,
    }
}

impl Order {
    /// The order's bytes, after which the module's go.
    pub(super) fn encode(&self) -> Result<Vec<u8>, rmp_serde::encode::Error> {
        Ok(with_length(&rmp_serde::to_vec(self)?))
    }

    /// An order and the bytes behind it; none if they are no such thing.
    pub(super) fn decode(bytes: &Bytes) -> Option<(Order, Bytes)> {
        let (order, rest) = split(bytes)?;
        Some((rmp_serde::from_slice(&order).ok()?, rest))
    }
}

/// The bytes with their length before them. They are far shorter than 4 GiB.
fn with_length(bytes: &[u8]) -> Vec<u8> {
    let mut out = (bytes.len() as u32).to_le_bytes().to_vec();
    out.extend_from_slice(bytes);
    out
}

fn split(bytes: &Bytes) -> Option<(Bytes, Bytes)> {
    let len = u32::from_le_bytes(bytes.get(..LENGTH)?.try_into().ok()?) as usize;
    let end = LENGTH.checked_add(len).filter(|end| *end <= bytes.len())?;
    Some((bytes.slice(LENGTH..end), bytes.slice(end..)))
}

/// What the compiler answers after so much CPU time, before the code.
pub(super) fn encode_answer(answer: &Result<Product, Failure>, spent: Duration) -> Vec<u8> {
    let nanos = u64::try_from(spent.as_nanos()).unwrap_or(u64::MAX).to_le_bytes();
    let product = answer
        .as_ref()
        .map(|Product { manifest, birth, .. }| rmp_serde::to_vec_named(&(manifest, birth)));
    let mut out;
    match product {
        Ok(Ok(head)) => {
            out = vec![PRODUCT];
            out.extend(nanos);
            out.extend(with_length(&head));
        }
        Ok(Err(error)) => {
            let message = format!("the compiler's answer can't be written: {error}");
            let failure = Failure::new(farside_protocol::ErrorCode::Internal, message);
            return encode_answer(&Err(failure), spent);
        }
        Err(failure) => {
            out = vec![FAILURE];
            out.extend(nanos);
            Reply::Failed { seq: Seq::FIRST, failure: failure.clone() }.encode(&mut out);
        }
    }
    out
}

/// An answer with its code, and the CPU time it took; none if the bytes are no answer.
pub(super) fn decode_answer(bytes: &Bytes) -> Option<(Result<Product, Failure>, Duration)> {
    let (kind, nanos) = bytes.get(..ANSWER_HEAD)?.split_first()?;
    let spent = Duration::from_nanos(u64::from_le_bytes(nanos.try_into().ok()?));
    let rest = bytes.slice(ANSWER_HEAD..);
    let answer = match *kind {
        PRODUCT => {
            let (head, code) = split(&rest)?;
            let (manifest, birth) = rmp_serde::from_slice(&head).ok()?;
            Ok(Product { manifest, birth, code })
        }
        FAILURE => match Reply::decode_frame(rest).next()? {
            Ok(Reply::Failed { failure, .. }) => Err(failure),
            _ => return None,
        },
        _ => return None,
    };
    Some((answer, spent))
}

#[cfg(test)]
mod tests {
    use farside_protocol::ErrorCode;

    use super::super::walls::Wall;
    use super::*;

    /// All bytes of its number but the last are what walls begin with.
    const SPENT: Duration = Duration::from_nanos(0x0003_0303_0303_0303);

    fn over(answer: &Result<Product, Failure>) -> Option<(Result<Product, Failure>, Duration)> {
        let mut bytes = encode_answer(answer, SPENT);
        bytes.extend(answer.iter().flat_map(|product| product.code.iter().copied()));
        decode_answer(&bytes.into())
    }

    #[test]
    fn answers_come_back_as_they_were() {
        let manifest = Manifest { docs: "counts".to_owned(), ..Manifest::default() };
        let birth = Birth { image: 7, starts: true };
        let product = Ok(Product { manifest, birth, code: Bytes::from_static(b"code") });
        assert_eq!(over(&product), Some((product, SPENT)));
        let failure = Err(Failure::new(ErrorCode::InvalidModule, "no").with_hint("why"));
        assert_eq!(over(&failure), Some((failure, SPENT)));
    }

    #[test]
    fn walls_come_before_an_answer() {
        let walls = [
            Raised { wall: Wall::Files, outcome: Ok(Duration::from_micros(7)) },
            Raised { wall: Wall::Syscalls, outcome: Err("no seccomp".to_owned()) },
        ];
        let said = encode_walls(&walls);
        let (head, body) = said.split_at(Head::BYTES);
        let head = Head::decode(head.try_into().unwrap()).unwrap();
        assert_eq!(head.len, body.len());
        assert_eq!(decode_walls(body).unwrap(), walls);
        let mut all = said.clone();
        all.extend_from_slice(b"rest");
        assert_eq!(without_walls(all.into()), "rest");
        let answer = Err(Failure::new(ErrorCode::InvalidModule, "no"));
        let all = [said.clone(), encode_answer(&answer, SPENT)].concat();
        assert_eq!(decode_answer(&without_walls(all.into())), Some((answer, SPENT)));
        assert_eq!(without_walls(Bytes::from_static(b"\x01rest")), "\x01rest");
    }

    #[test]
    fn no_more_is_read_of_walls_than_they_take() {
        let head = |kind, len: u32| {
            let mut bytes = [kind; Head::BYTES];
            bytes[1..].copy_from_slice(&len.to_le_bytes());
            Head::decode(bytes).is_some()
        };
        assert!(head(WALLS, WALLS_BYTES as u32));
        assert!(!head(WALLS, WALLS_BYTES as u32 + 1));
        assert!(!head(PRODUCT, 1));
    }

    #[test]
    fn other_bytes_are_no_answer() {
        for (kind, rest) in [(1, &b""[..]), (1, b"\xff\xff\xff\xff"), (2, b"\x00"), (3, b"")] {
            let whole = [&[kind], &[0; size_of::<u64>()][..], rest].concat();
            for len in 0..=whole.len() {
                assert_eq!(
                    decode_answer(&Bytes::copy_from_slice(&whole[..len])),
                    None,
                    "{whole:?}"
                );
            }
        }
    }
}
