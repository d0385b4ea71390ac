//! Tables by the numbers of messages and writers: a call looks into several of them.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher};

/// A table by id.
pub(super) type ById<K, V> = HashMap<K, V, IdHash>;

/// Hashes integers. Each table has a secret of its own, so that no client can choose
/// ids that fall together.
#[derive(Clone, Copy, Debug)]
pub(super) struct IdHash(u64);

impl Default for IdHash {
    fn default() -> IdHash {
        IdHash(rand::random())
    }
}

impl BuildHasher for IdHash {
    type Hasher = IdHasher;

    fn build_hasher(&self) -> IdHasher {
        IdHasher(self.0)
    }
}

/// The state between the secret and the hash.
#[derive(Debug)]
pub(super) struct IdHasher(u64);

/// An odd number whose bits look random: the golden ratio's.
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u16(&mut self, number: u16) {
        self.write_u64(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        let product = u128::from(self.0 ^ number) * u128::from(MULTIPLIER);
        self.0 = product as u64 ^ (product >> 64) as u64;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_spread_over_a_table() {
        let hash = IdHash(7);
        let places = |shift: u32| {
            let hashes = (0..1024_u64).map(|number| hash.hash_one(number << shift) % 1024);
            hashes.collect::<std::collections::HashSet<_>>().len()
        };
        // Of 1024 random places in 1024, 647 are different ones.
        for shift in [0, 4, 16, 48] {
            assert!(places(shift) > 500, "shifted by {shift}: {} places", places(shift));
        }
    }
}
