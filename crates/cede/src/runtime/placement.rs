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
    pub(crate) cpus: Option<Vec<usize>>,
    pub(crate) nice: Option<i32>,
}

impl Placement {
    /// Whether the system lets a thread of this process be so.
    pub(crate) fn check(&self) -> io::Result<()> {
        if self.cpus.is_none() && self.nice.is_none() {
            return Ok(());
        }
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

    fn set(&self) -> io::Result<()> {
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
