//! The `blocking_*` methods: they park the thread until the future of the same name is ready.
//!
//! They are for threads without an executor. On a thread that runs tasks they would keep all of its other tasks waiting, so they panic there; the
//! runtime says which threads those are ([`cede_context::inside`]).
#![forbid(unsafe_code)]

use alloc::sync::Arc;
use alloc::task::Wake;
use core::future::Future;
use core::pin::pin;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Context, Poll, Waker};
use std::thread::{self, Thread};

/// Wakes a thread. The flag tells a wake of ours from other unparks.
struct Unpark {
    woken: AtomicBool,
    thread: Thread,
}

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

/// Polls `future` on this thread, which parks in between.
///
/// # Panics
/// On a thread that runs an executor.
#[track_caller]
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    if cede_context::inside::is_entered() {
        inside_an_executor();
    }
    let mut future = pin!(future);
    let unpark = Arc::new(Unpark { woken: AtomicBool::new(true), thread: thread::current() });
    let waker = Waker::from(Arc::clone(&unpark));
    let mut cx = Context::from_waker(&waker);
    loop {
        if !unpark.woken.swap(false, Ordering::Acquire) {
            thread::park();
            continue;
        }
        if let Poll::Ready(output) = cede_context::budget::unconstrained(|| future.as_mut().poll(&mut cx)) {
            return output;
        }
    }
}

#[cold]
#[track_caller]
fn inside_an_executor() -> ! {
    panic!(
        "Cannot block the current thread from within a runtime: a `blocking_*` method was called on a thread that runs async tasks, all of \
         which would wait as long as it does; call it inside `spawn_blocking`, or `.await` the method without the prefix"
    )
}

mod broadcast;
mod locks;
mod mpsc;
mod oneshot;
