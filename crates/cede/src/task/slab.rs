//! The memory of task cells, which is also the registry of live tasks.
//!
//! # What
//! Each scheduler (each worker of a work-stealing runtime) owns a slab: chunks of 64 KiB, aligned to their size, each cut into cells of one size. A cell finds
//! its chunk by masking its address, and the chunk names the scheduler, so a cell needs no pointer to it. Shutdown, dumps and metrics walk the chunks.
//!
//! # Why not the obvious way
//! `malloc` per task costs more than the rest of a spawn, and over-aligned `malloc` several times that. A list of all tasks costs a lock for each spawn and each
//! completion. A global slab is shared by all workers; this one is touched by its owner only, except for [`TransferStack`], the inbox of cells freed elsewhere.
//!
//! # Who may touch what
//! * a chunk's `live`, `free`, links: the owner of the slab (whoever runs that scheduler at the moment; it may move between threads).
//! * `remote` (in the scheduler's shared part): anybody pushes vacated cells, the owner takes them.
//! * `abandoned`: anybody, once the slab is closed.
//! * what a [`census`] shows of a chunk: read by anybody, written by the owner.
//!
//! # Invariants
//! - I1: the memory of a chunk lives until the chunk has no live cell and no cell on the remote stack, and is no longer in its slab.
//! - I2: a cell is in exactly one place: live (its header's vtable is set), in its chunk's free list, on the remote stack, or never carved.
//! - I3: after [`Slab::close`] the count `abandoned` of a chunk is (cells live at that moment) minus (cells freed since); whoever brings it to zero frees the chunk.
//!
//! # Orderings
//! `abandoned` is one variable: AcqRel, so the one who frees a chunk sees all that others did with its cells.

pub(crate) mod census;
mod pages;

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::cell::UnsafeCell;
use std::num::NonZero;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, Ordering};

use cede_core::task::{Header, TaskRef};
use cede_core::transfer_stack::TransferStack;
use census::{Census, Extent, cell_at};

const CHUNK_BYTES: usize = pages::BYTES;
const CHUNK_HEADER_BYTES: usize = 128;
const LINE_BYTES: usize = 64;
const SIZES: [usize; 15] = [128, 192, 256, 320, 384, 448, 512, 640, 768, 1024, 1536, 2048, 3072, 4096, 8192];
const SIZE_MAX: usize = SIZES[SIZES.len() - 1];
/// The class of a chunk that holds one cell larger than [`SIZE_MAX`].
const LARGE: usize = SIZES.len();
/// Empty chunks that a slab keeps for the next burst: 4 MiB.
const SPARES_MAX: usize = 64;

/// Index of the size class by `(bytes - 1) / 64`.
static CLASS_OF: [u8; SIZE_MAX / 64] = class_table();

const fn class_table() -> [u8; SIZE_MAX / 64] {
    let mut table = [0; SIZE_MAX / 64];
    let (mut line, mut class) = (0, 0);
    while line < table.len() {
        if (line + 1) * 64 > SIZES[class] {
            class += 1;
        }
        table[line] = class as u8;
        line += 1;
    }
    table
}

/// The size class; none for what needs a chunk of its own.
#[inline(always)]
fn class_of(layout: Layout) -> Option<usize> {
    (layout.size() <= SIZE_MAX && layout.align() <= 64).then(|| usize::from(CLASS_OF[(layout.size() - 1) / 64]))
}

/// The part of a scheduler that its tasks keep alive and other threads reach.
pub(crate) trait Shared: Send + Sync + Sized + 'static {
    /// The inbox of freed cells of the slab with this number.
    fn freed_elsewhere(&self, slab: usize) -> &TransferStack;

    /// The number of the runtime, if it is a runtime's scheduler.
    fn runtime(&self) -> Option<u64>;
}

/// See the module's description. `S` is the shared part of the scheduler.
pub(crate) struct Slab<S: Shared> {
    shared: Arc<S>,
    number: usize,
    current: [Option<NonNull<Chunk<S>>>; SIZES.len()],
    /// Chunks with free cells, other than `current`: heads of doubly linked lists.
    partial: [Option<NonNull<Chunk<S>>>; SIZES.len()],
    census: Arc<Census>,
    spares: Vec<NonNull<u8>>,
    closed: bool,
    /// [`Slab::allocate_slowly`], not by its name: a crate that spawns compiles what is generic and named.
    slow: fn(&mut Self, Layout) -> NonNull<u8>,
}

// SAFETY: [I2] the slab owns its chunks; whoever owns the slab is the owner that the module speaks of.
unsafe impl<S: Shared> Send for Slab<S> {}

/// The head of a chunk. What other threads read stands apart from what only the owner touches.
#[repr(C, align(64))]
struct Chunk<S> {
    /// First: the census knows the chunk by it.
    extent: Extent,
    shared: Arc<S>,
    slab: usize,
    layout: Layout,
    abandoned: AtomicIsize,
    own: UnsafeCell<Own<S>>,
}

/// The owner's part of a chunk.
struct Own<S> {
    /// Where this chunk is in the census.
    index: usize,
    class: usize,
    capacity: u32,
    live: u32,
    free: Option<NonNull<FreeCell>>,
    previous: Option<NonNull<Chunk<S>>>,
    next: Option<NonNull<Chunk<S>>>,
    in_partial: bool,
}

/// The owner's part of a chunk. The result is used up before this is called for the same chunk again.
///
/// # Safety
/// The caller owns the slab that the chunk is in.
#[inline(always)]
unsafe fn own<'a, S>(chunk: NonNull<Chunk<S>>) -> &'a mut Own<S> {
    // SAFETY: the caller's contract; only the owner reaches this field, and never twice at a time.
    unsafe { &mut *(*chunk.as_ptr()).own.get() }
}

/// A free cell: the header's vtable stays null (it is what marks the cell as vacant), the link is the header's.
type FreeCell = Header;

/// The scheduler's shared part and the number of the slab that a task's memory belongs to.
///
/// # Safety
/// `task` is in a cell of a `Slab<S>`, and alive.
#[inline]
pub(crate) unsafe fn owner_of<'a, S: Shared>(task: TaskRef) -> (&'a Arc<S>, usize) {
    let chunk = chunk_of::<S>(task.as_ptr()).as_ptr();
    // SAFETY: [I1] the chunk lives as long as its cells do; these two fields are written at its creation only.
    unsafe { (&(*chunk).shared, (*chunk).slab) }
}

/// Gives a cell back from a thread that does not own its slab.
///
/// # Safety
/// The last reference of `task`, in a cell of a `Slab<S>`, is gone.
pub(crate) unsafe fn free_elsewhere<S: Shared>(task: TaskRef) {
    let chunk = chunk_of::<S>(task.as_ptr());
    // SAFETY: [I1] the chunk lives as long as its cell is not given back, which the successful push does in its last access to the inbox.
    let (shared, slab) = unsafe { owner_of::<S>(task) };
    // SAFETY: the last reference is gone.
    unsafe { Header::vacate(task.as_ptr()) };
    if shared.freed_elsewhere(slab).push(task).is_err() {
        // SAFETY: [I3] closed, and this cell was counted as live then.
        unsafe { abandon(chunk, -1) };
    }
}

#[inline]
fn chunk_of<S>(cell: NonNull<Header>) -> NonNull<Chunk<S>> {
    cell.map_addr(base).cast()
}

/// The address of the chunk that a cell is in.
fn base_of(cell: NonNull<Header>) -> NonZero<usize> {
    base(cell.addr())
}

#[inline]
fn base(address: NonZero<usize>) -> NonZero<usize> {
    NonZero::new(address.get() & !(CHUNK_BYTES - 1)).expect("chunks are not at address zero")
}

/// Adds to the count of cells that outlive the slab; frees the chunk if that makes it zero.
///
/// # Safety
/// [I3]: the slab is closed and the change is what happened.
unsafe fn abandon<S>(chunk: NonNull<Chunk<S>>, change: isize) {
    // SAFETY: [I1] the chunk is alive: the cells behind this change are not settled before it.
    let before = unsafe { &(*chunk.as_ptr()).abandoned }.fetch_add(change, Ordering::AcqRel);
    if before + change == 0 {
        // SAFETY: [I3] no cell is live and none will be freed any more.
        unsafe { free_chunk(chunk) };
    }
}

/// # Safety
/// The chunk has no live cells and is in no slab.
unsafe fn free_chunk<S>(chunk: NonNull<Chunk<S>>) {
    // SAFETY: the caller's contract: nobody else knows the chunk.
    unsafe {
        let layout = (*chunk.as_ptr()).layout;
        let is_large = own(chunk).class == LARGE;
        ptr::drop_in_place(chunk.as_ptr());
        if is_large {
            dealloc(chunk.as_ptr().cast(), layout);
        } else {
            pages::unmap(chunk.cast());
        }
    }
}

impl<S: Shared> Slab<S> {
    pub(crate) fn new(shared: Arc<S>, number: usize) -> Self {
        Self {
            census: Census::begin(shared.runtime()),
            shared,
            number,
            current: [None; SIZES.len()],
            partial: [None; SIZES.len()],
            spares: Vec::new(),
            closed: false,
            slow: Self::allocate_slowly,
        }
    }

    /// Whether a task's memory is of this slab.
    #[inline]
    pub(crate) fn owns(&self, shared: &Arc<S>, slab: usize) -> bool {
        Arc::ptr_eq(&self.shared, shared) && self.number == slab
    }

    /// Memory for a cell.
    #[inline]
    pub(crate) fn allocate(&mut self, layout: Layout) -> NonNull<u8> {
        debug_assert!(!self.closed);
        if let Some(class) = class_of(layout)
            && let Some(chunk) = self.current[class]
        {
            // SAFETY: [I2] we own the slab and so its chunks.
            if let Some(cell) = unsafe { take(chunk) } {
                return cell;
            }
        }
        (self.slow)(self, layout)
    }

    #[cold]
    fn allocate_slowly(&mut self, layout: Layout) -> NonNull<u8> {
        let Some(class) = class_of(layout) else { return self.allocate_large(layout) };
        self.collect();
        // What came back may be the current chunk's. It must not be left behind: only chunks that are full are in no list.
        // SAFETY: [I2] we own the slab and so its chunks.
        if let Some(cell) = self.current[class].and_then(|chunk| unsafe { take(chunk) }) {
            return cell;
        }
        let chunk = match self.partial[class] {
            Some(chunk) => {
                self.unlink(chunk);
                chunk
            }
            None => self.new_chunk(class),
        };
        self.current[class] = Some(chunk);
        // SAFETY: [I2] we own the slab and so its chunks.
        unsafe { take(chunk) }.expect("a new or partial chunk has a free cell")
    }

    fn new_chunk(&mut self, class: usize) -> NonNull<Chunk<S>> {
        let layout = Layout::from_size_align(CHUNK_BYTES, CHUNK_BYTES).expect("a valid layout");
        let memory = self.spares.pop().unwrap_or_else(pages::map);
        let cell_bytes = SIZES[class];
        let room = CHUNK_BYTES - CHUNK_HEADER_BYTES;
        // Chunks begin their cells at different lines. Else the same part of each cell, of thousands, would have to share a few sets of the caches.
        let shift = self.chunk_count() % (room % cell_bytes / LINE_BYTES + 1) * LINE_BYTES;
        self.adopt(memory, layout, class, CHUNK_HEADER_BYTES + shift, cell_bytes, room / cell_bytes)
    }

    fn allocate_large(&mut self, layout: Layout) -> NonNull<u8> {
        assert!(layout.align() < CHUNK_BYTES, "a future aligned to 64 KiB or more must be boxed before it is spawned");
        // The cell starts within the first 64 KiB, so that masking its address finds the chunk.
        let first = CHUNK_HEADER_BYTES.max(layout.align());
        let bytes = first + layout.size();
        let chunk_layout = Layout::from_size_align(bytes, CHUNK_BYTES).expect("a future of that size cannot exist");
        let memory = allocate_aligned(chunk_layout);
        let chunk = self.adopt(memory, chunk_layout, LARGE, first, 0, 1);
        // SAFETY: [I2] the chunk is new and ours.
        unsafe { take(chunk) }.expect("a new chunk has a free cell")
    }

    fn adopt(
        &mut self,
        memory: NonNull<u8>,
        layout: Layout,
        class: usize,
        first: usize,
        cell_bytes: usize,
        capacity: usize,
    ) -> NonNull<Chunk<S>> {
        const { assert!(size_of::<Chunk<()>>() <= CHUNK_HEADER_BYTES) };
        let chunk = memory.cast::<Chunk<S>>();
        let mut chunks = self.census.chunks();
        let own = Own {
            index: chunks.len(),
            class,
            capacity: capacity as u32,
            live: 0,
            free: None,
            previous: None,
            next: None,
            in_partial: false,
        };
        let head = Chunk {
            extent: Extent::new(first as u32, cell_bytes as u32),
            shared: self.shared.clone(),
            slab: self.number,
            layout,
            abandoned: AtomicIsize::new(0),
            own: UnsafeCell::new(own),
        };
        // SAFETY: the memory is new, large enough and aligned.
        unsafe { chunk.write(head) };
        chunks.push(chunk.cast());
        chunk
    }

    /// Gives a cell back.
    ///
    /// # Safety
    /// The last reference of `task` is gone, and this slab owns its memory.
    #[inline]
    pub(crate) unsafe fn free(&mut self, task: TaskRef) {
        // SAFETY: the last reference is gone.
        unsafe { Header::vacate(task.as_ptr()) };
        // SAFETY: as above.
        unsafe { self.free_vacated(task) };
    }

    unsafe fn free_vacated(&mut self, task: TaskRef) {
        let pointer = chunk_of::<S>(task.as_ptr());
        // SAFETY: [I2] we own the slab and so its chunks.
        let chunk = unsafe { own(pointer) };
        chunk.put(task);
        if chunk.class < LARGE && self.current[chunk.class] == Some(pointer) {
            return;
        }
        if chunk.live == 0 {
            self.retire(pointer);
        } else if !chunk.in_partial {
            self.link(pointer);
        }
    }

    /// Whether cells were freed by other threads that this slab has not taken back.
    pub(crate) fn has_freed(shared: &S, number: usize) -> bool {
        !shared.freed_elsewhere(number).is_empty()
    }

    /// Takes back the cells that were freed by other threads.
    pub(crate) fn collect(&mut self) {
        let mut freed = self.shared.freed_elsewhere(self.number).take();
        while let Some(task) = freed.pop() {
            // SAFETY: [I2] the cell came from the inbox of this slab, vacated.
            unsafe { self.free_vacated(task) };
        }
    }

    /// An empty chunk that is not current: kept as a spare, or freed. While the slab is being closed everything stays in place for the walk.
    #[cold]
    fn retire(&mut self, pointer: NonNull<Chunk<S>>) {
        if self.closed {
            return;
        }
        // SAFETY: [I2] we own the slab and so its chunks.
        let &mut Own { in_partial, index, class, .. } = unsafe { own(pointer) };
        if in_partial {
            self.unlink(pointer);
        }
        let mut chunks = self.census.chunks();
        chunks.swap_remove(index);
        if let Some(moved) = chunks.get(index) {
            // SAFETY: as above.
            unsafe { own(moved.cast::<Chunk<S>>()) }.index = index;
        }
        drop(chunks);
        if class < LARGE && self.spares.len() < SPARES_MAX {
            // SAFETY: the chunk has no live cells and has just left the slab; its memory becomes a spare.
            unsafe { ptr::drop_in_place(pointer.as_ptr()) };
            self.spares.push(pointer.cast());
        } else {
            // SAFETY: as above.
            unsafe { free_chunk(pointer) };
        }
    }

    fn link(&mut self, pointer: NonNull<Chunk<S>>) {
        // SAFETY: [I2] we own the slab and so its chunks; likewise below.
        let chunk = unsafe { own(pointer) };
        if chunk.class == LARGE {
            return;
        }
        chunk.in_partial = true;
        chunk.previous = None;
        chunk.next = self.partial[chunk.class].replace(pointer);
        if let Some(next) = chunk.next {
            // SAFETY: as above; another chunk than `chunk`.
            unsafe { own(next) }.previous = Some(pointer);
        }
    }

    fn unlink(&mut self, pointer: NonNull<Chunk<S>>) {
        // SAFETY: [I2] we own the slab and so its chunks; likewise below.
        let chunk = unsafe { own(pointer) };
        debug_assert!(chunk.in_partial);
        chunk.in_partial = false;
        let (previous, next) = (chunk.previous.take(), chunk.next.take());
        match previous {
            // SAFETY: as above; another chunk than `chunk`.
            Some(previous) => unsafe { own(previous) }.next = next,
            None => self.partial[chunk.class] = next,
        }
        if let Some(next) = next {
            // SAFETY: as above; another chunk than `chunk`.
            unsafe { own(next) }.previous = previous;
        }
    }

    /// A live task's reference by its place, for walks during which tasks come and go. `None` ends the chunk, then the slab.
    #[inline(never)]
    fn cell(&self, chunk: usize, index: usize) -> Option<Option<TaskRef>> {
        let pointer = *self.census.chunks().get(chunk)?;
        // SAFETY: [I2] we own the slab and so its chunks.
        if index >= unsafe { pointer.as_ref() }.carved() as usize {
            return None;
        }
        // SAFETY: the cell was carved, so it is within the chunk and its header is initialized (I2).
        unsafe {
            let header = cell_at(pointer, index);
            Some(if Header::is_vacant(header) { None } else { Some(TaskRef::from_raw(header)) })
        }
    }

    /// Calls `visit` with each task that is alive.
    pub(crate) fn for_each(&self, mut visit: impl FnMut(TaskRef)) {
        for chunk in 0..self.chunk_count() {
            let mut index = 0;
            while let Some(task) = self.cell(chunk, index) {
                task.into_iter().for_each(&mut visit);
                index += 1;
            }
        }
    }

    /// Begins the end: no chunk leaves the slab from here on, so that the tasks can be walked by number while their futures are dropped.
    pub(crate) fn freeze(&mut self) {
        self.closed = true;
    }

    /// Whether [`Slab::freeze`] was called.
    #[inline]
    pub(crate) fn is_frozen(&self) -> bool {
        self.closed
    }

    /// The number of chunks, for a walk with [`Slab::task_at`].
    pub(crate) fn chunk_count(&self) -> usize {
        self.census.chunks().len()
    }

    /// The task in a place: `None` if the chunk has no such place, `Some(None)` if it is vacant. For walks of a frozen slab.
    pub(crate) fn task_at(&self, chunk: usize, index: usize) -> Option<Option<TaskRef>> {
        self.cell(chunk, index)
    }

    /// Ends the slab: what is not live is freed now, each other chunk with its last cell.
    pub(crate) fn close(mut self) {
        self.closed = true;
        let mut freed = self.shared.freed_elsewhere(self.number).close();
        while let Some(task) = freed.pop() {
            // SAFETY: [I2] the cell came from the inbox of this slab, vacated.
            unsafe { self.free_vacated(task) };
        }
        let chunks = std::mem::take(&mut *self.census.chunks());
        for chunk in chunks.into_iter().map(NonNull::cast::<Chunk<S>>) {
            // SAFETY: [I3] the slab is closed; `live` cells are left, each of which will be subtracted once.
            unsafe {
                let live = own(chunk).live as isize;
                abandon(chunk, live);
            }
        }
        for spare in std::mem::take(&mut self.spares) {
            // SAFETY: [I2] spares are chunks that hold nothing.
            unsafe { pages::unmap(spare) };
        }
    }
}

/// Takes a free cell of the chunk.
///
/// # Safety
/// The caller owns the chunk's slab.
#[inline]
unsafe fn take<S>(chunk: NonNull<Chunk<S>>) -> Option<NonNull<u8>> {
    // SAFETY: the caller's contract.
    let state = unsafe { own(chunk) };
    if let Some(cell) = state.free {
        // SAFETY: [I2] a cell in the free list is a vacated header, whose link is the list's.
        state.free = unsafe { TaskRef::from_raw(cell) }.next().map(TaskRef::as_ptr);
        state.live += 1;
        return Some(cell.cast());
    }
    // SAFETY: the caller's contract.
    let extent = unsafe { &(*chunk.as_ptr()).extent };
    if extent.carved() == state.capacity {
        return None;
    }
    state.live += 1;
    // SAFETY: below the capacity; the memory is the chunk's and was never used.
    unsafe {
        let cell = cell_at(chunk.cast(), extent.carved() as usize);
        Header::vacant(cell);
        extent.carve();
        Some(cell.cast())
    }
}

impl<S> Own<S> {
    #[inline]
    fn put(&mut self, task: TaskRef) {
        debug_assert!(self.live > 0);
        // SAFETY: [I2] the free list holds vacated headers only.
        task.set_next(self.free.map(|cell| unsafe { TaskRef::from_raw(cell) }));
        self.free = Some(task.as_ptr());
        self.live -= 1;
    }
}

fn allocate_aligned(layout: Layout) -> NonNull<u8> {
    // SAFETY: the layout is not empty.
    NonNull::new(unsafe { alloc(layout) }).unwrap_or_else(|| handle_alloc_error(layout))
}

impl<S: Shared> std::fmt::Debug for Slab<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slab").field("chunks", &self.chunk_count()).field("spares", &self.spares.len()).finish_non_exhaustive()
    }
}
