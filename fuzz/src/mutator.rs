//! Inputs made of others by small changes, in an order that the seed decides.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// Longest input that is made.
const LONGEST: usize = 4096;

/// Changes of one input.
const CHANGES: u32 = 8;

/// One in so many inputs is made of nothing.
const NEW: u32 = 16;

/// Bytes that mean much where MessagePack is read, and lengths at their borders.
const TELLING: [u8; 24] = [
    0x00, 0x01, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc4, 0xc6, 0xc7, 0xc9, 0xca,
    0xcf, 0xd3, 0xd7, 0xdb, 0xdd, 0xdf, 0xe0, 0xff,
];

/// Makes inputs for ever.
pub struct Mutator {
    rng: StdRng,
    corpus: Vec<Vec<u8>>,
}

impl Mutator {
    /// Of these inputs, in the order that this seed gives.
    #[must_use]
    pub fn new(corpus: Vec<Vec<u8>>, seed: u64) -> Mutator {
        Mutator { rng: StdRng::seed_from_u64(seed), corpus }
    }

    /// The next input.
    pub fn next_input(&mut self) -> Vec<u8> {
        if self.corpus.is_empty() || self.rng.random_ratio(1, NEW) {
            let len = self.rng.random_range(0..512);
            return (0..len).map(|_| self.rng.random()).collect();
        }
        let place = self.rng.random_range(0..self.corpus.len());
        let mut input = self.corpus[place].clone();
        for _ in 0..self.rng.random_range(1..=CHANGES) {
            self.change(&mut input);
        }
        input.truncate(LONGEST);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.rng.random_range(0..=input.len());
        let end = at + self.rng.random_range(0..=(input.len() - at).min(32));
        match self.rng.random_range(0..8) {
            0 if at < input.len() => input[at] ^= 1 << self.rng.random_range(0..8),
            1 if at < input.len() => input[at] = TELLING[self.rng.random_range(0..TELLING.len())],
            2 if at < input.len() => input[at] = self.rng.random(),
            3 => {
                input.drain(at..end);
            }
            4 => {
                let again = input[at..end].to_vec();
                input.splice(at..at, again);
            }
            5 => {
                let byte = TELLING[self.rng.random_range(0..TELLING.len())];
                let times = self.rng.random_range(1..9);
                input.splice(at..at, std::iter::repeat_n(byte, times));
            }
            6 => {
                // What another one has from some place on.
                let other = self.rng.random_range(0..self.corpus.len());
                let other = &self.corpus[other];
                let from = self.rng.random_range(0..=other.len());
                input.truncate(at);
                input.extend(&other[from..]);
            }
            _ => {
                let number: u64 = self.rng.random::<u64>() >> self.rng.random_range(0..64);
                let bytes = number.to_be_bytes();
                let skipped = self.rng.random_range(0..8);
                input.splice(at..end, bytes[skipped..].iter().copied());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_inputs_again() {
        let corpus = vec![b"one".to_vec(), b"another".to_vec(), Vec::new()];
        let inputs = |seed| {
            let mut mutator = Mutator::new(corpus.clone(), seed);
            (0..1000).map(|_| mutator.next_input()).collect::<Vec<_>>()
        };
        assert_eq!(inputs(1), inputs(1));
        assert_ne!(inputs(1), inputs(2));
        assert!(inputs(1).iter().all(|input| input.len() <= LONGEST));
    }
}
