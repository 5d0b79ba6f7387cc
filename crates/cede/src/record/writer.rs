//! What a thread that runs a worker keeps for its events and samples.

#![forbid(unsafe_code)]

use std::sync::Arc;
use std::sync::atomic::Ordering;

use cede_core::run_queue::RunQueue;
use cede_core::task::TaskRef;

use super::event::{Kind, Raw};
use super::recorder::{Recorder, Written};
use super::samples::Samples;
use super::{
    LOOKS, LOOKS_BETWEEN, LOOKS_LEFT, POLLS, POLLS_BETWEEN, PROBE_NEXT, PROBED, PROBING, QUEUES, RECORD, TIME_NEXT, TIMING, watch,
};
use crate::monitor;

/// Of polls that are shorter than this on average, one in [`BURST`] reads the clock. In ticks, of which there are some two or three in a nanosecond, or one.
pub(super) const SHORT_TICKS: u64 = 4_000;
pub(super) const BURST: u32 = 4;
/// So many tasks are remembered as having their site in the ring.
const SEEN: usize = 1024;
/// After so many sleeps a poll is timed.
const SLEEPS: u32 = 16;
/// A task that is being timed is looked for in so many polls, from the look on that comes before its turn if all goes as it should.
const TRIES: u32 = 2 * POLLS_BETWEEN as u32;
/// And in so many at first if there are many before it: it may have been given precedence.
const TRIES_AT_FIRST: u32 = 4;

/// See the module's description.
pub(super) struct Seat {
    recorder: Arc<Recorder>,
    samples: Arc<Samples>,
    worker: Option<usize>,
    writer: Option<Writer>,
    /// When the poll that is being timed began.
    timed_at: u64,
    /// How many tasks were queued here when this was last asked for.
    backlog: usize,
    /// There were many tasks before the one that is being timed, and its turn has not come yet.
    probed_far: bool,
    sleeps: u32,
}

/// The ring of this thread, and what its next event depends on.
struct Writer {
    track: Arc<Written>,
    generation: u64,
    zero: u64,
    /// The last reading of the clock, and how often the monitor had looked by then.
    read_at: u64,
    looks: usize,
    /// So many events may still go without a reading.
    spare: u32,
    /// Tasks whose site is in the ring, by the lower bits of their number.
    seen: Box<[u64; SEEN]>,
    /// When so many events have been written, the sites are written again.
    seen_until: u64,
    events: u64,
}

impl Seat {
    pub(super) fn new(recorder: Arc<Recorder>, samples: Arc<Samples>, worker: Option<usize>) -> Self {
        Self { recorder, samples, worker, writer: None, timed_at: 0, backlog: 0, probed_far: false, sleeps: 0 }
    }

    /// Sees whether the recorder was turned on or off.
    pub(super) fn refresh(&mut self) {
        let generation = self.recorder.generation();
        match &self.writer {
            Some(writer) if writer.generation == generation => return,
            None if generation.is_multiple_of(2) => return,
            _ => {}
        }
        let track = self.recorder.track_here(self.worker);
        self.writer = track.map(|(track, generation, zero)| Writer::new(track, generation, zero));
        watch(&POLLS, RECORD, self.writer.is_some());
        watch(&QUEUES, RECORD, self.writer.is_some());
    }

    /// A task is going to be polled.
    #[inline]
    pub(super) fn polls(&mut self, task: TaskRef) {
        if POLLS.get() != RECORD {
            self.samples_poll(task);
        }
        if let Some(writer) = &mut self.writer {
            writer.polls(&self.recorder, task);
        }
    }

    #[cold]
    fn samples_poll(&mut self, task: TaskRef) {
        self.stops_timing();
        if POLLS.get() & PROBING != 0 {
            let (probed, tries) = PROBED.get();
            if probed == task.id() {
                // Unless a thief was faster.
                if self.samples.is_probed(probed) {
                    self.samples.polled(self.recorder.now());
                }
                watch(&POLLS, PROBING, false);
                self.probed_far = false;
            } else if tries > 0 {
                PROBED.set((probed, tries - 1));
            } else {
                watch(&POLLS, PROBING, false);
                // It comes later, or somebody else has it.
                if !self.probed_far {
                    self.samples.forget_probe();
                }
            }
        }
        if POLLS.get() & TIME_NEXT != 0 {
            self.timed_at = self.recorder.now();
            watch(&POLLS, TIME_NEXT, false);
            watch(&POLLS, TIMING, true);
        }
    }

    /// A poll that is being timed has ended.
    pub(super) fn stops_timing(&self) {
        if POLLS.get() & TIMING != 0 {
            self.samples.polls.add(self.recorder.now().saturating_sub(self.timed_at));
            watch(&POLLS, TIMING, false);
        }
    }

    /// A task is going to be queued.
    pub(super) fn queues(&mut self, task: TaskRef, kind: Kind) {
        if QUEUES.get() & PROBE_NEXT != 0 {
            watch(&QUEUES, PROBE_NEXT, false);
            watch(&POLLS, PROBING, true);
            self.samples.probe(task.id(), self.recorder.now());
            self.probed_far = self.backlog > POLLS_BETWEEN;
            PROBED.set((task.id(), if self.probed_far { TRIES_AT_FIRST } else { TRIES }));
            if self.probed_far {
                LOOKS_LEFT.set(u32::try_from(self.backlog / POLLS_BETWEEN - 1).unwrap_or(u32::MAX));
            }
        }
        if let Some(writer) = &mut self.writer {
            writer.put(kind, task.id(), None);
            writer.sight(task);
        }
    }

    /// Tasks were taken from elsewhere; one of them may be timed, which this thread goes on with.
    pub(super) fn adopts(&mut self, from: &Samples, tasks: &RunQueue) {
        let Some((task, since)) = from.take_probe(tasks) else { return };
        if POLLS.get() & PROBING == 0 && !self.probed_far {
            self.samples.probe(task, since);
            PROBED.set((task, TRIES));
            watch(&POLLS, PROBING, true);
        }
    }

    /// The thread does something else from now on.
    pub(super) fn state(&mut self, kind: Kind, argument: u64) {
        if let Some(writer) = &mut self.writer {
            let at = writer.read(&self.recorder);
            writer.put(kind, argument, Some(at));
        }
    }

    /// Something happened meanwhile.
    pub(super) fn note(&mut self, kind: Kind, argument: u64) {
        if let Some(writer) = &mut self.writer {
            writer.put(kind, argument, None);
        }
    }

    pub(super) fn depths(&mut self, queued: impl FnOnce() -> (usize, usize)) {
        let (here, outside) = queued();
        self.backlog = here;
        self.note(Kind::Depths, (here as u64) << 32 | outside as u64 & 0xFFFF_FFFF);
    }

    /// The next poll is to be timed, and the next task that is queued.
    pub(super) fn arms(&mut self) {
        LOOKS_LEFT.set(LOOKS_BETWEEN);
        watch(&POLLS, TIME_NEXT, true);
        if self.probed_far && self.samples.is_probing() {
            // Its turn comes before the next look.
            self.probed_far = false;
            PROBED.set((PROBED.get().0, TRIES));
            watch(&POLLS, PROBING, true);
        } else if POLLS.get() & PROBING == 0 {
            self.samples.forget_probe();
            watch(&QUEUES, PROBE_NEXT, true);
        }
    }

    /// The same after some sleeps.
    pub(super) fn arms_now_and_then(&mut self) {
        self.backlog = 0;
        let sleeps = self.sleeps;
        self.sleeps = (sleeps + 1) % SLEEPS;
        if sleeps == 0 {
            self.arms();
        }
    }
}

impl Writer {
    fn new(track: Arc<Written>, generation: u64, zero: u64) -> Self {
        Self { track, generation, zero, read_at: 0, looks: 0, spare: 0, seen: Box::new([0; SEEN]), seen_until: 0, events: 0 }
    }

    #[inline]
    fn put(&mut self, kind: Kind, argument: u64, at: Option<u64>) {
        self.events += 1;
        self.track.ring.push(Raw { kind, at, argument }.to_words());
    }

    /// Reads the clock.
    fn read(&mut self, recorder: &Recorder) -> u64 {
        self.looks = LOOKS.load(Ordering::Relaxed);
        self.read_at = recorder.now().saturating_sub(self.zero);
        self.read_at
    }

    #[inline]
    fn polls(&mut self, recorder: &Recorder, task: TaskRef) {
        let at = if self.spare > 0 && LOOKS.load(Ordering::Relaxed) == self.looks {
            self.spare -= 1;
            None
        } else {
            let before = self.read_at;
            let at = self.read(recorder);
            // Whoever is not looked at by the monitor reads the clock always.
            let short = at.saturating_sub(before) < SHORT_TICKS * u64::from(BURST) && !recorder.is_simulated() && monitor::seems_there();
            self.spare = if short { BURST - 1 } else { 0 };
            Some(at)
        };
        self.put(Kind::Poll, task.id(), at);
        self.sight(task);
    }

    /// Where the task was spawned is in the ring, too.
    #[inline]
    fn sight(&mut self, task: TaskRef) {
        let id = task.id();
        let place = id as usize % SEEN;
        if self.seen[place] != id || self.events >= self.seen_until {
            self.sight_first(task, place);
        }
    }

    #[cold]
    fn sight_first(&mut self, task: TaskRef, place: usize) {
        if self.events >= self.seen_until {
            self.seen.fill(0);
            self.seen_until = self.events + self.track.capacity() as u64 / 2;
        }
        self.seen[place] = task.id();
        self.put(Kind::Site, std::ptr::from_ref(task.site()).expose_provenance() as u64, None);
    }
}
