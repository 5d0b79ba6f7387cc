//! A value on cache lines of its own.
//!
//! What one thread writes often and another one reads often must not share a line with anything else: each write would take the line away from the reader, and from whatever else
//! stands on it. Two lines, because processors fetch lines in pairs (x86-64) or have lines of 128 bytes (some AArch64).

#![forbid(unsafe_code)]

/// See the module's description.
///
/// ```
/// use cede_core::cache_padded::CachePadded;
///
/// let counters = [CachePadded(1_u8), CachePadded(2)];
/// assert_eq!(size_of_val(&counters), 256);
/// assert_eq!(*counters[1], 2);
/// ```
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct CachePadded<T>(pub T);

impl<T> core::ops::Deref for CachePadded<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0
    }
}
