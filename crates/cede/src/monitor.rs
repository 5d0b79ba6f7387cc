//! The thread that looks after all others: it finds polls that take too long, workers that sleep while tasks wait, and tasks that wait for each other.
//!
//! # What
//! One thread for the process, started with the first runtime that wants to be watched; it ends soon after the last one. (A one-thread runtime wants to be watched when it has run for five seconds, see
//! [`Presence`]: a short program on one thread shall have one thread.) Every few milliseconds it glances at the [desks](cede_core::desk) of all threads that run tasks. A poll
//! that is still the same after the runtime's threshold is *stuck*: the [`Watch`] of that runtime is told, and has the worker taken over by another thread. At each glance a runtime is also asked whether tasks wait while a worker sleeps, and wakes one if nobody else looks after
//! that: this is the backstop of [`cede_core::idle`]. A worker pays for being watched with a few plain stores at each turn of a task and each wake.
//!
//! # Why not the obvious way
//! A time stamp at each poll costs a reading of the clock, which is more than many polls take. A timer signal for each worker interrupts system calls. A monitor that always runs keeps an idle
//! machine from sleeping: this one goes to sleep when nothing happens.
//!
//! # Going to sleep, and being woken
//! The monitor sleeps when for [`QUIET_ROUNDS`] looks all desks have been quiet and all workers of the watched runtimes have counted as parked. (One that does not may be in a hook, or have no processor: its desk is
//! quiet, and the next task that it runs queues others and leaves them to the backstop.) Whoever begins to run tasks after it was parked calls [`wake`]. Neither side may miss the other:
//! ```text
//! monitor: load CALLS ── store ASLEEP ── barrier on all processors ── look at all desks and counts ── sleep if CALLS is the same
//! worker:  leave the count of parked ones, or stir on its desk or post ── (compiler's order) ── load ASLEEP ── if set: change CALLS, wake
//! ```
//! Either the worker sees ASLEEP, or the look sees that something happened.
//!
//! # A child made by `fork(2)`
//! has the thread that forked and no other, so no monitor. Until it makes a runtime of its own nothing watches it: no report comes from it, and SIGQUIT ends it. (Between `fork` and `exec` of a
//! [`Command`](crate::process::Command) that is all there is to it.) If it makes one, [`start`] forgets the runtimes and threads of the parent, which are not there, and makes a monitor. As in any program with
//! threads, a lock that another thread had at the moment of the `fork` stays locked in the child; those of the monitor are held for some instructions at a time, and who cannot ask for a stack does without. The
//! runtimes that the child has from its parent have no workers: it can neither use them nor wait for their end; its dumps show them as they were.
//!
//! # Who may touch what
//! `STATE`: under its lock, which is not held while desks are looked at. `CALLS`, a futex: anybody, also in a signal handler. The list of a [`Watch`]: under its lock, by the threads that come and go and by the monitor.
//!
//! # Invariants
//! - I1: a runtime is in the list for as long as it lives; the monitor keeps none alive.
//! - I2: no lock of the monitor is held while a worker is handed over, except that of the desk.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering, compiler_fence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use cede_driver::ProcessBarrier;

use crate::inspect::deadlock::Search;
use crate::inspect::{self, posts, registry, samples};
use crate::runtime::run::shielded;
use crate::sys::{self, futex};
use polls::LongPolls;

#[cfg(not(feature = "tracing"))]
#[path = "monitor/no_events.rs"]
mod events;
#[cfg(feature = "tracing")]
mod events;
#[cfg(feature = "backtrace")]
mod frames;
#[cfg(not(feature = "backtrace"))]
#[path = "monitor/no_frames.rs"]
mod frames;
mod outbox;
mod polls;
mod processor;
mod report;
mod stall;
mod watch;

#[cfg(feature = "backtrace")]
pub(crate) use frames::Stack;
pub(crate) use report::{Reported, Reports};
pub use stall::{Stall, StallFrame};
pub(crate) use watch::{Stuck, Watch, Watched};

/// So many looks at which nothing was going on, then the monitor sleeps.
const QUIET_ROUNDS: u32 = 20;
/// How often it looks, at most and at least.
const PERIODS: (Duration, Duration) = (Duration::from_micros(500), Duration::from_millis(5));

/// How often it looks while somebody wants to know which tasks have the threads' time.
const SAMPLING_PERIOD: Duration = Duration::from_millis(1);

static STATE: Mutex<State> = Mutex::new(State { watches: Vec::new(), others: Vec::new(), process: 0 });
/// Changes when the monitor shall wake up.
static CALLS: AtomicU32 = AtomicU32::new(0);
static ASLEEP: AtomicBool = AtomicBool::new(false);
/// The process in which the thread exists; zero: none. A child made by `fork(2)` reads its parent's number.
static RUNS_IN: AtomicU32 = AtomicU32::new(0);

struct State {
    /// Runtimes whose workers can be taken over.
    watches: Vec<Weak<Watch>>,
    /// Those of one thread.
    others: Vec<Weak<Presence>>,
    /// The process whose runtimes these are; zero: there was none.
    process: u32,
}

impl State {
    /// After a `fork`: forgets the parent's.
    fn begin_in(&mut self, process: u32) {
        let before = std::mem::replace(&mut self.process, process);
        // None began here: threads may have been noted nevertheless, by this process or by its parent.
        let is_child = if before == 0 { posts::are_of_another(process) } else { before != process };
        if is_child {
            self.watches.clear();
            self.others.clear();
            posts::forget_other_threads();
        }
    }
}

/// A one-thread runtime is watched as long as this is there.
#[derive(Debug)]
pub(crate) struct Presence;

impl Drop for Presence {
    fn drop(&mut self) {
        // It may have been the last.
        ring();
    }
}

#[inline(never)]
fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on the monitor looks at the desks of `watch`, if the system lets it; says whether it does.
pub(crate) fn begin(watch: &Arc<Watch>) -> bool {
    start(|state| {
        state.watches.retain(|watch| watch.strong_count() > 0);
        state.watches.push(Arc::downgrade(watch));
    })
}

/// From now on there is a monitor, as long as the result is there, if the system lets it.
pub(crate) fn begin_for_one_thread() -> Arc<Presence> {
    let presence = Arc::new(Presence);
    start(|state| {
        state.others.retain(|presence| presence.strong_count() > 0);
        state.others.push(Arc::downgrade(&presence));
    });
    presence
}

/// Returns whether there is a monitor.
fn start(add: impl FnOnce(&mut State)) -> bool {
    let Some(barrier) = ProcessBarrier::register() else { return false };
    let mut state = state();
    state.begin_in(std::process::id());
    add(&mut state);
    if !is_there() {
        // Without the thread nobody is watched, which is no reason to refuse a runtime; the next one tries again.
        let thread = thread::Builder::new().name("cede-monitor".into()).stack_size(256 * 1024);
        let runs = sys::thread::spawn(thread, Box::new(move || run(barrier))).is_ok();
        RUNS_IN.store(if runs { state.process } else { 0 }, Ordering::SeqCst);
    }
    let runs = is_there();
    drop(state);
    inspect::quit::install();
    ring();
    runs
}

/// Whether there is a monitor. Async-signal-safe.
pub(crate) fn is_there() -> bool {
    RUNS_IN.load(Ordering::SeqCst) == std::process::id()
}

/// The same, except after a `fork`; without a system call.
#[cfg(feature = "record")]
#[inline]
pub(crate) fn seems_there() -> bool {
    RUNS_IN.load(Ordering::Relaxed) != 0
}

/// This thread begins to run tasks, and has noted so on its desk or post.
#[inline]
pub(crate) fn wake() {
    compiler_fence(Ordering::SeqCst);
    if ASLEEP.load(Ordering::Relaxed) {
        ring();
    }
}

/// Wakes the monitor. Async-signal-safe.
#[cold]
pub(crate) fn ring() {
    ASLEEP.store(false, Ordering::SeqCst);
    CALLS.fetch_add(1, Ordering::SeqCst);
    futex::wake_one(&CALLS);
}

/// What the monitor remembers from look to look.
#[derive(Default)]
struct Memory {
    polls: LongPolls,
    search: Search,
    /// Empty between looks, kept for its memory.
    watches: Vec<Arc<Watch>>,
    /// Something has happened since the last search for deadlocks.
    stirred: bool,
}

fn run(barrier: ProcessBarrier) {
    let mut memory = Memory::default();
    let mut quiet = 0;
    loop {
        let calls = CALLS.load(Ordering::SeqCst);
        let round = look(&mut memory, barrier);
        inspect::quit::answer();
        quiet = if round.quiet { quiet + 1 } else { 0 };
        if quiet < QUIET_ROUNDS || memory.search_before_sleep() {
            thread::sleep(round.period);
            continue;
        }
        quiet = 0;
        if ends() {
            return;
        }
        ASLEEP.store(true, Ordering::SeqCst);
        if barrier.execute() && look(&mut memory, barrier).quiet {
            // Returns at once if it was called since; an interruption only makes it look again.
            futex::wait(&CALLS, calls, None);
        }
        ASLEEP.store(false, Ordering::SeqCst);
    }
}

/// There may be no runtime any more; then the thread ends.
fn ends() -> bool {
    let mut state = state();
    state.watches.retain(|watch| watch.strong_count() > 0);
    state.others.retain(|presence| presence.strong_count() > 0);
    let ends = state.watches.is_empty() && state.others.is_empty();
    if ends {
        RUNS_IN.store(0, Ordering::SeqCst);
    }
    ends
}

/// What a look at all desks has shown.
struct Round {
    quiet: bool,
    /// Until the next one.
    period: Duration,
}

fn look(memory: &mut Memory, barrier: ProcessBarrier) -> Round {
    crate::record::monitor_looks();
    let mut watches = std::mem::take(&mut memory.watches);
    watches.extend(state().watches.iter().filter_map(Weak::upgrade));
    let now = Instant::now();
    let mut round = Round { quiet: true, period: PERIODS.1 };
    for watch in &watches {
        let watch = watch.clone();
        let patience = shielded(move || {
            let quiet = watch.look(now, barrier);
            (quiet, watch.patience(now))
        });
        let (quiet, patience) = patience.unwrap_or((false, PERIODS.1));
        round.quiet &= quiet;
        round.period = round.period.min(patience / 2);
    }
    // After the rescues, because this calls the user's code.
    let is_rescued = |number| watches.iter().any(|watch| watch.has_taken_from(number));
    round.quiet &= shielded(|| memory.polls.look(now, is_rescued)).unwrap_or(false);
    memory.stirred |= !round.quiet;
    memory.search_if_due(now);
    if samples::are_wanted() {
        round = Round { quiet: false, period: round.period.min(SAMPLING_PERIOD) };
    }
    round.period = round.period.max(PERIODS.0);
    // The last handle on a runtime may be dropped here, and the closures of its owner with it.
    shielded(|| watches.clear());
    memory.watches = watches;
    round
}

impl Memory {
    fn search_if_due(&mut self, now: Instant) {
        if !(self.stirred || self.search.suspects()) || !self.search.is_due(now) {
            return;
        }
        self.stirred = false;
        shielded(|| {
            self.search.look(now, &mut |deadlock, runtime| {
                let runtime = runtime.and_then(registry::find).or_else(|| registry::all().pop());
                if let Some(runtime) = runtime {
                    report::deadlock(runtime, deadlock);
                }
            });
        });
    }

    /// Whether the last word on deadlocks is not spoken yet: what happened last may have closed a circle.
    fn search_before_sleep(&self) -> bool {
        self.stirred || self.search.suspects()
    }
}
