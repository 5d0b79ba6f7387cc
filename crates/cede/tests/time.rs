//! Timers, with a clock that stands still.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use cede::runtime::Builder;
use cede::sim::Sim;
use cede::time::{self, Instant, MissedTickBehavior};

fn paused<F: Future>(body: F) -> F::Output {
    Builder::new_current_thread().start_paused(true).enable_all().build().unwrap().block_on(body)
}

#[test]
fn a_sleep_lasts_exactly_as_long_as_it_should() {
    paused(async {
        let start = Instant::now();
        time::sleep(Duration::from_millis(250)).await;
        assert_eq!(start.elapsed(), Duration::from_millis(250));
        time::sleep_until(start + Duration::from_secs(86400 * 400)).await;
        assert_eq!(start.elapsed(), Duration::from_secs(86400 * 400));
    });
}

#[test]
fn real_sleeps_are_never_early() {
    for runtime in [
        Builder::new_current_thread().enable_all().build().unwrap(),
        Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap(),
    ] {
        let task = runtime.spawn(async {
            for micros in [0, 1, 50, 300, 1000] {
                let start = std::time::Instant::now();
                time::sleep(Duration::from_micros(micros)).await;
                assert!(start.elapsed() >= Duration::from_micros(micros));
            }
        });
        runtime.block_on(task).unwrap();
    }
}

#[test]
fn sleeps_end_in_the_order_of_their_deadlines() {
    let order = Sim::new(1)
        .run(async {
            let (sender, mut receiver) = (std::sync::Arc::new(std::sync::Mutex::new(Vec::new())), Vec::new());
            for ms in [30_u64, 10, 20, 10, 0] {
                let seen = sender.clone();
                receiver.push(cede::spawn(async move {
                    time::sleep(Duration::from_millis(ms)).await;
                    seen.lock().unwrap().push(ms);
                }));
            }
            for task in receiver {
                task.await.unwrap();
            }
            sender.lock().unwrap().clone()
        })
        .unwrap();
    assert_eq!(order.output, [0, 10, 10, 20, 30]);
    assert_eq!(order.elapsed_ns, 30_000_000);
}

#[test]
fn zero_the_past_and_for_ever() {
    paused(async {
        time::sleep(Duration::ZERO).await;
        time::sleep_until(Instant::now()).await;
        let forever = time::timeout(Duration::from_secs(10), time::sleep(Duration::MAX));
        assert!(forever.await.is_err());
    });
}

#[test]
fn a_timeout_prefers_the_value() {
    paused(async {
        assert_eq!(time::timeout(Duration::ZERO, async { 1 }).await, Ok(1));
        let start = Instant::now();
        assert!(time::timeout(Duration::from_secs(5), std::future::pending::<()>()).await.is_err());
        assert_eq!(start.elapsed(), Duration::from_secs(5));
    });
}

#[test]
fn a_sleep_can_be_reset() {
    paused(async {
        let start = Instant::now();
        let mut sleep = Box::pin(time::sleep(Duration::from_secs(1)));
        assert!(time::timeout(Duration::from_millis(500), sleep.as_mut()).await.is_err());
        sleep.as_mut().reset(start + Duration::from_secs(3));
        sleep.as_mut().await;
        assert_eq!(start.elapsed(), Duration::from_secs(3));
        assert!(sleep.is_elapsed());
        sleep.as_mut().reset(start + Duration::from_secs(4));
        assert!(!sleep.is_elapsed());
        sleep.await;
        assert_eq!(start.elapsed(), Duration::from_secs(4));
    });
}

#[test]
fn an_interval_ticks_at_once_and_then_every_period() {
    paused(async {
        let start = Instant::now();
        let mut interval = time::interval(Duration::from_millis(10));
        for i in 0..5 {
            assert_eq!(interval.tick().await - start, Duration::from_millis(10 * i));
        }
    });
}

#[test]
fn missed_ticks_are_treated_as_asked() {
    let ticks = |behavior| {
        paused(async move {
            let start = Instant::now();
            let mut interval = time::interval(Duration::from_millis(50));
            interval.set_missed_tick_behavior(behavior);
            interval.tick().await;
            time::advance(Duration::from_millis(175)).await;
            let mut seen = Vec::new();
            for _ in 0..4 {
                interval.tick().await;
                seen.push(start.elapsed().as_millis());
            }
            seen
        })
    };
    assert_eq!(ticks(MissedTickBehavior::Burst), [175, 175, 175, 200]);
    assert_eq!(ticks(MissedTickBehavior::Delay), [175, 225, 275, 325]);
    assert_eq!(ticks(MissedTickBehavior::Skip), [175, 200, 250, 300]);
}

#[test]
fn advance_fires_what_is_due() {
    paused(async {
        let task = cede::spawn(time::sleep(Duration::from_secs(60)));
        cede::task::yield_now().await;
        time::advance(Duration::from_secs(59)).await;
        assert!(!task.is_finished());
        time::advance(Duration::from_secs(1)).await;
        cede::task::yield_now().await;
        assert!(task.is_finished());
    });
}

#[test]
fn pausing_and_resuming() {
    Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        time::pause();
        let start = Instant::now();
        time::advance(Duration::from_secs(1000)).await;
        time::resume();
        assert!(start.elapsed() >= Duration::from_secs(1000));
        time::sleep(Duration::from_micros(100)).await;
    });
}

#[test]
fn many_timers_come_and_go() {
    let elapsed = Sim::new(3)
        .run(async {
            let mut tasks = Vec::new();
            for i in 0..2000_u64 {
                tasks.push(cede::spawn(async move {
                    let long = time::sleep(Duration::from_secs(1 << (i % 30)));
                    let _ = time::timeout(Duration::from_millis(i * 37 % 5000), long).await;
                }));
            }
            for task in tasks {
                task.await.unwrap();
            }
        })
        .unwrap()
        .elapsed_ns;
    assert!(elapsed <= 5_000_000_000);
}

#[test]
fn a_runtime_with_armed_timers_can_be_dropped() {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    for i in 0..100 {
        runtime.spawn(async move { time::sleep(Duration::from_secs(i + 1)).await });
    }
    runtime.block_on(async { time::sleep(Duration::from_millis(2)).await });
    drop(runtime);
}

#[test]
#[should_panic(expected = "timers are disabled. Call `enable_time`")]
fn a_runtime_without_timers_says_so() {
    Builder::new_current_thread().enable_io().build().unwrap().block_on(async { drop(time::sleep(Duration::from_secs(1))) });
}

#[test]
fn a_runtime_without_timers_ends_gracefully() {
    let runtime = Builder::new_multi_thread().worker_threads(1).build().unwrap();
    runtime.spawn(cede::runtime::shutdown_begins());
    assert!(runtime.shutdown_gracefully(Duration::from_secs(60), Duration::from_secs(60)).is_complete());
}

#[test]
#[should_panic(expected = "there is no reactor running")]
fn a_sleep_needs_a_runtime() {
    drop(time::sleep(Duration::from_secs(1)));
}

#[test]
fn a_reset_sleep_wakes_who_waits_for_it() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Wake, Waker};

    #[derive(Default)]
    struct Count(AtomicUsize);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    paused(async {
        let wakes = Arc::new(Count::default());
        let woken = || wakes.0.swap(0, Ordering::SeqCst);
        let waker = Waker::from(wakes.clone());
        let mut cx = Context::from_waker(&waker);
        let start = Instant::now();
        let mut sleep = Box::pin(time::sleep(Duration::from_millis(100)));
        assert!(sleep.as_mut().poll(&mut cx).is_pending());
        sleep.as_mut().reset(start + Duration::from_millis(20));
        time::sleep(Duration::from_millis(20)).await;
        assert_eq!((woken(), sleep.is_elapsed()), (1, true), "earlier");

        sleep.as_mut().reset(start + Duration::from_millis(40));
        assert!(!sleep.is_elapsed());
        assert!(sleep.as_mut().poll(&mut cx).is_pending());
        sleep.as_mut().reset(start + Duration::from_millis(60));
        time::sleep(Duration::from_millis(20)).await;
        assert_eq!((woken(), sleep.is_elapsed()), (0, false), "later: not yet");
        time::sleep(Duration::from_millis(20)).await;
        assert_eq!((woken(), sleep.is_elapsed()), (1, true), "later");

        sleep.as_mut().reset(start + Duration::from_millis(100));
        assert!(sleep.as_mut().poll(&mut cx).is_pending());
        sleep.as_mut().reset(start);
        assert_eq!((woken(), sleep.is_elapsed()), (1, true), "at once");
        assert!(sleep.as_mut().poll(&mut cx).is_ready());
    });
}

#[test]
fn a_sleep_reset_from_elsewhere_wakes_a_worker_that_sleeps_too_long() {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let sleep = Arc::new(std::sync::Mutex::new(Box::pin({
        let _inside = runtime.enter();
        time::sleep(Duration::from_secs(3600))
    })));
    let (armed, is_armed) = std::sync::mpsc::channel();
    let task = runtime.spawn({
        let sleep = sleep.clone();
        std::future::poll_fn(move |cx| {
            let polled = std::future::Future::poll(sleep.lock().unwrap().as_mut(), cx);
            let _seen = armed.send(());
            polled
        })
    });
    is_armed.recv().unwrap();
    sleep.lock().unwrap().as_mut().reset(Instant::now() + Duration::from_millis(2));
    runtime.block_on(task).unwrap();
}

#[test]
fn a_paused_clock_goes_on_after_blocking_closures() {
    let runtime = Builder::new_current_thread().start_paused(true).enable_all().build().unwrap();
    runtime.block_on(async {
        for _ in 0..200 {
            cede::task::spawn_blocking(|| ()).await.unwrap();
            time::sleep(Duration::from_millis(1)).await;
        }
        drop(cede::task::spawn_blocking(|| std::thread::sleep(Duration::from_millis(5))));
        time::sleep(Duration::from_secs(1)).await;
    });
}
