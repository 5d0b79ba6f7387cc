//! What somebody hostile does, and where: futures, outputs and wakers that panic or come back to the runtime.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};
use std::thread;

use cede::task::{AbortHandle, JoinHandle};

/// Keeps the expected panics out of the output.
pub(crate) fn hush() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if info.payload_as_str() != Some(EXPECTED) {
                before(info);
            }
        }));
    });
}

pub(crate) const EXPECTED: &str = "this is the test's own panic";

/// Where something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Poll,
    WakeOfOther,
    DropOfFuture,
    DropOfOutput,
    WakerClone,
    WakerWake,
    WakerDrop,
}

/// What happens there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    Panics,
    Spawns,
    WakesItself,
    AbortsItself,
    DropsItsHandle,
    /// Does what the case says, which goes through the locks of what calls it.
    Reenters,
}

/// How far the task's life has come when its end begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    Running,
    Idle,
    Done,
    Aborted,
    Shutdown,
}

/// What the deeds need to know of their task, and what is counted.
#[derive(Default)]
pub(crate) struct Case {
    pub(crate) waker: Mutex<Option<Waker>>,
    pub(crate) abort: Mutex<Option<AbortHandle>>,
    pub(crate) handle: Mutex<Option<JoinHandle<Output>>>,
    pub(crate) probe: Mutex<Option<Arc<dyn Fn() + Send + Sync>>>,
    pub(crate) done: AtomicBool,
    pub(crate) ready: AtomicBool,
    pub(crate) polls: AtomicUsize,
    pub(crate) future_drops: AtomicUsize,
    pub(crate) output_drops: AtomicUsize,
    pub(crate) outputs: AtomicUsize,
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Case {
    /// Does the deed, once.
    pub(crate) fn act(&self, deed: Deed) {
        if self.done.swap(true, Ordering::SeqCst) {
            return;
        }
        match deed {
            Deed::Panics if thread::panicking() => {}
            Deed::Panics => std::panic::panic_any(EXPECTED),
            Deed::Spawns => {
                if let Ok(handle) = cede::runtime::Handle::try_current() {
                    drop(handle.spawn(async {}));
                }
            }
            Deed::WakesItself => {
                let waker = lock(&self.waker).take();
                waker.into_iter().for_each(Waker::wake);
            }
            Deed::AbortsItself => {
                let abort = lock(&self.abort).take();
                abort.into_iter().for_each(|abort| abort.abort());
            }
            Deed::DropsItsHandle => {
                let handle = lock(&self.handle).take();
                drop(handle);
            }
            Deed::Reenters => {
                let probe = lock(&self.probe).clone();
                probe.into_iter().for_each(|probe| probe());
            }
        }
    }
}

pub(crate) struct Script {
    pub(crate) case: Arc<Case>,
    pub(crate) place: Place,
    pub(crate) deed: Deed,
}

impl Script {
    pub(crate) fn act_at(&self, place: Place) {
        if self.place == place {
            self.case.act(self.deed);
        }
    }
}

pub(crate) struct Output(pub(crate) Arc<Script>);

impl Drop for Output {
    fn drop(&mut self) {
        self.0.case.output_drops.fetch_add(1, Ordering::SeqCst);
        self.0.act_at(Place::DropOfOutput);
    }
}

pub(crate) struct Actor(pub(crate) Arc<Script>);

impl Future for Actor {
    type Output = Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Output> {
        let case = &self.0.case;
        case.polls.fetch_add(1, Ordering::SeqCst);
        *lock(&case.waker) = Some(cx.waker().clone());
        self.0.act_at(Place::Poll);
        if self.0.place == Place::WakeOfOther {
            let other = waker(&self.0, Place::WakeOfOther);
            other.wake_by_ref();
        }
        if case.ready.load(Ordering::SeqCst) {
            case.outputs.fetch_add(1, Ordering::SeqCst);
            return Poll::Ready(Output(self.0.clone()));
        }
        Poll::Pending
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        self.0.case.future_drops.fetch_add(1, Ordering::SeqCst);
        self.0.act_at(Place::DropOfFuture);
    }
}

/// A waker with a table of its own, so that cloning and dropping it can be acted on, too.
pub(crate) struct Acting {
    pub(crate) script: Arc<Script>,
    pub(crate) wake: Place,
}

pub(crate) fn waker(script: &Arc<Script>, wake: Place) -> Waker {
    let acting = Arc::new(Acting { script: script.clone(), wake });
    // SAFETY: the table upholds the contract: each clone is a count of the `Arc`, given back by `wake` and `drop`.
    unsafe { Waker::from_raw(RawWaker::new(Arc::into_raw(acting).cast(), &TABLE)) }
}

pub(crate) static TABLE: RawWakerVTable = RawWakerVTable::new(
    |data| {
        // SAFETY: the data of a live waker of this table.
        let acting = unsafe { &*data.cast::<Acting>() };
        acting.script.act_at(Place::WakerClone);
        // SAFETY: as above.
        unsafe { Arc::increment_strong_count(data.cast::<Acting>()) };
        RawWaker::new(data, &TABLE)
    },
    |data| {
        // SAFETY: the waker's own count.
        let acting = unsafe { Arc::from_raw(data.cast::<Acting>()) };
        acting.script.act_at(acting.wake);
    },
    |data| {
        // SAFETY: the data of a live waker of this table.
        let acting = unsafe { &*data.cast::<Acting>() };
        acting.script.act_at(acting.wake);
    },
    |data| {
        // SAFETY: the waker's own count.
        let acting = unsafe { Arc::from_raw(data.cast::<Acting>()) };
        acting.script.act_at(Place::WakerDrop);
    },
);

/// For what a call returns and nobody wants, also if there is nothing to drop.
pub(crate) fn ignore<T>(_value: T) {}

/// The test's own panics may come out of calls that run foreign code, such as the drop of an output.
pub(crate) fn tolerate<R>(act: impl FnOnce() -> R) -> Option<R> {
    match catch_unwind(AssertUnwindSafe(act)) {
        Ok(result) => Some(result),
        Err(panic) => {
            assert_eq!(panic.downcast_ref::<&str>(), Some(&EXPECTED));
            None
        }
    }
}
