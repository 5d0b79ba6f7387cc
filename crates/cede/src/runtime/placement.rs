//! Where the threads of a runtime run, and how important they are to the operating system.

#![forbid(unsafe_code)]

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::steal::priority;
use crate::sys::priority::set_nice;
use crate::sys::thread::{set_affinity, spawn};

/// See the builder's functions `thread_cpus` and `thread_nice`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Placement {
    cpus: Option<Vec<usize>>,
    nice: Option<i32>,
    /// Only programs that wish for something have the code for it.
    linked: Option<&'static Linked>,
}

#[derive(Debug)]
struct Linked {
    check: fn(&Placement) -> io::Result<()>,
    set: fn(&Placement) -> io::Result<()>,
}

static LINKED: Linked = Linked { check: Placement::try_on_a_thread, set: Placement::set_all };

impl Placement {
    pub(crate) fn on_cpus(&mut self, cpus: Vec<usize>) {
        (self.cpus, self.linked) = (Some(cpus), Some(&LINKED));
    }

    pub(crate) fn with_nice(&mut self, nice: i32) {
        (self.nice, self.linked) = (Some(nice), Some(&LINKED));
    }

    /// Whether the system lets a thread of this process be so.
    pub(crate) fn check(&self) -> io::Result<()> {
        self.linked.map_or(Ok(()), |linked| (linked.check)(self))
    }

    fn set(&self) -> io::Result<()> {
        self.linked.map_or(Ok(()), |linked| (linked.set)(self))
    }

    fn try_on_a_thread(&self) -> io::Result<()> {
        let placement = self.clone();
        // A channel of std would be ten kilobytes of code.
        let outcome = Arc::new(Mutex::new(None));
        let place = outcome.clone();
        let thread =
            spawn(thread::Builder::new(), Box::new(move || *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(placement.set())))?;
        let _panicked = thread.join();
        let tried = outcome.lock().unwrap_or_else(PoisonError::into_inner).take();
        tried.unwrap_or_else(|| Err(io::Error::other("the thread that was to try it panicked")))
    }

    /// A thread of the runtime begins. What started it may have been made less important.
    pub(crate) fn begin(&self) {
        priority::restore();
        // It was possible when the runtime was made. If the system does not allow it any more, a thread elsewhere is better than none.
        let _as_it_is = self.set();
    }

    /// A thread of the runtime that may have been made less important is as important as it was.
    pub(crate) fn restore(&self) {
        match self.nice {
            None => priority::restore(),
            Some(nice) if priority::is_used() => drop(set_nice(None, nice)),
            Some(_) => {}
        }
    }

    fn set_all(&self) -> io::Result<()> {
        if let Some(cpus) = &self.cpus {
            let explain =
                |error| io::Error::new(io::Error::kind(&error), format!("no thread can be bound to the processors {cpus:?}: {error}"));
            set_affinity(cpus).map_err(explain)?;
        }
        if let Some(nice) = self.nice {
            let explain = |error| {
                let text = format!(
                    "no thread can have the niceness {nice}: {error}; one below that of the process needs the capability CAP_SYS_NICE or a limit that allows it"
                );
                io::Error::new(io::Error::kind(&error), text)
            };
            set_nice(None, nice).map_err(explain)?;
        }
        Ok(())
    }
}
