//! What the kernel said: sockets that became ready, and how a thread sleeps until something happens.
//!
//! A [`Driver`] belongs to one worker, who parks in it; its [`Handle`] may be used by any thread, to register sources and to unpark the worker. Drivers wake
//! tasks through wakers and never poll a future. There are two: [`epoll`], and [`sim`], which has no kernel and jumps a virtual [`clock::Clock`] instead of
//! sleeping. Nothing above this crate's API knows which one runs.
//!
//! No stability is promised; depend on `cede`.

pub mod clock;
mod epoll;
mod interest;
pub mod moment;
mod parking;
mod process_barrier;
mod readiness;
mod ready;
mod shut_down;
mod sim;
mod source;
mod system_clock;
mod timer_slack;

use std::io;
use std::os::fd::RawFd;
use std::sync::Arc;

pub use interest::Interest;
pub use process_barrier::ProcessBarrier;
pub use readiness::{Direction, Event};
pub use ready::Ready;
pub use shut_down::{is_shut_down_error, shut_down_error};
pub use source::{Attempt, Source, Trust};
pub use timer_slack::tighten_timer_slack;

use clock::Clock;
use epoll::Member;

/// The half of a driver that its worker owns.
#[derive(Debug)]
pub struct Driver {
    kind: Kind,
    handle: Handle,
}

#[derive(Debug)]
enum Kind {
    Epoll(epoll::Epoll),
    Sim,
}

/// What happened while a worker was parked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// How many sources became ready.
    pub events: usize,
    /// Somebody unparked the worker.
    pub unparked: bool,
    /// The alarm has rung, which is gone now. See [`Driver::set_alarm`].
    pub alarm: bool,
    /// Only from the simulated driver: there was no deadline and nobody unparked the worker, so nothing can ever happen.
    pub stuck: bool,
}

/// The half of a driver that any thread may use. Cloning it counts a reference.
#[derive(Clone, Debug)]
pub struct Handle(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    parking: parking::Parking,
    clock: Clock,
    kind: SharedKind,
}

#[derive(Debug)]
enum SharedKind {
    Epoll(epoll::Shared),
    Sim,
}

impl Driver {
    /// A driver over epoll.
    ///
    /// # Errors
    /// If the process or the system has no descriptor left, or epoll is not available.
    pub fn epoll(clock: Clock) -> io::Result<Self> {
        let shared = epoll::Shared::new()?;
        let shared = Shared { parking: parking::Parking::new(), clock, kind: SharedKind::Epoll(shared) };
        Ok(Self { kind: Kind::Epoll(epoll::Epoll::new()), handle: Handle(Arc::new(shared)) })
    }

    /// A simulated driver: parking jumps the clock, which should be [`Clock::simulated`].
    #[must_use]
    pub fn sim(clock: Clock) -> Self {
        let shared = Shared { parking: parking::Parking::new(), clock, kind: SharedKind::Sim };
        Self { kind: Kind::Sim, handle: Handle(Arc::new(shared)) }
    }

    /// The half for other threads.
    #[must_use]
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Lets the first [`Driver::park`] that lasts until the clock reads `at`, or that begins after it, return then and [say so](Turn::alarm); that may also be one that only looks. An alarm set before is forgotten. For a far time that
    /// many sleeps have in common: a deadline given to each of them costs the kernel a timer for each, and this one for all. It rings in real time, also if the clock is paused then. No other worker may look in place of
    /// this one. A simulated driver, whose sleeps cost nothing, has no alarm.
    ///
    /// # Errors
    /// If there is no descriptor left; `Unsupported` from a simulated driver.
    pub fn set_alarm(&mut self, at: u64) -> io::Result<()> {
        match (&mut self.kind, &self.handle.0.kind) {
            (Kind::Epoll(epoll), SharedKind::Epoll(shared)) => epoll.set_alarm(shared, &self.handle.0.clock, at),
            _ => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Sleeps until a source is ready, somebody unparks the worker, or the clock reaches `until` (nanoseconds; `None` is never), or is nearer to that than a two-hundredth of a long wait, and wakes the
    /// tasks that wait for what became ready. `Some(0)` only looks.
    ///
    /// While the clock is paused, time does not pass but jumps: if no source is ready, straight to `until`.
    ///
    /// # Errors
    /// If the kernel refuses to wait, which is a bug of ours or of the system.
    pub fn park(&mut self, until: Option<u64>) -> io::Result<Turn> {
        match (&mut self.kind, &self.handle.0.kind) {
            (Kind::Epoll(epoll), SharedKind::Epoll(shared)) => epoll.park(shared, &self.handle.0.parking, &self.handle.0.clock, until),
            (Kind::Sim, _) => Ok(sim::park(&self.handle.0.parking, &self.handle.0.clock, until)),
            (Kind::Epoll(_), SharedKind::Sim) => unreachable!("both halves are made together"),
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if let SharedKind::Epoll(shared) = &self.handle.0.kind {
            shared.shut_down();
        }
    }
}

impl Handle {
    /// Makes the worker's present or next [`Driver::park`] return at once.
    pub fn unpark(&self) {
        if self.0.parking.notify() {
            match &self.0.kind {
                SharedKind::Epoll(shared) => shared.interrupt(),
                SharedKind::Sim => {}
            }
        }
    }

    /// Whether there is a token that the next [`Driver::park`] would take. For simulators, which park nobody.
    #[must_use]
    pub fn is_unparked(&self) -> bool {
        self.0.parking.is_notified()
    }

    /// Takes the token. For simulators.
    pub fn take_unpark(&self) {
        self.0.parking.finish();
    }

    /// How often [`Handle::unpark`] had to interrupt a sleeping worker: each cost a system call and the wake of a thread.
    #[must_use]
    pub fn interrupts(&self) -> u64 {
        self.0.parking.interrupts()
    }

    /// Wakes the tasks that wait for what has become ready, on behalf of the worker, who may be busy or may not have got a processor yet. Returns for how many sources something has happened.
    /// `by` is what the looking worker parks in: what others serve again and again moves there. `found` is called before any waker, if there is something.
    ///
    /// # Errors
    /// If the kernel refuses, as for [`Driver::park`].
    pub fn look(&self, by: &Handle, found: impl FnOnce()) -> io::Result<usize> {
        match &self.0.kind {
            SharedKind::Epoll(shared) => shared.look(&self.0.parking, by, found),
            SharedKind::Sim => Ok(0),
        }
    }

    /// Whether any source is registered.
    #[inline]
    #[must_use]
    pub fn has_sources(&self) -> bool {
        match &self.0.kind {
            SharedKind::Epoll(shared) => shared.has_sources(),
            SharedKind::Sim => false,
        }
    }

    /// The clock that the driver parks by.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Whether descriptors of the operating system can be used: not in a simulated run.
    ///
    /// # Errors
    /// `Unsupported` if not.
    pub fn check_descriptors(&self) -> io::Result<()> {
        match &self.0.kind {
            SharedKind::Epoll(_) => Ok(()),
            SharedKind::Sim => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "descriptors of the operating system cannot be used in a simulated run, because the kernel decides their timing",
            )),
        }
    }

    /// Whether the worker is gone for good.
    #[must_use]
    pub fn is_shut_down(&self) -> bool {
        match &self.0.kind {
            SharedKind::Epoll(shared) => shared.is_shut_down(),
            SharedKind::Sim => false,
        }
    }

    fn epoll(&self) -> Option<&epoll::Shared> {
        match &self.0.kind {
            SharedKind::Epoll(shared) => Some(shared),
            SharedKind::Sim => None,
        }
    }

    fn register(&self, fd: RawFd, interest: Interest, trust: Trust) -> io::Result<Arc<Member>> {
        self.check_descriptors()?;
        match &self.0.kind {
            SharedKind::Epoll(shared) => shared.register(self, fd, interest, trust),
            SharedKind::Sim => unreachable!("was refused"),
        }
    }
}
