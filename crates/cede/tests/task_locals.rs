//! Values that go with tasks, and cooperation.

use std::cell::Cell;
use std::future::{Future, pending, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use cede::runtime::Builder;
use cede::task::coop::{self, cooperative, has_budget_remaining, poll_proceed};
use cede::task::{consume_budget, unconstrained, yield_now};

cede::task_local! {
    static NUMBER: u32;
    /// With a comment, and visible.
    pub static NAME: String;
}

fn run<F: Future + Send + 'static>(body: F) -> F::Output
where
    F::Output: Send,
{
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let task = runtime.spawn(body);
    runtime.block_on(task).unwrap()
}

#[test]
fn a_value_is_there_in_its_scope_only_and_moves_with_the_task() {
    run(async {
        assert!(NUMBER.try_get().is_err());
        let tasks: Vec<_> = (0..100)
            .map(|i| {
                cede::spawn(NUMBER.scope(i, async move {
                    for _ in 0..10 {
                        assert_eq!(NUMBER.get(), i);
                        yield_now().await;
                    }
                    NUMBER.scope(i + 1, async move { assert_eq!(NUMBER.get(), i + 1) }).await;
                    assert_eq!(NUMBER.sync_scope(0, || NUMBER.get()), 0);
                    assert_eq!(NUMBER.get(), i);
                }))
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(NUMBER.try_get().unwrap_err().to_string(), "task-local value not set");
    });
}

#[test]
fn a_future_is_dropped_with_its_value_and_the_value_can_be_taken() {
    struct Seen(Rc<Cell<u32>>);
    impl Drop for Seen {
        fn drop(&mut self) {
            self.0.set(NUMBER.get());
        }
    }
    let seen = Rc::new(Cell::new(0));
    let value = Seen(seen.clone());
    drop(NUMBER.scope(7, async move {
        let _value = value;
        pending::<()>().await;
    }));
    assert_eq!(seen.get(), 7);

    let mut cx = Context::from_waker(Waker::noop());
    let mut future = pin!(NAME.scope("a".to_owned(), ready(())));
    assert!(future.as_mut().poll(&mut cx).is_ready());
    assert_eq!(future.as_mut().take_value().as_deref(), Some("a"));
    assert_eq!(future.as_mut().take_value(), None);
    let again = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut cx).is_ready()));
    assert_eq!(again.unwrap_err().downcast_ref::<&str>(), Some(&"`TaskLocalFuture` polled after completion"));
}

#[test]
fn a_panic_in_a_scope_leaves_no_value_behind() {
    let panicked = catch_unwind(|| NUMBER.sync_scope(1, || std::panic::resume_unwind(Box::new(()))));
    assert!(panicked.is_err());
    assert!(NUMBER.try_get().is_err());
    let nested = catch_unwind(|| NUMBER.sync_scope(1, || NUMBER.with(|_| NUMBER.sync_scope(2, || ()))));
    assert!(nested.unwrap_err().downcast_ref::<&str>().unwrap().contains("while the task-local storage is borrowed"));
}

#[test]
fn the_budget_is_spent_given_back_and_put_aside() {
    run(async {
        yield_now().await;
        poll_fn(|cx| {
            // Progress counts, none does not.
            for _ in 0..1000 {
                assert!(matches!(poll_proceed(cx), Poll::Ready(_)));
            }
            for _ in 0..128 {
                let Poll::Ready(unit) = poll_proceed(cx) else { panic!("the budget ended early") };
                unit.made_progress();
            }
            assert!(!has_budget_remaining());
            assert!(pin!(consume_budget()).poll(cx).is_pending());
            assert!(pin!(cooperative(ready(()))).poll(cx).is_pending());
            assert!(pin!(unconstrained(async { coop::consume_budget().await })).poll(cx).is_ready());
            Poll::Ready(())
        })
        .await;
        // The wakes above let it go on with a new budget.
        consume_budget().await;
        assert!(has_budget_remaining());
    });
    assert!(has_budget_remaining());
}
