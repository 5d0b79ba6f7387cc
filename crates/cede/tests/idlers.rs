//! What waits beside workers that sleep.

use std::future::{Future, poll_fn};
use std::io::Write;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use cede::io::AsyncReadExt;
use cede::runtime::{Builder, Handle, Runtime};

/// Nothing waits for so long unless it waits for ever.
const LONG: Duration = Duration::from_secs(60);
/// When nothing has happened for so long the monitor sleeps. (On a machine that stands still meanwhile it may not yet; then there is less to see.)
const SILENCE: Duration = Duration::from_millis(700);

fn builder(rescued: usize) -> Builder {
    let mut builder = Builder::new_multi_thread();
    // Nobody is taken from its thread within the test.
    builder.worker_threads(2).enable_all().rescue_after(Duration::from_secs(3600)).max_rescued_threads(rescued);
    builder
}

fn workers(rescued: usize) -> Runtime {
    builder(rescued).build().unwrap()
}

/// Waits until all workers sleep. (On a machine that stands still meanwhile one may not sleep for good yet; then it watches, and there is less to see.)
fn all_sleep(runtime: &Runtime) {
    let metrics = runtime.metrics();
    let sleeps = |worker| metrics.worker_park_unpark_count(worker) % 2 == 1;
    while !(0..metrics.num_workers()).all(sleeps) {
        std::thread::yield_now();
    }
    // As long as a watcher sleeps at most.
    std::thread::sleep(Duration::from_millis(5));
}

/// Queues a task and does not await until that has run: a worker that was asleep has to come.
async fn burns_until_its_neighbour_has_run() {
    let done = Arc::new(AtomicBool::new(false));
    let ran = done.clone();
    cede::spawn(async move { ran.store(true, Ordering::SeqCst) });
    // The one spawned last runs next on its worker, wherever that leaves the one before.
    cede::spawn(async {});
    let began = Instant::now();
    while !done.load(Ordering::SeqCst) {
        assert!(began.elapsed() < LONG, "nobody comes for what waits");
        std::hint::spin_loop();
    }
}

fn is_found_each_time(runtime: &Runtime) {
    for _ in 0..20 {
        all_sleep(runtime);
        runtime.block_on(runtime.spawn(burns_until_its_neighbour_has_run())).unwrap();
    }
}

#[test]
fn where_all_slept_the_monitor_wakes_somebody_for_what_waits_behind_a_long_task() {
    is_found_each_time(&workers(1));
}

#[test]
fn without_a_monitor_whoever_queues_wakes_somebody() {
    is_found_each_time(&workers(0));
}

#[test]
fn a_monitor_that_slept_wakes_somebody_as_well() {
    let runtime = workers(1);
    all_sleep(&runtime);
    thread::sleep(SILENCE);
    runtime.block_on(runtime.spawn(burns_until_its_neighbour_has_run())).unwrap();
}

#[test]
fn a_hook_may_take_long_before_a_worker_goes_on() {
    let is_long = Arc::new(AtomicBool::new(false));
    let hook = {
        let is_long = is_long.clone();
        move || {
            if is_long.swap(false, Ordering::SeqCst) {
                thread::sleep(SILENCE);
            }
        }
    };
    let runtime = builder(1).on_thread_unpark(hook).build().unwrap();
    all_sleep(&runtime);
    is_long.store(true, Ordering::SeqCst);
    runtime.block_on(runtime.spawn(burns_until_its_neighbour_has_run())).unwrap();
    assert!(!is_long.load(Ordering::SeqCst), "a worker had slept");
}

/// The worker that is woken for what another thread queues goes on to search for that; while it runs the hook it does not.
#[test]
fn nothing_is_left_to_the_search_of_a_worker_whose_hook_waits_in_a_nested_block_on() {
    let burns = Arc::new(AtomicBool::new(false));
    let (over, is_over) = channel();
    let over = Mutex::new(over);
    let hook = {
        let burns = burns.clone();
        move || {
            if burns.swap(false, Ordering::SeqCst) {
                Handle::current().block_on(burns_until_its_neighbour_has_run());
                over.lock().unwrap().send(()).unwrap();
            }
        }
    };
    let runtime = builder(1).on_thread_unpark(hook).build().unwrap();
    all_sleep(&runtime);
    burns.store(true, Ordering::SeqCst);
    runtime.block_on(runtime.spawn(async {})).unwrap();
    is_over.recv_timeout(2 * LONG).expect("it comes to its end");
}

/// Burns in a nested `block_on`, and says when that is over.
struct Burns {
    handle: Handle,
    over: Mutex<Sender<()>>,
}

impl Wake for Burns {
    fn wake(self: Arc<Self>) {
        self.handle.block_on(burns_until_its_neighbour_has_run());
        self.over.lock().unwrap().send(()).unwrap();
    }
}

/// The driver calls it while its worker counts as asleep, and the monitor sleeps.
#[test]
fn a_waker_may_take_long_in_a_nested_block_on() {
    let runtime = workers(1);
    let (ours, mut theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let registered = runtime.spawn(async move {
        let mut ours = cede::net::UnixStream::from_std(ours).unwrap();
        // By this worker.
        assert!(poll_fn(|cx| Poll::Ready(pin!(ours.read_u8()).poll(cx).is_pending())).await);
        ours
    });
    let mut ours = runtime.block_on(registered).unwrap();
    let (over, is_over) = channel();
    let waker = Waker::from(Arc::new(Burns { handle: runtime.handle().clone(), over: Mutex::new(over) }));
    let mut reading = pin!(ours.read_u8());
    assert!(reading.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    drop(waker);
    all_sleep(&runtime);
    thread::sleep(SILENCE);
    theirs.write_all(&[7]).unwrap();
    is_over.recv_timeout(2 * LONG).expect("it comes to its end");
}
