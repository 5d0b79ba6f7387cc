//! Running a program many times, each time differently, and the same way again: simulated runs.
//!
//! # What
//! A simulated run uses the shipped scheduler, task cells, wheel and locks, on a driver without a kernel. One seed decides everything that may vary: which policy chooses the next
//! task, and what it chooses. Time is virtual: when no task can run, the clock jumps to the next deadline. When there is none either, the run is stuck, and the
//! report says of each task where it was spawned and what it waits for; before that, each waiting task is polled once more, and one that gets ahead without
//! having been woken is reported as a lost wake.
//!
//! # Why several policies
//! Running tasks in the order in which they were woken finds almost no ordering bug, whatever the seed. Uniform choice finds those that need many small changes of order; random
//! priorities with a few changes (PCT: Burckhardt et al., "A randomized scheduler with probabilistic guarantees of finding bugs", 2010) find those that need few particular ones.
//! No policy is best, so each seed draws its own.
//!
//! ```
//! use cede::sim::Sim;
//! use std::time::Duration;
//!
//! for seed in 0..20 {
//!     let report = Sim::new(seed).run(async {
//!         let slow = cede::spawn(async { cede::time::sleep(Duration::from_secs(3600)).await; 1 });
//!         slow.await.unwrap()
//!     });
//!     assert_eq!(report.unwrap().output, 1);
//! }
//! ```
//!
//! Few programs use this, so its functions are `#[inline]`: compiled by whoever calls them, and in no other program.

mod failure;
mod one_thread;
mod policy;
mod queue;
mod workers;

pub use failure::{BlockedTask, Deadlock, Failure, LostWake};
pub use policy::Policy;

pub(crate) use queue::ChosenQueue;

use std::future::Future;

use cede_core::choice::Seeded;

use crate::record::FlightRecorder;

/// A simulated run to be made. See the module's description.
///
/// ```
/// use cede::sim::Sim;
///
/// let run = |seed| Sim::new(seed).workers(2).run(async {
///     cede::time::sleep(std::time::Duration::from_secs(3600)).await;
///     cede::spawn(async { 6 * 7 }).await.unwrap()
/// });
/// let report = run(1).unwrap();
/// assert_eq!((report.output, report.elapsed_ns >= 3_600_000_000_000), (42, true));
/// assert_eq!(report, run(1).unwrap(), "a seed is a schedule");
/// ```
#[derive(Clone, Debug)]
pub struct Sim {
    seed: u64,
    policy: Option<Policy>,
    workers: Option<usize>,
    pub(crate) flight_recorder: FlightRecorder,
}

/// What came out of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report<T> {
    /// The output of the program.
    pub output: T,
    /// A number that stands for the whole schedule: which task was polled when. Equal seeds give equal numbers.
    pub trace_hash: u64,
    /// How many times a task was polled.
    pub polls: u64,
    /// How far the virtual clock got, in nanoseconds.
    pub elapsed_ns: u64,
    /// The policy that chose.
    pub policy: Policy,
}

impl Sim {
    /// The run of this seed, on one thread.
    #[inline]
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed, policy: None, workers: None, flight_recorder: FlightRecorder::off() }
    }

    /// Fixes the policy, which otherwise the seed draws.
    #[inline]
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = Some(policy);
        self
    }

    /// Runs on the work-stealing scheduler with so many virtual workers, which take turns as the seed decides.
    ///
    /// # Panics
    /// If `count` is zero.
    #[inline]
    #[must_use]
    #[track_caller]
    pub fn workers(mut self, count: usize) -> Self {
        assert!(count > 0, "a runtime needs at least one worker");
        self.workers = Some(count);
        self
    }

    /// Makes the run.
    ///
    /// # Errors
    /// A deadlock or a lost wake. Display it: it says which tasks are concerned.
    ///
    /// # Panics
    /// With the program's own panic, if it panics.
    #[inline]
    pub fn run<F>(self, program: F) -> Result<Report<F::Output>, Failure>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        // `select!` draws the branch that it asks first.
        crate::macros::support::set_seed(self.seed);
        let mut choices = Seeded::new(self.seed);
        let policy = self.policy.unwrap_or_else(|| Policy::draw(&mut choices));
        match self.workers {
            None => one_thread::run(policy, choices, self.flight_recorder, program),
            Some(count) => workers::run(count, policy, choices, self.flight_recorder, program),
        }
    }
}
