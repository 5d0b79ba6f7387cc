//! Stopping and moving the clock of a runtime, for tests.

use std::time::Duration;

use cede_driver::clock::Clock;

use crate::runtime::{RuntimeFlavor, context};

#[track_caller]
fn current(verb: &str) -> Clock {
    let Some((clock, flavor)) = context::with_current(|handle| (handle.parts().clock.clone(), handle.runtime_flavor())) else {
        panic!("time cannot be frozen from outside the Tokio runtime: `{verb}` must be called inside a runtime");
    };
    assert!(flavor == RuntimeFlavor::CurrentThread, "`time::{verb}()` requires the `current_thread` Tokio runtime");
    clock
}

/// Stops the clock of the current runtime, which must be a one-thread one. From now on it moves only by [`advance`], and by itself when all tasks wait: then it jumps to the
/// next deadline, so a test of hours takes no time.
///
/// # Panics
/// If the clock is stopped already, outside of a runtime, and in a work-stealing runtime.
///
/// ```
/// # cede::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use cede::time::{self, Duration, Instant};
/// time::pause();
/// let start = Instant::now();
/// time::sleep(Duration::from_secs(3600)).await;
/// assert_eq!(start.elapsed().as_secs(), 3600);
/// # });
/// ```
#[track_caller]
pub fn pause() {
    assert!(current("pause").pause(), "time is already frozen");
}

/// Lets the clock run on.
///
/// # Panics
/// If it is not stopped, outside of a runtime, and in a simulated one.
#[track_caller]
pub fn resume() {
    assert!(current("resume").resume(), "time is not frozen");
}

/// Moves a stopped clock forward, and gives the tasks whose timers are due their turn.
///
/// *Cancel safety*: once polled, the clock has moved.
///
/// # Panics
/// If the clock is not stopped, or outside of a one-thread runtime.
pub async fn advance(duration: Duration) {
    let clock = current("advance");
    assert!(clock.is_paused(), "time is not frozen");
    clock.advance(duration);
    // Wakers are foreign code: nothing of the thread's context is borrowed while they run.
    context::current().timers().fire(clock.now());
    crate::task::yield_now().await;
}
