//! Where the bytes of one download go, at their offsets and in any order.
//!
//! - A *small* file stays in memory until it is whole, and is then created, written and renamed in one job: three trips to another thread would cost more than its
//!   bytes.
//! - A *file* is written in place, by jobs on the blocking pool while more is received, or by the task itself.
//! - A *spool* is a file without a name, for a download that goes to a pipe: what has come early waits there, and what was passed on is freed.
//!
//! # Who writes
//! A task writes a file by itself where each processor has a worker, and there are two at least, so that another goes on if the write hangs; where there are more
//! connections than workers; where the file is on a disk of this machine, as a network's answers from memory too until it hangs; where its writes have been quick
//! lately ([`Writes`]); and where fewer tasks do so than there are workers, none of them for long. `cede get` has as many workers as processors only where there are two, so
//! on three or more it always has jobs do it.
//!
//! # Invariants
//! - S1: `written` holds only what a finished write wrote. The journal's claims come from it, and nothing else.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use cede::sync::Notify;
use cede::task::{JoinHandle, spawn_blocking};

use crate::destination::Destination;
use crate::disk::Disk;
use crate::extents::Extents;
use crate::pace::{Device, UnderWay, Writes};

/// What a write job gets at a time.
const BATCH: usize = 512 * 1024;
/// How much is written between two tellings, where only claims depend on them.
const STRIDE: u64 = 4 << 20;

#[derive(Debug)]
pub(crate) struct Sink {
    store: Store,
    written: Mutex<Extents>,
    /// Told after each write if somebody follows, otherwise now and then; never of what is in memory, for which nobody waits.
    pub(crate) progress: Notify,
    followed: bool,
    /// How much was written since it was told last. A mere count, so that no ordering is needed.
    untold: AtomicU64,
}

#[derive(Debug)]
enum Store {
    Memory(Mutex<Vec<u8>>),
    Disk { file: Arc<File>, device: Device, is_local: bool, destination: Arc<Mutex<Option<Destination>>>, disk: Arc<dyn Disk> },
    Spool(Arc<File>),
}

impl Sink {
    pub(crate) fn in_memory() -> Self {
        Self::new(Store::Memory(Mutex::default()), Extents::default())
    }

    pub(crate) fn on_disk(destination: Destination, written: Extents) -> Self {
        let (file, device, disk, is_local) = (destination.file(), destination.device(), destination.disk(), destination.is_local());
        Self::new(Store::Disk { file, device, is_local, destination: Arc::new(Mutex::new(Some(destination))), disk }, written)
    }

    pub(crate) fn spool(file: File) -> Self {
        Self::new(Store::Spool(Arc::new(file)), Extents::default())
    }

    fn new(store: Store, written: Extents) -> Self {
        Self { store, written: Mutex::new(written), progress: Notify::new(), followed: false, untold: AtomicU64::new(0) }
    }

    /// Somebody reads what is written while more comes, and wants to hear of each write.
    pub(crate) fn followed(self, followed: bool) -> Self {
        Self { followed, ..self }
    }

    /// The file behind it, unless it is in memory.
    pub(crate) fn file(&self) -> Option<&Arc<File>> {
        match &self.store {
            Store::Memory(_) => None,
            Store::Disk { file, .. } | Store::Spool(file) => Some(file),
        }
    }

    /// The named file's place, shared with jobs.
    pub(crate) fn destination(&self) -> Option<Arc<Mutex<Option<Destination>>>> {
        match &self.store {
            Store::Disk { destination, .. } => Some(Arc::clone(destination)),
            Store::Memory(_) | Store::Spool(_) => None,
        }
    }

    /// A copy of what is in memory.
    pub(crate) fn memory(&self) -> Option<Vec<u8>> {
        match &self.store {
            Store::Memory(bytes) => Some(lock(bytes).clone()),
            Store::Disk { .. } | Store::Spool(_) => None,
        }
    }

    /// What is in memory; nothing is left.
    pub(crate) fn take_memory(&self) -> Option<Vec<u8>> {
        match &self.store {
            Store::Memory(bytes) => Some(std::mem::take(&mut *lock(bytes))),
            Store::Disk { .. } | Store::Spool(_) => None,
        }
    }

    pub(crate) fn written(&self) -> Extents {
        lock(&self.written).clone()
    }

    pub(crate) fn frontier(&self) -> u64 {
        lock(&self.written).frontier()
    }

    pub(crate) fn written_len(&self) -> u64 {
        lock(&self.written).len()
    }

    /// Forgets everything; the caller has waited for all writers.
    pub(crate) async fn start_over(&self) -> io::Result<()> {
        lock(&self.written).clear();
        match &self.store {
            Store::Memory(bytes) => lock(bytes).clear(),
            Store::Disk { destination, .. } => {
                let destination = Arc::clone(destination);
                let job = move || lock(&destination).as_mut().map_or(Ok(()), Destination::start_over);
                spawn_blocking(job).await.map_err(io::Error::other)??;
            }
            Store::Spool(file) => {
                let file = Arc::clone(file);
                spawn_blocking(move || file.set_len(0)).await.map_err(io::Error::other)??;
            }
        }
        Ok(())
    }

    /// Whether the file has these bytes there.
    pub(crate) async fn has(&self, at: u64, bytes: Bytes) -> io::Result<bool> {
        let file = match &self.store {
            Store::Memory(known) => return Ok(lock(known).get(at as usize..).is_some_and(|known| known.starts_with(&bytes))),
            Store::Disk { file, .. } | Store::Spool(file) => Arc::clone(file),
        };
        let job = move || {
            let mut known = vec![0; bytes.len()];
            file.read_exact_at(&mut known, at).map(|()| known == bytes)
        };
        spawn_blocking(job).await.map_err(io::Error::other)?
    }

    /// The device that it is on, if anything is known about that.
    fn device(&self) -> Option<Device> {
        match &self.store {
            Store::Disk { device, .. } => Some(*device),
            Store::Memory(_) | Store::Spool(_) => None,
        }
    }

    /// Writes to the file, if there is one; blocks.
    fn write(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        match &self.store {
            Store::Memory(_) => Ok(()),
            Store::Disk { file, disk, .. } => disk.write_at(file, bytes, at),
            Store::Spool(file) => file.write_all_at(bytes, at),
        }
    }

    fn note(&self, at: u64, size: usize) {
        let size = size as u64;
        lock(&self.written).insert(at..at + size);
        if matches!(self.store, Store::Memory(_)) {
            return;
        }
        if self.followed || self.untold.fetch_add(size, Ordering::Relaxed) + size >= STRIDE {
            self.untold.store(0, Ordering::Relaxed);
            self.progress.notify_one();
        }
    }
}

/// Gathers the chunks of one connection into large writes, which a job on the blocking pool does while more is received.
///
/// Where [every processor has a worker](crate::pace) that has enough to do, and the disk is quick, there is no job: the task writes by itself.
///
/// The job goes on while there is something to write, and this side while there is room in the queue. So where threads have to wait long for their turn, each gets
/// a good deal done with it; a hand-over for each write would make the download as slow as the turns are rare.
#[derive(Debug)]
pub(crate) struct Writer {
    sink: Arc<Sink>,
    at: u64,
    gathered: Vec<Bytes>,
    size: usize,
    queue: Arc<Queue>,
    job: Option<JoinHandle<io::Result<()>>>,
    /// The workers, if every processor has one, and there is one that could go on without the thread that writes.
    workers: Option<usize>,
}

/// What waits to be written.
#[derive(Debug, Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    /// Told when half of the room is free again, and when the job ends.
    room: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    batches: VecDeque<(u64, Vec<Bytes>)>,
    /// In the batches, and in the one that is being written.
    bytes: usize,
    /// Whether there is a job that has not yet seen the queue empty.
    busy: bool,
}

/// What all writers of the process keep waiting, as far as each can still have a batch.
const ROOM: usize = 4 << 20;
/// How many writers there are, one for each connection that receives something; a mere count.
static WRITERS: AtomicUsize = AtomicUsize::new(0);
/// How quick the disks are.
static WRITES: Writes = Writes::new();

/// Whether a task of this process writes to a file by itself now, so that a stall of its thread is the disk's and no fault of the program.
pub fn writes_by_itself() -> bool {
    WRITES.are_under_way()
}

/// How many workers the runtime has, if there are as many as processors. One alone, or a thread that is the runtime, has nobody who would go on if a write hung.
fn workers_everywhere() -> Option<usize> {
    /// The system is asked once, because that takes it a while.
    static PROCESSORS: OnceLock<usize> = OnceLock::new();
    let processors = *PROCESSORS.get_or_init(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get));
    let workers = cede::runtime::Handle::try_current().ok()?.metrics().num_workers();
    (workers >= processors.max(2)).then_some(workers)
}

/// What one writer may keep waiting.
fn room() -> usize {
    (ROOM / WRITERS.load(Ordering::Relaxed).max(1)).max(BATCH)
}

impl Writer {
    pub(crate) fn new(sink: Arc<Sink>) -> Self {
        WRITERS.fetch_add(1, Ordering::Relaxed);
        // Of what stays in memory nobody asks.
        let workers = matches!(sink.store, Store::Disk { is_local: true, .. }).then(workers_everywhere).flatten();
        Self { sink, at: 0, gathered: Vec::new(), size: 0, queue: Arc::default(), job: None, workers }
    }

    /// Lets the task write by itself, if that is the faster way.
    fn write_at_once(&self) -> Option<UnderWay<'static>> {
        let workers = self.workers.filter(|workers| WRITERS.load(Ordering::Relaxed) > *workers)?;
        WRITES.begin(self.sink.device()?, workers)
    }

    /// Takes bytes for a place; waits only if the disk is too far behind.
    ///
    /// # Cancel safety
    /// If this is dropped, the bytes are kept for [`finish`](Self::finish).
    pub(crate) async fn push(&mut self, at: u64, bytes: Bytes) -> io::Result<()> {
        if let Store::Memory(known) = &self.sink.store {
            let end = at as usize + bytes.len();
            let mut known = lock(known);
            if known.len() == at as usize {
                known.extend_from_slice(&bytes);
            } else {
                let size = known.len().max(end);
                known.resize(size, 0);
                known[at as usize..end].copy_from_slice(&bytes);
            }
            drop(known);
            self.sink.note(at, bytes.len());
            return Ok(());
        }
        if self.size > 0 && self.at + self.size as u64 != at {
            self.close_batch();
        }
        if self.size == 0 {
            self.at = at;
        }
        self.size += bytes.len();
        self.gathered.push(bytes);
        if self.size >= BATCH {
            self.close_batch();
        }
        self.start().await?;
        self.wait_for_room().await
    }

    /// Writes what is left, and waits for all of it.
    pub(crate) async fn finish(mut self) -> io::Result<()> {
        self.close_batch();
        self.start().await?;
        self.end_of_job().await
    }

    fn close_batch(&mut self) {
        if self.size > 0 {
            let mut waiting = lock(&self.queue.waiting);
            waiting.bytes += std::mem::take(&mut self.size);
            waiting.batches.push_back((self.at, std::mem::take(&mut self.gathered)));
        }
    }

    /// Sees to it that there is a job if there is something to write.
    async fn start(&mut self) -> io::Result<()> {
        let is_needed = |waiting: &Waiting| !waiting.busy && !waiting.batches.is_empty();
        if !is_needed(&lock(&self.queue.waiting)) {
            return Ok(());
        }
        // It has seen the queue empty, so this is short.
        self.end_of_job().await?;
        lock(&self.queue.waiting).busy = true;
        let (sink, turn) = (Arc::clone(&self.sink), Turn(Arc::clone(&self.queue)));
        if let Some(_under_way) = self.write_at_once() {
            return turn.write_all(&sink);
        }
        self.job = Some(spawn_blocking(move || turn.write_all(&sink)));
        Ok(())
    }

    async fn wait_for_room(&mut self) -> io::Result<()> {
        let room = room();
        let is_full = |waiting: &Waiting| waiting.busy && waiting.bytes > room;
        while is_full(&lock(&self.queue.waiting)) {
            let told = self.queue.room.notified();
            if is_full(&lock(&self.queue.waiting)) {
                told.await;
            }
        }
        // It may have ended with an error, or because a writer was late.
        self.start().await
    }

    async fn end_of_job(&mut self) -> io::Result<()> {
        let Some(job) = &mut self.job else { return Ok(()) };
        let result = job.await;
        self.job = None;
        result.unwrap_or_else(|error| Err(io::Error::other(error)))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        WRITERS.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A job's turn at the queue. However it ends, nobody goes on waiting for it.
struct Turn(Arc<Queue>);

impl Turn {
    fn write_all(self, sink: &Sink) -> io::Result<()> {
        while let Some((at, chunks)) = self.next() {
            let (mut place, start) = (at, Instant::now());
            for chunk in &chunks {
                sink.write(chunk, place)?;
                place += chunk.len() as u64;
            }
            let size = (place - at) as usize;
            if let Some(device) = sink.device() {
                WRITES.learn(device, size, start.elapsed());
            }
            sink.note(at, size);
            drop(chunks);
            let mut waiting = lock(&self.0.waiting);
            let half = room() / 2;
            let was_full = waiting.bytes > half;
            waiting.bytes -= size;
            let is_time = was_full && waiting.bytes <= half;
            drop(waiting);
            if is_time {
                self.0.room.notify_one();
            }
        }
        Ok(())
    }

    /// The next batch. `None`: the turn is over; whoever adds one from now on starts another job.
    fn next(&self) -> Option<(u64, Vec<Bytes>)> {
        let mut waiting = lock(&self.0.waiting);
        let next = waiting.batches.pop_front();
        waiting.busy = next.is_some();
        next
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut waiting = lock(&self.0.waiting);
        waiting.busy = false;
        drop(waiting);
        self.0.room.notify_one();
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
