//! [`ReadBuf`]: memory for a reader to write into, part of which may be uninitialized.
//!
//! Zeroing a buffer only for a reader to overwrite it costs as much as the read itself. So the buffer is `MaybeUninit<u8>` and two indices say
//! how far it was written:
//!
//! ```text
//! [ filled        | initialized, unfilled | uninitialized ]
//! 0            filled                initialized        capacity
//! ```
//!
//! The other way, an unsafe promise by each implementor of `AsyncRead` not to read what it is given, was tried by others and was broken.
//!
//! Nothing stops a reader from replacing the whole `ReadBuf` behind the `&mut` it got. The functions in `lend` (`ReadBuf::fill_part` and those
//! built on it) are therefore the only way in which this crate lends one out.
//!
//! Invariants:
//!
//! * I1: `filled <= initialized <= buf.len()`.
//! * I2: `buf[..initialized]` holds values that were written.
//! * I3: no safe function gives out `&mut [MaybeUninit<u8>]`, so nobody can make a byte of `buf[..initialized]` uninitialized again without
//!   breaking the contract of an unsafe function. [`ReadBuf::new`] relies on it: its caller has a `&mut [u8]` of the same bytes.
//!
//! There is no loom model: nothing here is shared between threads.
#![expect(unsafe_code, reason = "see the invariants above")]

#[cfg(feature = "util")]
pub(crate) mod lend;

use std::fmt;
use std::mem::MaybeUninit;

use bytes::BufMut;
use bytes::buf::UninitSlice;

/// A byte buffer that is filled step by step and need not be initialized first.
///
/// It knows three regions: what was *filled* with data, what is *initialized* though not data, and the rest. A reader appends to the filled
/// region with [`put_slice`](Self::put_slice), or writes into [`initialize_unfilled`](Self::initialize_unfilled) and calls
/// [`advance`](Self::advance).
///
/// # Examples
///
/// ```
/// use cede_io::ReadBuf;
/// use std::mem::MaybeUninit;
///
/// let mut memory = [MaybeUninit::uninit(); 8];
/// let mut buf = ReadBuf::uninit(&mut memory);
/// buf.put_slice(b"abc");
/// buf.initialize_unfilled_to(2).copy_from_slice(b"de");
/// buf.advance(2);
/// assert_eq!(buf.filled(), b"abcde");
/// assert_eq!(buf.remaining(), 3);
/// ```
pub struct ReadBuf<'a> {
    buf: &'a mut [MaybeUninit<u8>],
    filled: usize,
    initialized: usize,
}

impl<'a> ReadBuf<'a> {
    /// A buffer over initialized memory; nothing is filled.
    #[inline]
    pub fn new(buf: &'a mut [u8]) -> ReadBuf<'a> {
        let initialized = buf.len();
        let buf: *mut [u8] = buf;
        // SAFETY: [I3] same address, length and layout; nobody will write an uninitialized byte through it.
        let buf = unsafe { &mut *(buf as *mut [MaybeUninit<u8>]) };
        ReadBuf { buf, filled: 0, initialized }
    }

    /// A buffer over memory of which nothing is known; nothing is filled.
    ///
    /// Use [`assume_init`](Self::assume_init) if part of it is known to be initialized.
    #[inline]
    pub fn uninit(buf: &'a mut [MaybeUninit<u8>]) -> ReadBuf<'a> {
        ReadBuf { buf, filled: 0, initialized: 0 }
    }

    /// How many bytes fit in all.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.buf.len()
    }

    /// The data so far.
    #[inline]
    pub fn filled(&self) -> &[u8] {
        let filled: *const [MaybeUninit<u8>] = &self.buf[..self.filled];
        // SAFETY: [I1] [I2] these bytes were written.
        unsafe { &*(filled as *const [u8]) }
    }

    /// The data so far, to change.
    #[inline]
    pub fn filled_mut(&mut self) -> &mut [u8] {
        let filled: *mut [MaybeUninit<u8>] = &mut self.buf[..self.filled];
        // SAFETY: [I1] [I2] these bytes were written, and a `u8` slice cannot undo it.
        unsafe { &mut *(filled as *mut [u8]) }
    }

    /// A new buffer over the first `n` bytes of the unfilled region, or all of it if that is less.
    ///
    /// What is put there is not filled in `self`; the caller has to say so afterwards.
    #[inline]
    pub fn take(&mut self, n: usize) -> ReadBuf<'_> {
        let n = n.min(self.remaining());
        let initialized = (self.initialized - self.filled).min(n);
        ReadBuf { buf: &mut self.buf[self.filled..][..n], filled: 0, initialized }
    }

    /// The initialized region: the data and what follows it.
    #[inline]
    pub fn initialized(&self) -> &[u8] {
        let initialized: *const [MaybeUninit<u8>] = &self.buf[..self.initialized];
        // SAFETY: [I1] [I2] these bytes were written.
        unsafe { &*(initialized as *const [u8]) }
    }

    /// The initialized region, to change.
    #[inline]
    pub fn initialized_mut(&mut self) -> &mut [u8] {
        let initialized: *mut [MaybeUninit<u8>] = &mut self.buf[..self.initialized];
        // SAFETY: [I1] [I2] these bytes were written, and a `u8` slice cannot undo it.
        unsafe { &mut *(initialized as *mut [u8]) }
    }

    /// The whole memory.
    ///
    /// # Safety
    ///
    /// The caller must not write uninitialized bytes over initialized ones.
    #[inline]
    pub unsafe fn inner_mut(&mut self) -> &mut [MaybeUninit<u8>] {
        self.buf
    }

    /// The memory after the data, initialized or not.
    ///
    /// # Safety
    ///
    /// The caller must not write uninitialized bytes over initialized ones.
    #[inline]
    pub unsafe fn unfilled_mut(&mut self) -> &mut [MaybeUninit<u8>] {
        &mut self.buf[self.filled..]
    }

    /// The memory after the data, of which what was uninitialized is zeroed first.
    ///
    /// Zeroing happens once per byte, so calling this again is cheap.
    #[inline]
    pub fn initialize_unfilled(&mut self) -> &mut [u8] {
        self.initialize_unfilled_to(self.remaining())
    }

    /// The `n` bytes after the data, of which what was uninitialized is zeroed first.
    ///
    /// # Panics
    ///
    /// If `n` is more than [`remaining`](Self::remaining).
    #[inline]
    #[track_caller]
    pub fn initialize_unfilled_to(&mut self, n: usize) -> &mut [u8] {
        assert!(n <= self.remaining(), "n is {n}, but only {} bytes remain", self.remaining());
        let end = self.filled + n;
        if self.initialized < end {
            self.buf[self.initialized..end].fill(MaybeUninit::new(0));
            self.initialized = end;
        }
        let start = self.filled;
        &mut self.initialized_mut()[start..end]
    }

    /// How many bytes can still be filled.
    #[inline]
    pub fn remaining(&self) -> usize {
        self.capacity() - self.filled
    }

    /// Forgets the data; what is initialized stays so.
    #[inline]
    pub fn clear(&mut self) {
        self.filled = 0;
    }

    /// Declares the next `n` bytes filled; they must be initialized.
    ///
    /// # Panics
    ///
    /// If fewer than `n` initialized bytes follow the data.
    #[inline]
    #[track_caller]
    pub fn advance(&mut self, n: usize) {
        let filled = self.filled.checked_add(n).expect("the filled region would be longer than memory");
        self.set_filled(filled);
    }

    /// Declares exactly the first `n` bytes filled; they must be initialized. It may shrink the data.
    ///
    /// # Panics
    ///
    /// If fewer than `n` bytes are initialized.
    #[inline]
    #[track_caller]
    pub fn set_filled(&mut self, n: usize) {
        assert!(n <= self.initialized, "{n} bytes cannot be filled, because only {} are initialized", self.initialized);
        self.filled = n;
    }

    /// Declares that at least `n` bytes after the data are initialized.
    ///
    /// # Safety
    ///
    /// They must be, and lie within the capacity.
    #[inline]
    pub unsafe fn assume_init(&mut self, n: usize) {
        let end = self.filled + n;
        debug_assert!(end <= self.capacity());
        self.initialized = self.initialized.max(end);
    }

    /// Appends `buf` to the data.
    ///
    /// # Panics
    ///
    /// If it is longer than [`remaining`](Self::remaining).
    #[inline]
    #[track_caller]
    pub fn put_slice(&mut self, buf: &[u8]) {
        assert!(buf.len() <= self.remaining(), "a slice of {} bytes does not fit, because only {} remain", buf.len(), self.remaining());
        let end = self.filled + buf.len();
        self.buf[self.filled..end].write_copy_of_slice_(buf);
        self.initialized = self.initialized.max(end);
        self.filled = end;
    }
}

/// Copies a slice into memory that need not be initialized. (`write_copy_of_slice` of std is newer than the compiler that cede asks for.)
trait CopyOfSlice {
    fn write_copy_of_slice_(&mut self, src: &[u8]);
}

impl CopyOfSlice for [MaybeUninit<u8>] {
    #[inline]
    fn write_copy_of_slice_(&mut self, src: &[u8]) {
        let src: *const [u8] = src;
        // SAFETY: [I2] every initialized byte is also a valid `MaybeUninit<u8>` of the same layout, and it is only read.
        let src = unsafe { &*(src as *const [MaybeUninit<u8>]) };
        self.copy_from_slice(src);
    }
}

// SAFETY: [I1] [I2] `chunk_mut` is exactly the unfilled memory, `remaining_mut` its length, and `advance_mut` moves the border by what its caller
// promises to have written.
unsafe impl BufMut for ReadBuf<'_> {
    #[inline]
    fn remaining_mut(&self) -> usize {
        self.remaining()
    }

    #[inline]
    unsafe fn advance_mut(&mut self, cnt: usize) {
        assert!(cnt <= self.remaining(), "cannot advance by {cnt}, because only {} bytes remain", self.remaining());
        // SAFETY: [I2] the caller promises that these bytes were written; they are within the capacity.
        unsafe { self.assume_init(cnt) };
        self.advance(cnt);
    }

    #[inline]
    fn chunk_mut(&mut self) -> &mut UninitSlice {
        UninitSlice::uninit(&mut self.buf[self.filled..])
    }
}

impl fmt::Debug for ReadBuf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadBuf")
            .field("filled", &self.filled)
            .field("initialized", &self.initialized)
            .field("capacity", &self.capacity())
            .finish()
    }
}
