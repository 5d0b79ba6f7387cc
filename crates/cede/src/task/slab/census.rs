//! The chunks of a slab as others may see them.
//!
//! # What
//! Dumps, deadlock reports and the monitor look at tasks whose scheduler is busy, or stuck. They find the cells by the list of chunks here, and look at each as a [`Sighting`]: nothing is
//! polled, stopped or counted. The list's lock is held for a chunk at a time, some 500 cells, and by the slab's owner only when a chunk comes or goes.
//!
//! # Who may touch what
//! `chunks`: under its lock; written by the slab's owner. An [`Extent`]: `first` and `cell_bytes` never change, `carved` is written by the owner.
//!
//! # Invariants
//! - I1: the memory of a chunk that is in the list stays: the owner takes it out, under the lock, before it gives the memory away.
//! - I2: of the first `carved` cells of a chunk each has an initialized header. The owner counts them with Release after that, readers load with Acquire.
//!
//! A walk goes from the last chunk to the first. Removal moves the last chunk to the gap, so one that is there all the time is met at least once; whoever walks may meet a task twice. (The cells'
//! protocol is modelled in `cede_core`; what is here is a lock.)

use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use cede_core::lock::{Guard, Lock};
use cede_core::task::{Header, Sighting};

/// All censuses of the process.
static ALL: Mutex<Vec<Weak<Census>>> = Mutex::new(Vec::new());

#[inline(never)]
fn all() -> MutexGuard<'static, Vec<Weak<Census>>> {
    ALL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The censuses of all slabs of the process.
pub(crate) fn of_all() -> Vec<Arc<Census>> {
    let mut living = Vec::new();
    for census in &*all() {
        if let Some(census) = census.upgrade() {
            living.push(census);
        }
    }
    living
}

/// The task at an address, if there is one. Allocates nothing: the monitor asks often.
pub(crate) fn see(address: NonNull<Header>) -> Option<Sighting> {
    all().iter().filter_map(Weak::upgrade).find_map(|census| census.look_at(address))
}

/// See the module's description.
pub(crate) struct Census {
    /// The number of the runtime; `None` for a set of local tasks, which may move from one to another.
    runtime: Option<u64>,
    chunks: Lock<Vec<NonNull<Extent>>>,
}

// SAFETY: [I1] what the pointers lead to stays while the lock is held, and is read only.
unsafe impl Send for Census {}
// SAFETY: [I1] as above.
unsafe impl Sync for Census {}

/// Where the cells of a chunk are: the first field of the chunk.
#[derive(Debug)]
pub(super) struct Extent {
    /// Bytes from here to the first cell.
    pub(super) first: u32,
    pub(super) cell_bytes: u32,
    carved: AtomicU32,
}

impl Extent {
    pub(super) fn new(first: u32, cell_bytes: u32) -> Self {
        Self { first, cell_bytes, carved: AtomicU32::new(0) }
    }

    /// How many cells there are so far. For the owner.
    #[inline]
    pub(super) fn carved(&self) -> u32 {
        self.carved.load(Ordering::Relaxed)
    }

    /// One more cell has an initialized header. For the owner.
    #[inline]
    pub(super) fn carve(&self) {
        self.carved.store(self.carved() + 1, Ordering::Release);
    }
}

impl Census {
    pub(super) fn begin(runtime: Option<u64>) -> Arc<Self> {
        let census = Arc::new(Self { runtime, chunks: Lock::new(Vec::new()) });
        let mut all = all();
        all.retain(|census| census.strong_count() > 0);
        all.push(Arc::downgrade(&census));
        census
    }

    /// The number of the runtime, if the slab is a runtime's.
    pub(crate) fn runtime(&self) -> Option<u64> {
        self.runtime
    }

    pub(super) fn chunks(&self) -> Guard<'_, Vec<NonNull<Extent>>> {
        self.chunks.lock()
    }

    /// Calls `visit` with each task that has not ended, with no lock held.
    pub(crate) fn visit(&self, visit: &mut dyn FnMut(Sighting)) {
        let mut seen = Vec::new();
        let mut next = self.chunks().len();
        while next > 0 {
            next -= 1;
            self.look_at_chunk(next, &mut seen);
            for task in &seen {
                if !task.state.is_complete() {
                    visit(*task);
                }
            }
            seen.clear();
        }
    }

    fn look_at_chunk(&self, index: usize, seen: &mut Vec<Sighting>) {
        let chunks = self.chunks();
        let Some(&chunk) = chunks.get(index) else { return };
        // SAFETY: [I1] it is in the list, and the lock is held.
        let extent = unsafe { chunk.as_ref() };
        for index in 0..extent.carved.load(Ordering::Acquire) as usize {
            // SAFETY: [I2] it was carved, so its header is initialized, and within the chunk.
            seen.extend(unsafe { Sighting::of(cell_at(chunk, index)) });
        }
    }

    /// Looks at the task in the cell at `address`, if that is in one of these chunks.
    pub(crate) fn look_at(&self, address: NonNull<Header>) -> Option<Sighting> {
        let chunks = self.chunks();
        let base = super::base_of(address);
        let chunk = *chunks.iter().find(|chunk| chunk.addr() == base)?;
        // SAFETY: [I1] it is in the list, and the lock is held.
        let extent = unsafe { chunk.as_ref() };
        let offset = (address.addr().get() - base.get()).checked_sub(extent.first as usize)?;
        // A chunk with one large cell says that its cells have no size.
        let index = offset.checked_div(extent.cell_bytes as usize).unwrap_or_default();
        // SAFETY: [I2] it was carved, if the index is below the count.
        let cell = (index < extent.carved.load(Ordering::Acquire) as usize).then(|| unsafe { cell_at(chunk, index) })?;
        // SAFETY: [I2] as above.
        if cell == address { unsafe { Sighting::of(cell) } } else { None }
    }
}

/// # Safety
/// The chunk's memory is there, and `index` is below its capacity.
#[inline]
pub(super) unsafe fn cell_at(chunk: NonNull<Extent>, index: usize) -> NonNull<Header> {
    // SAFETY: [I1] within the chunk's memory by the caller's contract.
    unsafe {
        let extent = chunk.as_ref();
        chunk.cast::<u8>().add(extent.first as usize + index * extent.cell_bytes as usize).cast()
    }
}
