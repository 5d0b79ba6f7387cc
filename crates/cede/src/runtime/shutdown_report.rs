//! What came of the end of a runtime.

#![forbid(unsafe_code)]

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use crate::task::Id;

/// What came of [`Runtime::shutdown_report`](super::Runtime::shutdown_report). Display it for one line about each refusal.
///
/// ```
/// use std::time::Duration;
///
/// let runtime = cede::runtime::Runtime::new()?;
/// runtime.spawn(std::future::pending::<()>());
/// let report = runtime.shutdown_report(Duration::from_secs(5));
/// assert!(report.is_complete() && report.ended == 1, "{report}");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// How many tasks that had not ended were ended.
    pub ended: usize,
    /// What did not end in time, and is left to itself.
    pub refused: Vec<Refusal>,
    /// How long it took.
    pub elapsed: Duration,
}

/// A task that did not return from its poll, or a closure that did not return, before the deadline of a shutdown.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Refusal {
    /// Whether it is a closure of `spawn_blocking`.
    pub is_blocking: bool,
    /// Its id.
    pub id: Id,
    /// Its name, if it has one.
    pub name: Option<Arc<str>>,
    /// Where it was spawned.
    pub site: &'static Location<'static>,
}

impl ShutdownReport {
    /// Whether everything ended in time.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.refused.is_empty()
    }
}

impl fmt::Display for ShutdownReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the runtime was shut down in {:?}; {} tasks were ended, {} refused", self.elapsed, self.ended, self.refused.len())?;
        for refusal in &self.refused {
            write!(f, "\n  {refusal}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_blocking { "blocking closure " } else { "task " })?;
        write!(f, "{}", self.id)?;
        if let Some(name) = &self.name {
            write!(f, " \"{name}\"")?;
        }
        write!(f, ", spawned at {}", self.site)
    }
}
