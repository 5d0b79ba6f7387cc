//! What is published under which name, once each; and what the histograms see.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cede::runtime::{Builder, Runtime};
use cede::task::CpuGroup;
use metrics::{Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit};

/// Keeps what it is told.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<BTreeMap<String, Arc<Number>>>>);

#[derive(Default)]
struct Number {
    value: AtomicU64,
    /// Of a histogram.
    count: AtomicU64,
}

impl CounterFn for Number {
    fn increment(&self, value: u64) {
        self.value.fetch_add(value, Ordering::Relaxed);
    }
    fn absolute(&self, value: u64) {
        self.value.fetch_max(value, Ordering::Relaxed);
    }
}

impl GaugeFn for Number {
    fn increment(&self, _: f64) {}
    fn decrement(&self, _: f64) {}
    fn set(&self, value: f64) {
        self.value.store(value as u64, Ordering::Relaxed);
    }
}

impl HistogramFn for Number {
    fn record(&self, value: f64) {
        assert!((0.0..10_000.0).contains(&value), "{value} seconds");
        self.count.fetch_add(1, Ordering::Relaxed);
    }
}

impl Kept {
    fn of(&self, key: &Key) -> Arc<Number> {
        let labels: String = key.labels().map(|label| format!(" {}={}", label.key(), label.value())).collect();
        self.0.lock().unwrap().entry(format!("{}{labels}", key.name())).or_default().clone()
    }

    fn get(&self, key: &str) -> u64 {
        let kept = self.0.lock().unwrap();
        let Some(number) = kept.get(key) else { panic!("no {key} in {:?}", kept.keys()) };
        number.value.load(Ordering::Relaxed)
    }

    fn samples(&self, key: &str) -> u64 {
        self.0.lock().unwrap().get(key).map_or(0, |number| number.count.load(Ordering::Relaxed))
    }
}

impl Recorder for Kept {
    fn describe_counter(&self, key: KeyName, _: Option<Unit>, _: SharedString) {
        self.0.lock().unwrap().entry(format!("described {}", key.as_str())).or_default();
    }
    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, what: SharedString) {
        self.describe_counter(key, unit, what);
    }
    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, what: SharedString) {
        self.describe_counter(key, unit, what);
    }
    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.of(key))
    }
    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.of(key))
    }
    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.of(key))
    }
}

fn one_thread(name: &str) -> Runtime {
    Builder::new_current_thread().enable_all().name(name).build().unwrap()
}

#[test]
fn all_numbers_are_published_under_the_name_of_the_runtime() {
    let kept = Kept::default();
    let runtime = one_thread("web");
    runtime.block_on(async {
        for _ in 0..200 {
            cede::spawn(cede::task::yield_now()).await.unwrap();
        }
        cede::spawn(async { panic!("on purpose") }).await.unwrap_err();
    });
    metrics::with_local_recorder(&kept, || cede::metrics::publish(runtime.handle()));
    assert_eq!(kept.get("cede_tasks_spawned_total runtime=web"), 201);
    assert_eq!((kept.get("cede_tasks_panicked_total runtime=web"), kept.get("cede_tasks_alive runtime=web")), (1, 0));
    assert_eq!(kept.get("cede_runtime_info runtime=web driver=epoll flavor=current_thread"), 1);
    assert_eq!((kept.get("cede_workers runtime=web"), kept.get("cede_worker_steals_total runtime=web worker=0")), (1, 0));
    let polls = kept.samples("cede_poll_duration_seconds runtime=web");
    assert_eq!(polls, runtime.metrics().poll_times().count());
    assert!(polls > 0);
    // What was told is not told again.
    metrics::with_local_recorder(&kept, || cede::metrics::publish(runtime.handle()));
    assert_eq!(kept.samples("cede_poll_duration_seconds runtime=web"), polls);
}

#[test]
fn groups_are_published_by_name() {
    let kept = Kept::default();
    let runtime = one_thread("grouped");
    let groups = [CpuGroup::new("imports", 20), CpuGroup::new("imports", 30)];
    runtime.block_on(async {
        for group in &groups {
            for _ in 0..3 {
                cede::task::Builder::new().group(group).spawn(async {}).unwrap().await.unwrap();
            }
        }
        drop(cede::task::Builder::new().group(&groups[0]).spawn(std::future::pending::<()>()).unwrap());
        metrics::with_local_recorder(&kept, || cede::metrics::publish(runtime.handle()));
    });
    assert_eq!(kept.get("cede_group_polls_total runtime=grouped group=imports"), 6);
    assert_eq!(kept.get("cede_group_tasks_alive runtime=grouped group=imports"), 1);
    let busy = runtime.metrics().cpu_groups().iter().map(|group| group.busy_time()).sum::<Duration>();
    let told = kept.get("cede_group_busy_microseconds_total runtime=grouped group=imports");
    assert!((busy.as_micros() as u64).abs_diff(told) <= 2, "each group is told in whole microseconds");
}

#[test]
fn a_name_goes_on_counting_when_its_group_has_gone() {
    let kept = Kept::default();
    let runtime = one_thread("jobs");
    let publish = || metrics::with_local_recorder(&kept, || cede::metrics::publish(runtime.handle()));
    for job in 1..=3_u64 {
        let group = CpuGroup::new("job", 10);
        runtime.block_on(async {
            for _ in 0..5 {
                cede::task::Builder::new().group(&group).spawn(async {}).unwrap().await.unwrap();
            }
        });
        publish();
        assert_eq!(kept.get("cede_group_polls_total runtime=jobs group=job"), 6 * (job - 1) + 5);
        runtime.block_on(async { cede::task::Builder::new().group(&group).spawn(async {}).unwrap().await.unwrap() });
        drop(group);
        publish();
        publish();
        assert_eq!(kept.get("cede_group_tasks_alive runtime=jobs group=job"), 0);
        assert_eq!(kept.get("cede_group_polls_total runtime=jobs group=job"), 6 * job, "what it did last is told, too");
    }
}

#[test]
fn each_number_is_described() {
    let kept = Kept::default();
    let runtime = Builder::new_multi_thread().worker_threads(2).name("described").build().unwrap();
    let group = CpuGroup::new("described", 1);
    drop(cede::task::Builder::new().group(&group).spawn_on(std::future::pending::<()>(), runtime.handle()).unwrap());
    metrics::with_local_recorder(&kept, || {
        cede::metrics::publish(runtime.handle());
        cede::metrics::describe();
    });
    let names: Vec<_> = kept.0.lock().unwrap().keys().cloned().collect();
    let published = names.iter().filter(|name| !name.starts_with("described "));
    for name in published.map(|name| name.split(' ').next().unwrap()) {
        assert!(names.contains(&format!("described {name}")), "{name} is not described");
    }
    assert_eq!(names.iter().filter(|name| name.starts_with("described ")).count(), 22, "as many as the table of the module has");
}

#[test]
fn a_task_publishes_in_an_interval() {
    let kept = Kept::default();
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).name("paused").build().unwrap();
    metrics::with_local_recorder(&kept, || {
        runtime.block_on(async {
            let publishes = cede::spawn(cede::metrics::publish_every(Duration::from_secs(10)));
            cede::time::sleep(Duration::from_secs(1)).await;
            assert_eq!(kept.get("cede_tasks_spawned_total runtime=paused"), 1);
            cede::spawn(async {}).await.unwrap();
            cede::time::sleep(Duration::from_secs(5)).await;
            assert_eq!(kept.get("cede_tasks_spawned_total runtime=paused"), 1);
            cede::time::sleep(Duration::from_secs(5)).await;
            assert_eq!(kept.get("cede_tasks_spawned_total runtime=paused"), 2);
            publishes.abort();
        });
    });
}

#[test]
fn a_task_that_waits_behind_a_long_poll_is_in_the_latencies() {
    for builder in [Builder::new_current_thread(), Builder::new_multi_thread()] {
        let mut builder = builder;
        let runtime = builder.enable_all().worker_threads(1).rescue_after(Duration::from_secs(3600)).build().unwrap();
        let long = Duration::from_micros(10);
        let program = async move {
            // One poll in 1891 is timed.
            for _ in 0..20_000 {
                let behind = cede::spawn(async {});
                let begun = std::time::Instant::now();
                while begun.elapsed() < long {}
                behind.await.unwrap();
            }
        };
        runtime.block_on(async { cede::spawn(program).await.unwrap() });
        let (polls, waits) = (runtime.metrics().poll_times(), runtime.metrics().schedule_latencies());
        assert!(waits.count() > 3 && waits.max() >= long, "{waits} on {:?}", runtime.handle());
        assert!(polls.count() > 3 && polls.max() >= long, "{polls} on {:?}", runtime.handle());
    }
}

#[test]
fn what_other_threads_queue_is_in_the_latencies() {
    for builder in [Builder::new_current_thread(), Builder::new_multi_thread()] {
        let mut builder = builder;
        let runtime = builder.enable_all().worker_threads(1).build().unwrap();
        let handle = runtime.handle().clone();
        // Each is spawned when the one before has ended, so the worker makes no task runnable itself.
        runtime.block_on(async {
            // Some of them are timed.
            for _ in 0..10_000 {
                let spawning = handle.clone();
                cede::task::spawn_blocking(move || spawning.spawn(async {})).await.unwrap().await.unwrap();
                if handle.metrics().schedule_latencies().count() >= 2 {
                    return;
                }
            }
            panic!("{} on {handle:?}", handle.metrics().schedule_latencies());
        });
    }
}
