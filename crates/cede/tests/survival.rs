//! What a runtime must survive: futures, outputs and wakers that panic or come back to it, at every point of a task's life.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};
use std::thread;

use cede::runtime::{Builder, Runtime};
use cede::task::{AbortHandle, JoinHandle};

fn one_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn two_workers() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Keeps the expected panics out of the output.
fn hush() {
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

const EXPECTED: &str = "this is the test's own panic";

/// Where something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
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
enum Deed {
    Panics,
    Spawns,
    WakesItself,
    AbortsItself,
    DropsItsHandle,
}

/// How far the task's life has come when its end begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    Running,
    Idle,
    Done,
    Aborted,
    Shutdown,
}

/// What the deeds need to know of their task, and what is counted.
#[derive(Default)]
struct Case {
    waker: Mutex<Option<Waker>>,
    abort: Mutex<Option<AbortHandle>>,
    handle: Mutex<Option<JoinHandle<Output>>>,
    done: AtomicBool,
    ready: AtomicBool,
    polls: AtomicUsize,
    future_drops: AtomicUsize,
    output_drops: AtomicUsize,
    outputs: AtomicUsize,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Case {
    /// Does the deed, once.
    fn act(&self, deed: Deed) {
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
        }
    }
}

struct Script {
    case: Arc<Case>,
    place: Place,
    deed: Deed,
}

impl Script {
    fn act_at(&self, place: Place) {
        if self.place == place {
            self.case.act(self.deed);
        }
    }
}

struct Output(Arc<Script>);

impl Drop for Output {
    fn drop(&mut self) {
        self.0.case.output_drops.fetch_add(1, Ordering::SeqCst);
        self.0.act_at(Place::DropOfOutput);
    }
}

struct Actor(Arc<Script>);

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
struct Acting {
    script: Arc<Script>,
    wake: Place,
}

fn waker(script: &Arc<Script>, wake: Place) -> Waker {
    let acting = Arc::new(Acting { script: script.clone(), wake });
    // SAFETY: the table upholds the contract: each clone is a count of the `Arc`, given back by `wake` and `drop`.
    unsafe { Waker::from_raw(RawWaker::new(Arc::into_raw(acting).cast(), &TABLE)) }
}

static TABLE: RawWakerVTable = RawWakerVTable::new(
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

/// The test's own panics may come out of calls that run foreign code, such as the drop of an output.
fn tolerate<R>(act: impl FnOnce() -> R) -> Option<R> {
    match catch_unwind(AssertUnwindSafe(act)) {
        Ok(result) => Some(result),
        Err(panic) => {
            assert_eq!(panic.downcast_ref::<&str>(), Some(&EXPECTED));
            None
        }
    }
}

fn play(runtime: Runtime, place: Place, deed: Deed, moment: Moment) {
    let case = Arc::new(Case::default());
    let script = Arc::new(Script { case: case.clone(), place, deed });
    case.ready.store(matches!(moment, Moment::Running | Moment::Done), Ordering::SeqCst);
    let task = runtime.spawn(Actor(script.clone()));
    let abort = task.abort_handle();
    *lock(&case.abort) = Some(task.abort_handle());
    *lock(&case.handle) = Some(task);
    if moment != Moment::Running {
        runtime.block_on(polled(&case, &abort));
    }
    // A joiner with an acting waker; if the deed has dropped the handle there is none.
    let mut joining = lock(&case.handle).take();
    if let Some(handle) = &mut joining {
        for _ in 0..2 {
            let waker = waker(&script, Place::WakerWake);
            let polled = tolerate(|| Pin::new(&mut *handle).poll(&mut Context::from_waker(&waker)));
            tolerate(|| drop(waker));
            if let Some(Poll::Ready(output)) = polled {
                tolerate(|| drop(output));
                break;
            }
        }
    }
    // Put back, so that a deed from here on can drop it.
    *lock(&case.handle) = joining;
    if moment == Moment::Aborted {
        abort.abort();
    }
    if moment != Moment::Shutdown && moment != Moment::Idle {
        runtime.block_on(ended(&abort));
    }
    // It still works.
    assert_eq!(runtime.block_on(async { cede::spawn(async { 5 }).await.unwrap() }), 5);
    drop(runtime);
    let handle = lock(&case.handle).take();
    tolerate(|| drop(handle));
    let waker = lock(&case.waker).take();
    drop(waker);
    let kept = lock(&case.abort).take();
    drop(kept);
    assert!(abort.is_finished());
    assert_eq!(case.future_drops.load(Ordering::SeqCst), 1, "the future is dropped once");
    assert_eq!(case.output_drops.load(Ordering::SeqCst), case.outputs.load(Ordering::SeqCst), "each output is dropped once");
}

async fn polled(case: &Case, task: &AbortHandle) {
    while case.polls.load(Ordering::SeqCst) == 0 && !task.is_finished() {
        cede::task::yield_now().await;
    }
}

async fn ended(task: &AbortHandle) {
    while !task.is_finished() {
        cede::task::yield_now().await;
    }
}

/// One test for each pair of a place and a deed, over all moments and runtimes.
macro_rules! matrix {
    ($($name:ident: $place:ident $deed:ident;)*) => {$(
        #[test]
        fn $name() {
            hush();
            for moment in [Moment::Running, Moment::Idle, Moment::Done, Moment::Aborted, Moment::Shutdown] {
                for runtime in [one_thread(), two_workers()] {
                    play(runtime, Place::$place, Deed::$deed, moment);
                }
            }
        }
    )*};
}

matrix! {
    poll_panics: Poll Panics;
    poll_spawns: Poll Spawns;
    poll_wakes_itself: Poll WakesItself;
    poll_aborts_itself: Poll AbortsItself;
    poll_drops_its_handle: Poll DropsItsHandle;
    wake_of_another_panics: WakeOfOther Panics;
    wake_of_another_spawns: WakeOfOther Spawns;
    wake_of_another_wakes_itself: WakeOfOther WakesItself;
    wake_of_another_aborts_itself: WakeOfOther AbortsItself;
    wake_of_another_drops_its_handle: WakeOfOther DropsItsHandle;
    drop_of_the_future_panics: DropOfFuture Panics;
    drop_of_the_future_spawns: DropOfFuture Spawns;
    drop_of_the_future_wakes_itself: DropOfFuture WakesItself;
    drop_of_the_future_aborts_itself: DropOfFuture AbortsItself;
    drop_of_the_future_drops_its_handle: DropOfFuture DropsItsHandle;
    drop_of_the_output_panics: DropOfOutput Panics;
    drop_of_the_output_spawns: DropOfOutput Spawns;
    drop_of_the_output_wakes_itself: DropOfOutput WakesItself;
    drop_of_the_output_aborts_itself: DropOfOutput AbortsItself;
    drop_of_the_output_drops_its_handle: DropOfOutput DropsItsHandle;
    clone_of_the_joiners_waker_panics: WakerClone Panics;
    clone_of_the_joiners_waker_spawns: WakerClone Spawns;
    clone_of_the_joiners_waker_wakes_the_task: WakerClone WakesItself;
    clone_of_the_joiners_waker_aborts_the_task: WakerClone AbortsItself;
    clone_of_the_joiners_waker_drops_the_handle: WakerClone DropsItsHandle;
    the_joiners_waker_panics: WakerWake Panics;
    the_joiners_waker_spawns: WakerWake Spawns;
    the_joiners_waker_wakes_the_task: WakerWake WakesItself;
    the_joiners_waker_aborts_the_task: WakerWake AbortsItself;
    the_joiners_waker_drops_the_handle: WakerWake DropsItsHandle;
    drop_of_the_joiners_waker_panics: WakerDrop Panics;
    drop_of_the_joiners_waker_spawns: WakerDrop Spawns;
    drop_of_the_joiners_waker_wakes_the_task: WakerDrop WakesItself;
    drop_of_the_joiners_waker_aborts_the_task: WakerDrop AbortsItself;
    drop_of_the_joiners_waker_drops_the_handle: WakerDrop DropsItsHandle;
}

/// The output of a task: the handle of the next one.
struct Link {
    /// Only dropped.
    _next: Option<JoinHandle<Link>>,
    drops: Arc<AtomicUsize>,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.drops.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_chain_of_outputs_is_dropped_on_a_small_stack() {
    const LENGTH: usize = if cfg!(debug_assertions) { 200_000 } else { 1_000_000 };
    let small = thread::Builder::new().stack_size(2 << 20);
    let checked = small.spawn(|| {
        let drops = Arc::new(AtomicUsize::new(0));
        let runtime = one_thread();
        let mut last: Option<JoinHandle<Link>> = None;
        runtime.block_on(async {
            for number in 0..LENGTH {
                let link = Link { _next: last.take(), drops: drops.clone() };
                last = Some(cede::spawn(async move { link }));
                if number % 1000 == 0 {
                    cede::task::yield_now().await;
                }
            }
            while !last.as_ref().is_some_and(JoinHandle::is_finished) {
                cede::task::yield_now().await;
            }
        });
        drop(last);
        assert_eq!(drops.load(Ordering::Relaxed), LENGTH);
    });
    checked.unwrap().join().unwrap();
}

#[test]
fn wakes_from_other_threads_while_the_runtime_ends() {
    const ROUNDS: usize = if cfg!(debug_assertions) { 500 } else { 2000 };
    let wakers = Arc::new(Mutex::new(Vec::<Waker>::new()));
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let woken: Vec<_> = lock(&wakers).clone();
                    woken.into_iter().for_each(Waker::wake);
                }
            });
        }
        for round in 0..ROUNDS {
            let runtime = if round % 2 == 0 { one_thread() } else { two_workers() };
            for _ in 0..4 {
                let wakers = wakers.clone();
                runtime.spawn(std::future::poll_fn(move |cx| {
                    let mut wakers = lock(&wakers);
                    if wakers.len() > 16 {
                        wakers.clear();
                    }
                    wakers.push(cx.waker().clone());
                    Poll::<()>::Pending
                }));
            }
            runtime.block_on(cede::task::yield_now());
            drop(runtime);
        }
        over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn spawn_and_join_from_a_block_on_that_runs_tasks_interrupt_few_workers() {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().block_on_runs_tasks(true).build().unwrap();
    let load = async || {
        for i in 0..1000 {
            assert_eq!(cede::spawn(async move { i }).await.unwrap(), i);
        }
    };
    runtime.block_on(load());
    let before = runtime.handle().metrics().interrupts();
    runtime.block_on(load());
    let interrupts = runtime.handle().metrics().interrupts() - before;
    assert!(interrupts <= 50, "{interrupts} interrupts for 1000 tasks");
}

#[test]
fn two_tasks_that_talk_in_one_worker_interrupt_nobody() {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let metrics = runtime.handle().metrics();
    let talk = runtime.spawn(async move {
        let (ping, mut pings) = cede::sync::mpsc::channel::<u32>(1);
        let (pong, mut pongs) = cede::sync::mpsc::channel::<u32>(1);
        let other = cede::spawn(async move {
            while let Some(number) = pings.recv().await {
                if pong.send(number).await.is_err() {
                    return;
                }
            }
        });
        let mut before = 0;
        for round in 0..11_000 {
            if round == 1000 {
                before = metrics.interrupts();
            }
            ping.send(round).await.unwrap();
            assert_eq!(pongs.recv().await, Some(round));
        }
        let interrupts = metrics.interrupts() - before;
        drop(ping);
        other.await.unwrap();
        interrupts
    });
    let interrupts = runtime.block_on(talk).unwrap();
    assert!(interrupts <= 5, "{interrupts} interrupts in 10000 rounds");
}

#[test]
fn tasks_of_a_block_on_that_has_ended_are_run_by_the_workers() {
    let runtime = two_workers();
    for _ in 0..20 {
        let (runs, ran) = std::sync::mpsc::channel();
        runtime.block_on(async {
            for _ in 0..1000 {
                let runs = runs.clone();
                cede::spawn(async move { runs.send(()).unwrap() });
            }
        });
        drop(runs);
        assert_eq!(ran.iter().count(), 1000);
    }
}
