//! The jobs that were promised, at the end of a pool.

#![forbid(unsafe_code)]

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use super::{Job, contain};
use crate::sys;

/// See [`RunPromised`](super::RunPromised). With a time limit on a thread of their own, which goes on when the time is over.
pub(crate) fn run<J: Job>(jobs: Vec<J>, deadline: Option<Instant>) {
    let run_all = |jobs: Vec<J>| jobs.into_iter().for_each(|job| contain(|| job.run()));
    let Some(deadline) = deadline.filter(|_| !jobs.is_empty()) else { return run_all(jobs) };
    let left = Arc::new((Mutex::new(Some(jobs)), Condvar::new()));
    let take = |left: &Mutex<Option<Vec<J>>>| left.lock().unwrap_or_else(PoisonError::into_inner).replace(Vec::new()).unwrap_or_default();
    let theirs = left.clone();
    let last_writes = move || {
        run_all(take(&theirs.0));
        // `None`: they are done.
        *theirs.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
        theirs.1.notify_one();
    };
    let thread = sys::thread::spawn(thread::Builder::new().name("cede-last-writes".to_owned()), Box::new(last_writes));
    if thread.is_err() {
        return run_all(take(&left.0));
    }
    let jobs = left.0.lock().unwrap_or_else(PoisonError::into_inner);
    let patience = deadline.saturating_duration_since(Instant::now());
    drop(left.1.wait_timeout_while(jobs, patience, |jobs| jobs.is_some()));
}
