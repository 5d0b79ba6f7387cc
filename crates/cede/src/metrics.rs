//! The numbers of a runtime for the crate `metrics`, and by it for Prometheus and others.
//!
//! # What
//! [`publish`] hands the present numbers to the recorder that the program has installed; [`publish_every`] does so again and again. Nothing is counted for that: the numbers are those of
//! [`RuntimeMetrics`](crate::runtime::RuntimeMetrics), read when they are published.
//!
//! Each has the label `runtime`: the [name](crate::runtime::Builder::name) of the runtime, else its number. Those of workers have the label `worker`, those of
//! groups the label `group`: the group's name, which stands for all groups with that name.
//!
//! | name | kind | unit | what |
//! |---|---|---|---|
//! | `cede_runtime_info` | gauge | | 1; with the labels `driver` and `flavor` |
//! | `cede_workers` | gauge | count | workers |
//! | `cede_tasks_alive` | gauge | count | tasks that have not ended |
//! | `cede_tasks_spawned_total` | counter | count | tasks that were spawned |
//! | `cede_tasks_panicked_total` | counter | count | tasks and blocking closures that panicked |
//! | `cede_polls_stalled_total` | counter | count | polls that were reported as stalls |
//! | `cede_deadlocks_total` | counter | count | deadlocks that were reported |
//! | `cede_workers_rescued_total` | counter | count | workers taken from a stuck thread |
//! | `cede_interrupts_total` | counter | count | wakes of sleeping workers by other threads |
//! | `cede_global_queue_depth` | gauge | count | runnable tasks that wait for any worker |
//! | `cede_worker_queue_depth` | gauge | count | runnable tasks that wait for this worker |
//! | `cede_worker_busy_microseconds_total` | counter | microseconds | time in which the worker had something to do |
//! | `cede_worker_parks_total` | counter | count | times that the worker ran out of things to do |
//! | `cede_worker_steals_total` | counter | count | tasks taken from other workers |
//! | `cede_group_tasks_alive` | gauge | count | tasks of this [group](crate::task::CpuGroup) that have not ended |
//! | `cede_group_polls_total` | counter | count | polls of tasks of this group |
//! | `cede_group_busy_microseconds_total` | counter | microseconds | time that these polls took |
//! | `cede_blocking_threads` | gauge | count | threads for blocking closures |
//! | `cede_blocking_threads_idle` | gauge | count | those with nothing to do |
//! | `cede_blocking_queue_depth` | gauge | count | blocking closures that wait for a thread |
//! | `cede_poll_duration_seconds` | histogram | seconds | how long polls took, by samples |
//! | `cede_schedule_latency_seconds` | histogram | seconds | how long runnable tasks waited to be polled, by samples |
//!
//! # Who may touch what
//! What was published of the histograms: under its lock, which is not held while the recorder is called.

#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use metrics::{Label, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use crate::inspect::registry;
use crate::record::samples;
use crate::runtime::{CpuGroupMetrics, Handle, Histogram, RuntimeFlavor, RuntimeMetrics};

/// What was published of each runtime so far: a recorder wants to be told of each value once.
static PUBLISHED: Mutex<BTreeMap<u64, Times>> = Mutex::new(BTreeMap::new());

/// How many samples of each size.
#[derive(Debug, Default)]
struct Times {
    polls: Vec<u64>,
    latencies: Vec<u64>,
    groups: Vec<(CpuGroupMetrics, Duration)>,
    names: BTreeSet<String>,
}

/// Hands the present numbers of a runtime to the recorder of the crate `metrics` that the thread or the program has.
///
/// ```
/// let runtime = cede::runtime::Builder::new_current_thread().build()?;
/// cede::metrics::publish(runtime.handle());
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn publish(handle: &Handle) {
    let numbers = handle.metrics();
    let runtime = vec![Label::new("runtime", handle.name().map_or_else(|| handle.id().to_string(), str::to_owned))];
    let flavor = match handle.runtime_flavor() {
        RuntimeFlavor::CurrentThread => "current_thread",
        RuntimeFlavor::MultiThread => "multi_thread",
    };
    let info = [runtime.clone(), vec![Label::new("driver", numbers.driver_kind()), Label::new("flavor", flavor)]].concat();
    gauge!("cede_runtime_info", info).set(1.0);
    for (name, number) in [
        ("cede_workers", numbers.num_workers()),
        ("cede_tasks_alive", numbers.num_alive_tasks()),
        ("cede_global_queue_depth", numbers.global_queue_depth()),
        ("cede_blocking_threads", numbers.num_blocking_threads()),
        ("cede_blocking_threads_idle", numbers.num_idle_blocking_threads()),
        ("cede_blocking_queue_depth", numbers.blocking_queue_depth()),
    ] {
        gauge!(name, runtime.clone()).set(number as f64);
    }
    for (name, number) in [
        ("cede_tasks_spawned_total", numbers.spawned_tasks_count()),
        ("cede_tasks_panicked_total", numbers.panicked_tasks_count()),
        ("cede_polls_stalled_total", numbers.stalled_polls_count()),
        ("cede_deadlocks_total", numbers.deadlocks_count()),
        ("cede_workers_rescued_total", numbers.rescued_workers_count()),
        ("cede_interrupts_total", numbers.interrupts()),
    ] {
        counter!(name, runtime.clone()).absolute(number);
    }
    for worker in 0..numbers.num_workers() {
        let labels = || [runtime.clone(), vec![Label::new("worker", worker.to_string())]].concat();
        let busy = u64::try_from(numbers.worker_total_busy_duration(worker).as_micros()).unwrap_or(u64::MAX);
        counter!("cede_worker_busy_microseconds_total", labels()).absolute(busy);
        counter!("cede_worker_parks_total", labels()).absolute(numbers.worker_park_count(worker));
        counter!("cede_worker_steals_total", labels()).absolute(numbers.worker_steal_count(worker));
        gauge!("cede_worker_queue_depth", labels()).set(numbers.worker_local_queue_depth(worker) as f64);
    }
    for (name, Group { tasks, polls, busy_us }) in news_of_groups(handle, &numbers) {
        let labels = || [runtime.clone(), vec![Label::new("group", name.clone())]].concat();
        gauge!("cede_group_tasks_alive", labels()).set(tasks as f64);
        counter!("cede_group_polls_total", labels()).increment(polls);
        counter!("cede_group_busy_microseconds_total", labels()).increment(busy_us);
    }
    let [polls, latencies] = news(handle);
    tell("cede_poll_duration_seconds", &runtime, &polls);
    tell("cede_schedule_latency_seconds", &runtime, &latencies);
}

/// What the groups with the same name have, and what they did since the last time.
#[derive(Debug, Default)]
struct Group {
    tasks: usize,
    polls: u64,
    busy_us: u64,
}

/// Names outlive groups: a new group goes on counting where another one of its name has ended, and a name that nobody has any more has no tasks.
fn news_of_groups(handle: &Handle, numbers: &RuntimeMetrics) -> BTreeMap<String, Group> {
    let mut published = PUBLISHED.lock().unwrap_or_else(PoisonError::into_inner);
    let told = published.entry(handle.id().number()).or_default();
    let mut groups: BTreeMap<_, _> = told.names.iter().map(|name| (name.clone(), Group::default())).collect();
    let before = std::mem::take(&mut told.groups);
    for now in numbers.cpu_groups() {
        let before = before.iter().find(|(before, _)| before.is_of_same_group(&now));
        let (polls, busy) = before.map_or((0, Duration::ZERO), |(before, busy)| (before.polls(), *busy));
        let busy_us = u64::try_from(now.busy_time().saturating_sub(busy).as_micros()).unwrap_or(u64::MAX);
        let sum = groups.entry(now.name().to_owned()).or_default();
        sum.tasks += now.tasks();
        sum.polls += now.polls().saturating_sub(polls);
        sum.busy_us += busy_us;
        told.names.insert(now.name().to_owned());
        // What is kept here keeps the group, so that the last of what it did is told. These two are `now` and `before`.
        if now.tasks() > 0 || now.is_held_by_more_than(2) {
            told.groups.push((now, busy + Duration::from_micros(busy_us)));
        }
    }
    groups
}

/// The samples that were not published yet, and are now. Runtimes that have ended are forgotten.
fn news(handle: &Handle) -> [Histogram; 2] {
    let alive: Vec<_> = registry::all().iter().map(|runtime| runtime.parts().id.number()).collect();
    let mut published = PUBLISHED.lock().unwrap_or_else(PoisonError::into_inner);
    published.retain(|number, _| alive.contains(number));
    let before = published.entry(handle.id().number()).or_default();
    let polls = samples::news(handle, |samples| &samples.polls, &mut before.polls);
    let latencies = samples::news(handle, |samples| &samples.latencies, &mut before.latencies);
    [polls, latencies]
}

/// Tells a value from the middle of each bucket, as often as it was seen.
fn tell(name: &'static str, labels: &[Label], news: &Histogram) {
    let sink = histogram!(name, labels.to_vec());
    for (range, count) in news.buckets() {
        let middle = range.start + (range.end.min(news.max()).saturating_sub(range.start)) / 2;
        sink.record_many(middle.as_secs_f64(), usize::try_from(count).unwrap_or(usize::MAX));
    }
}

/// [Describes](describe) the numbers, and then publishes those of the current runtime again and again. For a task of its own:
///
/// ```
/// # cede::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let publishes = cede::spawn(cede::metrics::publish_every(std::time::Duration::from_secs(10)));
/// # publishes.abort();
/// # });
/// ```
///
/// *Cancel safety*: dropping it ends it.
///
/// # Panics
/// Outside of a runtime, and if `interval` is zero.
pub async fn publish_every(interval: Duration) {
    let handle = Handle::current();
    describe();
    let mut interval = crate::time::interval(interval);
    loop {
        interval.tick().await;
        publish(&handle);
    }
}

/// Tells the recorder what the numbers mean.
///
/// ```
/// cede::metrics::describe();
/// ```
pub fn describe() {
    describe_gauge!("cede_runtime_info", "1; the labels say what kind of runtime it is");
    for (name, what) in [
        ("cede_workers", "Workers"),
        ("cede_tasks_alive", "Tasks that have not ended"),
        ("cede_global_queue_depth", "Runnable tasks that wait for any worker"),
        ("cede_worker_queue_depth", "Runnable tasks that wait for this worker"),
        ("cede_group_tasks_alive", "Tasks of this group that have not ended"),
        ("cede_blocking_threads", "Threads for blocking closures"),
        ("cede_blocking_threads_idle", "Threads for blocking closures that have nothing to do"),
        ("cede_blocking_queue_depth", "Blocking closures that wait for a thread"),
    ] {
        describe_gauge!(name, Unit::Count, what);
    }
    for (name, what) in [
        ("cede_tasks_spawned_total", "Tasks that were spawned"),
        ("cede_tasks_panicked_total", "Tasks and blocking closures that panicked"),
        ("cede_polls_stalled_total", "Polls that were reported as stalls"),
        ("cede_deadlocks_total", "Deadlocks that were reported"),
        ("cede_workers_rescued_total", "Workers taken from a stuck thread"),
        ("cede_interrupts_total", "Wakes of sleeping workers by other threads"),
        ("cede_worker_parks_total", "Times that the worker ran out of things to do"),
        ("cede_worker_steals_total", "Tasks taken from other workers"),
        ("cede_group_polls_total", "Polls of tasks of this group"),
    ] {
        describe_counter!(name, Unit::Count, what);
    }
    describe_counter!("cede_worker_busy_microseconds_total", Unit::Microseconds, "Time in which the worker had something to do");
    describe_counter!("cede_group_busy_microseconds_total", Unit::Microseconds, "Time that the polls of this group's tasks took");
    describe_histogram!("cede_poll_duration_seconds", Unit::Seconds, "How long polls took, by samples");
    describe_histogram!("cede_schedule_latency_seconds", Unit::Seconds, "How long runnable tasks waited to be polled, by samples");
}
