//! Wakers of the futures given to `block_on`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Wake;
use std::thread::Thread;

use super::with_active;

/// The waker of the future given to `block_on`: a flag, and the driver to interrupt.
pub(super) struct MainSignal {
    pub(super) woken: AtomicBool,
    pub(super) driver: cede_driver::Handle,
}

impl Wake for MainSignal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.woken.swap(true, Ordering::SeqCst) {
            return;
        }
        let here = with_active(|active| active.is_some_and(|scheduler| Arc::ptr_eq(&scheduler.shared.main, self)));
        if !here {
            self.driver.unpark();
        }
    }
}

/// Wakes a thread that only polls its future.
pub(super) struct ThreadSignal {
    pub(super) woken: AtomicBool,
    pub(super) thread: Thread,
}

impl Wake for ThreadSignal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.woken.swap(true, Ordering::SeqCst) {
            self.thread.unpark();
        }
    }
}
