//! The life of a task under the model checker: two or three threads and a handful of steps each.

use std::boxed::Box;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
// Counters are no part of what is modelled; loom runs one thread at a time.
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use core::alloc::Layout;
use core::panic::Location;
use core::ptr::NonNull;

use loom::sync::Notify;
use loom::sync::mpsc::{Receiver, Sender, channel};
use loom::thread;

use super::{Cell, Header, Home, Join, TaskRef, task_of, waker, with_waker};

fn model(check: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(check);
}

/// What is counted during one execution, and the run queue.
struct World {
    outputs_dropped: AtomicUsize,
    futures_dropped: AtomicUsize,
    cells_freed: AtomicUsize,
    polls: AtomicUsize,
    queue: Sender<TaskRef>,
}

loom::lazy_static! {
    static ref WORLD: std::sync::Mutex<Option<Arc<World>>> = std::sync::Mutex::new(None);
}

fn world() -> Arc<World> {
    WORLD.lock().unwrap().clone().expect("is made at the start of an execution")
}

/// Starts an execution: the counters at zero, and the taker's end of the queue.
fn begin() -> (Arc<World>, Receiver<TaskRef>) {
    let (queue, queued) = channel();
    let world = Arc::new(World {
        outputs_dropped: AtomicUsize::new(0),
        futures_dropped: AtomicUsize::new(0),
        cells_freed: AtomicUsize::new(0),
        polls: AtomicUsize::new(0),
        queue,
    });
    *WORLD.lock().unwrap() = Some(world.clone());
    (world, queued)
}

struct TestHome;

/// Why a task has no output.
#[derive(Debug)]
struct Aborted;

impl Home for TestHome {
    type Failure = Aborted;

    fn schedule(task: TaskRef) {
        let world = world();
        // A step for the model checker, in which a cell that nobody keeps would be freed.
        let _state = task.state();
        assert_eq!(world.cells_freed.load(Ordering::SeqCst), 0, "the cell is gone while its task is being queued");
        world.queue.send(task).expect("the model keeps the taker's end");
    }

    unsafe fn free(task: TaskRef, layout: Layout) {
        world().cells_freed.fetch_add(1, Ordering::SeqCst);
        // SAFETY: no reference is left and the memory came from `alloc` with this layout. The header is dropped for loom's sake only.
        unsafe {
            core::ptr::drop_in_place(task.as_ptr().as_ptr());
            loom::alloc::dealloc(task.as_ptr().as_ptr().cast(), layout);
        }
    }
}

/// Counts its drop.
struct Output;

impl Drop for Output {
    fn drop(&mut self) {
        world().outputs_dropped.fetch_add(1, Ordering::SeqCst);
    }
}

/// Is ready at its poll number `ready_at`. Leaves its waker for others when it waits.
struct Waits {
    ready_at: usize,
    left: Option<Sender<Waker>>,
}

impl Future for Waits {
    type Output = Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Output> {
        if world().polls.fetch_add(1, Ordering::SeqCst) + 1 >= self.ready_at {
            return Poll::Ready(Output);
        }
        if let Some(left) = self.left.take() {
            left.send(cx.waker().clone()).expect("the model keeps the other end");
        }
        Poll::Pending
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        world().futures_dropped.fetch_add(1, Ordering::SeqCst);
    }
}

fn spawn(ready_at: usize, left: Option<Sender<Waker>>) -> (TaskRef, Join<Output, Aborted>) {
    let layout = Cell::<Waits, TestHome>::LAYOUT;
    // SAFETY: a cell is not of size zero.
    let memory = NonNull::new(unsafe { loom::alloc::alloc(layout) }).expect("there is memory");
    // SAFETY: the memory is new and the future is Send.
    unsafe {
        Header::vacant(memory.cast());
        Cell::<Waits, TestHome>::emplace(memory, Waits { ready_at, left }, 7, Location::caller(), 0)
    }
}

/// Gives a task turns until it sleeps or ends; says whether it ended.
fn run(task: TaskRef) -> bool {
    loop {
        if task.start().is_cancelled() {
            // SAFETY: the caller took the task from the queue.
            unsafe {
                task.fail(Aborted);
                drop(task.complete());
            }
            return true;
        }
        // SAFETY: as above.
        match with_waker(task, |waker| unsafe { task.poll(&mut Context::from_waker(waker)) }) {
            Poll::Ready(()) => {
                // SAFETY: as above.
                drop(unsafe { task.complete() });
                return true;
            }
            // SAFETY: as above.
            Poll::Pending if unsafe { task.park() } => {}
            Poll::Pending => return false,
        }
    }
}

/// Runs a task to its end, taking it from the queue each time it was woken.
fn run_to_end(task: TaskRef, queued: &Receiver<TaskRef>) {
    let mut ended = run(task);
    while !ended {
        ended = run(queued.recv().expect("the world keeps the other end"));
    }
}

fn assert_ended(world: &World, outputs: usize) {
    assert_eq!(world.futures_dropped.load(Ordering::SeqCst), 1);
    assert_eq!(world.outputs_dropped.load(Ordering::SeqCst), outputs);
    assert_eq!(world.cells_freed.load(Ordering::SeqCst), 1);
}

struct Unpark(Notify);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.notify();
    }
}

fn unpark() -> (Arc<Unpark>, Waker) {
    let unpark = Arc::new(Unpark(Notify::new()));
    (unpark.clone(), Waker::from(unpark))
}

#[test]
fn loom_wake_beside_run_beside_drop_of_the_join_handle() {
    model(|| {
        let (world, queued) = begin();
        let (left, wakers) = channel();
        let (task, join) = spawn(2, Some(left));
        let waking = thread::spawn(move || wakers.recv().unwrap().wake());
        let dropping = thread::spawn(move || drop(join));
        run_to_end(task, &queued);
        waking.join().unwrap();
        dropping.join().unwrap();
        assert_ended(&world, 1);
    });
}

#[test]
fn loom_join_with_a_replaced_waker_beside_completion() {
    model(|| {
        let (world, queued) = begin();
        let (task, mut join) = spawn(1, None);
        let joining = thread::spawn(move || {
            let (_first, waker) = unpark();
            let mut output = join.poll(&mut Context::from_waker(&waker));
            let (second, waker) = unpark();
            while output.is_pending() {
                output = join.poll(&mut Context::from_waker(&waker));
                if output.is_pending() {
                    second.0.wait();
                }
            }
            drop(join);
            assert!(matches!(output, Poll::Ready(Ok(_))));
        });
        run_to_end(task, &queued);
        joining.join().unwrap();
        assert_ended(&world, 1);
    });
}

#[test]
fn loom_completion_beside_the_replacement_of_a_waker_that_it_knows() {
    model(|| {
        let (world, queued) = begin();
        let (task, mut join) = spawn(1, None);
        let (first, waker) = unpark();
        assert!(join.poll(&mut Context::from_waker(&waker)).is_pending());
        drop(waker);
        let joining = thread::spawn(move || {
            let (second, waker) = unpark();
            while join.poll(&mut Context::from_waker(&waker)).is_pending() {
                second.0.wait();
            }
            drop((join, waker));
            second
        });
        run_to_end(task, &queued);
        let second = joining.join().unwrap();
        assert_eq!((Arc::strong_count(&first), Arc::strong_count(&second)), (1, 1), "each waker is gone, once");
        assert_ended(&world, 1);
    });
}

#[test]
fn loom_completion_beside_a_handle_that_leaves_its_waker_behind() {
    model(|| {
        let (world, queued) = begin();
        let (task, mut join) = spawn(1, None);
        let (unpark, waker) = unpark();
        assert!(join.poll(&mut Context::from_waker(&waker)).is_pending());
        drop(waker);
        let leaving = thread::spawn(move || drop(join));
        run_to_end(task, &queued);
        leaving.join().unwrap();
        assert_eq!(Arc::strong_count(&unpark), 1, "the waker is gone, once");
        assert_ended(&world, 1);
    });
}

#[test]
fn loom_one_join_poll_and_drop_beside_completion() {
    model(|| {
        let (world, queued) = begin();
        let (task, mut join) = spawn(1, None);
        let joining = thread::spawn(move || {
            let (_unpark, waker) = unpark();
            drop(join.poll(&mut Context::from_waker(&waker)));
            drop(join);
        });
        run_to_end(task, &queued);
        joining.join().unwrap();
        assert_ended(&world, 1);
    });
}

#[test]
fn loom_abort_beside_run() {
    model(|| {
        let (world, queued) = begin();
        // Would wait for ever.
        let (task, join) = spawn(usize::MAX, None);
        let aborting = thread::spawn(move || {
            join.task().cancel();
            drop(join);
        });
        run_to_end(task, &queued);
        aborting.join().unwrap();
        assert_ended(&world, 0);
    });
}

#[test]
fn loom_abort_beside_wake_beside_run() {
    model(|| {
        let (world, queued) = begin();
        let (task, join) = spawn(2, None);
        let waking = waker(task);
        let waking = thread::spawn(move || waking.wake());
        let aborting = thread::spawn(move || {
            join.task().cancel();
            drop(join);
        });
        run_to_end(task, &queued);
        waking.join().unwrap();
        aborting.join().unwrap();
        let outputs = world.outputs_dropped.load(Ordering::SeqCst);
        assert!(outputs <= 1);
        assert_ended(&world, outputs);
    });
}

#[test]
fn loom_wake_by_value_may_be_the_last_reference() {
    model(|| {
        let (world, queued) = begin();
        let (task, join) = spawn(1, None);
        let waker = waker(task);
        drop(join);
        let waking = thread::spawn(move || waker.wake());
        run_to_end(task, &queued);
        waking.join().unwrap();
        assert_ended(&world, 1);
        assert!(queued.try_recv().is_err(), "a complete task is not queued");
    });
}

#[test]
fn loom_a_wake_that_gives_its_reference_back_at_once() {
    model(|| {
        let (world, queued) = begin();
        let (left, wakers) = channel();
        let (task, join) = spawn(2, Some(left));
        assert!(!run(task), "it sleeps");
        drop(join);
        let waker = core::mem::ManuallyDrop::new(wakers.recv().unwrap());
        drop(wakers);
        let queue = world.queue.clone();
        let waking = thread::spawn(move || {
            let task = task_of(&waker).unwrap();
            // SAFETY: the waker's reference, once. Whoever takes from the queue runs the task, and claims nothing.
            unsafe { task.wake_and_release_into(|task| queue.send(task).unwrap()) };
        });
        assert!(run(queued.recv().unwrap()), "another thread ends it, and frees it, perhaps before the wake returns");
        waking.join().unwrap();
        assert_ended(&world, 1);
    });
}

#[test]
fn loom_two_wakers_dropped_beside_completion() {
    model(|| {
        let (world, queued) = begin();
        let (task, join) = spawn(1, None);
        let (one, other) = (waker(task), waker(task));
        drop(join);
        let dropping: Box<[_]> = [one, other].map(|waker| thread::spawn(move || drop(waker))).into();
        run_to_end(task, &queued);
        dropping.into_iter().for_each(|thread| thread.join().unwrap());
        assert_ended(&world, 1);
    });
}

#[test]
fn loom_a_sighting_is_of_one_task() {
    use super::Sighting;

    let sites: [&'static Location<'static>; 2] = [site_of_the_first(), Location::caller()];
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(move || {
        let mut cell = Box::new(core::mem::MaybeUninit::<Header>::uninit());
        let pointer = NonNull::from(&mut *cell).cast::<Header>();
        let header = {
            // SAFETY: the memory is new; it stays until the other thread has ended.
            unsafe { Header::vacant(pointer) };
            // SAFETY: it has just been initialized.
            unsafe { pointer.as_ref() }
        };
        let vtable = Cell::<Waits, TestHome>::VTABLE;
        header.occupy(vtable, 1, sites[0], 1);
        let address = pointer.as_ptr() as usize;
        let sees = thread::spawn(move || {
            let cell = NonNull::new(address as *mut Header).expect("is the address of a cell");
            // SAFETY: the header is initialized and its memory stays.
            if let Some(seen) = unsafe { Sighting::of(cell) } {
                assert_eq!((seen.site, seen.born), (sites[seen.id as usize - 1], seen.id as u32), "of two tasks");
            }
        });
        // SAFETY: no reference to the task was ever made.
        unsafe { Header::vacate(pointer) };
        header.occupy(vtable, 2, sites[1], 2);
        sees.join().unwrap();
        // SAFETY: nobody else knows the header any more.
        unsafe { core::ptr::drop_in_place(pointer.as_ptr()) };
    });
}

#[track_caller]
fn site_of_the_first() -> &'static Location<'static> {
    Location::caller()
}

/// The end of a runtime whose queues nobody takes from any more claims a sleeper; somebody outside wakes it. One of them gets the right to poll.
#[test]
fn loom_claim_of_a_sleeper_beside_its_wake() {
    model(|| {
        let (world, queued) = begin();
        let (left, wakers) = channel();
        let (task, join) = spawn(usize::MAX, Some(left));
        assert!(!run(task), "it sleeps");
        let waking = thread::spawn(move || wakers.recv().unwrap().wake());
        // SAFETY: the queue is the model's, and is looked at after the threads have ended.
        let claimed = unsafe { task.claim_asleep_for_shutdown() };
        if claimed {
            // SAFETY: the claim gave the right to poll.
            unsafe {
                task.fail(Aborted);
                drop(task.complete());
            }
        }
        waking.join().unwrap();
        match queued.try_recv() {
            Ok(task) => {
                assert!(!claimed, "the right to poll was given twice");
                task.cancel();
                assert!(run(task));
            }
            Err(_) => assert!(claimed, "the right to poll was lost"),
        }
        drop(join);
        assert_ended(&world, 0);
    });
}

/// The end of a runtime claims everything, also what somebody outside has just woken, by value, and is about to queue. The memory stays until that is done.
#[test]
fn loom_end_of_everything_beside_a_wake_by_value() {
    model(|| {
        let (world, queued) = begin();
        let (left, wakers) = channel();
        let (task, join) = spawn(usize::MAX, Some(left));
        assert!(!run(task), "it sleeps");
        drop(join);
        let waker = wakers.recv().unwrap();
        drop(wakers);
        let waking = thread::spawn(move || waker.wake());
        // SAFETY: nobody takes from the queue, so nobody else polls.
        unsafe {
            assert!(task.claim_for_shutdown());
            task.fail(Aborted);
            drop(task.complete());
        }
        waking.join().unwrap();
        while queued.try_recv().is_ok() {}
        assert_ended(&world, 0);
    });
}

/// The same beside a thread that is away in the middle of a poll: what runs is not claimed.
#[test]
fn loom_claim_of_a_sleeper_beside_a_poll() {
    model(|| {
        let (world, queued) = begin();
        let (task, join) = spawn(usize::MAX, None);
        let away = thread::spawn(move || run(task));
        // SAFETY: as above.
        let claimed = unsafe { task.claim_asleep_for_shutdown() };
        if claimed {
            // SAFETY: as above.
            unsafe {
                task.fail(Aborted);
                drop(task.complete());
            }
        }
        let ended = away.join().unwrap();
        assert!(!(claimed && ended), "it was ended twice");
        if !claimed && !ended {
            // SAFETY: nobody else runs it any more.
            assert!(unsafe { task.claim_for_shutdown() } && run(task));
        }
        assert!(queued.try_recv().is_err());
        drop(join);
        assert_ended(&world, 0);
    });
}
