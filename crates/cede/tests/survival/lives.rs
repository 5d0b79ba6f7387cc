//! Each place of a task's life with each deed there, at each moment at which its end may begin.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use cede::runtime::Runtime;
use cede::task::AbortHandle;

use crate::script::{Actor, Case, Deed, Moment, Place, Script, hush, lock, tolerate, waker};
use crate::{one_thread, two_workers};

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

pub(crate) async fn polled(case: &Case, task: &AbortHandle) {
    while case.polls.load(Ordering::SeqCst) == 0 && !task.is_finished() {
        cede::task::yield_now().await;
    }
}

pub(crate) async fn ended(task: &AbortHandle) {
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
