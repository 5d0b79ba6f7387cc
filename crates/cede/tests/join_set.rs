//! Sets of tasks, on every scheduler.

use std::future::{Future, pending};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cede::runtime::Builder;
use cede::sim::Sim;
use cede::sync::oneshot;
use cede::task::{JoinSet, yield_now};

fn everywhere<F>(body: impl Fn() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    Builder::new_current_thread().enable_all().build().unwrap().block_on(body());
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(body());
    let inside = runtime.spawn(body());
    runtime.block_on(inside).unwrap();
    for seed in 0..30 {
        Sim::new(seed).run(body()).unwrap_or_else(|failure| panic!("seed {seed}: {failure}"));
        Sim::new(seed).workers(3).run(body()).unwrap_or_else(|failure| panic!("seed {seed}, three workers: {failure}"));
    }
}

struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn outputs_come_in_the_order_in_which_tasks_end() {
    everywhere(|| async {
        let mut set = JoinSet::new();
        let mut gates = Vec::new();
        for i in 0..50 {
            let (open, gate) = oneshot::channel::<()>();
            gates.push(open);
            set.spawn(async move {
                gate.await.unwrap();
                i
            });
        }
        assert!(set.try_join_next().is_none());
        let mut order = Vec::new();
        for (i, gate) in gates.into_iter().enumerate().rev() {
            gate.send(()).unwrap();
            let (id, output) = set.join_next_with_id().await.unwrap().unwrap();
            assert!(id.to_string().parse::<u64>().is_ok());
            assert_eq!(output, i);
            order.push(output);
        }
        assert_eq!(order.len(), 50);
        assert!(set.is_empty() && set.join_next().await.is_none());
    });
}

#[test]
fn dropping_aborts_and_detaching_does_not() {
    everywhere(|| async {
        let drops = Arc::new(AtomicUsize::new(0));
        let mut set = JoinSet::new();
        let counted = Counted(drops.clone());
        let aborted = set.spawn(async move {
            let _counted = counted;
            pending::<()>().await;
        });
        drop(set);
        while !aborted.is_finished() {
            yield_now().await;
        }
        assert_eq!(drops.load(Ordering::SeqCst), 1);

        let (open, gate) = oneshot::channel::<()>();
        let mut set = JoinSet::new();
        let detached = set.spawn(async move { gate.await.unwrap() });
        set.detach_all();
        assert!(set.is_empty());
        drop(set);
        open.send(()).unwrap();
        while !detached.is_finished() {
            yield_now().await;
        }
    });
}

#[test]
fn shutdown_leaves_nothing_running() {
    everywhere(|| async {
        let drops = Arc::new(AtomicUsize::new(0));
        let mut set: JoinSet<()> = (0..20)
            .map(|_| {
                let counted = Counted(drops.clone());
                async move {
                    let _counted = counted;
                    pending().await
                }
            })
            .collect();
        assert_eq!(set.len(), 20);
        set.shutdown().await;
        assert_eq!((set.len(), drops.load(Ordering::SeqCst)), (0, 20));
    });
}

#[test]
fn names_and_blocking_closures_belong_to_the_set() {
    everywhere(|| async {
        let mut set = JoinSet::new();
        set.build_task().name("one").spawn(async { 1 }).unwrap();
        set.build_task().name("two").spawn_blocking(|| 2).unwrap();
        set.spawn_blocking(|| 3);
        let mut outputs = set.join_all().await;
        outputs.sort_unstable();
        assert_eq!(outputs, [1, 2, 3]);
    });
}

#[test]
#[should_panic(expected = "as planned")]
fn join_all_passes_a_panic_on() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut set = JoinSet::new();
        set.spawn(async { panic!("as planned") as () });
        set.join_all().await
    });
}
