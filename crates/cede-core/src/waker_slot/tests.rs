//! The slot's transitions on one thread, with wakers that come back while they are called.

use super::WakerSlot;
use core::task::Waker;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;

/// Counts; on its first wakes the waiter parks again, is claimed again, and tries to change its waker.
struct Reparks {
    slot: WakerSlot,
    wakes: AtomicUsize,
}

struct Handle(Arc<Reparks>);

impl Wake for Handle {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let slot = &self.0.slot;
        let before = self.0.wakes.fetch_add(1, Ordering::SeqCst);
        if before < 2 {
            // SAFETY: one thread, so the lock that the slot asks for is held in effect.
            unsafe {
                assert!(slot.park(&Waker::from(Arc::clone(self))));
                match slot.claim() {
                    Some(beside) => {
                        assert_eq!(before, 0, "two calls at most");
                        beside.wake();
                    }
                    None => assert_eq!(before, 1, "the second caller repeats"),
                }
                assert!(slot.replace(Waker::noop().clone()).is_err(), "the waker is in use");
                assert!(slot.clear().is_none(), "the waker is in use");
            }
        }
    }
}

#[test]
fn claims_during_a_call_are_delivered() {
    let shared = Arc::new(Reparks { slot: WakerSlot::new(), wakes: AtomicUsize::new(0) });
    let waker = Waker::from(Arc::new(Handle(Arc::clone(&shared))));
    // SAFETY: one thread, so the lock that the slot asks for is held in effect.
    unsafe {
        assert!(shared.slot.claim().is_none(), "nobody is parked");
        assert!(!shared.slot.park(&waker));
        assert!(matches!(shared.slot.replace(waker.clone()), Ok(None)));
        shared.slot.claim().expect("parked").wake();
        assert_eq!(shared.wakes.load(Ordering::SeqCst), 3);
        assert!(shared.slot.claim().is_none(), "nobody is parked");
        assert!(shared.slot.park(&waker));
        drop(shared.slot.claim());
        assert_eq!(shared.wakes.load(Ordering::SeqCst), 4);
        assert!(shared.slot.clear().is_some());
    }
}
