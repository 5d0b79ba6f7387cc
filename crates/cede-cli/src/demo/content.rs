//! The bytes of a demo file: pseudo-random, so that no part looks like another, and computed from their place, so that nobody has to store them.

use bytes::Bytes;

/// The size of the pieces in which content is made.
pub(super) const PIECE: u64 = 32 * 1024;

/// The bytes of file `seed` from `offset` (a multiple of 8), at most [`PIECE`] of them and not beyond `size`.
pub(super) fn piece(seed: u64, offset: u64, size: u64) -> Bytes {
    debug_assert!(offset.is_multiple_of(8));
    let count = PIECE.min(size - offset) as usize;
    let mut bytes = Vec::with_capacity(count + 8);
    let mut word = offset / 8;
    while bytes.len() < count {
        bytes.extend_from_slice(&mixed(seed, word).to_le_bytes());
        word += 1;
    }
    bytes.truncate(count);
    bytes.into()
}

/// The finalizer of the splitmix64 generator: every bit of the input changes half of the output.
fn mixed(seed: u64, word: u64) -> u64 {
    let mut z = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(word.wrapping_mul(0xd1b5_4a32_d192_ed03));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
