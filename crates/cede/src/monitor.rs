//! The thread that looks after all others: it finds polls that take too long.
//!
//! # What
//! One thread for the process, started with the first runtime that wants to be watched; it ends soon after the last one. Every few milliseconds it glances at the [desks](cede_core::desk) of all threads that run tasks. A poll
//! that is still the same after the runtime's threshold is *stuck*: the [`Watch`] of that runtime is told, and has the worker taken over by another thread. A worker pays for being watched with a
//! few plain stores at each turn of a task and each wake.
//!
//! # Why not the obvious way
//! A time stamp at each poll costs a reading of the clock, which is more than many polls take. A timer signal for each worker interrupts system calls. A monitor that always runs keeps an idle
//! machine from sleeping: this one goes to sleep when nothing happens.
//!
//! # Going to sleep, and being woken
//! The monitor sleeps when all desks have been quiet for [`QUIET_ROUNDS`] looks. Whoever begins to run tasks after it was parked calls [`wake`]. Neither side may miss the other:
//! ```text
//! monitor: store ASLEEP ── barrier on all processors ── look at all desks ── sleep
//! worker:  count the unpark on its desk ── (compiler's order) ── load ASLEEP
//! ```
//! Either the worker sees ASLEEP, or the look sees that something happened.
//!
//! # Who may touch what
//! `STATE`: under its lock, which is not held while desks are looked at. The list of a [`Watch`]: under its lock, by the threads that come and go and by the monitor.
//!
//! # Invariants
//! - I1: a runtime is in the list for as long as it lives; the monitor keeps none alive.
//! - I2: no lock of the monitor is held while a worker is handed over, except that of the desk.

#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicBool, Ordering, compiler_fence};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use cede_driver::ProcessBarrier;

use crate::runtime::run::shielded;

mod processor;
mod stall;
mod watch;

pub use stall::Stall;
pub(crate) use watch::{Reports, Stuck, TakenOver, Watch, Watched};

/// So many looks at which nothing was going on, then the monitor sleeps.
const QUIET_ROUNDS: u32 = 20;
/// How often it looks, at most and at least.
const PERIODS: (Duration, Duration) = (Duration::from_micros(500), Duration::from_millis(5));

static STATE: Mutex<State> = Mutex::new(State { watches: Vec::new(), runs: false, called: false });
static CALLED: Condvar = Condvar::new();
static ASLEEP: AtomicBool = AtomicBool::new(false);

struct State {
    watches: Vec<Weak<Watch>>,
    /// Whether the thread exists.
    runs: bool,
    called: bool,
}

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on the monitor looks at the desks of `watch`, if the system lets it.
pub(crate) fn begin(watch: &Arc<Watch>) {
    let Some(barrier) = ProcessBarrier::register() else { return };
    let mut state = state();
    state.watches.retain(|watch| watch.strong_count() > 0);
    state.watches.push(Arc::downgrade(watch));
    if !state.runs {
        // Without the thread nobody is watched, which is no reason to refuse a runtime; the next one tries again.
        state.runs = thread::Builder::new().name("cede-monitor".into()).stack_size(256 * 1024).spawn(move || run(barrier)).is_ok();
    }
    drop(state);
    call();
}

/// This thread begins to run tasks, and has noted so on its desk.
#[inline]
pub(crate) fn wake() {
    compiler_fence(Ordering::SeqCst);
    if ASLEEP.load(Ordering::Relaxed) {
        call();
    }
}

#[cold]
fn call() {
    ASLEEP.store(false, Ordering::SeqCst);
    state().called = true;
    CALLED.notify_one();
}

fn run(barrier: ProcessBarrier) {
    let mut quiet = 0;
    loop {
        let round = look(barrier);
        quiet = if round.quiet { quiet + 1 } else { 0 };
        if quiet < QUIET_ROUNDS {
            thread::sleep(round.period);
            continue;
        }
        quiet = 0;
        if ends() {
            return;
        }
        ASLEEP.store(true, Ordering::SeqCst);
        if barrier.execute() && look(barrier).quiet {
            let mut state = state();
            while !state.called {
                state = CALLED.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        }
        ASLEEP.store(false, Ordering::SeqCst);
    }
}

/// Prepares to sleep; or there is no runtime any more, and the thread ends.
fn ends() -> bool {
    let mut state = state();
    state.called = false;
    state.watches.retain(|watch| watch.strong_count() > 0);
    state.runs = !state.watches.is_empty();
    !state.runs
}

/// What a look at all desks has shown.
struct Round {
    quiet: bool,
    /// Until the next one.
    period: Duration,
}

fn look(barrier: ProcessBarrier) -> Round {
    let watches: Vec<_> = state().watches.iter().filter_map(Weak::upgrade).collect();
    let now = Instant::now();
    let mut round = Round { quiet: true, period: PERIODS.1 };
    for watch in watches {
        // The last handle on a runtime may be dropped here, and the closures of its owner with it.
        let patience = shielded(move || {
            let quiet = watch.look(now, barrier);
            (quiet, watch.patience(now))
        });
        let (quiet, patience) = patience.unwrap_or((false, PERIODS.1));
        round.quiet &= quiet;
        round.period = round.period.min(patience / 2);
    }
    round.period = round.period.max(PERIODS.0);
    round
}
