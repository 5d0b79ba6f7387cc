//! How runtimes end while other threads still use them.

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex, Once};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, ThreadId};
use std::time::Duration;

use cede::runtime::{Builder, Runtime};

/// A thread in its `block_on` runs tasks.
fn with_guest() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().block_on_runs_tasks(true).build().unwrap()
}

fn runtimes() -> [Runtime; 3] {
    [
        Builder::new_current_thread().enable_all().build().unwrap(),
        Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap(),
        with_guest(),
    ]
}

/// Counts its drops.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A task that, once it is polled on the wanted thread, stays in that poll until the runtime has been dropped or some time has passed.
struct Lingers {
    on: Arc<Mutex<Option<ThreadId>>>,
    waker: Sender<Waker>,
    polled: Sender<()>,
    runtime_gone: Receiver<()>,
    polling: Arc<AtomicBool>,
    dropped_while_polled: Arc<AtomicBool>,
}

impl Future for Lingers {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if *self.on.lock().unwrap() != Some(thread::current().id()) {
            let _gone = self.waker.send(cx.waker().clone());
            return Poll::Pending;
        }
        self.polling.store(true, Ordering::SeqCst);
        self.polled.send(()).unwrap();
        // The runtime must wait for this poll, so the message does not come while it lasts.
        let gone = self.runtime_gone.recv_timeout(Duration::from_millis(50));
        self.polling.store(false, Ordering::SeqCst);
        assert!(gone.is_err(), "the runtime was gone while its task was polled");
        Poll::Pending
    }
}

impl Drop for Lingers {
    fn drop(&mut self) {
        if self.polling.load(Ordering::SeqCst) {
            self.dropped_while_polled.store(true, Ordering::SeqCst);
        }
    }
}

/// Wakes whoever sent a waker; says whether nobody will send any more.
fn wakers_closed(wakers: &Receiver<Waker>) -> bool {
    match wakers.try_recv() {
        Ok(waker) => waker.wake(),
        Err(TryRecvError::Empty) => {}
        Err(TryRecvError::Disconnected) => return true,
    }
    false
}

#[test]
fn the_end_waits_for_a_poll_on_the_thread_of_a_block_on() {
    let runtime = with_guest();
    let on = Arc::new(Mutex::new(None));
    let (waker, wakers) = channel();
    let (polled, is_polled) = channel();
    let (gone, runtime_gone) = channel();
    let dropped_while_polled = Arc::new(AtomicBool::new(false));
    let lingers = Lingers {
        on: on.clone(),
        waker,
        polled,
        runtime_gone,
        polling: Arc::new(AtomicBool::new(false)),
        dropped_while_polled: dropped_while_polled.clone(),
    };
    let lingering = runtime.spawn(lingers);
    let handle = runtime.handle().clone();
    let guest = thread::spawn(move || {
        handle.block_on(async move {
            *on.lock().unwrap() = Some(thread::current().id());
            // A worker may be faster than this thread; then the task says so again. It ends with its runtime.
            while !wakers_closed(&wakers) {
                cede::task::yield_now().await;
            }
        });
    });
    is_polled.recv().unwrap();
    drop(runtime);
    let _nobody_waits = gone.send(());
    guest.join().unwrap();
    assert!(lingering.is_finished());
    assert!(!dropped_while_polled.load(Ordering::SeqCst));
}

#[test]
fn a_runtime_dropped_beside_a_block_on_drops_its_tasks() {
    for runtime in runtimes() {
        let drops = Arc::new(AtomicUsize::new(0));
        let handle = runtime.handle().clone();
        let (inside, is_inside) = channel();
        let (finish, finished) = cede::sync::oneshot::channel::<()>();
        let counted = Counted(drops.clone());
        let driver = thread::spawn(move || {
            handle.block_on(async move {
                let task = cede::spawn(async move {
                    let _counted = counted;
                    pending::<()>().await;
                });
                cede::task::yield_now().await;
                inside.send(()).unwrap();
                finished.await.unwrap();
                drop(task);
            });
        });
        is_inside.recv().unwrap();
        drop(runtime);
        finish.send(()).unwrap();
        driver.join().unwrap();
        assert_eq!(drops.load(Ordering::SeqCst), 1);
    }
}

#[test]
fn a_runtime_dropped_inside_its_own_task_drops_its_tasks() {
    for runtime in runtimes() {
        let drops = Arc::new(AtomicUsize::new(0));
        let counted = Counted(drops.clone());
        let handle = runtime.handle().clone();
        handle.block_on(async move {
            cede::spawn(async move {
                let _counted = counted;
                pending::<()>().await;
            });
            cede::task::yield_now().await;
            drop(runtime);
        });
        while drops.load(Ordering::SeqCst) == 0 {
            // On two workers the last one to stop drops the tasks.
            thread::yield_now();
        }
        assert_eq!(drops.load(Ordering::SeqCst), 1);
    }
}

/// Where a runtime is dropped.
#[derive(Clone, Copy, Debug)]
enum Where {
    OwnTask,
    BlockOn,
    Task,
    Closure,
    LocalSet,
    /// In a task of another that ends.
    End,
}

fn drop_there(place: Where, outer: Runtime, inner: Runtime) {
    match place {
        Where::OwnTask => {
            let handle = inner.handle().clone();
            let (over, is_over) = channel();
            let task = handle.spawn(async move {
                drop(inner);
                over.send(()).unwrap();
            });
            // The task goes on to its next wait.
            let _ended_or_cancelled = handle.block_on(task);
            is_over.recv().unwrap();
        }
        Where::BlockOn => outer.block_on(async move { drop(inner) }),
        Where::Task => {
            let task = outer.spawn(async move { drop(inner) });
            outer.block_on(task).unwrap();
        }
        Where::Closure => {
            let closure = outer.spawn_blocking(move || drop(inner));
            outer.block_on(closure).unwrap();
        }
        Where::LocalSet => {
            let set = cede::task::LocalSet::new();
            let task = set.spawn_local(async move { drop(inner) });
            set.block_on(&outer, task).unwrap();
        }
        Where::End => {
            outer.spawn(async move {
                let _inner = inner;
                pending::<()>().await;
            });
            drop(outer);
        }
    }
}

#[test]
fn a_runtime_may_be_dropped_anywhere_and_drops_its_tasks() {
    for place in [Where::OwnTask, Where::BlockOn, Where::Task, Where::Closure, Where::LocalSet, Where::End] {
        for outer in 0..3 {
            for inner in runtimes() {
                let (drops, turns) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
                let (counted, turn) = (Counted(drops.clone()), turns.clone());
                // A task that waits, one that runs again and again, and a closure.
                inner.spawn(async move {
                    let _counted = counted;
                    pending::<()>().await;
                });
                let counted = Counted(drops.clone());
                inner.spawn(async move {
                    let _counted = counted;
                    loop {
                        turn.fetch_add(1, Ordering::SeqCst);
                        cede::task::yield_now().await;
                    }
                });
                let counted = Counted(drops.clone());
                drop(inner.spawn_blocking(move || drop(counted)));
                inner.block_on(cede::task::yield_now());
                let outer = runtimes().into_iter().nth(outer).unwrap();
                drop_there(place, outer, inner);
                while drops.load(Ordering::SeqCst) < 3 {
                    thread::yield_now();
                }
                let ran = turns.load(Ordering::SeqCst);
                thread::yield_now();
                assert_eq!((drops.load(Ordering::SeqCst), turns.load(Ordering::SeqCst)), (3, ran), "{place:?}");
            }
        }
    }
}

/// A waker of a thread that has already taken its `park` token elsewhere.
#[test]
fn a_second_block_on_survives_a_future_that_takes_the_park_token() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let (finish, finished) = cede::sync::oneshot::channel::<()>();
    let handle = runtime.handle().clone();
    let (inside, is_inside) = channel();
    thread::scope(|scope| {
        scope.spawn(|| {
            handle.block_on(async {
                inside.send(()).unwrap();
                finished.await.unwrap();
            });
        });
        is_inside.recv().unwrap();
        let mut polls = 0;
        runtime.handle().block_on(std::future::poll_fn(|cx| {
            polls += 1;
            if polls == 3 {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            thread::park();
            Poll::Pending
        }));
        finish.send(()).unwrap();
    });
}

struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic!("a waker of the test's panics");
    }
}

/// Keeps the expected panics out of the output.
fn hush() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !info.payload_as_str().is_some_and(|text| text.contains("of the test's")) {
                before(info);
            }
        }));
    });
}

#[test]
fn a_panicking_waker_in_a_timer_kills_no_worker() {
    hush();
    for runtime in runtimes() {
        runtime.block_on(async {
            let hostile = cede::spawn(async {
                let mut sleep = Box::pin(cede::time::sleep(Duration::from_millis(1)));
                let waker = Waker::from(Arc::new(Panics));
                assert!(sleep.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
                while !sleep.is_elapsed() {
                    cede::time::sleep(Duration::from_millis(1)).await;
                }
            });
            hostile.await.unwrap();
        });
        // It ends, which takes all workers.
        drop(runtime);
    }
}

#[test]
fn spawns_from_elsewhere_while_the_runtime_ends_are_run_or_cancelled_once() {
    for round in 0..200 {
        for runtime in runtimes() {
            let (begun, drops) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let handle = runtime.handle().clone();
            let spawner = thread::spawn({
                let (begun, drops) = (begun.clone(), drops.clone());
                move || {
                    for _ in 0..50 {
                        let counted = Counted(drops.clone());
                        begun.fetch_add(1, Ordering::SeqCst);
                        drop(handle.spawn(async move {
                            let _counted = counted;
                            pending::<()>().await;
                        }));
                    }
                }
            });
            while begun.load(Ordering::SeqCst) < round % 50 {
                std::hint::spin_loop();
            }
            drop(runtime);
            spawner.join().unwrap();
            assert_eq!(drops.load(Ordering::SeqCst), 50);
        }
    }
}

#[test]
fn a_shutdown_limit_holds_for_the_whole() {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let started = Arc::new(AtomicUsize::new(0));
    let (in_task, in_closure) = (started.clone(), started.clone());
    // Both block until the runtime's end has been given up.
    let (end_task, task_ends) = std::sync::mpsc::channel::<()>();
    let (end_closure, closure_ends) = std::sync::mpsc::channel::<()>();
    runtime.spawn(async move {
        in_task.fetch_add(1, Ordering::SeqCst);
        let _all_are_gone = task_ends.recv();
    });
    runtime.spawn_blocking(move || {
        in_closure.fetch_add(1, Ordering::SeqCst);
        let _all_are_gone = closure_ends.recv();
    });
    while started.load(Ordering::SeqCst) < 2 {
        std::thread::yield_now();
    }
    // That it returns is what there is to see.
    runtime.shutdown_timeout(Duration::from_millis(200));
    drop((end_task, end_closure));
}

#[test]
fn spawning_on_a_dead_runtime_may_enter_another_in_the_drop_of_its_future() {
    struct Enters;
    impl Drop for Enters {
        fn drop(&mut self) {
            assert_eq!(cede::block_on(async { 1 }), 1);
        }
    }
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let handle = runtime.handle().clone();
    drop(runtime);
    let _inside = handle.enter();
    let enters = Enters;
    let task = cede::spawn(async move { drop(enters) });
    assert!(task.is_finished());
}
