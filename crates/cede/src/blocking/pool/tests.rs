//! Each job once, none behind a blocked one, and threads that come and go as they should.

use std::{
    collections::HashSet,
    sync::{
        Barrier, Condvar,
        atomic::AtomicBool,
        mpsc::{self, Receiver, Sender},
    },
};

use super::*;

/// How long a test waits for what must happen; it never takes that long.
const PATIENCE: Duration = Duration::from_secs(30);

enum Event {
    Ran,
    Cancelled,
}

/// Tells its end, and runs a closure.
struct Task {
    events: Sender<Event>,
    body: Box<dyn FnOnce() + Send>,
}

impl Job for Task {
    fn run(self) {
        (self.body)();
        let _ = self.events.send(Event::Ran);
    }

    fn cancel(self) {
        let _ = self.events.send(Event::Cancelled);
    }
}

struct Fixture {
    pool: Pool<Task>,
    sender: Sender<Event>,
    events: Receiver<Event>,
}

impl Fixture {
    fn new(max_threads: usize) -> Self {
        Self::with(Config { max_threads, ..Config::default() })
    }

    fn with(config: Config) -> Self {
        let (sender, events) = mpsc::channel();
        Self { pool: Pool::new(config), sender, events }
    }

    fn task(&self, body: impl FnOnce() + Send + 'static) -> Task {
        Task { events: self.sender.clone(), body: Box::new(body) }
    }

    fn submit(&self, body: impl FnOnce() + Send + 'static) {
        self.pool.submit(self.task(body)).expect("the pool accepts");
    }

    /// Waits for `count` ends; returns how many of them ran.
    fn ran(&self, count: usize) -> usize {
        (0..count).filter(|_| matches!(self.events.recv_timeout(PATIENCE).expect("each job ends"), Event::Ran)).count()
    }

    fn nothing_more(&self) {
        assert!(self.events.try_recv().is_err());
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        let ended = self.pool.shutdown(Some(PATIENCE));
        assert!(ended || thread::panicking(), "threads are left");
    }
}

/// A door that jobs wait at.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    fn pass(&self) {
        let open = self.0.0.lock().unwrap();
        drop(self.0.1.wait_while(open, |open| !*open).unwrap());
    }
}

/// Yields until it is so.
fn until(mut so: impl FnMut() -> bool) {
    let since = Instant::now();
    while !so() {
        assert!(since.elapsed() < PATIENCE, "it did not happen");
        thread::yield_now();
    }
}

#[test]
fn ten_thousand_jobs_each_run_once_on_few_threads() {
    let fixture = Fixture::new(512);
    let counts: Arc<Vec<AtomicUsize>> = Arc::new((0..10_000).map(|_| AtomicUsize::new(0)).collect());
    for number in 0..10_000 {
        let counts = counts.clone();
        fixture.submit(move || {
            counts[number].fetch_add(1, Ordering::Relaxed);
        });
    }
    assert_eq!(fixture.ran(10_000), 10_000);
    fixture.nothing_more();
    assert!(counts.iter().all(|count| count.load(Ordering::Relaxed) == 1));
    assert_eq!(fixture.pool.metrics().queued, 0);
}

#[test]
fn as_many_jobs_as_threads_may_all_wait_for_each_other() {
    let fixture = Fixture::new(512);
    let barrier = Arc::new(Barrier::new(512));
    for _ in 0..512 {
        let barrier = barrier.clone();
        fixture.submit(move || {
            barrier.wait();
        });
    }
    assert_eq!(fixture.ran(512), 512);
    assert!(fixture.pool.metrics().threads <= 512);
}

#[test]
fn a_job_does_not_wait_behind_a_blocked_one_though_nothing_more_is_submitted() {
    // The more so when the thread that spins, or the one that watches, has just become the blocked one.
    for blocked in 1..6 {
        let fixture = Fixture::new(blocked + 1);
        for _ in 0..50 {
            let gate = Gate::default();
            for _ in 0..blocked {
                let gate = gate.clone();
                fixture.submit(move || gate.pass());
            }
            let free = gate.clone();
            fixture.submit(move || free.open());
            assert_eq!(fixture.ran(blocked + 1), blocked + 1);
        }
    }
}

#[test]
fn the_cap_is_kept_and_one_thread_suffices() {
    for cap in [1, 2, 3] {
        let fixture = Fixture::new(cap);
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        for _ in 0..300 {
            let (now, most) = (now.clone(), most.clone());
            fixture.submit(move || {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                thread::yield_now();
                now.fetch_sub(1, Ordering::SeqCst);
            });
            assert!(fixture.pool.metrics().threads <= cap);
        }
        assert_eq!(fixture.ran(300), 300);
        assert!(most.load(Ordering::SeqCst) <= cap);
    }
}

#[test]
fn jobs_of_one_thread_run_in_order() {
    let fixture = Fixture::new(1);
    let order = Arc::new(Mutex::new(Vec::new()));
    for number in 0..100 {
        let order = order.clone();
        fixture.submit(move || order.lock().unwrap().push(number));
    }
    fixture.ran(100);
    assert!(order.lock().unwrap().iter().copied().eq(0..100));
}

#[test]
fn a_job_can_submit_jobs() {
    let fixture = Fixture::new(2);
    let pool = fixture.pool.clone();
    let second = fixture.task(|| {});
    fixture.submit(move || pool.submit(second).expect("the pool accepts"));
    assert_eq!(fixture.ran(2), 2);
}

#[test]
fn a_panic_of_a_job_ends_no_thread() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }
    let fixture = Fixture::new(1);
    for _ in 0..3 {
        fixture.submit(|| std::panic::resume_unwind(Box::new("of a job")));
        fixture.submit(|| std::panic::resume_unwind(Box::new(Bomb)));
    }
    fixture.submit(|| {});
    assert_eq!(fixture.ran(1), 1);
    assert_eq!(fixture.pool.metrics().threads, 1);
}

#[test]
fn shutdown_cancels_what_is_queued_and_waits_for_what_runs() {
    let fixture = Fixture::new(1);
    let (gate, started) = (Gate::default(), Gate::default());
    let (inside, begun) = (gate.clone(), started.clone());
    fixture.submit(move || {
        begun.open();
        inside.pass();
    });
    started.pass();
    for _ in 0..10 {
        fixture.submit(|| {});
    }
    assert!(!fixture.pool.shutdown(Some(Duration::ZERO)));
    assert_eq!(fixture.ran(10), 0);
    let refused = fixture.pool.submit(fixture.task(|| {})).expect_err("the pool is closed");
    assert!(matches!(refused, SubmitError::Closed(_)));
    refused.into_parts().0.cancel();
    assert_eq!(fixture.ran(1), 0);

    gate.open();
    assert!(fixture.pool.shutdown(None));
    assert_eq!(fixture.ran(1), 1);
    assert_eq!(fixture.pool.metrics(), Metrics::default());
}

#[test]
fn shutdown_ends_idle_threads_and_can_be_called_by_a_job() {
    let fixture = Fixture::new(4);
    let gate = Gate::default();
    for _ in 0..3 {
        let gate = gate.clone();
        fixture.submit(move || gate.pass());
    }
    gate.open();
    fixture.ran(3);
    let pool = fixture.pool.clone();
    fixture.submit(move || assert!(pool.shutdown(None)));
    assert_eq!(fixture.ran(1), 1);
    assert!(fixture.pool.shutdown(None));
}

#[test]
fn each_job_that_races_a_shutdown_runs_or_is_cancelled_or_comes_back() {
    for round in 0..200 {
        let fixture = Fixture::new(1 + round % 4);
        let refused = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        if fixture.pool.submit(fixture_task(&fixture.sender)).is_err() {
                            refused.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
            scope.spawn(|| {
                for _ in 0..round {
                    std::hint::spin_loop();
                }
                assert!(fixture.pool.shutdown(Some(PATIENCE)));
            });
        });
        fixture.ran(100 - refused.into_inner());
        fixture.nothing_more();
    }
}

fn fixture_task(events: &Sender<Event>) -> Task {
    Task { events: events.clone(), body: Box::new(|| {}) }
}

/// A spawner that fails when told to.
fn failing(fails: &Arc<AtomicBool>) -> Spawner {
    let fails = fails.clone();
    Arc::new(move |builder, body| {
        if fails.load(Ordering::SeqCst) {
            return Err(io::Error::from(io::ErrorKind::WouldBlock));
        }
        builder.spawn(body)
    })
}

#[test]
fn without_any_thread_the_job_comes_back_and_nothing_hangs() {
    let fails = Arc::new(AtomicBool::new(true));
    let fixture = Fixture::with(Config { spawner: failing(&fails), ..Config::default() });
    let error = fixture.pool.submit(fixture.task(|| {})).expect_err("there is no thread");
    assert!(matches!(&error, SubmitError::NoThread(_, reason) if reason.kind() == io::ErrorKind::WouldBlock), "{error:?}");
    assert_eq!(fixture.pool.metrics(), Metrics::default());
    // It recovers.
    fails.store(false, Ordering::SeqCst);
    fixture.pool.submit(error.into_parts().0).expect("the pool accepts");
    assert_eq!(fixture.ran(1), 1);
}

#[test]
fn without_another_thread_jobs_wait_for_those_that_exist() {
    let fails = Arc::new(AtomicBool::new(false));
    let fixture = Fixture::with(Config { spawner: failing(&fails), ..Config::default() });
    let (gate, started) = (Gate::default(), Gate::default());
    let (inside, begun) = (gate.clone(), started.clone());
    fixture.submit(move || {
        begun.open();
        inside.pass();
    });
    started.pass();
    fails.store(true, Ordering::SeqCst);
    for _ in 0..20 {
        fixture.submit(|| {});
    }
    assert_eq!(fixture.pool.metrics(), Metrics { threads: 1, idle: 0, queued: 20 });
    gate.open();
    assert_eq!(fixture.ran(21), 21);
}

#[test]
fn a_watcher_without_other_threads_runs_the_job_itself() {
    let fails = Arc::new(AtomicBool::new(false));
    let fixture = Fixture::with(Config { spawner: failing(&fails), ..Config::default() });
    // Two threads exist, one of which is blocked when nothing more can be created.
    let both = Arc::new(Barrier::new(2));
    for _ in 0..2 {
        let both = both.clone();
        fixture.submit(move || {
            both.wait();
        });
    }
    fixture.ran(2);
    fails.store(true, Ordering::SeqCst);
    for _ in 0..100 {
        let gate = Gate::default();
        let (inside, opener) = (gate.clone(), gate.clone());
        fixture.submit(move || inside.pass());
        fixture.submit(move || opener.open());
        assert_eq!(fixture.ran(2), 2);
    }
}

#[test]
fn a_panicking_name_is_a_failed_start() {
    let config = Config { name: Arc::new(|| std::panic::resume_unwind(Box::new("no name"))), ..Config::default() };
    let fixture = Fixture::with(config);
    assert!(matches!(fixture.pool.submit(fixture.task(|| {})), Err(SubmitError::NoThread(..))));
    assert_eq!(fixture.pool.metrics(), Metrics::default());
}

#[test]
fn jobs_that_race_failing_starts_end() {
    let fails = Arc::new(AtomicBool::new(false));
    for round in 0..100 {
        let fixture = Fixture::with(Config { max_threads: 4, spawner: failing(&fails), ..Config::default() });
        let refused = AtomicUsize::new(0);
        thread::scope(|scope| {
            scope.spawn(|| {
                for toggle in 0..40 {
                    fails.store(toggle % 2 == 0, Ordering::SeqCst);
                    thread::yield_now();
                }
                fails.store(round % 2 == 0, Ordering::SeqCst);
            });
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        if fixture.pool.submit(fixture_task(&fixture.sender)).is_err() {
                            refused.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        fixture.ran(100 - refused.into_inner());
        fixture.nothing_more();
    }
}

#[test]
fn idle_threads_end_after_the_keep_alive_and_new_ones_come() {
    let stopped = Arc::new(AtomicUsize::new(0));
    let on_stop: Hook = {
        let stopped = stopped.clone();
        Arc::new(move || {
            stopped.fetch_add(1, Ordering::SeqCst);
        })
    };
    let fixture =
        Fixture::with(Config { max_threads: 4, keep_alive: Duration::from_micros(100), on_stop: Some(on_stop), ..Config::default() });
    for round in 1..20 {
        let barrier = Arc::new(Barrier::new(3));
        for _ in 0..3 {
            let barrier = barrier.clone();
            fixture.submit(move || {
                barrier.wait();
            });
        }
        assert_eq!(fixture.ran(3), 3);
        until(|| fixture.pool.metrics().threads == 0 && stopped.load(Ordering::SeqCst) >= 3 * round);
    }
}

/// Jobs arrive just when threads end.
#[test]
fn no_job_is_lost_to_a_thread_that_ends() {
    let fixture = Fixture::with(Config { max_threads: 1, keep_alive: Duration::ZERO, ..Config::default() });
    for round in 0..3_000 {
        fixture.submit(|| {});
        assert_eq!(fixture.ran(1), 1);
        // A spin ends in between, and the thread with it.
        for _ in 0..round % 64 {
            std::hint::spin_loop();
        }
    }
}

#[test]
fn threads_are_named_and_call_their_hooks() {
    let names = Arc::new(Mutex::new(Vec::new()));
    let note = |what: &'static str| -> Hook {
        let names = names.clone();
        Arc::new(move || names.lock().unwrap().push(format!("{what} {}", thread::current().name().unwrap_or("?"))))
    };
    let config = Config {
        max_threads: 1,
        name: Arc::new(|| "diver".to_owned()),
        stack_size: Some(256 << 10),
        on_start: Some(note("start")),
        on_stop: Some(note("stop")),
        ..Config::default()
    };
    let fixture = Fixture::with(config);
    let inside = note("job");
    fixture.submit(move || inside());
    fixture.ran(1);
    assert!(fixture.pool.shutdown(None));
    assert_eq!(*names.lock().unwrap(), ["start diver", "job diver", "stop diver"]);
}

#[test]
fn panicking_hooks_end_no_thread() {
    let bang: Hook = Arc::new(|| std::panic::resume_unwind(Box::new("of a hook")));
    let fixture = Fixture::with(Config { on_start: Some(bang.clone()), on_stop: Some(bang), ..Config::default() });
    fixture.submit(|| {});
    assert_eq!(fixture.ran(1), 1);
    assert!(fixture.pool.shutdown(None));
}

#[test]
fn the_warmest_thread_is_used_again() {
    let fixture = Fixture::new(8);
    let barrier = Arc::new(Barrier::new(4));
    for _ in 0..4 {
        let barrier = barrier.clone();
        fixture.submit(move || {
            barrier.wait();
        });
    }
    fixture.ran(4);
    let all_idle = || fixture.pool.metrics().idle == fixture.pool.metrics().threads;
    until(all_idle);
    let threads = Arc::new(Mutex::new(HashSet::new()));
    for _ in 0..20 {
        let used = threads.clone();
        fixture.submit(move || {
            used.lock().unwrap().insert(thread::current().id());
        });
        fixture.ran(1);
        until(all_idle);
    }
    assert_eq!(threads.lock().unwrap().len(), 1);
}

#[test]
#[should_panic(expected = "max_threads")]
fn a_pool_of_no_threads_is_refused() {
    let _ = Pool::<Task>::new(Config { max_threads: 0, ..Config::default() });
}

#[test]
fn errors_and_pools_show_themselves() {
    let error = SubmitError::NoThread((), io::Error::from(io::ErrorKind::WouldBlock));
    assert!(error.to_string().starts_with("the blocking pool has no thread"));
    assert_eq!(format!("{:?}", SubmitError::Closed(())), "Closed");
    let fixture = Fixture::new(3);
    assert!(format!("{:?}", fixture.pool).starts_with("Pool { config: Config { max_threads: 3"));
}
