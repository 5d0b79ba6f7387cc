//! Groups of tasks: what ends when, and that nothing is left.

#[path = "support/everywhere.rs"]
mod everywhere;

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cede::group::{self, CancelReason, Cause, Spawner, TaskGroup};
use cede::runtime::{Builder, Handle};
use cede::sim::Sim;
use cede::sync::oneshot;
use cede::task::yield_now;
use cede::time::{Instant, sleep};

use everywhere::everywhere;

/// Counts what is alive.
struct Alive(Arc<AtomicUsize>);

impl Alive {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count.clone())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[test]
fn join_waits_for_all_and_for_those_that_children_spawn() {
    everywhere(|| async {
        let done = Arc::new(AtomicUsize::new(0));
        let mut group = TaskGroup::<()>::new();
        fn tree(spawner: Spawner<()>, depth: u32, done: Arc<AtomicUsize>) {
            for _ in 0..3 {
                let (again, done) = (spawner.clone(), done.clone());
                spawner.spawn(async move {
                    yield_now().await;
                    if depth > 0 {
                        tree(again, depth - 1, done.clone());
                    }
                    done.fetch_add(1, Ordering::SeqCst);
                    Ok(())
                });
            }
        }
        tree(group.spawner(), 2, done.clone());
        group.join().await.unwrap();
        assert_eq!((done.load(Ordering::SeqCst), group.live()), (39, 0));
    });
}

#[test]
fn the_first_error_cancels_the_others_and_all_errors_are_kept() {
    everywhere(|| async {
        let alive = Arc::new(AtomicUsize::new(0));
        let mut group = TaskGroup::builder().cleanup(Duration::from_secs(3600)).build();
        for i in 0..3 {
            group.spawn(async move {
                let reason = group::cancelled().await;
                assert_eq!(reason, CancelReason::ChildFailed);
                Err::<(), _>(format!("late {i}"))
            });
        }
        let stuck = Alive::new(&alive);
        let mut second = TaskGroup::<String>::new();
        second.spawn(async move {
            let _stuck = stuck;
            pending::<Result<(), _>>().await
        });
        second.spawn(async { Err::<(), _>("no time to clean up".to_owned()) });
        let error = second.join().await.unwrap_err();
        assert_eq!((error.errors.len(), error.cancelled, alive.load(Ordering::SeqCst)), (1, 1, 0));
        group.spawn_named::<_, ()>("the one that panics", async { std::panic::resume_unwind(Box::new("as planned")) });
        let error = group.join().await.unwrap_err();
        assert!(matches!(error.errors[0].cause, Cause::Panicked(_)));
        assert_eq!(error.errors[0].child.name(), Some("the one that panics"));
        assert!(error.errors[0].to_string().starts_with("the child \"the one that panics\" spawned at"), "{error}");
        let mut late: Vec<_> = error.failures().cloned().collect();
        late.sort();
        assert_eq!(late, ["late 0", "late 1", "late 2"]);
        assert!(error.to_string().starts_with("the group was cancelled: a child failed"));
    });
}

#[test]
fn a_limit_bounds_how_many_run() {
    everywhere(|| async {
        let running = Arc::new(AtomicUsize::new(0));
        let most = Arc::new(AtomicUsize::new(0));
        let mut group = TaskGroup::<()>::builder().limit(3).unwrap().build();
        for _ in 0..20 {
            let (running, most) = (running.clone(), most.clone());
            group.spawn(async move {
                let alive = Alive::new(&running);
                most.fetch_max(running.load(Ordering::SeqCst), Ordering::SeqCst);
                yield_now().await;
                drop(alive);
                Ok(())
            });
        }
        group.join().await.unwrap();
        assert!((1..=3).contains(&most.load(Ordering::SeqCst)));
    });
    assert!(TaskGroup::<()>::builder().limit(0).is_err());
}

#[test]
fn children_give_values_and_who_waits_for_one_that_has_none_is_told() {
    cede::task_local! { static FACTOR: u32; }
    everywhere(|| async {
        let mut group = TaskGroup::<&str>::builder().limit(2).unwrap().inherit(&FACTOR).build();
        let numbers: Vec<_> = FACTOR.sync_scope(6, || (0..5).map(|n| group.spawn(async move { Ok(FACTOR.get() * n) })).collect());
        let text = group.spawn_named("text", async { Ok("seven".to_owned()) });
        for (n, number) in (0..).zip(numbers) {
            assert_eq!(number.await, Ok(6 * n));
        }
        assert_eq!(text.await.as_deref(), Ok("seven"));
        let cancelled = group.spawn_named("stuck", pending::<Result<u8, _>>());
        let failed = group.spawn(async { Err::<u8, _>("no") });
        assert!(failed.await.unwrap_err().to_string().contains("`join` of its group"));
        assert_eq!(cancelled.await.unwrap_err().child().name(), Some("stuck"));
        assert_eq!(group.join().await.unwrap_err().failures().collect::<Vec<_>>(), [&"no"]);
    });
}

#[test]
fn what_has_not_begun_when_the_group_is_cancelled_never_does_and_is_not_said_to_refuse() {
    everywhere(|| async {
        let mut group = TaskGroup::<()>::builder().limit(1).unwrap().cleanup(Duration::from_millis(1)).build();
        let (started, has_started) = oneshot::channel();
        let refuses = group.spawn_named("refuses", async move {
            started.send(()).unwrap();
            pending::<Result<(), _>>().await
        });
        for _ in 0..3 {
            group.spawn(async { panic!("it has begun") as Result<(), _> });
        }
        has_started.await.unwrap();
        group.cancel(CancelReason::Requested("enough".into()));
        let error = group.join().await.unwrap_err();
        assert_eq!((error.cut_off, error.cancelled, error.errors.len()), (vec![refuses.name().clone()], 4, 0));
    });
}

#[test]
fn deadlines_and_task_locals_are_inherited() {
    cede::task_local! { static NAME: &'static str; }
    everywhere(|| async {
        let begin = Instant::now();
        let mut group = TaskGroup::<()>::builder().timeout(Duration::from_millis(20)).inherit(&NAME).build();
        let spawner = group.spawner();
        NAME.sync_scope("outer", || {
            spawner.spawn(async move {
                assert_eq!(NAME.get(), "outer");
                let mut inner = TaskGroup::<()>::builder().timeout(Duration::from_secs(9)).build();
                inner.spawn(async move {
                    assert!(NAME.try_get().is_err(), "this group inherits none");
                    assert!(group::deadline().unwrap() <= begin + Duration::from_secs(1), "the earlier one counts");
                    pending::<Result<(), ()>>().await
                });
                let error = inner.join().await.unwrap_err();
                assert_eq!(error.reason, Some(CancelReason::DeadlineExceeded));
                pending::<Result<(), ()>>().await
            });
        });
        let error = group.join().await.unwrap_err();
        assert_eq!(error.reason, Some(CancelReason::DeadlineExceeded));
        assert!(error.errors.is_empty(), "{error:?}");
        assert!(begin.elapsed() >= Duration::from_millis(20));
    });
}

#[test]
fn shutdown_gives_time_to_clean_up_and_cuts_off_who_takes_longer() {
    everywhere(|| async {
        let cleaned = Arc::new(AtomicUsize::new(0));
        let group = TaskGroup::<()>::new();
        let (ready, is_ready) = oneshot::channel();
        let count = cleaned.clone();
        group.spawn(async move {
            ready.send(()).unwrap();
            assert_eq!(group::cancelled().await, CancelReason::Shutdown);
            sleep(Duration::from_millis(1)).await;
            count.fetch_add(1, Ordering::SeqCst);
            Ok(())
        });
        is_ready.await.unwrap();
        group.shutdown(Duration::from_secs(3600)).await.unwrap();
        assert_eq!(cleaned.load(Ordering::SeqCst), 1);

        let group = TaskGroup::<()>::new();
        group.spawn(pending::<Result<(), ()>>());
        let error = group.shutdown(Duration::from_millis(1)).await.unwrap_err();
        assert_eq!((error.cut_off.len(), error.cancelled), (1, 1));
        assert!(error.cut_off[0].site().file().ends_with("group.rs"));
    });
}

#[test]
fn a_cancel_reaches_groups_below_with_its_reason_and_join_waits_for_them() {
    everywhere(|| async {
        let alive = Arc::new(AtomicUsize::new(0));
        let mut outer = TaskGroup::<()>::new();
        let (started, has_started) = oneshot::channel();
        let count = alive.clone();
        outer.spawn(async move {
            let mut inner = TaskGroup::<()>::builder().cleanup(Duration::from_secs(3600)).build();
            let leaf = Alive::new(&count);
            inner.spawn(async move {
                started.send(()).unwrap();
                assert_eq!(group::cancelled().await, CancelReason::Requested("enough".into()));
                drop(leaf);
                Ok(())
            });
            let _ = inner.join().await;
            Ok(())
        });
        has_started.await.unwrap();
        assert_eq!(outer.live(), 2);
        outer.cancel(CancelReason::Requested("enough".into()));
        let error = outer.join().await.unwrap_err();
        assert_eq!((error.reason, alive.load(Ordering::SeqCst)), (Some(CancelReason::Requested("enough".into())), 0));
    });
}

#[test]
fn a_group_of_a_runtime_that_is_gone_ends() {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let mut group = {
        let _inside = runtime.enter();
        let group = TaskGroup::<()>::new();
        group.spawn(pending::<Result<(), ()>>());
        group
    };
    drop(runtime);
    let error = cede::block_on(group.join()).unwrap_err();
    assert_eq!((error.reason, error.cancelled), (None, 1));
}

/// Numbers that look random.
#[derive(Clone)]
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    fn fork(&mut self) -> Self {
        Self(self.below(u64::MAX - 1) + 1)
    }
}

/// A child that has groups below it until `depth` is zero.
fn member(depth: u32, random: Random, alive: Arc<AtomicUsize>) -> Pin<Box<dyn Future<Output = Result<(), ()>> + Send>> {
    Box::pin(member_of_tree(depth, random, alive))
}

async fn member_of_tree(depth: u32, mut random: Random, alive: Arc<AtomicUsize>) -> Result<(), ()> {
    let _alive = Alive::new(&alive);
    if depth > 0 {
        let cleanup = Duration::from_micros(random.below(3) * 50);
        let mut below = TaskGroup::builder().cleanup(cleanup).build();
        for _ in 0..=random.below(2) {
            below.spawn(member(depth - 1, random.fork(), alive.clone()));
        }
        return below.join().await.map_err(drop);
    }
    for _ in 0..random.below(4) {
        match random.below(8) {
            0 => return Err(()),
            1 => std::panic::resume_unwind(Box::new(())),
            2 => sleep(Duration::from_micros(random.below(40))).await,
            3 => drop(group::cancelled().await),
            _ => yield_now().await,
        }
    }
    Ok(())
}

/// Makes a tree of three levels, ends it in a random way at a random moment, and sees that nothing is left.
async fn cancel_a_tree(random: &mut Random) {
    let before = Handle::current().metrics().num_alive_tasks();
    let alive = Arc::new(AtomicUsize::new(0));
    let mut group = TaskGroup::builder().limit(2).unwrap().build();
    for _ in 0..3 {
        group.spawn(member(2, random.fork(), alive.clone()));
    }
    for _ in 0..random.below(6) {
        yield_now().await;
    }
    match random.below(5) {
        0 => {
            group.cancel(CancelReason::Requested("enough".into()));
            let _ = group.join().await;
            assert_eq!(alive.load(Ordering::SeqCst), 0, "join returned before the end of a child");
        }
        1 => {
            let _ = group.shutdown(Duration::from_micros(random.below(30))).await;
            assert_eq!(alive.load(Ordering::SeqCst), 0, "shutdown returned before the end of a child");
        }
        2 => {
            let joined = cede::time::timeout(Duration::from_micros(random.below(30)), group.join()).await;
            assert!(joined.is_err() || alive.load(Ordering::SeqCst) == 0);
            drop(group);
        }
        3 => {
            let owner = cede::spawn(async move { group.join().await });
            yield_now().await;
            owner.abort();
            let _ = owner.await;
        }
        _ => drop(group),
    }
    while alive.load(Ordering::SeqCst) > 0 || Handle::current().metrics().num_alive_tasks() > before {
        yield_now().await;
    }
}

const TREES: u64 = if cfg!(debug_assertions) { 10_000 } else { 100_000 };

#[test]
fn no_random_cancel_of_a_tree_leaves_anything_simulated() {
    let each = 50;
    for seed in 0..TREES / each {
        let program = async move {
            let mut random = Random(seed * 2 + 1);
            for _ in 0..each {
                cancel_a_tree(&mut random).await;
            }
        };
        let sim = if seed % 2 == 0 { Sim::new(seed) } else { Sim::new(seed).workers(3) };
        sim.run(program).unwrap_or_else(|failure| panic!("seed {seed}: {failure}"));
    }
}

#[test]
fn no_random_cancel_of_a_tree_leaves_anything_on_threads() {
    let runtime = Builder::new_multi_thread().worker_threads(3).enable_all().build().unwrap();
    let task = runtime.spawn(async {
        let mut random = Random(7);
        for _ in 0..if cfg!(debug_assertions) { TREES / 5 } else { TREES } {
            cancel_a_tree(&mut random).await;
        }
    });
    runtime.block_on(task).unwrap();
    // The task itself is taken off the count after its handle was woken.
    while runtime.metrics().num_alive_tasks() > 0 {
        std::thread::yield_now();
    }
}
