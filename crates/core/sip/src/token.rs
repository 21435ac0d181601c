//! Tags, branches and Call-IDs: unguessable to others, reproducible from the seed.

use sha2::{Digest, Sha256};

/// Draws tokens from a seed.
#[derive(Debug)]
pub(crate) struct Tokens {
    seed: [u8; 32],
    drawn: u64,
    pool: Vec<u64>,
}

impl Tokens {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self { seed, drawn: 0, pool: Vec::new() }
    }

    /// The next 64 bits.
    pub(crate) fn number(&mut self) -> u64 {
        if let Some(number) = self.pool.pop() {
            return number;
        }
        let mut hasher = Sha256::new();
        hasher.update(self.seed);
        hasher.update(self.drawn.to_be_bytes());
        self.drawn += 1;
        let hash: [u8; 32] = hasher.finalize().into();
        for quarter in hash.chunks_exact(8) {
            self.pool.push(quarter.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)));
        }
        self.pool.pop().unwrap_or(self.drawn)
    }

    /// A tag that is the same whenever it is made from the same, and unguessable all the same.
    pub(crate) fn tag_of(&self, pieces: &[&[u8]]) -> String {
        let mut hasher = Sha256::new();
        hasher.update(self.seed);
        for piece in pieces {
            hasher.update((piece.len() as u64).to_be_bytes());
            hasher.update(piece);
        }
        let hash: [u8; 32] = hasher.finalize().into();
        hash[..8].iter().fold(String::from("d"), |tag, byte| format!("{tag}{byte:02x}"))
    }

    /// A tag: 64 random bits, where [RFC 3261 §19.3] asks for 32.
    pub(crate) fn tag(&mut self) -> String {
        format!("{:016x}", self.number())
    }

    /// A branch that is unique by itself ([RFC 3261 §8.1.1.7]).
    pub(crate) fn branch(&mut self) -> String {
        format!("z9hG4bK{:016x}", self.number())
    }

    /// A Call-ID of 128 random bits.
    pub(crate) fn call_id(&mut self) -> String {
        format!("{:016x}{:016x}", self.number(), self.number())
    }
}
