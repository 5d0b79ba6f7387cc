//! The stack under the model checker.

use std::alloc::{Layout, alloc, dealloc};
use std::sync::Arc;
use std::vec::Vec;

use core::future::Ready;
use core::panic::Location;
use core::ptr::NonNull;

use loom::thread;

use super::TransferStack;
use crate::run_queue::RunQueue;
use crate::task::{Cell, Header, Home, TaskRef};

fn model(check: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(check);
}

/// Tasks that are only moved about.
struct Nowhere;

impl Home for Nowhere {
    type Failure = ();

    fn schedule(_: TaskRef) {
        unreachable!("nobody wakes these tasks");
    }

    unsafe fn free(task: TaskRef, layout: Layout) {
        // SAFETY: no reference is left, and the memory came from `alloc` with this layout.
        unsafe {
            core::ptr::drop_in_place(task.as_ptr().as_ptr());
            dealloc(task.as_ptr().as_ptr().cast(), layout);
        }
    }
}

fn task(number: u64) -> TaskRef {
    type Moved = Cell<Ready<()>, Nowhere>;
    // SAFETY: a cell is not of size zero.
    let memory = NonNull::new(unsafe { alloc(Moved::LAYOUT) }).expect("there is memory");
    // SAFETY: the memory is new.
    let (task, join) = unsafe {
        Header::vacant(memory.cast());
        Moved::emplace(memory, core::future::ready(()), number, Location::caller(), 0)
    };
    drop(join);
    task
}

/// Ends the tasks, which frees them, and tells their numbers.
fn end(mut tasks: RunQueue) -> Vec<u64> {
    let mut numbers = Vec::new();
    while let Some(task) = tasks.pop() {
        numbers.push(task.id());
        // SAFETY: they are this thread's.
        unsafe {
            let _new = task.start();
            task.fail(());
            drop(task.complete());
        }
    }
    numbers
}

fn pushing(stack: &Arc<TransferStack>, numbers: &'static [u64]) -> thread::JoinHandle<Vec<u64>> {
    let stack = stack.clone();
    thread::spawn(move || {
        let mut refused = RunQueue::new();
        for &number in numbers {
            let task = task(number);
            if stack.push(task).is_err() {
                refused.push(task);
            }
        }
        end(refused)
    })
}

#[test]
fn loom_two_pushers_beside_the_taker() {
    model(|| {
        let stack = Arc::new(TransferStack::new());
        let pushers = [pushing(&stack, &[1, 2]), pushing(&stack, &[3])];
        let mut taken = end(stack.take());
        for pusher in pushers {
            assert_eq!(pusher.join().unwrap(), []);
        }
        taken.extend(end(stack.take()));
        let place = |number: u64| taken.iter().position(|&taken| taken == number).expect("each task comes out");
        assert_eq!(taken.len(), 3);
        assert!(place(1) < place(2), "in the order of the pushes");
        place(3);
    });
}

#[test]
fn loom_close_beside_push() {
    model(|| {
        let stack = Arc::new(TransferStack::new());
        let pusher = pushing(&stack, &[1, 2]);
        let taken = end(stack.close());
        let refused = pusher.join().unwrap();
        assert!(stack.is_closed() && stack.is_empty());
        assert_eq!(taken.into_iter().chain(refused).collect::<Vec<_>>(), [1, 2]);
    });
}

#[test]
fn loom_a_push_is_seen_by_a_taker_that_says_that_it_sleeps_and_then_looks() {
    use crate::prim::atomic::{AtomicBool, Ordering, fence};
    model(|| {
        let shared = Arc::new((TransferStack::new(), AtomicBool::new(false)));
        let pusher = thread::spawn({
            let shared = shared.clone();
            move || {
                shared.0.push(task(1)).expect("is open");
                // Loom knows the one order of SeqCst steps only from fences.
                fence(Ordering::SeqCst);
                shared.1.load(Ordering::SeqCst)
            }
        });
        shared.1.store(true, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        let seen = !shared.0.is_empty();
        let wakes = pusher.join().unwrap();
        assert!(seen || wakes, "the push and the sleep have missed each other");
        assert_eq!(end(shared.0.take()), [1]);
    });
}
