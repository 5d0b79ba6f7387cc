//! What a sleeping future embeds: a deadline, a waker, and the links of the list that it is on.
//!
//! All but the state is reached through the wheel; the invariants are those of the [wheel](super).

use core::{marker::PhantomPinned, ptr::NonNull, task::Waker};

use crate::prim::{
    UnsafeCell,
    atomic::{AtomicU8, Ordering},
};

/// What became of a timer entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum EntryState {
    /// In no wheel: new, or removed.
    Idle = 0,
    /// In a wheel.
    Armed = 1,
    /// Its time came; it is in no wheel.
    Fired = 2,
    /// The wheel was shut down; it is in no wheel.
    Dead = 3,
}

/// One timer. It is pinned, and stays in place while it is armed.
///
/// ```
/// let entry = cede_core::wheel::Entry::new();
/// assert!(!entry.is_fired());
/// ```
pub struct Entry {
    fields: UnsafeCell<Fields>,
    /// The list that it is on. (I1) (Beside the state, where it costs no padding.)
    place: UnsafeCell<u16>,
    state: AtomicU8,
    _pinned: PhantomPinned,
}

struct Fields {
    /// The neighbours on the list that the entry is on; dangling otherwise. (I2)
    next: NonNull<Entry>,
    prev: NonNull<Entry>,
    deadline: u64,
    /// When it was inserted, to order entries of one deadline.
    sequence: u64,
    /// There while armed. (I1)
    waker: Option<Waker>,
}

// SAFETY: [I1] the fields are only used by who has the wheel, or while the entry is in none; the waker is Send.
unsafe impl Send for Entry {}
// SAFETY: [I1] a shared entry only gives away its state, which is atomic.
unsafe impl Sync for Entry {}

impl Entry {
    crate::const_fn_unless_loom! {
        /// An idle entry.
        #[must_use]
        pub fn new() -> Self {
            let nobody = NonNull::dangling();
            let fields = Fields { next: nobody, prev: nobody, deadline: 0, sequence: 0, waker: None };
            Self { fields: UnsafeCell::new(fields), place: UnsafeCell::new(0), state: AtomicU8::new(EntryState::Idle as u8), _pinned: PhantomPinned }
        }
    }

    /// What became of it. Needs no lock; whoever sees a state other than `Armed` may drop or reuse the entry.
    #[inline]
    #[must_use]
    pub fn state(&self) -> EntryState {
        match self.state.load(Ordering::Acquire) {
            0 => EntryState::Idle,
            1 => EntryState::Armed,
            2 => EntryState::Fired,
            _ => EntryState::Dead,
        }
    }

    /// Whether its time came.
    #[inline]
    #[must_use]
    pub fn is_fired(&self) -> bool {
        self.state() == EntryState::Fired
    }
}

/// The wheel's side.
///
/// # Safety
/// For all of these: the entry is alive, and the caller has the wheel that it is in, exclusively for those that write; or it is in none
/// and the caller is the only one who uses it.
impl Entry {
    #[inline(always)]
    unsafe fn with<R>(entry: NonNull<Self>, read: impl FnOnce(&Fields) -> R) -> R {
        // SAFETY: [I1] the caller's promise: alive, and nobody writes meanwhile.
        unsafe { entry.as_ref() }.fields.with(|fields| read(unsafe { &*fields }))
    }

    #[inline(always)]
    unsafe fn with_mut<R>(entry: NonNull<Self>, write: impl FnOnce(&mut Fields) -> R) -> R {
        // SAFETY: [I1] the caller's promise: alive, and nobody else uses the fields meanwhile.
        unsafe { entry.as_ref() }.fields.with_mut(|fields| write(unsafe { &mut *fields }))
    }

    #[inline]
    pub(super) unsafe fn set_state(entry: NonNull<Self>, state: EntryState) {
        // SAFETY: [I3] alive until this store; it is the last access if the state is not Armed.
        unsafe { entry.as_ref() }.state.store(state as u8, Ordering::Release);
    }

    #[inline]
    pub(super) unsafe fn prepare(entry: NonNull<Self>, deadline: u64, sequence: u64, waker: Waker) {
        // SAFETY: [I1] the caller's promise. No waker is there to be dropped: it left when the entry was let go.
        unsafe {
            Self::with_mut(entry, |fields| {
                fields.deadline = deadline;
                fields.sequence = sequence;
                fields.waker = Some(waker);
            });
        }
    }

    /// What entries are ordered by.
    #[inline]
    pub(super) unsafe fn key(entry: NonNull<Self>) -> (u64, u64) {
        // SAFETY: [I1] the caller's promise.
        unsafe { Self::with(entry, |fields| (fields.deadline, fields.sequence)) }
    }

    #[inline]
    pub(super) unsafe fn set_key(entry: NonNull<Self>, deadline: u64, sequence: u64) {
        // SAFETY: [I1] the caller's promise.
        unsafe { Self::with_mut(entry, |fields| (fields.deadline, fields.sequence) = (deadline, sequence)) }
    }

    #[inline]
    pub(super) unsafe fn place(entry: NonNull<Self>) -> usize {
        // SAFETY: [I1] the caller's promise.
        unsafe { entry.as_ref() }.place.with(|place| usize::from(unsafe { *place }))
    }

    #[inline]
    pub(super) unsafe fn set_place(entry: NonNull<Self>, place: usize) {
        // SAFETY: [I1] the caller's promise.
        unsafe { entry.as_ref() }.place.with_mut(|own| unsafe { *own = place as u16 })
    }

    #[inline]
    pub(super) unsafe fn next(entry: NonNull<Self>) -> NonNull<Self> {
        // SAFETY: [I1] the caller's promise.
        unsafe { Self::with(entry, |fields| fields.next) }
    }

    #[inline]
    pub(super) unsafe fn prev(entry: NonNull<Self>) -> NonNull<Self> {
        // SAFETY: [I1] the caller's promise.
        unsafe { Self::with(entry, |fields| fields.prev) }
    }

    #[inline]
    pub(super) unsafe fn set_next(entry: NonNull<Self>, next: NonNull<Self>) {
        // SAFETY: [I1] the caller's promise.
        unsafe { Self::with_mut(entry, |fields| fields.next = next) }
    }

    #[inline]
    pub(super) unsafe fn set_prev(entry: NonNull<Self>, prev: NonNull<Self>) {
        // SAFETY: [I1] the caller's promise.
        unsafe { Self::with_mut(entry, |fields| fields.prev = prev) }
    }

    pub(super) unsafe fn will_wake(entry: NonNull<Self>, waker: &Waker) -> bool {
        // SAFETY: [I1] the caller's promise.
        unsafe { Self::with(entry, |fields| fields.waker.as_ref().is_some_and(|own| own.will_wake(waker))) }
    }

    /// The entry is armed.
    pub(super) unsafe fn replace_waker(entry: NonNull<Self>, waker: Waker) -> Waker {
        // SAFETY: [I1] the caller's promise.
        unsafe { Self::with_mut(entry, |fields| fields.waker.replace(waker)) }.expect("an armed timer entry has a waker")
    }

    /// The entry was armed until now.
    #[inline]
    pub(super) unsafe fn take_waker(entry: NonNull<Self>) -> Waker {
        // SAFETY: [I1] the caller's promise.
        unsafe { Self::with_mut(entry, |fields| fields.waker.take()) }.expect("an armed timer entry has a waker")
    }
}

impl Default for Entry {
    fn default() -> Self {
        Self::new()
    }
}

impl core::fmt::Debug for Entry {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Entry").field("state", &self.state()).finish_non_exhaustive()
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        debug_assert!(self.state() != EntryState::Armed, "a timer entry was dropped in its wheel; remove it first");
    }
}
