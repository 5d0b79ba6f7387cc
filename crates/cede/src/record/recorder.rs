//! Whether a runtime records, for whom, and into which rings.

#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, ThreadId};

use cede_core::event_ring::{EventRing, Slot};
use cede_driver::clock::Clock;

use super::event::{Kind, Raw};
use super::flight::FlightRecorder;
use super::ticks::{self, Scale};
use crate::monitor::{self, Presence};
use crate::sys::thread::gettid;

pub(super) type Ring = EventRing<Box<[Slot]>>;

/// So many events of threads that run no worker are kept.
const OTHERS_EVENTS: usize = 1 << 12;
/// The rings of so many threads that have ended are kept.
const ENDED_MAX: usize = 4;
/// So many names of tasks are kept.
const NAMES_MAX: usize = 1 << 16;
/// So many files are written on stalls.
const FILES_MAX: u64 = 16;

/// See the module's description. One for each runtime.
pub(crate) struct Recorder {
    events: usize,
    on_stall: Option<PathBuf>,
    files: AtomicU64,
    /// Changes whenever recording begins or ends; odd while it is on.
    generation: AtomicU64,
    table: Mutex<Table>,
    /// The time of a simulated runtime.
    simulated: Option<Clock>,
}

#[derive(Default)]
struct Table {
    /// How many want it on.
    wanted: usize,
    zero: u64,
    tracks: Vec<Arc<Written>>,
    names: HashMap<u64, Arc<str>>,
    /// With the monitor a long poll is told from short ones without a reading of the clock for each.
    _presence: Option<Arc<Presence>>,
}

/// The ring of a thread, or of all others.
pub(super) struct Written {
    pub(super) ring: Ring,
    /// `None`: of all threads that run no worker.
    pub(super) of: Option<Writes>,
}

impl Written {
    pub(super) fn capacity(&self) -> usize {
        self.ring.capacity()
    }
}

/// A thread that writes.
#[derive(Clone, Debug)]
pub(super) struct Writes {
    thread: ThreadId,
    /// Gone when the thread has ended.
    lives: Weak<()>,
    pub(super) number: i32,
    pub(super) name: Option<String>,
    /// The worker that it began with; `None`: the guest.
    pub(super) worker: Option<usize>,
}

thread_local! {
    static LIVES: Arc<()> = Arc::default();
}

impl Written {
    /// Whether its thread is gone. The one for all others is nobody's.
    fn has_ended(&self) -> bool {
        self.of.as_ref().is_some_and(|of| of.lives.strong_count() == 0)
    }
}

impl Table {
    /// A thread begins to write. Of those that have ended the last few are kept; the memory of the others is given back.
    fn add(&mut self, track: Arc<Written>) -> Vec<Arc<Written>> {
        let mut surplus = self.tracks.iter().filter(|track| track.has_ended()).count().saturating_sub(ENDED_MAX);
        let forgotten = self.tracks.extract_if(.., |track| {
            surplus > 0 && track.has_ended() && {
                surplus -= 1;
                true
            }
        });
        let forgotten = forgotten.collect();
        self.tracks.push(track);
        forgotten
    }
}

/// What is needed to read the rings.
pub(super) struct Snapshot {
    /// When it began.
    pub(super) zero: u64,
    pub(super) now: u64,
    pub(super) scale: Scale,
    pub(super) tracks: Vec<Arc<Written>>,
    pub(super) names: HashMap<u64, Arc<str>>,
}

impl Recorder {
    /// `simulated` is the clock of a simulated runtime.
    pub(crate) fn new(asked: &FlightRecorder, simulated: Option<Clock>) -> Arc<Self> {
        let asked = if simulated.is_some() { asked.clone() } else { asked.clone().with_environment() };
        let recorder = Self {
            events: asked.events,
            on_stall: asked.on_stall.clone(),
            files: AtomicU64::new(0),
            generation: AtomicU64::new(0),
            table: Mutex::default(),
            simulated,
        };
        if asked.on {
            recorder.begin();
        }
        Arc::new(recorder)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time in ticks, or in nanoseconds of the simulated clock.
    #[inline]
    pub(crate) fn now(&self) -> u64 {
        match &self.simulated {
            None => ticks::now(),
            Some(clock) => clock.now(),
        }
    }

    /// What a tick is.
    pub(crate) fn scale(&self) -> Scale {
        if self.simulated.is_some() { Scale::NANOS } else { Scale::of_ticks() }
    }

    pub(super) fn is_simulated(&self) -> bool {
        self.simulated.is_some()
    }

    /// Odd while it is on.
    #[inline]
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    pub(crate) fn is_on(&self) -> bool {
        self.generation() % 2 == 1
    }

    /// One more wants it on, until [`Recorder::end`].
    pub(crate) fn begin(&self) {
        // Before the lock: it has a lock of its own.
        let presence = (self.simulated.is_none()).then(monitor::begin_for_one_thread);
        let mut table = self.table();
        table.wanted += 1;
        if table.wanted == 1 {
            let others = Written { ring: ring(OTHERS_EVENTS), of: None };
            *table = Table { wanted: 1, zero: self.now(), tracks: vec![Arc::new(others)], _presence: presence, ..Table::default() };
            self.generation.fetch_add(1, Ordering::Release);
        }
    }

    /// One less wants it on.
    #[cfg(feature = "inspect")]
    pub(crate) fn end(&self) {
        let ended = {
            let mut table = self.table();
            table.wanted -= 1;
            (table.wanted == 0).then(|| {
                self.generation.fetch_add(1, Ordering::Release);
                std::mem::take(&mut *table)
            })
        };
        // The presence has a lock of its own.
        drop(ended);
    }

    /// The ring of this thread, as long as it runs this worker, the generation that it is of, and when that began. `None` while it is off.
    pub(super) fn track_here(&self, worker: Option<usize>) -> Option<(Arc<Written>, u64, u64)> {
        let thread = thread::current();
        let mut table = self.table();
        let generation = self.generation();
        if generation.is_multiple_of(2) {
            return None;
        }
        let is_own = |track: &&Arc<Written>| track.of.as_ref().is_some_and(|of| of.thread == thread.id() && of.worker == worker);
        let zero = table.zero;
        if let Some(own) = table.tracks.iter().find(is_own) {
            return Some((own.clone(), generation, zero));
        }
        // While the thread's locals are torn down it has ended already.
        let lives = LIVES.try_with(Arc::downgrade).unwrap_or_default();
        let (number, name) = (gettid().as_raw_nonzero().get(), thread.name().map(str::to_owned));
        let of = Writes { thread: thread.id(), lives, number, name, worker };
        let track = Arc::new(Written { ring: ring(self.events), of: Some(of) });
        let forgotten = table.add(track.clone());
        drop(table);
        drop(forgotten);
        Some((track, generation, zero))
    }

    /// Something that was seen or done by a thread that runs no worker of this runtime.
    #[inline]
    pub(crate) fn tells(&self, kind: Told, task: u64) {
        if self.is_on() {
            self.tells_on(kind, task);
        }
    }

    #[cold]
    fn tells_on(&self, kind: Told, task: u64) {
        let now = self.now();
        let table = self.table();
        let Some(others) = table.tracks.first() else { return };
        let kind = match kind {
            Told::Woken => Kind::Woken,
            Told::Spawned => Kind::Spawned,
            Told::Stalled => Kind::Stalled,
            Told::Rescued => Kind::Rescued,
        };
        // Under the lock, so that there is one writer at a time. (I1)
        others.ring.push(Raw { kind, at: Some(now.saturating_sub(table.zero)), argument: task }.to_words());
    }

    /// A task has a name.
    pub(crate) fn names(&self, task: u64, name: &Arc<str>) {
        if self.is_on() {
            let mut table = self.table();
            if table.names.len() < NAMES_MAX {
                table.names.insert(task, name.clone());
            }
        }
    }

    /// Nothing while it is off.
    pub(super) fn snapshot(&self) -> Option<Snapshot> {
        let scale = self.scale();
        let table = self.table();
        if table.wanted == 0 {
            return None;
        }
        let now = self.now().saturating_sub(table.zero);
        Some(Snapshot { zero: table.zero, now, scale, tracks: table.tracks.clone(), names: table.names.clone() })
    }

    /// The file for the next stall, if one is wanted.
    pub(crate) fn next_file(&self, runtime: u64) -> Option<PathBuf> {
        let directory = self.on_stall.as_ref()?;
        let number = self.files.fetch_add(1, Ordering::Relaxed);
        (number < FILES_MAX && self.is_on()).then(|| directory.join(format!("cede-trace-{}-{runtime}-{number}.json", std::process::id())))
    }
}

/// What other threads say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Woken,
    Spawned,
    Stalled,
    Rescued,
}

fn ring(events: usize) -> Ring {
    EventRing::new((0..events).map(|_| Slot::new()).collect())
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder").field("on", &self.is_on()).field("events", &self.events).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::{ENDED_MAX, FlightRecorder, Recorder};

    #[test]
    fn the_rings_of_threads_that_have_ended_are_given_back() {
        let recorder = Recorder::new(&FlightRecorder::new().events(64), None);
        recorder.track_here(Some(0)).unwrap();
        for index in 0..20 {
            let name = format!("short {index}");
            thread::scope(|scope| {
                let begins = || drop(recorder.track_here(Some(1)).unwrap());
                thread::Builder::new().name(name).spawn_scoped(scope, begins).unwrap().join().unwrap();
            });
        }
        // The last one did not know that it would end.
        let tracks = recorder.snapshot().unwrap().tracks;
        let names: Vec<_> = tracks.iter().filter_map(|track| track.of.as_ref()?.name.clone()).collect();
        assert_eq!(tracks.len(), 1 + 1 + ENDED_MAX + 1, "all others, this one, and the last that have ended: {names:?}");
        assert!(
            names.contains(&thread::current().name().unwrap().to_owned())
                && names.ends_with(&["short 18".to_owned(), "short 19".to_owned()])
        );
    }
}
