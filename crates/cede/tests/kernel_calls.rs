//! How often an operation asks the kernel to sleep, to wake a thread, or what has happened on the sockets: counted by standing in for the C library's functions, so a program of its own.
//!
//! The counts of a one-thread runtime are those of its thread alone, and always the same. With workers, how often one of them falls asleep is up to the machine; what can be said is what an operation
//! causes at most.
//!
//! # Invariants
//! - I1: the functions that stand in have the signatures of the C library's (for `syscall`, which takes any number of words, that of the most) and do the same.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

#[path = "support/loads.rs"]
mod loads;

use std::arch::asm;
use std::cell::Cell;
use std::future::poll_fn;
use std::io::{Read, Write};
use std::pin::Pin;
use std::sync::mpsc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use cede::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};
use cede::net::UnixStream;
use cede::runtime::{Builder, Runtime, RuntimeMetrics};
use cede::sync::oneshot;
use cede::task::spawn_blocking;
use cede::time;
use libc::{c_int, c_long};

use loads::{ROUNDS, each_load};

thread_local! {
    static CALLS: Cell<Calls> = const { Cell::new(Calls { sleeps: 0, timed: 0, looks: 0, futexes: 0 }) };
}

/// What a thread asked the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Calls {
    /// Waits of the driver that may last.
    sleeps: usize,
    /// Those of them for which the kernel has to start a timer.
    timed: usize,
    /// Looks of the driver whether something has happened.
    looks: usize,
    /// Sleeps and wakes by futex.
    futexes: usize,
}

fn count(change: impl FnOnce(&mut Calls)) {
    // A thread that ends may still call.
    let _ = CALLS.try_with(|calls| {
        let mut counted = calls.get();
        change(&mut counted);
        calls.set(counted);
    });
}

/// Stands in for the C library's.
///
/// # Safety
/// As there.
// SAFETY: [I1] the name is found before that of the C library.
#[unsafe(no_mangle)]
unsafe extern "C" fn epoll_wait(epoll: c_int, events: *mut libc::epoll_event, room: c_int, timeout: c_int) -> c_int {
    count(|calls| *(if timeout == 0 { &mut calls.looks } else { &mut calls.sleeps }) += 1);
    if timeout > 0 {
        count(|calls| calls.timed += 1);
    }
    // SAFETY: [I1] the caller's contract.
    unsafe { libc::epoll_pwait(epoll, events, room, timeout, std::ptr::null()) }
}

/// Stands in for the C library's.
///
/// # Safety
/// As there.
// SAFETY: [I1] as above.
#[unsafe(no_mangle)]
unsafe extern "C" fn syscall(number: c_long, a: c_long, b: c_long, c: c_long, d: c_long, e: c_long, f: c_long) -> c_long {
    match number {
        libc::SYS_futex => count(|calls| calls.futexes += 1),
        libc::SYS_epoll_pwait2 => count(|calls| {
            calls.sleeps += 1;
            calls.timed += 1;
        }),
        _ => {}
    }
    let result: c_long;
    // SAFETY: [I1] the caller's contract. The kernel ignores words that its call does not have.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number => result,
            in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d, in("r8") e, in("r9") f,
            lateout("rcx") _, lateout("r11") _,
            options(nostack)
        );
    }
    if !(-4095..0).contains(&result) {
        return result;
    }
    // SAFETY: [I1] the word is this thread's.
    unsafe { *libc::__errno_location() = c_int::try_from(-result).unwrap_or(libc::EINVAL) };
    -1
}

fn one_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// What the second of two runs asks for, and how often other threads interrupted the runtime's.
async fn counted(metrics: &RuntimeMetrics, load: impl AsyncFn()) -> (Calls, u64) {
    load().await;
    let (before, interrupts) = (CALLS.get(), metrics.interrupts());
    load().await;
    let after = CALLS.get();
    // With two workers the second run may end on another thread than it began on; nobody looks at these then.
    let calls = Calls {
        sleeps: after.sleeps.wrapping_sub(before.sleeps),
        timed: after.timed.wrapping_sub(before.timed),
        looks: after.looks.wrapping_sub(before.looks),
        futexes: after.futexes.wrapping_sub(before.futexes),
    };
    (calls, metrics.interrupts() - interrupts)
}

fn asks(runtime: &Runtime, load: impl AsyncFn()) -> (Calls, u64) {
    runtime.block_on(counted(&runtime.metrics(), load))
}

const NOTHING: (Calls, u64) = (Calls { sleeps: 0, timed: 0, looks: 0, futexes: 0 }, 0);

#[test]
fn what_stays_on_one_thread_asks_the_kernel_for_nothing() {
    macro_rules! check {
        ($($load:ident $_wakes:literal $_allocations:literal),*) => {$(
            assert_eq!(asks(&one_thread(), loads::$load), NOTHING, stringify!($load));
        )*};
    }
    each_load!(check);
}

fn workers(count: usize) -> Runtime {
    // On a machine that stands still for a moment, a worker is not taken from its thread, which is the one that counts.
    Builder::new_multi_thread().worker_threads(count).rescue_after(Duration::from_secs(3600)).enable_all().build().unwrap()
}

#[test]
fn what_stays_in_one_worker_asks_the_kernel_for_nothing() {
    macro_rules! check {
        ($($load:ident $_wakes:literal $_allocations:literal),*) => {$(
            let runtime = workers(1);
            let metrics = runtime.metrics();
            let task = runtime.spawn(async move { counted(&metrics, loads::$load).await });
            assert_eq!(runtime.block_on(task).unwrap(), NOTHING, stringify!($load));
        )*};
    }
    each_load!(check);
}

/// How often is up to the machine. But what makes one task runnable interrupts each worker once at most; whoever polls them in vain, or wakes all for one, is far beyond that.
#[test]
fn two_workers_are_interrupted_at_most_once_for_each_spawn_and_wake() {
    macro_rules! check {
        ($($load:ident $wakes:literal $_allocations:literal),*) => {$(
            let runtime = workers(2);
            let metrics = runtime.metrics();
            let interrupts = {
                let metrics = metrics.clone();
                let task = runtime.spawn(async move { counted(&metrics, loads::$load).await.1 });
                runtime.block_on(task).unwrap()
            };
            assert!(interrupts <= 2 * $wakes * ROUNDS as u64, "{}: {interrupts}", stringify!($load));
            let interrupts = runtime.block_on(counted(&metrics, loads::$load)).1;
            assert!(interrupts <= 2 * $wakes * ROUNDS as u64, "{} from block_on: {interrupts}", stringify!($load));
        )*};
    }
    each_load!(check);
}

#[test]
fn sleeps_that_fire_one_by_one_are_a_wait_of_the_driver_each() {
    let sleeps = async || {
        for _ in 0..200 {
            time::sleep(Duration::from_micros(50)).await;
        }
    };
    let (calls, interrupts) = asks(&one_thread(), sleeps);
    // A signal may cut a wait short. Where the deadline is past when the wait should begin, it is a look.
    assert!(calls.sleeps + calls.looks <= 220, "{calls:?}");
    assert_eq!((calls.futexes, interrupts), (0, 0));
}

#[test]
fn sleeps_that_fire_together_are_fewer_waits_than_sleeps() {
    let sleeps = async || {
        let tasks: Vec<_> = (0..1000).map(|i| cede::spawn(time::sleep(Duration::from_nanos(20_000_000 + 100 * i)))).collect();
        for task in tasks {
            task.await.unwrap();
        }
    };
    let (calls, interrupts) = asks(&one_thread(), sleeps);
    assert!(calls.sleeps + calls.looks < 500, "{calls:?}");
    assert_eq!((calls.futexes, interrupts), (0, 0));
}

#[test]
fn sleeps_in_virtual_time_wait_for_nothing() {
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let sleeps = async || {
        for _ in 0..ROUNDS {
            time::sleep(Duration::from_secs(5)).await;
        }
    };
    let (calls, interrupts) = asks(&runtime, sleeps);
    assert_eq!((calls.sleeps, calls.futexes, interrupts), (0, 0, 0));
}

#[test]
fn a_blocking_closure_is_one_wake_there_and_one_back_at_most() {
    let one_at_a_time = async || {
        for _ in 0..ROUNDS {
            spawn_blocking(|| ()).await.unwrap();
        }
    };
    let in_bulk = async || {
        let tasks: Vec<_> = (0..ROUNDS).map(|_| spawn_blocking(|| ())).collect();
        for task in tasks {
            task.await.unwrap();
        }
    };
    let runtime = one_thread();
    for (calls, interrupts) in [asks(&runtime, one_at_a_time), asks(&runtime, in_bulk)] {
        // Who comes to the lock of the pool while its holder has no processor sleeps, too.
        assert!(calls.futexes <= ROUNDS + 20 && interrupts <= ROUNDS as u64, "{calls:?}, {interrupts} interrupts");
        // Each interrupt ends a wait. A signal may end one too.
        assert!(calls.sleeps + calls.looks <= ROUNDS + 20, "{calls:?}");
    }
}

#[test]
fn a_runtime_that_waits_again_and_again_lets_no_timer_start_for_each_wait() {
    let (to_echo, requests) = mpsc::channel::<oneshot::Sender<()>>();
    let echo = thread::spawn(move || requests.into_iter().for_each(|request| request.send(()).unwrap()));
    let (calls, _) = asks(&one_thread(), async || {
        for _ in 0..ROUNDS {
            let (request, answer) = oneshot::channel();
            to_echo.send(request).unwrap();
            answer.await.unwrap();
        }
    });
    drop(to_echo);
    echo.join().unwrap();
    // Those of the first run are before the count; if the answers were there before the waits began, that was fewer than it takes.
    assert!(calls.timed <= 64, "{calls:?}");
}

#[test]
fn a_worker_looks_at_the_sockets_of_others_once_for_each_sleep() {
    let runtime = Builder::new_multi_thread().worker_threads(2).max_rescued_threads(0).enable_all().build().unwrap();
    let (begun, begins) = mpsc::channel();
    let (go_on, waits) = mpsc::channel::<()>();
    let blocks = runtime.spawn(async move {
        // One worker has a socket, and blocks: the other one has something to look at.
        let (mut reads, _silent) = UnixStream::pair().unwrap();
        let first_poll = poll_fn(|cx| Poll::Ready(Pin::new(&mut reads).poll_read(cx, &mut ReadBuf::new(&mut [0])).is_pending()));
        assert!(first_poll.await);
        begun.send(()).unwrap();
        waits.recv().unwrap();
    });
    begins.recv().unwrap();

    let (here, mut there) = std::os::unix::net::UnixStream::pair().unwrap();
    let echo = thread::spawn(move || while there.read_exact(&mut [0]).is_ok() && there.write_all(&[0]).is_ok() {});
    let asks = runtime.spawn(async move {
        here.set_nonblocking(true).unwrap();
        let mut stream = UnixStream::from_std(here).unwrap();
        let before = CALLS.get();
        for _ in 0..ROUNDS {
            stream.write_all(&[0]).await.unwrap();
            stream.read_exact(&mut [0]).await.unwrap();
        }
        let after = CALLS.get();
        (after.looks - before.looks, after.sleeps - before.sleeps)
    });
    let (looks, sleeps) = runtime.block_on(asks).unwrap();
    go_on.send(()).unwrap();
    runtime.block_on(blocks).unwrap();
    echo.join().unwrap();
    // After some polls it looks at its own.
    assert!(looks <= sleeps + sleeps / 4 + 20, "{looks} looks and {sleeps} sleeps");
}
