//! A one-thread runtime is watched from its sixth second on, also if the alarm for that came to somebody else's ears. In a program of its own, where no other runtime is watched; and in real time, as the monitor is.
#![cfg(target_os = "linux")]

use std::thread;
use std::time::{Duration, Instant};

use cede::net::TcpListener;
use cede::runtime::Builder;
use cede::sync::oneshot;
use cede::task::{spawn_blocking, yield_now};
use cede::time;

const PATIENCE: Duration = Duration::from_secs(30);

fn is_monitored() -> bool {
    let names = std::fs::read_dir("/proc/self/task")
        .unwrap()
        .map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).unwrap_or_default());
    names.into_iter().any(|name| name.trim() == "cede-monitor")
}

#[test]
fn a_look_that_takes_the_alarm_does_not_keep_the_monitor_away() {
    let (late, told) = oneshot::channel();
    let watching = thread::spawn(move || {
        let start = Instant::now();
        while !is_monitored() && start.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(100));
        }
        let seen = is_monitored();
        late.send(()).unwrap();
        seen
    });
    Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let start = Instant::now();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let waiting = cede::spawn(async move { listener.accept().await.map(|_| ()) });
        // So many sleeps without a deadline that there is an alarm.
        for _ in 0..100 {
            spawn_blocking(|| thread::sleep(Duration::from_millis(1))).await.unwrap();
        }
        time::sleep_until((start + Duration::from_millis(4600)).into()).await;
        // The runtime comes to expect many short polls between two looks at the clock.
        while start.elapsed() < Duration::from_millis(4900) {
            yield_now().await;
        }
        // The alarm rings while nobody sleeps; then the driver is asked for sockets only.
        thread::sleep(Duration::from_millis(300));
        yield_now().await;
        told.await.unwrap();
        waiting.abort();
    });
    assert!(watching.join().unwrap());
}
