//! Chunks of memory straight from the kernel, aligned to their size.
//!
//! # Why not the allocator
//! `malloc` keeps what other threads than the main one freed: after a burst of a million tasks on a worker, their memory would stay with the process. A mapping goes back
//! when the chunk is freed.
//!
//! # Invariants
//! - I1: an address that [`map`] returned is a private mapping of [`BYTES`] bytes that is nobody else's, until [`unmap`] gets it back. There is no shared memory
//!   with others, hence no loom model.

use std::alloc::{Layout, handle_alloc_error};
use std::ptr::{self, NonNull};

/// The size and the alignment of a chunk.
pub(super) const BYTES: usize = 64 * 1024;

/// A new chunk, filled with zeros.
pub(super) fn map() -> NonNull<u8> {
    // The kernel places mappings side by side, so usually the first try is aligned.
    let first = map_bytes(BYTES);
    if is_aligned(first) {
        return first;
    }
    // SAFETY: [I1] just mapped with this size.
    unsafe { unmap_bytes(first, BYTES) };
    let wide = map_bytes(2 * BYTES);
    let before = wide.addr().get().next_multiple_of(BYTES) - wide.addr().get();
    // SAFETY: [I1] the parts before and behind the aligned chunk are within the mapping, and nobody uses them.
    unsafe {
        let chunk = wide.add(before);
        if before > 0 {
            unmap_bytes(wide, before);
        }
        if before < BYTES {
            unmap_bytes(chunk.add(BYTES), BYTES - before);
        }
        chunk
    }
}

/// Gives a chunk back.
///
/// # Safety
/// The chunk came from [`map`], and nobody uses it any more.
pub(super) unsafe fn unmap(chunk: NonNull<u8>) {
    // SAFETY: [I1] the caller's contract.
    unsafe { unmap_bytes(chunk, BYTES) };
}

fn is_aligned(address: NonNull<u8>) -> bool {
    address.addr().get().is_multiple_of(BYTES)
}

fn map_bytes(bytes: usize) -> NonNull<u8> {
    let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: [I1] a new anonymous mapping at an address that the kernel chooses touches nobody's memory.
    let address = unsafe { libc::mmap(ptr::null_mut(), bytes, protection, flags, -1, 0) };
    match NonNull::new(address.cast::<u8>()) {
        Some(address) if address.as_ptr().cast() != libc::MAP_FAILED => address,
        _ => handle_alloc_error(Layout::from_size_align(bytes, BYTES).expect("a valid layout")),
    }
}

/// # Safety
/// The range is mapped, ours, and nobody uses it any more.
unsafe fn unmap_bytes(address: NonNull<u8>, bytes: usize) {
    // SAFETY: [I1] the caller's contract. An error would leave the range mapped, which harms nobody.
    let _unmapped = unsafe { libc::munmap(address.as_ptr().cast(), bytes) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_aligned_writable_and_go_back() {
        let chunks: Vec<_> = (0..100).map(|_| map()).collect();
        for &chunk in &chunks {
            assert!(is_aligned(chunk));
            // SAFETY: [I1] the whole chunk is ours.
            unsafe { chunk.write_bytes(0xA5, BYTES) };
        }
        // SAFETY: [I1] each goes back once.
        chunks.into_iter().for_each(|chunk| unsafe { unmap(chunk) });
    }
}
