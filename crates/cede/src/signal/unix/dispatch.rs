//! From the handler to the listeners.
//!
//! # What
//! The handler marks the signal as pending and adds to an `eventfd`; one thread sleeps in a read of that, counts the signal and wakes the listeners.
//!
//! # Who may touch what
//! `pending`: set by handlers, taken by the thread. `Slot::state`: under its lock, by anybody but handlers; wakers are called after it.
//!
//! # Invariants
//! - I1: a handler does only what `signal-safety(7)` allows: it stores to an atomic, asks for the process id and writes to a descriptor. It takes no lock, allocates and
//!   frees nothing: its `Arc` is never dropped, because handlers are never removed. It leaves `errno` as it was.
//! - I2: a child made by `fork(2)` has the handlers but not the thread, and shares the descriptor with its parent. So a handler that finds itself in another process does
//!   nothing, and [`current`] makes a new `Dispatch` there.
//! - I3: a signal is marked before the thread is woken, and the thread takes the mark after it woke: no signal is lost.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::sys::{self, event_fd::EventFd};

/// Signals are numbered from 1 to 64.
const NUMBERS: usize = 65;

static CURRENT: Mutex<Option<Arc<Dispatch>>> = Mutex::new(None);

/// All signals of this process.
#[derive(Debug)]
pub(crate) struct Dispatch {
    process: u32,
    bell: EventFd,
    slots: [Slot; NUMBERS],
}

/// One kind of signal.
#[derive(Debug, Default)]
struct Slot {
    pending: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    has_handler: bool,
    /// How often the signal was seen.
    count: u64,
    listeners: usize,
    /// One was seen while nobody listened.
    unheard: bool,
    next_key: u64,
    waiting: Vec<(u64, Waker)>,
}

/// The signals of this process, with the thread that dispatches them.
///
/// # Errors
/// If there are no descriptors or threads left.
pub(crate) fn current() -> io::Result<Arc<Dispatch>> {
    let mut current = CURRENT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(dispatch) = current.as_ref().filter(|dispatch| dispatch.process == std::process::id()) {
        return Ok(dispatch.clone());
    }
    let bell = EventFd::new()?;
    let dispatch = Arc::new(Dispatch { process: std::process::id(), bell, slots: std::array::from_fn(|_| Slot::default()) });
    let thread = std::thread::Builder::new().name("cede-signals".to_owned());
    let theirs = dispatch.clone();
    sys::thread::spawn(thread, Box::new(move || theirs.run()))?;
    *current = Some(dispatch.clone());
    Ok(dispatch)
}

impl Dispatch {
    /// Listens for a signal from now on.
    pub(super) fn listen(self: Arc<Self>, number: i32) -> io::Result<Listener> {
        let refused = || io::Error::other(format!("Refusing to register signal {number}"));
        let index = usize::try_from(number).ok().filter(|index| *index > 0 && *index < NUMBERS).ok_or_else(refused)?;
        if signal_hook_registry::FORBIDDEN.contains(&number) {
            return Err(refused());
        }
        let mut state = self.slots[index].lock();
        if !state.has_handler {
            self.clone().install(number, index)?;
            state.has_handler = true;
        }
        state.next_key += 1;
        state.listeners += 1;
        // Once there is a handler the signal has no other effect: one that came between two listeners would be lost.
        let missed = u64::from(std::mem::take(&mut state.unheard));
        let (key, seen) = (state.next_key, state.count - missed);
        drop(state);
        Ok(Listener { dispatch: self, index, key, seen })
    }

    fn install(self: Arc<Self>, number: i32, index: usize) -> io::Result<()> {
        let handler = move || {
            if self.process == std::process::id() {
                self.slots[index].pending.store(true, Ordering::SeqCst);
                self.bell.add();
            }
        };
        if number == libc::SIGQUIT {
            crate::inspect::quit::give_up::give_up();
        }
        // SAFETY: [I1] the handler is safe in a signal.
        unsafe { signal_hook_registry::register(number, handler) }.map(drop)
    }

    fn run(&self) {
        loop {
            match self.bell.take() {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => unreachable!("cannot wait for signals: {error}"),
                _ => self.deliver(),
            }
        }
    }

    fn deliver(&self) {
        for (number, slot) in self.slots.iter().enumerate() {
            if slot.pending.swap(false, Ordering::SeqCst) {
                if i32::try_from(number) == Ok(libc::SIGCHLD) {
                    super::children::reap_orphans();
                }
                slot.fire();
            }
        }
    }
}

impl Slot {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fire(&self) {
        let waiting = {
            let mut state = self.lock();
            state.count += 1;
            state.unheard = state.listeners == 0;
            std::mem::take(&mut state.waiting)
        };
        let mut wakers = waiting.into_iter();
        // A waker that panics must cost neither the others their wake nor the process its signals.
        let _panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            cede_context::persist(|| wakers.next().map(|(_, waker)| waker.wake()).is_some());
        }));
    }
}

/// Somebody who waits for one kind of signal.
#[derive(Debug)]
pub(crate) struct Listener {
    dispatch: Arc<Dispatch>,
    index: usize,
    key: u64,
    /// The signals up to this count were received.
    seen: u64,
}

impl Listener {
    pub(super) fn number(&self) -> u64 {
        self.index as u64
    }

    /// Ready if a signal came since the last time.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let waker = cx.waker().clone();
        let replaced = {
            let mut state = self.dispatch.slots[self.index].lock();
            if state.count != self.seen {
                self.seen = state.count;
                return Poll::Ready(());
            }
            let found = state.waiting.iter().position(|(key, _)| *key == self.key);
            let replaced = found.map(|place| state.waiting.swap_remove(place));
            state.waiting.push((self.key, waker));
            replaced
        };
        drop(replaced);
        Poll::Pending
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let removed = {
            let mut state = self.dispatch.slots[self.index].lock();
            state.listeners -= 1;
            let found = state.waiting.iter().position(|(key, _)| *key == self.key);
            found.map(|place| state.waiting.swap_remove(place))
        };
        drop(removed);
    }
}
