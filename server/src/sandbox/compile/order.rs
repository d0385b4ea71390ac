//! What crosses between the server and its compiler: an order and the module's bytes
//! one way, a product or a failure the other.

use std::time::Duration;

use bytes::Bytes;
use farside_protocol::manifest::Manifest;
use farside_protocol::{Failure, Reply, Seq};
use serde::{Deserialize, Serialize};

use crate::sandbox::capacity::Sizes;
use crate::sandbox::host::Grants;
use crate::sandbox::profile::Profile;

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

/// What the compiler answers, before the code.
pub(super) fn encode_answer(answer: &Result<Product, Failure>) -> Vec<u8> {
    let product = answer
        .as_ref()
        .map(|Product { manifest, birth, .. }| rmp_serde::to_vec_named(&(manifest, birth)));
    let mut out;
    match product {
        Ok(Ok(head)) => {
            out = vec![PRODUCT];
            out.extend(with_length(&head));
        }
        Ok(Err(error)) => {
            let message = format!("the compiler's answer can't be written: {error}");
            return encode_answer(&Err(Failure::new(
                farside_protocol::ErrorCode::Internal,
                message,
            )));
        }
        Err(failure) => {
            out = vec![FAILURE];
            Reply::Failed { seq: Seq::FIRST, failure: failure.clone() }.encode(&mut out);
        }
    }
    out
}

/// An answer with its code; none if the bytes are no answer.
pub(super) fn decode_answer(bytes: &Bytes) -> Option<Result<Product, Failure>> {
    let rest = bytes.slice(1.min(bytes.len())..);
    match *bytes.first()? {
        PRODUCT => {
            let (head, code) = split(&rest)?;
            let (manifest, birth) = rmp_serde::from_slice(&head).ok()?;
            Some(Ok(Product { manifest, birth, code }))
        }
        FAILURE => match Reply::decode_frame(rest).next()? {
            Ok(Reply::Failed { failure, .. }) => Some(Err(failure)),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use farside_protocol::ErrorCode;

    use super::*;

    fn over(answer: &Result<Product, Failure>) -> Option<Result<Product, Failure>> {
        let mut bytes = encode_answer(answer);
        bytes.extend(answer.iter().flat_map(|product| product.code.iter().copied()));
        decode_answer(&bytes.into())
    }

    #[test]
    fn answers_come_back_as_they_were() {
        let manifest = Manifest { docs: "counts".to_owned(), ..Manifest::default() };
        let birth = Birth { image: 7, starts: true };
        let product = Ok(Product { manifest, birth, code: Bytes::from_static(b"code") });
        assert_eq!(over(&product), Some(product));
        let failure = Err(Failure::new(ErrorCode::InvalidModule, "no").with_hint("why"));
        assert_eq!(over(&failure), Some(failure));
    }

    #[test]
    fn other_bytes_are_no_answer() {
        for bytes in [&b""[..], b"\x01", b"\x01\xff\xff\xff\xff", b"\x02\x00", b"\x03"] {
            assert_eq!(decode_answer(&Bytes::copy_from_slice(bytes)), None, "{bytes:?}");
        }
    }
}
