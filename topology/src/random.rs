//! Randomness out of a seed, the same on every machine and in every version.

/// A stream of bytes out of a seed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Random {
    seed: [u8; 32],
    epochs: u64,
    others: u64,
}

impl Random {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self { seed, epochs: 0, others: 0 }
    }

    /// For the next epoch. Drawn apart from the rest, so that only what is journaled decides it.
    pub(crate) fn epoch(&mut self) -> [u8; 10] {
        self.epochs += 1;
        let mut bytes = [0; 10];
        bytes.copy_from_slice(&self.draw(b"epoch", self.epochs)[..10]);
        bytes
    }

    /// A number below `bound`, for jitter.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.others += 1;
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.draw(b"other", self.others)[..8]);
        u64::from_be_bytes(bytes) % bound.max(1)
    }

    fn draw(&self, what: &[u8], count: u64) -> [u8; 32] {
        *blake3::Hasher::new_keyed(&self.seed).update(what).update(&count.to_be_bytes()).finalize().as_bytes()
    }
}
