//! A timer for code that knows no runtime.
//!
//! A lock or channel with a time limit needs one from the runtime that its task runs on. Whoever enters a runtime leaves a maker of sleeping
//! futures with the thread, once; the maker itself knows which runtime the thread is in when it is called.

use core::future::Future;
use core::pin::Pin;
use core::time::Duration;
use std::boxed::Box;

use crate::cells;

/// A future that is ready when the time has passed.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send + Sync>>;

/// Makes futures that are ready after so much time.
pub type Maker = fn(Duration) -> Sleep;

/// From now on [`maker`] on this thread gives `maker`.
pub fn install(maker: Maker) {
    cells::set_timer(maker);
}

/// What makes the timers on this thread. Called outside of the runtime it panics.
///
/// # Panics
/// On a thread that was never inside a runtime.
#[must_use]
#[track_caller]
pub fn maker() -> Maker {
    match cells::timer() {
        Some(maker) => maker,
        None => panic!(
            "there is no reactor running, must be called from the context of a Tokio 1.x runtime: call it in a task, or inside `block_on`"
        ),
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::{install, maker};
    use core::future::ready;
    use core::task::{Context, Waker};
    use core::time::Duration;
    use std::boxed::Box;

    #[test]
    fn the_maker_of_the_thread_is_used() {
        assert!(std::panic::catch_unwind(maker).is_err());
        install(|duration| {
            assert_eq!(duration, Duration::from_secs(7));
            Box::pin(ready(()))
        });
        let mut cx = Context::from_waker(Waker::noop());
        assert!(maker()(Duration::from_secs(7)).as_mut().poll(&mut cx).is_ready());
    }
}
