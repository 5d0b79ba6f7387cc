//! A simulated run of the one-thread scheduler.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use cede_core::choice::Seeded;
use cede_core::lock::Lock;

use super::policy::Chooser;
use super::queue::Trace;
use super::{ChosenQueue, Deadlock, Failure, LostWake, Policy, Report};
use crate::record::FlightRecorder;
use crate::runtime::{Builder, Ready};

#[inline]
pub(super) fn run<F>(policy: Policy, choices: Seeded, recorder: FlightRecorder, program: F) -> Result<Report<F::Output>, Failure>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let trace = Arc::new(Lock::new(Trace::default()));
    let queue = ChosenQueue::new(Chooser::new(policy, choices), trace.clone());
    let runtime = Builder::new_current_thread().flight_recorder(recorder).build_simulated(Ready::Other(Box::new(queue)));
    let clock = runtime.handle().parts().clock.clone();
    // The program is a task like its children, so that the policy chooses it, too.
    let main = runtime.spawn(program);
    let finished = catch_unwind(AssertUnwindSafe(|| runtime.block_on(main)));
    let result = match finished {
        Ok(Ok(output)) => {
            let trace = trace.lock();
            Ok(Report { output, trace_hash: trace.hash(), polls: trace.polls(), elapsed_ns: clock.now(), policy })
        }
        Ok(Err(error)) => resume_unwind(error.into_panic()),
        Err(payload) => Err(failure(payload)),
    };
    drop(runtime);
    result
}

/// The scheduler reports what it found by a panic through the run loop.
#[inline]
fn failure(payload: Box<dyn std::any::Any + Send>) -> Failure {
    match payload.downcast::<Deadlock>() {
        Ok(deadlock) => Failure::Deadlock(*deadlock),
        Err(payload) => match payload.downcast::<LostWake>() {
            Ok(lost) => Failure::LostWake(*lost),
            Err(other) => resume_unwind(other),
        },
    }
}
