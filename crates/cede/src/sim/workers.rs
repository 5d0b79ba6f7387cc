//! A simulated run of the work-stealing scheduler: virtual workers that take turns on one thread.
//!
//! # What
//! Each step chooses a worker that is not parked, which then gives one task its turn, or finds none and lingers, or begins to park, or (between the announcement and the sleep) looks for work a second time and
//! sleeps or goes on. So the steps of the parking protocol of different workers interleave. A parked worker goes on when somebody unparked its driver, or when its deadline has
//! come. When all are parked, the clock jumps to the first deadline; the watcher's time-outs count only while they lead to something.

use std::future::Future;
use std::sync::Arc;

use cede_core::choice::Seeded;
use cede_core::lock::Lock;

use super::policy::Chooser;
use super::queue::Trace;
use super::{Deadlock, Failure, LostWake, Policy, Report};
use crate::record::FlightRecorder;
use crate::runtime::Builder;
use crate::runtime::steal::stepping::{Progress, Stepper};

#[inline]
pub(super) fn run<F>(
    count: usize,
    policy: Policy,
    choices: Seeded,
    recorder: FlightRecorder,
    program: F,
) -> Result<Report<F::Output>, Failure>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let mut trace = Trace::default();
    let mut chooser = Chooser::new(policy, choices);
    let stepper: Stepper = Builder::new_multi_thread().worker_threads(count).flight_recorder(recorder).build_stepper();
    let output = Arc::new(Lock::new(None));
    let place = output.clone();
    let main = stepper.handle().spawn(async move {
        let result = program.await;
        *place.lock() = Some(result);
    });
    loop {
        let runnable: Vec<usize> = stepper.runnable();
        if runnable.is_empty() {
            if stepper.jump() {
                continue;
            }
            let blocked = stepper.blocked();
            return Err(stepper
                .probe_for_lost_wakes()
                .map_or(Failure::Deadlock(Deadlock { blocked }), |task| Failure::LostWake(LostWake { task })));
        }
        let chosen = runnable[chooser.choose(runnable.len(), |place| runnable[place] as u64)];
        // Now and then somebody else, so that a policy of priorities does not keep one worker waiting for ever.
        let chosen = if chooser.draw(8) == 0 { runnable[chooser.draw(runnable.len() as u32) as usize] } else { chosen };
        trace.record(chosen as u64 + 1);
        if let Progress::Polled = stepper.step(chosen) {
            trace.record_poll(chosen as u64);
        }
        if main.is_finished() {
            break;
        }
    }
    let result = output.lock().take();
    let elapsed_ns = stepper.handle().parts().clock.now();
    let Some(output) = result else {
        let error = stepper.finish(main);
        std::panic::resume_unwind(error.into_panic());
    };
    drop(stepper);
    Ok(Report { output, trace_hash: trace.hash(), polls: trace.polls(), elapsed_ns, policy })
}
