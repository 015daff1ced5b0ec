//! Random choices that can be made again: the seed is printed, and taken from `CAUSEWAY_TEST_SEED` when set.

use std::{
    env,
    time::{SystemTime, UNIX_EPOCH},
};

/// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
#[derive(Debug)]
pub(crate) struct Seed(u64);

impl Seed {
    /// A seed of this run, printed for the next one.
    pub(crate) fn of_this_run() -> Self {
        let seed = match env::var("CAUSEWAY_TEST_SEED") {
            Ok(text) => text.parse().expect("CAUSEWAY_TEST_SEED is a number"),
            Err(_) => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is after 1970");
                u64::from(now.subsec_nanos()) ^ (now.as_secs() << 20)
            }
        };
        println!("seed: CAUSEWAY_TEST_SEED={seed}");
        Self(seed)
    }

    /// Any number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}
