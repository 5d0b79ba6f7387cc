//! The smallest executor allocates nothing: any allocation during the run ends the process.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Poll, Waker};

use cede_core::executor::{Clock, Executor, Pend, TaskPool, TaskSlot};
use cede_core::lock::Lock;

struct Guarded;

static ARMED: AtomicBool = AtomicBool::new(false);

// SAFETY: everything is passed on to the system's allocator, or the process ends.
unsafe impl GlobalAlloc for Guarded {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if ARMED.load(Ordering::SeqCst) {
            std::process::abort();
        }
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static GUARDED: Guarded = Guarded;

/// A clock that the main loop moves, and a count of calls.
struct Board {
    now: AtomicU64,
    pended: AtomicUsize,
}

impl Clock for Board {
    fn now(&self) -> u64 {
        self.now.load(Ordering::SeqCst)
    }
}

impl Pend for Board {
    fn pend(&self) {
        self.pended.fetch_add(1, Ordering::SeqCst);
    }
}

static BOARD: Board = Board { now: AtomicU64::new(0), pended: AtomicUsize::new(0) };
static EXECUTOR: Executor = Executor::new(&BOARD, &BOARD);

/// A channel of one message.
struct Channel {
    state: Lock<(Option<u32>, Option<Waker>)>,
}

impl Channel {
    async fn send(&self, message: u32) {
        self.wait(|place| if place.is_none() { place.replace(message).is_none().then_some(()) } else { None }).await;
    }

    async fn receive(&self) -> u32 {
        self.wait(Option::take).await
    }

    /// Waits until `step` gives something; then it is the other side's turn.
    async fn wait<R>(&self, step: impl Fn(&mut Option<u32>) -> Option<R>) -> R {
        std::future::poll_fn(|cx| {
            let own = cx.waker().clone();
            let (result, other) = {
                let mut state = self.state.lock();
                match step(&mut state.0) {
                    Some(result) => (Poll::Ready(result), state.1.take()),
                    None => (Poll::Pending, state.1.replace(own)),
                }
            };
            // One sender and one receiver: another waker here is the other side's, or an old one of ours.
            other.into_iter().for_each(Waker::wake);
            result
        })
        .await
    }
}

static CHANNEL: Channel = Channel { state: Lock::new((None, None)) };
static RECEIVED: AtomicU64 = AtomicU64::new(0);
static BLINKS: AtomicUsize = AtomicUsize::new(0);

static SENDER: TaskSlot<512> = TaskSlot::new();
static POOL: TaskPool<512, 2> = TaskPool::new();

const MILLISECOND: u64 = 1_000_000;

async fn send() -> u32 {
    for message in 1..=10 {
        EXECUTOR.sleep(3 * MILLISECOND).await;
        CHANNEL.send(message).await;
    }
    CHANNEL.send(0).await;
    10
}

async fn receive() {
    loop {
        match CHANNEL.receive().await {
            0 => return,
            message => RECEIVED.fetch_add(u64::from(message), Ordering::SeqCst),
        };
    }
}

async fn blink() {
    loop {
        EXECUTOR.sleep(10 * MILLISECOND).await;
        BLINKS.fetch_add(1, Ordering::SeqCst);
    }
}

/// Ticks and jumps to the next deadline, until `over`.
fn run_until(over: impl Fn() -> bool) {
    for _ in 0..10_000 {
        let tick = EXECUTOR.tick();
        if over() {
            return;
        }
        if !tick.runnable {
            let deadline = tick.next_deadline.expect("somebody waits for a time");
            BOARD.now.fetch_max(deadline, Ordering::SeqCst);
        }
    }
    panic!("the tasks did not get done");
}

fn three_tasks_share_time_and_a_channel() {
    let sender = SENDER.spawn(&EXECUTOR, send()).unwrap();
    let receiver = POOL.spawn(&EXECUTOR, receive()).unwrap();
    let blinker = POOL.spawn(&EXECUTOR, blink()).unwrap();
    assert!(POOL.spawn(&EXECUTOR, async {}).is_err(), "the pool has two slots");
    assert!(BOARD.pended.load(Ordering::SeqCst) >= 3);
    run_until(|| sender.is_finished() && receiver.is_finished());
    assert_eq!(BOARD.now(), 30 * MILLISECOND);
    assert_eq!(RECEIVED.load(Ordering::SeqCst), 55);
    assert_eq!(BLINKS.load(Ordering::SeqCst), 3);
    blinker.abort();
    run_until(|| blinker.is_finished());
    assert_eq!(EXECUTOR.tick().next_deadline, None, "an aborted task leaves no timer behind");
}

fn slots_are_used_again_and_outputs_awaited() {
    static SUM: AtomicU64 = AtomicU64::new(0);
    for round in 0..100_u64 {
        let child = SENDER.spawn(&EXECUTOR, async move { round }).unwrap();
        let parent = POOL.spawn(&EXECUTOR, async move {
            SUM.fetch_add(child.await.unwrap(), Ordering::SeqCst);
        });
        let parent = parent.unwrap();
        run_until(|| parent.is_finished());
    }
    assert_eq!(SUM.load(Ordering::SeqCst), 99 * 50);
}

fn main() {
    ARMED.store(true, Ordering::SeqCst);
    three_tasks_share_time_and_a_channel();
    slots_are_used_again_and_outputs_awaited();
    ARMED.store(false, Ordering::SeqCst);
    let text = {
        static BUSY: TaskSlot<128> = TaskSlot::new();
        let _first = BUSY.spawn(&EXECUTOR, std::future::pending::<()>()).unwrap();
        BUSY.spawn(&EXECUTOR, std::future::pending::<()>()).unwrap_err().to_string()
    };
    assert!(text.contains("was not spawned") && text.contains("in use") && text.contains("more slots"));
    panics_end_only_their_task();
    println!("no_alloc: ok");
}

/// This one unwinds, which allocates.
fn panics_end_only_their_task() {
    let hostile = SENDER.spawn(&EXECUTOR, async { panic!("expected by the test") }).unwrap();
    let other = POOL.spawn(&EXECUTOR, async { 7 }).unwrap();
    std::panic::set_hook(Box::new(|_| {}));
    let panicked = std::panic::catch_unwind(|| EXECUTOR.tick());
    let _default = std::panic::take_hook();
    assert!(panicked.is_err() && hostile.is_finished());
    run_until(|| other.is_finished());
    let _: Result<(), _> = poll_now(hostile).map(drop).map_err(|error| assert_eq!(error, cede_core::executor::TaskError::Panicked));
    assert_eq!(poll_now(other), Ok(7));
}

fn poll_now<F: Future>(future: F) -> F::Output {
    match std::pin::pin!(future).poll(&mut std::task::Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the task has not ended"),
    }
}
