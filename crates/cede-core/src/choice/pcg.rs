//! The generator: PCG32, seeded by SplitMix64. Named and cited in the [choice](super) module; neither may ever change.

/// A PCG XSH-RR generator: 64 bits of state, 32 bits of output, 2^63 streams.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pcg32 {
    state: u64,
    /// Odd; which stream.
    increment: u64,
}

/// The multiplier that the paper recommends for 64 bits.
const MULTIPLIER: u64 = 6_364_136_223_846_793_005;
/// SplitMix64's: 2^64 divided by the golden ratio.
const GOLDEN_GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

/// The output function of SplitMix64 over its `index`-th state from `seed`.
pub(super) const fn mix(seed: u64, index: u64) -> u64 {
    let z = seed.wrapping_add(index.wrapping_add(1).wrapping_mul(GOLDEN_GAMMA));
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl Pcg32 {
    /// The stream of `key` under `seed`.
    pub(super) const fn keyed(seed: u64, key: u64) -> Self {
        let own = mix(seed, key);
        Self::new(mix(own, 0), mix(own, 1))
    }

    /// The reference's way to start from a state and a stream.
    pub(super) const fn new(state: u64, stream: u64) -> Self {
        let increment = stream << 1 | 1;
        let first = increment.wrapping_add(state);
        Self { state: first.wrapping_mul(MULTIPLIER).wrapping_add(increment), increment }
    }

    pub(super) const fn next(&mut self) -> u32 {
        let old = self.state;
        self.state = old.wrapping_mul(MULTIPLIER).wrapping_add(self.increment);
        let shifted = (((old >> 18) ^ old) >> 27) as u32;
        shifted.rotate_right((old >> 59) as u32)
    }

    /// A number below `n` (which is not 0), each as likely as the others.
    pub(super) const fn below(&mut self, n: u32) -> u32 {
        // The high word of a product is the answer. The 2^32 mod n smallest low words are one too many for some answers.
        let excess = n.wrapping_neg() % n;
        loop {
            let product = self.next() as u64 * n as u64;
            if product as u32 >= excess {
                return (product >> 32) as u32;
            }
        }
    }
}
