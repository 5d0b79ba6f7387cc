//! Named blocking pools: bulkheads with bounds that are seen.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use cede::blocking::{BlockingPool, SpawnError};
use cede::sim::Sim;

/// A door at which jobs are stuck until it is opened, which its drop does too.
#[derive(Clone, Default)]
struct Door(Arc<(Mutex<bool>, Condvar)>);

impl Door {
    fn pass(&self) {
        let open = self.0.0.lock().unwrap();
        drop(self.0.1.wait_while(open, |open| !*open).unwrap());
    }

    fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    fn stuck_job(&self) -> impl FnOnce() + Send + 'static {
        let door = self.clone();
        move || door.pass()
    }
}

#[cede::test]
async fn ten_thousand_stuck_jobs_of_one_pool_do_not_hold_up_another() {
    let door = Door::default();
    let stuck = BlockingPool::builder().name("stuck").max_threads(4).unwrap().queue_limit(10_000).build();
    let other = BlockingPool::builder().name("other").max_threads(1).unwrap().queue_limit(0).build();
    let jobs: Vec<_> = (0..10_000).map(|_| stuck.try_spawn(door.stuck_job()).unwrap()).collect();

    // Nothing opens the door before these are done: if one waited for a stuck job, the test would not end.
    assert_eq!(other.spawn(|| "done").await.unwrap().await.unwrap(), "done");
    assert_eq!(cede::task::spawn_blocking(|| "done").await.unwrap(), "done");
    assert_eq!(stuck.jobs(), 10_000);
    assert!(jobs.iter().all(|job| !job.is_finished()));
    for _ in 0..50 {
        other.spawn(|| ()).await.unwrap().await.unwrap();
    }

    door.open();
    for job in jobs {
        job.await.unwrap();
    }
    assert_eq!(stuck.jobs(), 0);
    assert!(stuck.threads() <= 4);
}

#[cede::test]
async fn a_full_pool_refuses_or_lets_wait_as_the_caller_chooses() {
    let door = Door::default();
    let pool = BlockingPool::builder().max_threads(1).unwrap().queue_limit(2).build();
    let stuck: Vec<_> = (0..3).map(|_| pool.try_spawn(door.stuck_job()).unwrap()).collect();
    assert!(matches!(pool.try_spawn(|| ()), Err(SpawnError::Saturated)));

    let mut waits = Box::pin(pool.spawn(|| 5));
    let mut given_up = Box::pin(pool.spawn(|| unreachable!("it was given up")));
    assert!(std::future::poll_fn(|cx| Poll::Ready(waits.as_mut().poll(cx).is_pending())).await);
    assert!(std::future::poll_fn(|cx| Poll::Ready(given_up.as_mut().poll(cx).is_pending())).await);
    drop(given_up);

    door.open();
    assert_eq!(waits.await.unwrap().await.unwrap(), 5);
    for job in stuck {
        job.await.unwrap();
    }
}

#[cede::test]
async fn a_panic_and_an_abort_give_the_room_back() {
    let door = Door::default();
    let pool = BlockingPool::builder().max_threads(1).unwrap().queue_limit(1).build();
    assert!(pool.try_spawn(|| panic!("on purpose")).unwrap().await.unwrap_err().is_panic());
    let stuck = pool.spawn(door.stuck_job()).await.unwrap();
    let aborted = pool.spawn(|| unreachable!("it was aborted")).await.unwrap();
    aborted.abort();
    door.open();
    stuck.await.unwrap();
    assert!(aborted.await.unwrap_err().is_cancelled());
    assert_eq!(pool.jobs(), 0);
}

#[cede::test]
async fn a_shutdown_cancels_what_waits_and_refuses_what_comes() {
    let door = Door::default();
    let pool = BlockingPool::builder().max_threads(1).unwrap().queue_limit(1).build();
    let (begun, begins) = cede::sync::oneshot::channel();
    let passes = door.clone();
    let runs = pool.spawn(move || {
        begun.send(()).unwrap();
        passes.pass();
    });
    let runs = runs.await.unwrap();
    begins.await.unwrap();
    let queued = pool.spawn(|| unreachable!("it has not begun")).await.unwrap();
    let mut waits = Box::pin(pool.spawn(|| unreachable!("it has no room")));
    assert!(std::future::poll_fn(|cx| Poll::Ready(waits.as_mut().poll(cx).is_pending())).await);

    assert!(!pool.shutdown(Some(Duration::ZERO)), "a job still runs");
    assert!(queued.await.unwrap_err().is_cancelled());
    assert!(matches!(waits.await, Err(SpawnError::Closed)));
    assert!(matches!(pool.try_spawn(|| ()), Err(SpawnError::Closed)));
    door.open();
    runs.await.unwrap();
    assert!(pool.shutdown(None));
    assert_eq!(pool.threads(), 0);
}

#[cede::test]
async fn a_thread_that_the_system_refuses_is_an_error_and_not_a_hang() {
    // No address space is that large.
    let pool = BlockingPool::builder().stack_size(1 << 60).build();
    assert!(matches!(pool.spawn(|| ()).await, Err(SpawnError::NoThread(_))));
    assert_eq!(pool.jobs(), 0);
}

#[test]
fn what_was_accepted_runs_though_its_runtime_has_ended() {
    let door = Door::default();
    let pool = BlockingPool::builder().max_threads(1).unwrap().build();
    let runtime = cede::runtime::Runtime::new().unwrap();
    let (ran, runs) = std::sync::mpsc::channel();
    runtime.block_on(async {
        // Both handles are dropped, which detaches the jobs.
        drop(pool.try_spawn(door.stuck_job()).unwrap());
        drop(pool.try_spawn(move || ran.send("ran")).unwrap());
    });
    drop(runtime);
    door.open();
    assert_eq!(runs.recv(), Ok("ran"));
    assert!(pool.shutdown(None));
}

#[cede::test]
async fn threads_carry_the_name_and_the_runtime() {
    let pool = BlockingPool::builder().name("disks").max_threads(1).unwrap().build();
    let here = cede::runtime::Handle::current().id();
    let job = pool.spawn(|| (thread::current().name().map(str::to_owned), cede::runtime::Handle::current().id()));
    assert_eq!(job.await.unwrap().await.unwrap(), (Some("disks-0".to_owned()), here));
    assert!(format!("{pool:?}").contains("disks"));
}

#[test]
fn in_a_simulated_run_the_bounds_hold_without_threads() {
    for seed in 0..100 {
        let run = Sim::new(seed).run(async {
            let pool = BlockingPool::builder().max_threads(1).unwrap().queue_limit(1).build();
            let ran = Arc::new(AtomicUsize::new(0));
            let count = || {
                let ran = ran.clone();
                move || ran.fetch_add(1, Ordering::Relaxed)
            };
            let first = [pool.try_spawn(count()).unwrap(), pool.try_spawn(count()).unwrap()];
            assert!(matches!(pool.try_spawn(count()), Err(SpawnError::Saturated)));
            pool.spawn(count()).await.unwrap().await.unwrap();
            for job in first {
                job.await.unwrap();
            }
            assert_eq!((ran.load(Ordering::Relaxed), pool.threads()), (3, 0));
        });
        run.unwrap_or_else(|failure| panic!("Sim::new({seed}): {failure}"));
    }
}
