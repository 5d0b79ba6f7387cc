//! `select!`, `join!`, `try_join!` and `pin!`, with futures made by hand.
#![forbid(unsafe_code)]

use std::cell::{Cell, RefCell};
use std::future::{Future, IntoFuture, Ready, pending, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use cede_context::budget;

/// Polls until ready; everything here is ready after a few polls.
#[track_caller]
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    for _ in 0..1000 {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
    }
    panic!("it waits for ever");
}

/// Ready with `output` at the `polls`-th poll.
fn after<T>(polls: u32, output: T) -> impl Future<Output = T> {
    let (mut left, mut output) = (polls, Some(output));
    poll_fn(move |_| {
        left -= 1;
        if left == 0 { Poll::Ready(output.take().expect("polled after it was done")) } else { Poll::Pending }
    })
}

/// Notes its number at each poll and never ends.
fn notes(number: u32, polls: &RefCell<Vec<u32>>) -> impl Future<Output = ()> {
    poll_fn(move |_| {
        polls.borrow_mut().push(number);
        Poll::Pending
    })
}

#[test]
fn the_first_that_completes_is_selected() {
    let selected = block_on(async {
        cede::select! {
            value = after(3, 1) => value,
            value = after(2, 2) => value,
            () = pending() => 3,
        }
    });
    assert_eq!(selected, 2);
}

#[test]
fn the_handler_forms_and_commas() {
    block_on(async {
        let n = cede::select! { n = ready(1) => n };
        assert_eq!(n, 1);
        let n = cede::select! { n = ready(1) => n, };
        assert_eq!(n, 1);
        let n = cede::select! { n = ready(1) => { n } };
        assert_eq!(n, 1);
        let n = cede::select! {
            biased;
            n = ready(1), if false => { n }
            n = ready(2), if n == 7 => { n },
            n = ready(3), if n == 1 => n,
            else => 4,
        };
        assert_eq!(n, 3);
        let n = cede::select! { else => 5 };
        assert_eq!(n, 5);
        let n = cede::select! { biased; else => 6, };
        assert_eq!(n, 6);
        let n = cede::select! {
            _ = pending::<()>(), if false => 1,
            Some(n) = ready(None::<i32>) => n,
            else => { 7 }
        };
        assert_eq!(n, 7);
    });
}

#[test]
fn patterns_bind_by_value_by_reference_and_mutably() {
    block_on(async {
        let text = cede::select! {
            (mut a, ref b) = ready((String::from("a"), String::from("b"))) => { a.push_str(b); a }
        };
        assert_eq!(text, "ab");
        let n = cede::select! { Ok(n) | Err(n) = ready(Err::<i32, i32>(3)) => n };
        assert_eq!(n, 3);
        let n = cede::select! { n @ 1..=5 = ready(9) => n, else => 0 };
        assert_eq!(n, 0);
        struct Point {
            x: i32,
            y: i32,
        }
        let n = cede::select! { Point { x, mut y } = ready(Point { x: 1, y: 2 }) => { y += x; y } };
        assert_eq!(n, 3);
        let mut value = 5;
        let n = cede::select! { n = ready(&mut value) => { *n += 1; *n } };
        assert_eq!(n, 6);
        let [first, .., last] = cede::select! { array @ [_, ..] = ready([1, 2, 3]) => array };
        assert_eq!((first, last), (1, 3));
    });
}

#[test]
fn an_output_that_does_not_match_disables_its_branch_only() {
    let selected = block_on(async {
        cede::select! {
            Some(n) = ready(None) => n,
            n = after(4, 2) => n,
        }
    });
    assert_eq!(selected, 2);
}

#[test]
fn all_disabled_without_else_panics() {
    let result = catch_unwind(AssertUnwindSafe(|| {
        block_on(async {
            cede::select! { _ = ready(()), if false => {} }
        })
    }));
    let message = *result.unwrap_err().downcast::<&str>().unwrap();
    assert_eq!(message, "all branches are disabled and there is no else branch");
}

#[test]
fn preconditions_come_before_futures_and_disabled_futures_are_made_but_not_polled() {
    let order = RefCell::new(Vec::new());
    let note = |what: &'static str| {
        order.borrow_mut().push(what);
        true
    };
    block_on(async {
        cede::select! {
            biased;
            _ = { note("future 1"); poll_fn(|_| -> Poll<()> { panic!("it is disabled") }) }, if !note("condition 1") => {}
            _ = { note("future 2"); ready(()) }, if note("condition 2") => { note("handler 2"); }
        }
    });
    assert_eq!(*order.borrow(), ["condition 1", "condition 2", "future 1", "future 2", "handler 2"]);
}

#[test]
fn handlers_are_part_of_the_function_around_them() {
    async fn early(n: u32) -> Result<u32, String> {
        'out: {
            let value = cede::select! {
                value = ready(n) => match value {
                    0 => break 'out,
                    1 => return Ok(10),
                    2 => Err(String::from("two"))?,
                    n => ready(n).await,
                },
            };
            return Ok(value);
        }
        Ok(0)
    }
    assert_eq!(block_on(early(0)), Ok(0));
    assert_eq!(block_on(early(1)), Ok(10));
    assert_eq!(block_on(early(2)), Err("two".into()));
    assert_eq!(block_on(early(3)), Ok(3));
}

#[test]
fn the_other_futures_are_dropped_before_the_handler_runs() {
    let alive = Rc::new(());
    let held = Rc::clone(&alive);
    block_on(async {
        cede::select! {
            () = async { pending::<()>().await; drop(held) } => {}
            _ = after(2, ()) => assert_eq!(Rc::strong_count(&alive), 1),
        }
    });
}

#[test]
fn a_future_can_be_kept_over_selections() {
    block_on(async {
        let slow = after(5, "slow");
        cede::pin!(slow);
        let mut rounds = 0;
        let output = loop {
            cede::select! {
                biased;
                output = &mut slow => break output,
                _ = after(1, ()) => rounds += 1,
            }
        };
        assert_eq!(output, "slow");
        assert_eq!(rounds, 4);
    });
}

#[test]
fn temporaries_that_a_branch_borrows_live_long_enough() {
    let n = block_on(async {
        cede::select! {
            n = &mut Box::pin(after(2, 1)) => n,
            () = pending() => 2,
        }
    });
    assert_eq!(n, 1);
}

#[test]
fn without_bias_each_branch_comes_first_sometimes_and_a_seed_decides() {
    let first_polls = |seed| {
        cede::macros::support::set_seed(seed);
        let polls = RefCell::new(Vec::new());
        let mut firsts = Vec::new();
        let mut future = pin!(async {
            cede::select! { _ = notes(0, &polls) => {}, _ = notes(1, &polls) => {}, _ = notes(2, &polls) => {} }
        });
        for _ in 0..100 {
            assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            let mut round = polls.take();
            firsts.push(round[0]);
            round.sort_unstable();
            assert_eq!(round, [0, 1, 2]);
        }
        firsts
    };
    let firsts = first_polls(1);
    for branch in 0..3 {
        assert!(firsts.contains(&branch));
    }
    assert_eq!(firsts, first_polls(1));
    assert_ne!(firsts, first_polls(2));
}

#[test]
fn with_bias_the_order_is_the_written_one() {
    let polls = RefCell::new(Vec::new());
    let mut future = pin!(async {
        cede::select! { biased; _ = notes(0, &polls) => {}, _ = notes(1, &polls) => {}, _ = notes(2, &polls) => {} }
    });
    for _ in 0..3 {
        assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    assert_eq!(*polls.borrow(), [0, 1, 2, 0, 1, 2, 0, 1, 2]);
}

#[test]
fn select_polls_nothing_without_budget() {
    let polled = Cell::new(false);
    let mut future = pin!(async {
        cede::select! { _ = poll_fn(|_| { polled.set(true); Poll::Ready(()) }) => {} }
    });
    let mut cx = Context::from_waker(Waker::noop());
    budget::with_initial(|| {
        for _ in 0..budget::INITIAL {
            let Poll::Ready(unit) = budget::poll_proceed(&mut cx) else { unreachable!() };
            unit.spend();
        }
        assert!(future.as_mut().poll(&mut cx).is_pending());
    });
    assert!(!polled.get());
    assert!(future.as_mut().poll(&mut cx).is_ready());
}

#[test]
fn sixty_four_branches() {
    macro_rules! many {
        ($($n:literal)*) => { cede::select! { biased; $(n = ready($n), if $n == 63 => n,)* } };
    }
    let n = block_on(async {
        many! { 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40 41 42 43 44
        45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63 }
    });
    assert_eq!(n, 63);
}

/// Something that can be awaited but is no future.
struct NotAFuture;

impl IntoFuture for NotAFuture {
    type Output = u32;
    type IntoFuture = Ready<u32>;

    fn into_future(self) -> Ready<u32> {
        ready(9)
    }
}

#[test]
fn what_can_be_awaited_can_be_joined_and_selected() {
    block_on(async {
        assert_eq!(cede::select! { n = NotAFuture => n }, 9);
        assert_eq!(cede::join!(NotAFuture), (9,));
    });
}

#[test]
fn join_gives_all_outputs_in_order() {
    block_on(async {
        assert_eq!(cede::join!(), ());
        assert_eq!(cede::join!(biased;), ());
        assert_eq!(cede::join!(after(3, 1)), (1,));
        assert_eq!(cede::join!(after(3, 1), after(1, "two"), ready('3'),), (1, "two", '3'));
        assert_eq!(cede::join!(biased; after(3, 1), after(1, "two")), (1, "two"));
    });
}

#[test]
fn join_starts_with_another_future_each_time_unless_biased() {
    let polls = RefCell::new(Vec::new());
    let mut future = pin!(async { cede::join!(notes(0, &polls), notes(1, &polls), notes(2, &polls)) });
    for _ in 0..4 {
        assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    assert_eq!(polls.take(), [0, 1, 2, 1, 2, 0, 2, 0, 1, 0, 1, 2]);
    let mut future = pin!(async { cede::join!(biased; notes(0, &polls), notes(1, &polls)) });
    for _ in 0..2 {
        assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    assert_eq!(polls.take(), [0, 1, 0, 1]);
}

#[test]
fn try_join_ends_with_the_first_error_and_drops_the_rest() {
    type Outcome<T> = Result<T, &'static str>;
    block_on(async {
        assert_eq!(async { cede::try_join!(after(2, Outcome::Ok(1)), ready(Ok("two"))) }.await, Ok((1, "two")));
        let alive = Rc::new(());
        let held = Rc::clone(&alive);
        let result: Outcome<((), ())> = async {
            cede::try_join!(
                async {
                    pending::<()>().await;
                    drop(held);
                    Ok(())
                },
                after(3, Err("failed")),
            )
        }
        .await;
        assert_eq!(result, Err("failed"));
        assert_eq!(Rc::strong_count(&alive), 1);
        let nothing: Outcome<()> = async { cede::try_join!() }.await;
        assert_eq!(nothing, Ok(()));
        assert_eq!(
            async { cede::try_join!(biased; ready(Outcome::<()>::Err("first")), ready(Outcome::<()>::Err("second"))) }.await,
            Err("first")
        );
    });
}

#[test]
fn the_futures_are_as_small_as_their_parts() {
    let one = async {
        let first = ready(0_i32);
        cede::join!(first)
    };
    assert_eq!(size_of_val(&one), 32);
    let two = async {
        let (first, second) = (ready(0_i32), ready(0_i32));
        cede::join!(biased; first, second)
    };
    assert!(size_of_val(&two) <= 40);
    let selected = async {
        let (first, second) = (ready(0_i32), ready(0_i32));
        cede::select! { _ = first => {}, _ = second => {} }
    };
    assert!(size_of_val(&selected) <= 40);
}

#[test]
fn pin_has_two_forms() {
    block_on(async {
        let one = after(2, 1);
        let two = after(3, 2);
        cede::pin!(one, two);
        assert_eq!((one.await, two.await), (1, 2));
        cede::pin! {
            let three = after(2, 3);
            let four = after(2, 4);
        }
        assert_eq!(cede::join!(three, four), (3, 4));
    });
}
