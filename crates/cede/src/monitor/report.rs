//! Where reports go: to the function that the user gave, else to the error output, at most one of a kind in a second.

#![forbid(unsafe_code)]

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use cede_core::lock::Lock;

use super::outbox::Outbox;
use super::{Stall, events, frames};
use crate::error_output::say;
use crate::inspect::registry::Inspected;
use crate::inspect::{Deadlock, posts};
use crate::record::{self, Told};
use crate::runtime::run::shielded;
use crate::sys;
use crate::sys::thread::Pid;

/// Reports of a kind are written to the error output this often at most.
const EVERY: Duration = Duration::from_secs(1);

/// A function of the user's that gets reports.
pub(crate) type Listener<R> = Arc<dyn Fn(&R) + Send + Sync>;

/// What to report of a runtime, and to whom.
#[derive(Clone)]
pub(crate) struct Reports {
    /// A poll may take so long.
    pub(crate) stall_after: Duration,
    pub(crate) on_stall: Option<Listener<Stall>>,
    pub(crate) on_deadlock: Option<Listener<Deadlock>>,
    /// The user has asked for reports, so a runtime of one thread is watched from the beginning.
    pub(crate) asked_for: bool,
}

impl Default for Reports {
    fn default() -> Self {
        Self { stall_after: Duration::from_millis(100), on_stall: None, on_deadlock: None, asked_for: deadlocks_abort() }
    }
}

/// Whether the environment asks for the end of the process when there is a deadlock and nobody listens for it, by `CEDE_ON_DEADLOCK=abort`.
fn deadlocks_abort() -> bool {
    static ASKED: OnceLock<bool> = OnceLock::new();
    *ASKED.get_or_init(|| std::env::var_os("CEDE_ON_DEADLOCK").is_some_and(|value| value == "abort"))
}

/// What has been reported of a runtime.
#[derive(Debug, Default)]
pub(crate) struct Reported {
    stalls: AtomicU64,
    deadlocks: AtomicU64,
    lately: Lock<Lately>,
    /// Stalls on their way to whoever is told.
    outbox: Arc<Outbox>,
}

#[derive(Debug, Default)]
struct Lately {
    stall: Option<Instant>,
    /// Reports that were left out since then.
    left_out: u64,
}

impl Reported {
    /// How many polls were found to take too long.
    pub(crate) fn stalls(&self) -> u64 {
        self.stalls.load(Ordering::Relaxed)
    }

    /// How many deadlocks were found.
    pub(crate) fn deadlocks(&self) -> u64 {
        self.deadlocks.load(Ordering::Relaxed)
    }

    /// How many stalls were left out since the last one, if this one may be written.
    fn may_write(&self, now: Instant) -> Option<u64> {
        let mut lately = self.lately.lock();
        if lately.stall.is_some_and(|last| now.saturating_duration_since(last) < EVERY) {
            lately.left_out += 1;
            return None;
        }
        lately.stall = Some(now);
        Some(std::mem::take(&mut lately.left_out))
    }
}

/// The poll that a thread is stuck in.
#[derive(Clone, Copy, Debug)]
pub(super) struct StuckIn {
    pub(super) thread: Pid,
    pub(super) task: u64,
    /// How often the task had been polled.
    pub(super) polls: u32,
}

impl StuckIn {
    /// Whether the thread is in that poll.
    fn lasts(self) -> bool {
        let task = posts::look().into_iter().find(|polls| polls.number == self.thread).and_then(|polls| posts::see(polls.task?));
        task.is_some_and(|task| task.id == self.task && task.polls == self.polls)
    }
}

/// Reports a stall.
pub(super) fn stall(runtime: Arc<dyn Inspected>, mut stall: Stall, stuck: StuckIn, now: Instant) {
    let parts = runtime.parts();
    parts.reported.stalls.fetch_add(1, Ordering::Relaxed);
    parts.recorder.tells(Told::Stalled, stall.task());
    let left_out = if parts.reports.on_stall.is_some() { Some(0) } else { parts.reported.may_write(now) };
    let Some(left_out) = left_out else { return };
    let outbox = parts.reported.outbox.clone();
    let report = move || {
        let stack = frames::of(stuck.thread, || stuck.lasts());
        let parts = runtime.parts();
        record::write_on_stall(parts);
        stall.frames = stack.resolve();
        events::stall(&stall);
        match &parts.reports.on_stall {
            Some(listener) => listener(&stall),
            None if left_out == 0 => say(&stall),
            None => say(&format_args!("{stall} ({left_out} more like this in between)")),
        }
    };
    // What is refused is counted already.
    let _not_said = outbox.send(report);
}

/// Reports a deadlock. Each is reported once, so none is left out, nor does it wait for reports of stalls: those may be stuck in the very same deadlock.
pub(super) fn deadlock(runtime: Arc<dyn Inspected>, deadlock: Deadlock) {
    runtime.parts().reported.deadlocks.fetch_add(1, Ordering::Relaxed);
    let unheard = runtime.parts().reports.on_deadlock.is_none();
    let told = on_own_thread(move || {
        events::deadlock(&deadlock);
        match &runtime.parts().reports.on_deadlock {
            Some(listener) => listener(&deadlock),
            None => {
                say(&deadlock);
                if deadlocks_abort() {
                    std::process::abort();
                }
            }
        }
    });
    if !told && unheard && deadlocks_abort() {
        std::process::abort();
    }
}

/// Not on the monitor's thread: to find names for addresses takes long, and the task that is stuck may be the one that holds the lock of the error output, or the reader of that.
///
/// Whether there could be one.
fn on_own_thread(report: impl FnOnce() + Send + 'static) -> bool {
    // The last handle on the runtime may be dropped there, and the closures of its owner with it.
    sys::thread::spawn(thread::Builder::new().name("cede-report".into()), Box::new(move || _ = shielded(report))).is_ok()
}

impl fmt::Debug for Reports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reports").field("stall_after", &self.stall_after).finish_non_exhaustive()
    }
}
