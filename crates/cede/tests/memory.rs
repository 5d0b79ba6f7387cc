//! Memory comes back, and what should not allocate does not.

#[path = "support/loads.rs"]
mod loads;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use cede::runtime::{Builder, Runtime};

use loads::{ROUNDS, each_load};

struct Counting;

static LIVE_BYTES: AtomicUsize = AtomicUsize::new(0);
static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// Allocations of this thread.
    static OWN: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: everything is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE_BYTES.fetch_add(layout.size(), Ordering::Relaxed);
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // A thread that ends may still allocate.
        let _ = OWN.try_with(|count| count.set(count.get() + 1));
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        LIVE_BYTES.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// One test at a time, because the counters are the process's.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn one_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn two_workers() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Runs a load of a fifth, which fills what the runtime keeps for the next burst, then the whole, and compares the live memory after both.
fn comes_back(runtime: &Runtime, count: usize, load: impl AsyncFn(usize)) {
    runtime.block_on(async {
        load(count / 5).await;
        settle().await;
        let (heap, resident) = (LIVE_BYTES.load(Ordering::Relaxed), resident_bytes());
        load(count).await;
        settle().await;
        let (heap_after, resident_after) = (LIVE_BYTES.load(Ordering::Relaxed), resident_bytes());
        // A list of a few thousand chunks may have grown.
        assert!(heap_after <= heap + heap / 20 + (64 << 10), "{heap} bytes were live before {count} and {heap_after} after");
        // Task cells come from the kernel; what the runtime keeps for the next burst is a few MiB for each worker; the allocator keeps some of the test's own, and the
        // address sanitizer keeps what was freed for a while.
        let is_sanitized = std::env::var_os("LSAN_OPTIONS").is_some();
        let most = resident + resident / 20 + if is_sanitized { 64 << 20 } else { 24 << 20 };
        assert!(resident_after <= most, "{resident} bytes were resident before {count} and {resident_after} after");
    });
}

/// The memory of the process that is in use, in bytes.
fn resident_bytes() -> usize {
    let numbers = std::fs::read_to_string("/proc/self/statm").unwrap();
    numbers.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

/// Lets other threads park, which is when they collect.
async fn settle() {
    for _ in 0..20 {
        cede::time::sleep(Duration::from_millis(1)).await;
    }
}

const MANY: usize = 1_000_000;

#[test]
fn aborted_tasks_leave_no_memory_behind() {
    let _alone = alone();
    for runtime in [one_thread(), two_workers()] {
        comes_back(&runtime, MANY, async |count| {
            let tasks: Vec<_> = (0..count).map(|_| cede::spawn(pending::<()>())).collect();
            tasks.iter().for_each(|task| task.abort());
            for task in tasks {
                assert!(task.await.unwrap_err().is_cancelled());
            }
        });
    }
}

#[test]
fn joined_tasks_leave_no_memory_behind() {
    let _alone = alone();
    for runtime in [one_thread(), two_workers()] {
        comes_back(&runtime, MANY, async |count| {
            for _ in 0..count / 1000 {
                let tasks: Vec<_> = (0..1000).map(|i| cede::spawn(async move { i })).collect();
                for (i, task) in tasks.into_iter().enumerate() {
                    assert_eq!(task.await.unwrap(), i);
                }
            }
        });
    }
}

#[test]
fn memory_of_tasks_spawned_from_outside_comes_back() {
    let _alone = alone();
    let runtime = two_workers();
    let before = resident_bytes();
    for _ in 0..3 {
        let tasks: Vec<_> = (0..100_000).map(|_| runtime.spawn(pending::<()>())).collect();
        tasks.iter().for_each(cede::task::JoinHandle::abort);
        runtime.block_on(async {
            for task in tasks {
                assert!(task.await.unwrap_err().is_cancelled());
            }
            cede::time::sleep(Duration::from_millis(20)).await;
        });
    }
    // The address sanitizer keeps what was freed for a while.
    let allowed = if std::env::var_os("LSAN_OPTIONS").is_some() { 200 << 20 } else { 30 << 20 };
    // A worker takes back what others freed when it comes round.
    let begun = Instant::now();
    while resident_bytes() >= before + allowed {
        assert!(begun.elapsed() < Duration::from_secs(60), "{before} bytes before, {} after", resident_bytes());
        runtime.block_on(async { cede::time::sleep(Duration::from_millis(1)).await });
    }
}

#[test]
fn cancelled_timers_leave_no_memory_behind() {
    let _alone = alone();
    for runtime in [one_thread(), two_workers()] {
        comes_back(&runtime, 100_000, async |count| {
            let mut timers: Vec<_> = (0..count).map(|i| Box::pin(cede::time::sleep(Duration::from_millis(100_000 + i as u64)))).collect();
            poll_fn(|cx| {
                // Each poll would use up the budget of the task.
                timers.iter_mut().for_each(|timer| assert!(poll_unlimited(timer.as_mut(), cx).is_pending()));
                Poll::Ready(())
            })
            .await;
        });
    }
}

fn poll_unlimited<F: Future>(future: Pin<&mut F>, cx: &mut Context<'_>) -> Poll<F::Output> {
    future.poll(cx)
}

/// Allocations during the second of two runs.
fn allocations(runtime: &Runtime, load: impl AsyncFn()) -> usize {
    runtime.block_on(async {
        load().await;
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        load().await;
        ALLOCATIONS.load(Ordering::Relaxed) - before
    })
}

#[test]
fn two_joined_futures_on_the_stack_allocate_nothing() {
    let _alone = alone();
    let runtime = one_thread();
    let joined = || {
        runtime.block_on(async {
            let (mut one, mut other) = (pin!(cede::task::yield_now()), pin!(async { 2 }));
            let mut done = (false, false);
            poll_fn(|cx| {
                done.0 = done.0 || one.as_mut().poll(cx).is_ready();
                done.1 = done.1 || other.as_mut().poll(cx).is_ready();
                if done == (true, true) { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
        });
    };
    joined();
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    (0..1000).for_each(|_| joined());
    // The test harness may allocate meanwhile, but not a thousand times.
    assert!(ALLOCATIONS.load(Ordering::Relaxed) - before < 100);
}

#[test]
fn spawn_and_join_allocate_nothing_in_steady_state() {
    let _alone = alone();
    let load = async || {
        for i in 0..10_000 {
            assert_eq!(cede::spawn(async move { i }).await.unwrap(), i);
        }
    };
    assert!(allocations(&one_thread(), load) < 100);
    // The monitor, which this runtime has, may allocate when it looks for deadlocks, twice a second.
    assert!(allocations(&two_workers(), load) < 1000);
}

/// Allocations of the runtime's one thread during the second of two runs: always the same.
fn own_allocations(load: impl AsyncFn()) -> usize {
    one_thread().block_on(async {
        load().await;
        let before = OWN.get();
        load().await;
        OWN.get() - before
    })
}

#[test]
fn what_tasks_do_with_each_other_allocates_for_channels_and_lists_only() {
    let _alone = alone();
    macro_rules! check {
        ($($load:ident $_wakes:literal $allocations:literal),*) => {$(
            let allocations = own_allocations(loads::$load);
            assert!(allocations <= $allocations, "{}: {allocations} in {ROUNDS} rounds", stringify!($load));
        )*};
    }
    each_load!(check);
}

#[test]
fn waiting_for_time_and_in_macros_allocates_nothing() {
    let _alone = alone();
    let sleeps = async || {
        for _ in 0..20 {
            cede::time::sleep(Duration::from_micros(1)).await;
        }
    };
    assert_eq!(own_allocations(sleeps), 0);
    let ticks = async || {
        let mut interval = cede::time::interval(Duration::from_micros(1));
        for _ in 0..20 {
            interval.tick().await;
        }
    };
    assert_eq!(own_allocations(ticks), 1, "the interval");
    let branches = async || {
        for _ in 0..ROUNDS {
            cede::select! {
                () = cede::task::yield_now() => {},
                () = cede::time::sleep(Duration::from_secs(5)) => {},
                () = pending() => {},
            }
            cede::join!(cede::task::yield_now(), async {});
        }
    };
    assert_eq!(own_allocations(branches), 0);
}

#[test]
fn what_is_made_for_each_operation_is_one_allocation() {
    let _alone = alone();
    let oneshots = async || {
        for i in 0..ROUNDS {
            let (sender, receiver) = cede::sync::oneshot::channel();
            sender.send(i).unwrap();
            assert_eq!(receiver.await, Ok(i));
        }
    };
    assert_eq!(own_allocations(oneshots), ROUNDS);
    let closures = async || {
        for i in 0..ROUNDS {
            assert_eq!(cede::task::spawn_blocking(move || i).await.unwrap(), i);
        }
    };
    // And now and then a thread or a longer list.
    assert!(own_allocations(closures) <= ROUNDS + ROUNDS / 10);
    let set = async || {
        let mut set = cede::task::JoinSet::new();
        for i in 0..ROUNDS {
            set.spawn(async move { i });
            assert_eq!(set.join_next().await.unwrap().unwrap(), i);
        }
    };
    assert!(own_allocations(set) <= ROUNDS + 4);
    let watch = async || {
        let (sender, mut receiver) = cede::sync::watch::channel(0);
        for i in 0..ROUNDS {
            sender.send(i).unwrap();
            receiver.changed().await.unwrap();
        }
    };
    assert_eq!(own_allocations(watch), 1, "the channel");
}

#[test]
fn bytes_on_a_connection_allocate_nothing() {
    use cede::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let _alone = alone();
    one_thread().block_on(async {
        let listener = cede::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut here = cede::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut there, _) = listener.accept().await.unwrap();
        let mut buffer = [0; 8];
        let mut before = 0;
        for round in 0..300 {
            if round == 100 {
                before = OWN.get();
            }
            here.write_all(b"question").await.unwrap();
            there.read_exact(&mut buffer).await.unwrap();
            there.write_all(b"answered").await.unwrap();
            here.read_exact(&mut buffer).await.unwrap();
        }
        assert_eq!(OWN.get() - before, 0);
    });
}
