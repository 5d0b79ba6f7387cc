//! The same where a future does not live in a task alone: in a [`JoinSet`], in a [`LocalSet`], under a time limit, and as a closure of a blocking thread.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll};
use std::time::Duration;

use cede::runtime::{Builder, Runtime};
use cede::sim::Sim;
use cede::task::{JoinSet, LocalSet, yield_now};

use crate::lives::{ended, polled};
use crate::script::{Actor, Case, Deed, Moment, Output, Place, Script, hush, lock, tolerate, waker};
use crate::{one_thread, two_workers};

const PLACES: [Place; 7] =
    [Place::Poll, Place::WakeOfOther, Place::DropOfFuture, Place::DropOfOutput, Place::WakerClone, Place::WakerWake, Place::WakerDrop];
const DEEDS: [Deed; 5] = [Deed::Panics, Deed::Spawns, Deed::WakesItself, Deed::AbortsItself, Deed::DropsItsHandle];
const MOMENTS: [Moment; 5] = [Moment::Running, Moment::Idle, Moment::Done, Moment::Aborted, Moment::Shutdown];

/// Nobody waits for so long.
const LONG: Duration = Duration::from_secs(3600);

#[derive(Clone, Copy, Debug)]
struct Scene {
    place: Place,
    deed: Deed,
    moment: Moment,
}

impl Scene {
    fn begin(self) -> (Arc<Case>, Arc<Script>) {
        let case = Arc::new(Case::default());
        case.ready.store(matches!(self.moment, Moment::Running | Moment::Done), Ordering::SeqCst);
        let script = Arc::new(Script { case: case.clone(), place: self.place, deed: self.deed });
        (case, script)
    }
}

/// All scenes, each with what it is called in a failure.
fn scenes() -> impl Iterator<Item = Scene> {
    let pairs = PLACES.into_iter().flat_map(|place| DEEDS.map(|deed| (place, deed)));
    pairs.flat_map(|(place, deed)| MOMENTS.map(|moment| Scene { place, deed, moment }))
}

/// An actor who does nothing but end.
fn quiet() -> (Arc<Case>, Actor) {
    let case = Arc::new(Case::default());
    case.done.store(true, Ordering::SeqCst);
    case.ready.store(true, Ordering::SeqCst);
    let script = Arc::new(Script { case: case.clone(), place: Place::Poll, deed: Deed::Panics });
    (case, Actor(script))
}

fn has_ended(case: &Case) -> bool {
    case.future_drops.load(Ordering::SeqCst) > 0 && case.output_drops.load(Ordering::SeqCst) == case.outputs.load(Ordering::SeqCst)
}

/// Asserts that everything was dropped, once; and that the runtime works.
async fn settles(case: &Case) {
    while !has_ended(case) {
        yield_now().await;
    }
    let waker = lock(&case.waker).take();
    drop(waker);
    let abort = lock(&case.abort).take();
    drop(abort);
    assert_eq!(cede::spawn(async { 5 }).await.unwrap(), 5);
    assert_eq!(case.future_drops.load(Ordering::SeqCst), 1, "the future is dropped once");
    assert_eq!(case.output_drops.load(Ordering::SeqCst), case.outputs.load(Ordering::SeqCst), "each output is dropped once");
}

/// Polls twice, each time with an acting waker of its own; what comes out is dropped.
fn joins<T>(script: &Arc<Script>, mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) {
    for _ in 0..2 {
        let waker = waker(script, Place::WakerWake);
        let polled = tolerate(|| poll(&mut Context::from_waker(&waker)));
        tolerate(|| drop(waker));
        if let Some(Poll::Ready(output)) = polled {
            tolerate(|| drop(output));
            return;
        }
    }
}

/// Polls to the end with the task's own waker, and drops what comes out.
async fn joined<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) {
    let output = poll_fn(|cx| match tolerate(|| poll(cx)) {
        Some(polled) => polled.map(Some),
        None => Poll::Ready(None),
    });
    let output = output.await;
    tolerate(|| drop(output));
}

async fn in_a_set(scene: Scene) {
    let (case, script) = scene.begin();
    let mut set = JoinSet::new();
    let abort = set.spawn(Actor(script.clone()));
    *lock(&case.abort) = Some(abort.clone());
    if scene.moment != Moment::Running {
        polled(&case, &abort).await;
    }
    joins(&script, |cx| set.poll_join_next(cx));
    if scene.moment == Moment::Aborted {
        set.abort_all();
    }
    if !matches!(scene.moment, Moment::Idle | Moment::Shutdown) {
        ended(&abort).await;
    }
    // The set works for others.
    let (other, actor) = quiet();
    // If it ends at once, this wakes who waits for the set.
    drop(tolerate(|| set.spawn(actor)));
    while !has_ended(&other) {
        joined(|cx| set.poll_join_next(cx)).await;
    }
    tolerate(|| drop(set));
    settles(&case).await;
}

async fn in_a_local_set(scene: Scene) {
    let (case, script) = scene.begin();
    let set = LocalSet::new();
    let mut task = set.spawn_local(Actor(script.clone()));
    let abort = task.abort_handle();
    *lock(&case.abort) = Some(task.abort_handle());
    if scene.moment != Moment::Running {
        set.run_until(polled(&case, &abort)).await;
    }
    joins(&script, |cx| Pin::new(&mut task).poll(cx));
    *lock(&case.handle) = Some(task);
    if scene.moment == Moment::Aborted {
        abort.abort();
    }
    if !matches!(scene.moment, Moment::Idle | Moment::Shutdown) {
        set.run_until(ended(&abort)).await;
    }
    let (other, actor) = quiet();
    let other_task = set.spawn_local(actor);
    drop(set.run_until(other_task).await);
    assert!(has_ended(&other));
    tolerate(|| drop(set));
    let handle = lock(&case.handle).take();
    tolerate(|| drop(handle));
    settles(&case).await;
}

/// Aborted is here: the time is over.
async fn with_a_limit(scene: Scene) {
    let (case, script) = scene.begin();
    let limit = if scene.moment == Moment::Aborted { Duration::from_millis(1) } else { LONG };
    let mut task = cede::spawn(cede::time::timeout(limit, Actor(script.clone())));
    let abort = task.abort_handle();
    *lock(&case.abort) = Some(task.abort_handle());
    if scene.moment != Moment::Running {
        polled(&case, &abort).await;
    }
    joins(&script, |cx| Pin::new(&mut task).poll(cx));
    if !matches!(scene.moment, Moment::Idle | Moment::Shutdown) {
        while !abort.is_finished() {
            cede::time::sleep(Duration::from_millis(1)).await;
        }
    }
    abort.abort();
    ended(&abort).await;
    tolerate(|| drop(task));
    settles(&case).await;
}

/// Alone on the one blocking thread of its runtime. Whoever is not to run yet stands behind another closure.
fn on_a_blocking_thread(runtime: Runtime, scene: Scene) {
    let (case, script) = scene.begin();
    let (open, gate) = mpsc::channel::<()>();
    let waits = !matches!(scene.moment, Moment::Running | Moment::Done);
    let before = runtime.spawn_blocking(move || {
        if waits {
            assert!(gate.recv().is_err())
        }
    });
    let actor = Actor(script.clone());
    let mut task = runtime.spawn_blocking(move || {
        let script = actor.0.clone();
        script.act_at(Place::Poll);
        if script.place == Place::WakeOfOther {
            waker(&script, Place::WakeOfOther).wake();
        }
        // If this panicked when the output is there, Rust would leak that.
        drop(actor);
        script.case.outputs.fetch_add(1, Ordering::SeqCst);
        Output(script)
    });
    let abort = task.abort_handle();
    *lock(&case.abort) = Some(task.abort_handle());
    if scene.moment == Moment::Done {
        runtime.block_on(ended(&abort));
    }
    joins(&script, |cx| Pin::new(&mut task).poll(cx));
    *lock(&case.handle) = Some(task);
    if scene.moment == Moment::Aborted {
        abort.abort();
    }
    if scene.moment == Moment::Shutdown {
        let shut = std::thread::spawn(move || drop(runtime));
        drop(open);
        shut.join().unwrap();
    } else {
        drop(open);
        runtime.block_on(async {
            before.await.unwrap();
            ended(&abort).await;
            cede::task::spawn_blocking(|| ()).await.expect("the thread works for others");
        });
        drop(runtime);
    }
    let handle = lock(&case.handle).take();
    tolerate(|| drop(handle));
    let abort = lock(&case.abort).take();
    drop(abort);
    assert!(has_ended(&case), "{scene:?}");
    assert_eq!(case.future_drops.load(Ordering::SeqCst), 1, "the closure is dropped once");
}

/// Each scene on each runtime, as the main future, as a task and simulated.
fn everywhere<F>(body: impl Fn(Scene) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    hush();
    let (local, steal) = (one_thread(), two_workers());
    for (number, scene) in scenes().enumerate() {
        local.block_on(body(scene));
        steal.block_on(body(scene));
        let task = steal.spawn(body(scene));
        steal.block_on(task).unwrap_or_else(|error| panic!("{scene:?}: {error}"));
        for seed in 0..4 {
            let sim = Sim::new(seed * 1000 + number as u64).workers(1 + seed as usize % 3);
            sim.run(body(scene)).unwrap_or_else(|failure| panic!("{scene:?}, seed {seed}: {failure}"));
        }
    }
}

#[test]
fn everything_in_a_join_set() {
    everywhere(in_a_set);
}

#[test]
fn everything_under_a_time_limit() {
    everywhere(with_a_limit);
}

#[test]
fn everything_in_a_local_set() {
    hush();
    let (local, steal) = (one_thread(), two_workers());
    for scene in scenes() {
        local.block_on(in_a_local_set(scene));
        steal.block_on(in_a_local_set(scene));
    }
}

#[test]
fn everything_on_a_blocking_thread() {
    hush();
    for scene in scenes() {
        for mut builder in [Builder::new_current_thread(), Builder::new_multi_thread()] {
            on_a_blocking_thread(builder.worker_threads(1).max_blocking_threads(1).enable_all().build().unwrap(), scene);
        }
    }
}
