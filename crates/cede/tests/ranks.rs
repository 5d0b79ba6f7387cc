//! Priorities, groups, deadlines, inheritance, and policies: who runs next.
//!
//! Where turns are counted the clock stands still, so each counts the same.

mod support {
    pub(crate) mod everywhere;
}

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::{Duration, Instant};

use cede::runtime::policy::{self, Policy, Runnable};
use cede::runtime::{Builder, Handle, LocalOptions, Runtime};
use cede::sync::{Mutex as AsyncMutex, RwLock, oneshot};
use cede::task::{Builder as Task, CpuGroup, JoinHandle, LocalSet, Priority, yield_now};
use support::everywhere::everywhere;

type Order = Arc<Mutex<Vec<&'static str>>>;

fn stopped() -> Runtime {
    Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}

/// One worker, whose tasks stay where they are until the one that spawns them has ended.
fn one_worker() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

fn says(order: &Order, what: &'static str) -> impl Future<Output = ()> + Send + use<> {
    let order = order.clone();
    async move { order.lock().unwrap().push(what) }
}

async fn all(tasks: Vec<JoinHandle<()>>) {
    for task in tasks {
        task.await.unwrap();
    }
}

/// Yields until it is told to stop; returns the counter of its turns.
fn spins(stop: &Arc<AtomicBool>, how: Task<'_>) -> Arc<AtomicU64> {
    let turns = Arc::new(AtomicU64::new(0));
    let (stop, counter) = (stop.clone(), turns.clone());
    let spinning = async move {
        while !stop.load(Ordering::Relaxed) {
            counter.fetch_add(1, Ordering::Relaxed);
            yield_now().await;
        }
    };
    drop(how.spawn(spinning).unwrap());
    turns
}

#[test]
fn what_matters_more_runs_first() {
    for runtime in [stopped(), one_worker()] {
        let order = Order::default();
        let spawned = order.clone();
        let spawns = runtime.spawn(async move {
            let order = spawned;
            let of = |what, priority| Task::new().priority(priority).spawn(says(&order, what)).unwrap();
            let tasks = vec![of("background", Priority::Background), cede::spawn(says(&order, "ordinary")), of("high", Priority::High)];
            let more = vec![of("urgent", Priority::Urgent)];
            tasks.into_iter().chain(more).collect::<Vec<_>>()
        });
        runtime.block_on(async { all(spawns.await.unwrap()).await });
        assert_eq!(*order.lock().unwrap(), ["urgent", "high", "ordinary", "background"]);
    }
}

#[test]
fn ranked_tasks_do_everything_that_others_do() {
    everywhere(|| async {
        let group = CpuGroup::new("group", 10);
        let lock = Arc::new(AsyncMutex::new(0));
        let task = |priority, group: &CpuGroup| {
            let lock = lock.clone();
            let soon = Instant::now() + Duration::from_secs(1);
            let adds = async move {
                for _ in 0..10 {
                    *lock.lock().await += 1;
                    yield_now().await;
                    cede::time::sleep(Duration::from_micros(10)).await;
                }
            };
            Task::new().name("adds").priority(priority).group(group).deadline(soon).spawn(adds).unwrap()
        };
        let tasks = [Priority::Background, Priority::Normal, Priority::High, Priority::Urgent].map(|priority| task(priority, &group));
        let stuck = Task::new().priority(Priority::High).spawn(std::future::pending::<()>()).unwrap();
        let panics = Task::new().priority(Priority::High).spawn(async { panic!("on purpose") }).unwrap();
        all(tasks.into()).await;
        assert_eq!(*lock.lock().await, 40);
        stuck.abort();
        assert!(stuck.await.unwrap_err().is_cancelled());
        let panicked: Result<(), _> = panics.await;
        assert!(panicked.unwrap_err().is_panic());
        assert_eq!(group.tasks(), 0);
        assert!(group.polls() >= 44, "{}", group.polls());
        drop(Task::new().priority(Priority::Urgent).spawn(std::future::pending::<()>()).unwrap());
    });
}

#[test]
fn nothing_starves() {
    let runtime = stopped();
    runtime.block_on(async {
        let stop = Arc::new(AtomicBool::new(false));
        let urgent = spins(&stop, Task::new().priority(Priority::Urgent));
        let ordinary = spins(&stop, Task::new());
        let background = spins(&stop, Task::new().priority(Priority::Background));
        while background.load(Ordering::Relaxed) < 1000 {
            yield_now().await;
        }
        stop.store(true, Ordering::Relaxed);
        let [urgent, ordinary, background] = [urgent, ordinary, background].map(|turns| turns.load(Ordering::Relaxed));
        // A sixteenth of the turns of all above it, a quarter of those of the urgent one; what is owed is not paid before it is half a millisecond.
        assert!((16_000..=26_000).contains(&(urgent + ordinary)), "{urgent} {ordinary} {background}");
        assert!((3..=5).contains(&(urgent / ordinary)), "{urgent} {ordinary} {background}");
    });
}

#[test]
fn groups_share_in_proportion() {
    let runtime = stopped();
    runtime.block_on(async {
        let (small, large) = (CpuGroup::new("small", 100), CpuGroup::new("large", 300));
        let stop = Arc::new(AtomicBool::new(false));
        let of_small = spins(&stop, Task::new().group(&small));
        let of_large = [spins(&stop, Task::new().group(&large)), spins(&stop, Task::new().group(&large))];
        while of_small.load(Ordering::Relaxed) < 30_000 {
            yield_now().await;
        }
        stop.store(true, Ordering::Relaxed);
        let large_turns: u64 = of_large.iter().map(|turns| turns.load(Ordering::Relaxed)).sum();
        // The group with the larger share may be ahead by what it is allowed to have saved up.
        assert!((80_000..=110_000).contains(&large_turns), "{large_turns}");
        assert!(large.polls() >= large_turns && large.busy_time() > Duration::ZERO);
    });
}

#[test]
fn each_runtime_counts_what_a_group_did_there() {
    let imports = CpuGroup::new("imports", 20);
    let runtimes = [stopped(), one_worker()];
    for (runtime, polls) in runtimes.iter().zip([3, 5]) {
        runtime.block_on(async {
            let task = Task::new().group(&imports).spawn(async move {
                for _ in 1..polls {
                    yield_now().await;
                }
            });
            let waits = Task::new().group(&imports).spawn(std::future::pending::<()>()).unwrap();
            task.unwrap().await.unwrap();
            drop(waits);
        });
        let dump = runtime.handle().dump();
        let [(number, group)] = dump.groups().collect::<Vec<_>>()[..] else { panic!("one group: {dump}") };
        // The one that waits may not have been polled yet.
        assert!((polls..=polls + 1).contains(&group.polls()), "{group}");
        assert_eq!(
            (number.to_string(), group.name(), group.shares(), group.tasks()),
            (runtime.handle().id().to_string(), "imports", 20, 1)
        );
        assert!(group.busy_time() > Duration::ZERO);
        assert_eq!(dump.tasks()[0].future, "core::future::pending::Pending<()>", "and not what the runtime puts around it");
        assert!(dump.to_string().contains("\n  group \"imports\", 20 shares: 1 tasks, "), "{dump}");
        let metrics = runtime.metrics().cpu_groups();
        assert_eq!((metrics.len(), metrics[0].name(), metrics[0].polls()), (1, "imports", group.polls()));
    }
    let sum: u64 = runtimes.iter().map(|runtime| runtime.metrics().cpu_groups()[0].polls()).sum();
    assert_eq!(imports.polls(), sum);
}

#[test]
fn the_earliest_deadline_is_first() {
    let runtime = stopped();
    let order = Order::default();
    runtime.block_on(async {
        let now = Instant::now();
        let by = |what, seconds| Task::new().deadline(now + Duration::from_secs(seconds)).spawn(says(&order, what)).unwrap();
        all(vec![by("in three", 3), by("in one", 1), by("in two", 2)]).await;
    });
    assert_eq!(*order.lock().unwrap(), ["in one", "in two", "in three"]);
}

/// A background task holds `held` for a thousand turns, others keep the runtime busy, and an urgent task needs what `wait` waits for. Returns how many turns the busy ones had meanwhile, and the
/// priority of the holder while it was waited for and afterwards.
fn inversion<H, W>(hold: impl FnOnce() -> H, wait: impl FnOnce(JoinHandle<()>) -> W) -> (u64, [Priority; 2])
where
    H: Future + Send + 'static,
    H::Output: Send,
    W: Future<Output = ()> + Send + 'static,
{
    let runtime = stopped();
    let hold = hold();
    runtime.block_on(async {
        let (has, told) = oneshot::channel();
        let (go, mut gone) = oneshot::channel::<()>();
        let holder = Task::new().name("holder").priority(Priority::Background);
        let holder = holder.spawn(async move {
            let held = hold.await;
            has.send(()).unwrap();
            for _ in 0..1000 {
                yield_now().await;
            }
            drop(held);
            // It goes on as what it is.
            std::future::pending::<()>().await;
        });
        let holder = holder.unwrap();
        let holder_id = holder.id();
        told.await.unwrap();
        let class =
            move || Handle::current().dump().tasks().iter().find(|task| task.id.to_string() == holder_id.to_string()).unwrap().priority;
        let stop = Arc::new(AtomicBool::new(false));
        let busy = spins(&stop, Task::new());
        let waiting = wait(holder);
        let urgent = Task::new().priority(Priority::Urgent).spawn(async move {
            waiting.await;
            go.send(()).unwrap();
        });
        let mut while_waiting = None;
        let turns = loop {
            if gone.try_recv().is_ok() {
                break busy.load(Ordering::Relaxed);
            }
            while_waiting = while_waiting.max(Some(class()));
            yield_now().await;
        };
        stop.store(true, Ordering::Relaxed);
        urgent.unwrap().await.unwrap();
        (turns, [while_waiting.unwrap(), class()])
    })
}

#[test]
fn who_holds_a_lock_matters_as_much_as_who_waits_for_it() {
    static LOCK: AsyncMutex<()> = AsyncMutex::const_new(());
    let lock = &LOCK;
    let (turns, classes) = inversion(|| lock.lock(), |_| async { drop(lock.lock().await) });
    assert_eq!(classes, [Priority::Urgent, Priority::Background]);
    assert!(turns < 300, "others had {turns} turns, while the holder needed a thousand");
}

#[test]
fn a_writer_does_too_also_through_others() {
    static LOCK: RwLock<()> = RwLock::const_new(());
    let lock = &LOCK;
    let waits = async {
        // An ordinary task in between.
        let reads = cede::spawn(async { drop(lock.read().await) });
        reads.await.unwrap();
    };
    let (turns, classes) = inversion(|| lock.write(), |_| waits);
    assert_eq!(classes, [Priority::Urgent, Priority::Background]);
    assert!(turns < 300, "others had {turns} turns, while the holder needed a thousand");
}

#[test]
fn who_is_waited_for_no_longer_is_what_it_was() {
    // It does not end, so the wait for it is given up.
    let waits = |mut holder: JoinHandle<()>| async move {
        let mut polls = 0;
        let gives_up = poll_fn(|cx| {
            polls += 1;
            cx.waker().wake_by_ref();
            if polls > 50 { Poll::Ready(()) } else { Poll::Pending }
        });
        cede::select! {
            biased;
            _ = &mut holder => unreachable!("it never ends"),
            () = gives_up => {}
        }
        drop(holder);
    };
    let (_, classes) = inversion(|| async {}, waits);
    assert_eq!(classes[1], Priority::Background);
}

#[test]
fn a_task_that_is_awaited_matters_as_much() {
    let runtime = stopped();
    let turns = runtime.block_on(async {
        let stop = Arc::new(AtomicBool::new(false));
        let works = async {
            for _ in 0..1000 {
                yield_now().await;
            }
        };
        let low = Task::new().priority(Priority::Background).spawn(works).unwrap();
        let busy = spins(&stop, Task::new());
        let urgent = Task::new().priority(Priority::Urgent).spawn(async move { low.await.unwrap() }).unwrap();
        urgent.await.unwrap();
        stop.store(true, Ordering::Relaxed);
        busy.load(Ordering::Relaxed)
    });
    assert!(turns < 300, "others had {turns} turns, while the awaited one needed a thousand");
}

/// The order in which five tasks run that are spawned in order, the second with a deadline and the third with a priority.
fn order_by(policy: impl Policy + 'static) -> Vec<u32> {
    let runtime = Builder::new_current_thread().policy(policy).build().unwrap();
    let order = Arc::new(Mutex::new(Vec::new()));
    let pushes = |n| {
        let order = order.clone();
        async move { order.lock().unwrap().push(n) }
    };
    runtime.block_on(async {
        let tasks = vec![
            cede::spawn(pushes(1)),
            Task::new().deadline(Instant::now()).spawn(pushes(2)).unwrap(),
            Task::new().priority(Priority::High).spawn(pushes(3)).unwrap(),
            cede::spawn(pushes(4)),
            Task::new().priority(Priority::Background).spawn(pushes(5)).unwrap(),
        ];
        all(tasks).await;
    });
    Arc::into_inner(order).unwrap().into_inner().unwrap()
}

#[test]
fn a_policy_decides_which_task_is_next() {
    assert_eq!(order_by(policy::Fifo), [1, 2, 3, 4, 5]);
    assert_eq!(order_by(policy::Lifo::default()), [5, 4, 3, 2, 1]);
    assert_eq!(order_by(policy::ByPriority), [3, 1, 2, 4, 5]);
    assert_eq!(order_by(policy::EarliestDeadline), [2, 1, 3, 4, 5]);
    let by_line = |task: &Runnable<'_>| 1_000_000 - u64::from(task.spawned_at().line());
    assert_eq!(order_by(by_line), [5, 4, 3, 2, 1]);
    assert_eq!(order_by(policy::Random::new(1)), order_by(policy::Random::new(1)));
    let orders: std::collections::HashSet<_> = (0..20).map(|seed| order_by(policy::Random::new(seed))).collect();
    assert!(orders.len() > 10, "{orders:?}");
}

#[test]
fn a_policy_may_panic_and_wake() {
    assert_eq!(order_by(|_: &Runnable<'_>| panic!("on purpose")), [1, 2, 3, 4, 5]);
    let (wakes, woken) = oneshot::channel();
    let mut wakes = Some(wakes);
    let policy = move |task: &Runnable<'_>| {
        if task.priority() == Priority::High {
            wakes.take().map(|wakes| wakes.send(()));
        }
        1
    };
    let runtime = Builder::new_current_thread().policy(policy).build().unwrap();
    runtime.block_on(async {
        let waits = cede::spawn(async { woken.await.unwrap() });
        yield_now().await;
        Task::new().priority(Priority::High).spawn(async {}).unwrap().await.unwrap();
        waits.await.unwrap();
    });
}

#[test]
fn a_policy_sees_wakes_from_other_threads() {
    let runtime = Builder::new_current_thread().policy(policy::Lifo::default()).build().unwrap();
    runtime.block_on(async {
        for _ in 0..100 {
            let (sends, receives) = oneshot::channel();
            std::thread::spawn(move || sends.send(7).unwrap());
            let task = Task::new().priority(Priority::Background).spawn(receives).unwrap();
            assert_eq!(task.await.unwrap(), Ok(7));
        }
    });
}

#[test]
fn local_tasks_have_ranks_on_a_local_runtime_only() {
    let local = Builder::new_current_thread().build_local(LocalOptions::default()).unwrap();
    let order = Order::default();
    local.block_on(async {
        let not_send = std::rc::Rc::new(());
        let low = Task::new().priority(Priority::Background);
        let says_low = says(&order, "low");
        let low = low.spawn_local(async move {
            says_low.await;
            drop(not_send);
        });
        let ordinary = cede::task::spawn_local(says(&order, "ordinary"));
        all(vec![ordinary, low.unwrap()]).await;
    });
    assert_eq!(*order.lock().unwrap(), ["ordinary", "low"]);
    let set = LocalSet::new();
    let refused = Task::new().priority(Priority::High).spawn_local_on(async {}, &set).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::Unsupported);
    let runtime = stopped();
    let refused = runtime.block_on(set.run_until(async { Task::new().priority(Priority::High).spawn_local(async {}).unwrap_err() }));
    assert_eq!(refused.kind(), std::io::ErrorKind::Unsupported);
}

#[test]
#[should_panic(expected = "no share of the processors")]
fn a_group_needs_a_share() {
    let _none = CpuGroup::new("starved", 0);
}

#[test]
#[should_panic(expected = "give tasks priorities")]
fn a_policy_is_for_one_thread() {
    drop(Builder::new_multi_thread().policy(policy::Fifo).build());
}

#[test]
fn ranked_tasks_end_with_their_runtime() {
    for runtime in [stopped(), one_worker()] {
        let group = CpuGroup::new("group", 1);
        let (tells, told) = oneshot::channel::<()>();
        let waits = group.clone();
        let spawned = runtime.spawn(async move {
            for _ in 0..10 {
                drop(Task::new().group(&waits).spawn(std::future::pending::<()>()).unwrap());
                drop(Task::new().group(&waits).priority(Priority::Background).spawn(async { yield_now().await }).unwrap());
            }
            // One that was woken from outside and has had no turn.
            drop(Task::new().group(&waits).priority(Priority::Background).spawn(async move { drop(told.await) }).unwrap());
        });
        runtime.block_on(spawned).unwrap();
        tells.send(()).ok();
        drop(runtime);
        assert_eq!(group.tasks(), 0);
    }
}

#[test]
fn a_ranked_task_that_blocks_does_not_stall_the_others() {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().rescue_after(Duration::from_millis(1)).build().unwrap();
    let (free, blocks) = std::sync::mpsc::channel::<()>();
    let spawn = |priority, future: std::pin::Pin<Box<dyn Future<Output = ()> + Send>>| {
        Task::new().priority(priority).spawn_on(future, runtime.handle()).unwrap()
    };
    let stuck = spawn(Priority::Urgent, Box::pin(async move { assert!(blocks.recv().is_err()) }));
    let classes = [Priority::Background, Priority::Normal, Priority::High];
    let others = classes.map(|priority| spawn(priority, Box::pin(async { cede::time::sleep(Duration::from_millis(1)).await })));
    runtime.block_on(all(others.into()));
    drop(free);
    runtime.block_on(stuck).unwrap();
}
