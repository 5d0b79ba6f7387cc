//! Where a stuck thread is: its stack, taken by that thread itself in a signal handler.
//!
//! # What
//! Whoever makes a report (not the monitor: a thread that does not answer would keep it from rescuing others) writes down which thread it wants to hear from and sends it SIGURG, which nothing else in a program reacts to unless it asked for it. The handler walks its own stack and stores the
//! addresses. What they mean is looked up later, on a thread that may allocate and wait.
//!
//! # Why not the obvious way
//! Reading another thread's stack needs `ptrace` and a second process. A backtrace that resolves names allocates and locks, and the stuck thread may hold those locks.
//!
//! # States of `STATE`
//! ```text
//! FREE ──asker──► WANTED ──handler of the right thread──► FILLING ──handler──► FILLED ──asker, at once or the next one──► FREE
//!                    └──asker, after a while──► FREE        (a handler that never ends keeps FILLING for good: nobody is asked any more)
//! ```
//!
//! # Who may touch what
//! `STATE`, a futex: as above. `THREAD`: the asker while FREE. `ADDRESSES`, `COUNT`: the handler while FILLING, the asker while FILLED. Who asks holds `ASKING`.
//!
//! # Invariants
//! - I1: the handler calls nothing but the unwinder, which neither allocates nor locks (with glibc 2.35 and later, whose lookup of the object that an address is in takes no lock), and a futex.
//! - I2: one thread at a time asks: the one that holds `ASKING`.
//!
//! A signal interrupts system calls. What std and this runtime call goes on by itself; a blocking call of C that does not may return early with `EINTR`, once for a stall.
//!
//! # Orderings
//! FILLED is stored with Release and read with Acquire. (One word with four states and one asker: no loom model.)

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, Once, TryLockError};
use std::time::{Duration, Instant};

use super::stall::StallFrame;
use crate::sys::futex;
use crate::sys::thread::{Pid, gettid};

const FREE: u32 = 0;
const WANTED: u32 = 1;
const FILLING: u32 = 2;
const FILLED: u32 = 3;

/// A stack may have so many frames; what is above is not seen.
const FRAMES_MAX: usize = 128;
/// How long the thread may take to answer. One that waits in the kernel without being interruptible does not; others do at once, if they get a processor.
const PATIENCE: Duration = Duration::from_millis(200);

static ASKING: Mutex<()> = Mutex::new(());
static STATE: AtomicU32 = AtomicU32::new(FREE);
static THREAD: AtomicI32 = AtomicI32::new(0);
static COUNT: AtomicUsize = AtomicUsize::new(0);
static ADDRESSES: [AtomicUsize; FRAMES_MAX] = [const { AtomicUsize::new(0) }; FRAMES_MAX];

/// The addresses of a stack, innermost first.
#[derive(Clone, Debug)]
pub(crate) struct Stack(Vec<usize>);

/// Asks a thread of this process where it is. Empty if it does not answer, or if it is not `still` where it was when that mattered. Not for the monitor, which must not wait.
pub(super) fn of(thread: Pid, still: impl FnOnce() -> bool) -> Stack {
    // Who holds it has an answer soon, but for a child made by a `fork` while somebody asked: that does without frames.
    let Some(_one) = one_at_a_time() else { return Stack(Vec::new()) };
    let stack = ask(thread);
    // If it is there now, it was there then.
    if still() { stack } else { Stack(Vec::new()) }
}

fn one_at_a_time() -> Option<MutexGuard<'static, ()>> {
    let until = Instant::now() + 2 * PATIENCE;
    loop {
        match ASKING.try_lock() {
            Ok(guard) => return Some(guard),
            Err(TryLockError::Poisoned(error)) => return Some(error.into_inner()),
            Err(TryLockError::WouldBlock) if Instant::now() >= until => return None,
            Err(TryLockError::WouldBlock) => std::thread::sleep(PATIENCE / 20),
        }
    }
}

fn ask(thread: Pid) -> Stack {
    // An answer that came too late.
    let _late = STATE.compare_exchange(FILLED, FREE, Ordering::AcqRel, Ordering::Relaxed);
    if !is_installed() || STATE.load(Ordering::Acquire) != FREE {
        return Stack(Vec::new());
    }
    let number = thread.as_raw_nonzero().get();
    THREAD.store(number, Ordering::Relaxed);
    STATE.store(WANTED, Ordering::Release);
    // SAFETY: [I1] the signal has a handler, so it does no harm, and none at all if the thread has ended.
    let sent = unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), number, libc::SIGURG) } == 0;
    if sent {
        wait_until_filled(Instant::now() + PATIENCE);
    }
    if STATE.load(Ordering::Acquire) == FILLED {
        let count = COUNT.load(Ordering::Relaxed).min(FRAMES_MAX);
        let addresses = ADDRESSES[..count].iter().map(|address| address.load(Ordering::Relaxed)).collect();
        STATE.store(FREE, Ordering::Release);
        return Stack(addresses);
    }
    let _taken_back = STATE.compare_exchange(WANTED, FREE, Ordering::AcqRel, Ordering::Relaxed);
    Stack(Vec::new())
}

fn wait_until_filled(deadline: Instant) {
    loop {
        let state = STATE.load(Ordering::Acquire);
        let left = deadline.saturating_duration_since(Instant::now());
        if state == FILLED || left.is_zero() {
            return;
        }
        futex::wait(&STATE, state, Some(left));
    }
}

/// Installs the handler, the first time.
fn is_installed() -> bool {
    static ONCE: Once = Once::new();
    static DONE: AtomicBool = AtomicBool::new(false);
    ONCE.call_once(|| {
        // SAFETY: [I1] the handler is safe in a signal. One that was there before is called as well.
        let installed = unsafe { signal_hook_registry::register(libc::SIGURG, handle) };
        DONE.store(installed.is_ok(), Ordering::Relaxed);
    });
    DONE.load(Ordering::Relaxed)
}

/// The handler.
fn handle() {
    if THREAD.load(Ordering::Relaxed) != gettid().as_raw_nonzero().get()
        || STATE.compare_exchange(WANTED, FILLING, Ordering::AcqRel, Ordering::Relaxed).is_err()
    {
        return;
    }
    let mut count = 0;
    // SAFETY: [I1] nothing is resolved here, so nothing is locked or allocated; `STATE` keeps other calls of this one away.
    unsafe {
        backtrace::trace_unsynchronized(|frame| {
            ADDRESSES[count].store(frame.ip().addr(), Ordering::Relaxed);
            count += 1;
            count < FRAMES_MAX
        });
    }
    COUNT.store(count, Ordering::Relaxed);
    STATE.store(FILLED, Ordering::Release);
    futex::wake_one(&STATE);
}

impl Stack {
    /// That of the current thread.
    pub(crate) fn here() -> Self {
        let mut addresses = Vec::with_capacity(32);
        backtrace::trace(|frame| {
            addresses.push(frame.ip().addr());
            addresses.len() < FRAMES_MAX
        });
        Self(addresses)
    }

    /// Of a stack in the poll of a task: the functions that are neither this runtime's nor the standard library's.
    pub(crate) fn awaits(&self) -> Vec<StallFrame> {
        let mut frames = self.symbols();
        let poll =
            frames.iter().position(|frame| frame.function.starts_with("cede_core::task::cell::") || frame.is_in("cede-core/src/task"));
        frames.truncate(poll.unwrap_or(frames.len()));
        frames.retain(|frame| !frame.is_inner());
        frames
    }

    /// What the addresses mean, from the innermost frame of the stuck thread's own to the task's poll.
    pub(super) fn resolve(&self) -> Vec<StallFrame> {
        let mut frames = self.symbols();
        // The handler's own, up to what the kernel calls it by.
        let handler =
            frames.iter().rposition(|frame| frame.function.starts_with("signal_hook_registry::") || frame.function == "__restore_rt");
        frames.drain(..handler.map_or(0, |last| last + 1));
        // Functions that were inlined have short names, so the file counts as well.
        let poll = frames.iter().position(|frame| frame.function.starts_with("cede_core::task::cell::") || frame.is_in("cede-core"));
        frames.truncate(poll.unwrap_or(frames.len()));
        let is_ours = |frame: &&StallFrame| frame.function.trim_start_matches('<').starts_with("cede::") || frame.is_in("crates/cede/src");
        let wrapped = frames.iter().rev().take_while(is_ours).count();
        frames.truncate(frames.len() - wrapped);
        frames
    }

    fn symbols(&self) -> Vec<StallFrame> {
        let mut frames = Vec::new();
        for &address in &self.0 {
            // An address is where a call returns to; the call is before it.
            backtrace::resolve(std::ptr::without_provenance_mut(address.saturating_sub(1)), |symbol| {
                frames.push(StallFrame {
                    function: symbol.name().map(|name| format!("{name:#}")).unwrap_or_default(),
                    file: symbol.filename().map(Path::to_path_buf),
                    line: symbol.lineno(),
                });
            });
        }
        // It is large, and this is rare.
        backtrace::clear_symbol_cache();
        frames
    }
}

/// The innermost function that is the program's own, and the one that it called and that did not return, if that is another one's.
pub(super) fn blocking(frames: &[StallFrame]) -> Option<(&StallFrame, Option<&StallFrame>)> {
    let own = frames.iter().position(StallFrame::is_users)?;
    let called = own.checked_sub(1).map(|index| &frames[index]);
    Some((&frames[own], called))
}
