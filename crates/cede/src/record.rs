//! The flight recorder: what the threads of a runtime did in the last seconds, event by event.
//!
//! # What
//! While a recorder is on, each thread that runs tasks writes what it does (polls, wakes, spawns, steals, sleeps) into a ring of its own; [`Trace`] is a copy of the rings, and displays itself in the
//! format of Chrome's tracing, which Perfetto opens. It is turned on by [`Builder::flight_recorder`](crate::runtime::Builder::flight_recorder), by the environment variable `CEDE_TRACE=1`, or from
//! outside by `cede trace PID`. The same hooks take the samples of the histograms (`samples`), which are always on.
//!
//! # Why not the obvious way
//! *A ring for each worker*: a worker may be taken from its thread in the middle of a poll, and then two threads would write. A ring belongs to a thread and the worker that it began with.
//! *Begin and end of each poll*: the end of a poll is the begin of what comes next on the same thread. One event says both, and a poll that never ends is in the trace, too.
//! *A clock reading for each event*: that alone costs more than recording may. Spawns and wakes have no time of their own: they lie between the begin and the end of the poll that they were made in. Of polls that
//! follow each other in less than `writer::SHORT_TICKS` on average, one in `writer::BURST` reads the clock; all of them do as soon as a poll is longer, or the monitor has looked since the last reading.
//!
//! # What it costs when it is off
//! A test of a thread-local byte at each poll, wake, spawn and end of a task: two instructions. (They were earned back where a poll marks its task: whether it yields is a bit of that mark.)
//!
//! # Who may touch what
//! The thread-locals: their thread. A ring: see [`cede_core::event_ring`]; its one writer is the thread whose seat holds it. The table of a `Recorder`: under its lock, which is taken when a thread comes to
//! a ring, and for what other threads say.
//!
//! # Invariants
//! - I1: a track is written by one thread: that which it was made for, from `SEAT`; the track of all other threads is written under the recorder's lock.
//! - I2: `SEAT` is borrowed for a few instructions that run no code of the user.
//! - I3: the word of an event of the kind `SITE` came from a `&'static Location`.

mod chrome;
mod event;
mod flight;
mod methods;
#[cfg(feature = "inspect")]
mod process;
mod recorder;
pub(crate) mod samples;
#[cfg(all(test, feature = "inspect"))]
mod tests;
mod ticks;
mod trace;
mod writer;

pub use flight::FlightRecorder;
pub use trace::{Event, EventKind, Trace, TraceTask, Track};

#[cfg(feature = "inspect")]
pub(crate) use process::of_process;
pub(crate) use recorder::{Recorder, Told};
pub(crate) use samples::times_of;
pub(crate) use ticks::Scale;

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cede_core::run_queue::RunQueue;
use cede_core::task::TaskRef;

use crate::error_output::say;
use crate::inspect::posts;
use crate::runtime::parts::Parts;
use crate::task::plain_type;
use crate::task::slab::census;
use crate::task::spans;
use event::Kind;
use samples::Samples;
use writer::Seat;

/// Events are written.
const RECORD: u8 = 1;
/// The next poll is to be timed.
const TIME_NEXT: u8 = 2;
/// A poll is being timed.
const TIMING: u8 = 4;
/// A task is being timed until it is polled, which may be soon.
const PROBING: u8 = 8;
/// The next task that is queued is to be timed until it is polled.
const PROBE_NEXT: u8 = 16;

/// So many looks go by without a sample. With it the number of polls between two samples is odd, so that in a program of two tasks that take turns both are seen.
const LOOKS_BETWEEN: u32 = 30;
/// About so many polls are between two looks.
const POLLS_BETWEEN: usize = 61;

thread_local! {
    /// What the hook of polls is wanted for on this thread: all but [`PROBE_NEXT`].
    static POLLS: Cell<u8> = const { Cell::new(0) };
    /// What the hooks of wakes and spawns are wanted for: [`RECORD`] and [`PROBE_NEXT`].
    static QUEUES: Cell<u8> = const { Cell::new(0) };
    /// So many looks until the next sample, or until the task that is being timed may have its turn.
    static LOOKS_LEFT: Cell<u32> = const { Cell::new(0) };
    /// The task that is being timed, and in how many more polls it is looked for.
    static PROBED: Cell<(u64, u32)> = const { Cell::new((0, 0)) };
    static SEAT: RefCell<Option<Seat>> = const { RefCell::new(None) };
}

/// How often the monitor has looked at all threads.
static LOOKS: AtomicUsize = AtomicUsize::new(0);

/// The monitor looks.
pub(crate) fn monitor_looks() {
    LOOKS.fetch_add(1, Ordering::Relaxed);
}

#[inline(always)]
fn watches(what: u8) -> bool {
    POLLS.with(|watches| watches.get() & what != 0)
}

/// The hooks are wanted for `what`, or not any more.
fn watch(hooks: &'static std::thread::LocalKey<Cell<u8>>, what: u8, wanted: bool) {
    hooks.with(|hooks| hooks.set(if wanted { hooks.get() | what } else { hooks.get() & !what }));
}

fn with_seat(access: impl FnOnce(&mut Seat)) {
    // While the thread's locals are torn down there is none any more.
    let _gone = SEAT.try_with(|seat| {
        if let Ok(mut seat) = seat.try_borrow_mut()
            && let Some(seat) = &mut *seat
        {
            access(seat);
        }
    });
}

/// The thread runs a worker until this is dropped.
#[must_use]
pub(crate) struct Attending {
    before: Option<Seat>,
    watched_before: (u8, u8),
}

/// The thread begins to run worker `worker` of the runtime of `recorder`; `None` is the guest.
pub(crate) fn attend(recorder: &Arc<Recorder>, samples: &Arc<Samples>, worker: Option<usize>) -> Attending {
    let watched_before = (POLLS.replace(0), QUEUES.replace(0));
    let mut seat = Seat::new(recorder.clone(), samples.clone(), worker);
    seat.refresh();
    seat.state(Kind::Awake, 0);
    let before = SEAT.try_with(|place| place.borrow_mut().replace(seat)).ok().flatten();
    Attending { before, watched_before }
}

impl Drop for Attending {
    fn drop(&mut self) {
        with_seat(|seat| {
            seat.stops_timing();
            seat.state(Kind::Away, 0);
        });
        let _gone = SEAT.try_with(|place| std::mem::replace(&mut *place.borrow_mut(), self.before.take()));
        POLLS.set(self.watched_before.0);
        QUEUES.set(self.watched_before.1);
        resumes();
    }
}

/// A task is going to be polled on this thread.
#[inline(always)]
pub(crate) fn polls(task: TaskRef) {
    if watches(u8::MAX) {
        polls_watched(task);
    }
}

#[cold]
#[inline(never)]
fn polls_watched(task: TaskRef) {
    let (probed, tries) = PROBED.get();
    // The most frequent case by far: some task is timed, but not this one.
    if POLLS.get() == PROBING && probed != task.id() && tries > 0 {
        PROBED.set((probed, tries - 1));
        return;
    }
    with_seat(|seat| seat.polls(task));
}

/// A task has ended and is going to be given up.
#[inline(always)]
pub(crate) fn ends(task: TaskRef) {
    spans::ended(task);
    if watches(RECORD) {
        notes(Kind::Ended, task.id());
    }
}

/// A task panicked on this thread.
pub(crate) fn panics(task: u64) {
    if watches(RECORD) {
        notes(Kind::Panicked, task);
    }
}

/// A task was woken by this thread and is going to be queued.
#[inline(always)]
pub(crate) fn wakes(task: TaskRef) {
    spans::woken(task);
    if QUEUES.with(Cell::get) != 0 {
        queues_watched(task, Kind::Woken);
    }
}

/// A task was made by this thread and is going to be queued.
#[inline(always)]
pub(crate) fn spawns(task: TaskRef) {
    if QUEUES.with(Cell::get) != 0 {
        queues_watched(task, Kind::Spawned);
    }
}

/// A task of this runtime was made by a thread that runs no worker of it.
pub(crate) fn spawns_outside(parts: &Parts, samples: &Samples, task: TaskRef) {
    parts.recorder.tells(Told::Spawned, task.id());
    samples.queued_outside(task.id(), || parts.recorder.now());
}

/// A task of this runtime was woken by a thread that runs no worker of it.
pub(crate) fn wakes_outside(parts: &Parts, samples: &Samples, task: TaskRef) {
    parts.recorder.tells(Told::Woken, task.id());
    samples.queued_outside(task.id(), || parts.recorder.now());
}

#[cold]
#[inline(never)]
fn queues_watched(task: TaskRef, kind: Kind) {
    with_seat(|seat| seat.queues(task, kind));
}

#[cold]
fn notes(kind: Kind, argument: u64) {
    with_seat(|seat| seat.note(kind, argument));
}

/// The future of `block_on` is going to be polled on this thread.
#[inline]
pub(crate) fn polls_main() {
    if watches(RECORD | TIMING) {
        begins(Kind::Main, 0);
    }
}

/// The thread goes on with the task that it was polling, after it did something else in the middle of that.
#[inline]
pub(crate) fn resumes() {
    if watches(RECORD)
        && let Some(task) = posts::polled()
    {
        begins(Kind::Resumed, task.id());
    }
}

/// The task of this thread is about to block it, and may.
pub(crate) fn blocks() {
    if watches(RECORD) {
        begins(Kind::Blocking, posts::polled().map_or(0, TaskRef::id));
    }
}

#[cold]
fn begins(kind: Kind, argument: u64) {
    with_seat(|seat| {
        seat.stops_timing();
        seat.state(kind, argument);
    });
}

/// This thread took these tasks from a queue of which `from` are the samples.
#[inline]
pub(crate) fn takes(from: &Samples, tasks: &RunQueue) {
    if from.is_probing() {
        with_seat(|seat| seat.adopts(from, tasks));
    }
}

/// This thread took so many tasks from the queue of worker `victim`.
pub(crate) fn steals(count: usize, victim: usize) {
    if watches(RECORD) {
        notes(Kind::Stole, (count as u64) << 32 | victim as u64);
    }
}

/// So many timers fired on this thread.
pub(crate) fn fires(count: usize) {
    if count > 0 && watches(RECORD) {
        notes(Kind::Fired, count as u64);
    }
}

/// The thread looks at timers and sockets, between tasks. `queued` says how many tasks wait here, and in the queue for those from outside.
#[inline]
pub(crate) fn looks(queued: impl FnOnce() -> (usize, usize)) {
    let left = LOOKS_LEFT.get();
    if left > 0 && !watches(RECORD | TIMING) {
        LOOKS_LEFT.set(left - 1);
        return;
    }
    with_seat(|seat| {
        seat.stops_timing();
        seat.refresh();
        seat.state(Kind::Looking, 0);
        seat.depths(queued);
        if left > 0 {
            LOOKS_LEFT.set(left - 1);
        } else {
            seat.arms();
        }
    });
}

/// The thread has nothing to do and is going to sleep.
pub(crate) fn parks(queued: impl FnOnce() -> (usize, usize)) {
    if watches(RECORD | TIMING) {
        with_seat(|seat| {
            seat.stops_timing();
            seat.depths(queued);
            seat.state(Kind::Parked, 0);
        });
    }
}

/// The thread is awake again.
pub(crate) fn unparks() {
    with_seat(|seat| {
        seat.refresh();
        seat.state(Kind::Awake, 0);
        seat.arms_now_and_then();
    });
}

/// What the threads of a runtime did, if its recorder is on.
pub(crate) fn trace(parts: &Parts) -> Option<Trace> {
    let name = parts.name.as_deref().map(|name| format!(" \"{name}\"")).unwrap_or_default();
    let mut trace = Trace::of(&parts.recorder, parts.id.number(), format!("runtime {}{name} of process {}", parts.id, std::process::id()))?;
    let number = Some(parts.id.number());
    for polls in posts::look().into_iter().filter(|polls| Some(polls.runtime) == number) {
        if let Some(task) = polls.task.and_then(posts::see) {
            trace.add_stuck(polls.number.as_raw_nonzero().get(), polls.thread.name().unwrap_or("without a name"), task.id);
        }
    }
    // Tasks of local sets may be anybody's.
    for census in census::of_all().into_iter().filter(|census| census.runtime().is_none() || census.runtime() == number) {
        census.visit(&mut |seen| {
            if let Some(task) = trace.tasks_mut().get_mut(&seen.id) {
                task.spawned_at = Some(seen.site);
                task.future = Some(plain_type(seen.future_type));
                task.name = task.name.take().or_else(|| parts.names.get(seen.id));
            }
        });
    }
    Some(trace)
}

/// A stall is reported: writes what happened before it to a file, if that is wanted.
pub(crate) fn write_on_stall(parts: &Parts) {
    let Some(path) = parts.recorder.next_file(parts.id.number()) else { return };
    let Some(trace) = trace(parts) else { return };
    let told = match trace.write_to(&path) {
        Ok(()) => format!("a trace of what happened before the stall is in {}", path.display()),
        Err(error) => format!("no trace of what happened before the stall: {}: {error}", path.display()),
    };
    say(&told);
}
