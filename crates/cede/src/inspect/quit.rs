//! A dump on request from outside: `kill -QUIT`, or Ctrl-\ on the terminal.
//!
//! # What
//! From its first work-stealing runtime on, or when one of one thread has run for five seconds, a process that has no handler of its own for SIGQUIT answers it with a [dump](super::dump()) on the error output and goes on. A second signal within a second
//! ends it, as SIGQUIT does by itself: who presses Ctrl-\ twice wants out.
//!
//! # Who may touch what
//! The handler runs in a signal: it stores atomics, reads the clock and wakes the monitor by a futex, which are all that it may do. The dump is made and written by a thread of its own.
//!
//! # Invariants
//! - I1: the handler calls nothing that is not async-signal-safe.
//! - I2: the handler is installed only while the action is the default one, so that no one else's is disturbed. (Atomics without order: no loom model.)

#[cfg(feature = "signal")]
pub(crate) mod give_up;

use std::ptr;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread;

use crate::error_output::say;
use crate::{monitor, sys};

/// A second signal within so long ends the process.
const AGAIN_MS: i64 = 1000;

static DUMPS: AtomicBool = AtomicBool::new(true);
/// The program listens for the signal itself.
static GIVEN_UP: AtomicBool = AtomicBool::new(false);
static ASKED: AtomicBool = AtomicBool::new(false);
static LAST_MS: AtomicI64 = AtomicI64::new(i64::MIN / 2);

/// Whether SIGQUIT (Ctrl-\ on a terminal, or `kill -QUIT`) makes the process write a [dump](super::dump()) of all tasks to its error output and go on. It does by default, from the first
/// work-stealing runtime on (or when one of one thread has run for five seconds), unless the program has a handler of its own for the signal or listens for it. Two within a second end the process, and so does each one after `on_quit(false)`.
///
/// ```
/// cede::inspect::on_quit(false);
/// ```
pub fn on_quit(dump: bool) {
    DUMPS.store(dump, Ordering::SeqCst);
}

/// A runtime begins.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if action() != Some(libc::SIG_DFL) {
            return;
        }
        // SAFETY: [I1] the handler is safe in a signal. [I2] the action is the default one. All zeros are a valid `sigaction`.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = handler_address();
            action.sa_flags = libc::SA_RESTART | libc::SA_ONSTACK;
            libc::sigaction(libc::SIGQUIT, &raw const action, ptr::null_mut());
        }
    });
}

fn handler_address() -> libc::sighandler_t {
    handle as extern "C" fn(libc::c_int) as libc::sighandler_t
}

/// What SIGQUIT does at the moment. Async-signal-safe.
fn action() -> Option<libc::sighandler_t> {
    // SAFETY: [I2] all zeros are a valid `sigaction`, which the call fills; nothing is changed.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        (libc::sigaction(libc::SIGQUIT, ptr::null(), &raw mut action) == 0).then_some(action.sa_sigaction)
    }
}

/// The handler.
extern "C" fn handle(_signal: libc::c_int) {
    // Another handler has been put before this one and calls it: then the signal is that one's business.
    if GIVEN_UP.load(Ordering::SeqCst) || action() != Some(handler_address()) {
        return;
    }
    let now = now_ms();
    let again = now - LAST_MS.swap(now, Ordering::SeqCst) < AGAIN_MS;
    if again || !DUMPS.load(Ordering::SeqCst) || !monitor::is_there() {
        // SAFETY: [I1] both may be called in a handler. What SIGQUIT does by itself is what happens now.
        unsafe {
            libc::signal(libc::SIGQUIT, libc::SIG_DFL);
            libc::raise(libc::SIGQUIT);
        }
        return;
    }
    ASKED.store(true, Ordering::SeqCst);
    monitor::ring();
}

/// The time of a clock that is never put back. Async-signal-safe.
fn now_ms() -> i64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: [I1] the call fills this; it cannot fail, because there is such a clock.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    #[allow(clippy::useless_conversion, reason = "it is not useless everywhere")]
    let (seconds, nanos) = (i64::from(now.tv_sec), i64::from(now.tv_nsec));
    seconds * 1000 + nanos / 1_000_000
}

/// Writes a dump if somebody has asked for one. Called by the monitor.
pub(crate) fn answer() {
    if ASKED.swap(false, Ordering::SeqCst) {
        // Not here: the reader of the error output may be slow.
        let _not_said = sys::thread::spawn(thread::Builder::new().name("cede-dump".into()), Box::new(|| say(&super::dump())));
    }
}
