//! Deadlines that are over, and deadlines that are far: of every width that the wheel knows, crossed in virtual years.

#[path = "support/everywhere.rs"]
mod everywhere;

use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use cede::runtime::Builder;
use cede::task::yield_now;
use cede::time::{self, Instant, MissedTickBehavior};
use everywhere::{everywhere, simulated};

const MS: Duration = Duration::from_millis(1);

/// What the first poll says.
async fn at_once<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| {
        Poll::Ready(match future.as_mut().poll(cx) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        })
    })
    .await
}

/// Moments that are over: just now, and long ago if the clock goes back so far.
fn past() -> impl Iterator<Item = Instant> {
    let now = Instant::now();
    let ago = [0, 1, 1_000_000, 10_000_000_000, 3_600_000_000_000].map(Duration::from_nanos);
    ago.into_iter().filter_map(move |ago| now.checked_sub(ago))
}

#[test]
fn what_is_over_is_ready_at_the_first_poll() {
    everywhere(|| async {
        for deadline in past() {
            assert_eq!(at_once(time::sleep_until(deadline)).await, Some(()));
            assert!(matches!(at_once(time::timeout_at(deadline, pending::<()>())).await, Some(Err(_))));
            assert_eq!(at_once(time::timeout_at(deadline, async { 7 })).await, Some(Ok(7)), "the value is asked first");
            let mut sleep = pin!(time::sleep(Duration::from_secs(3600)));
            assert_eq!(at_once(sleep.as_mut()).await, None);
            sleep.as_mut().reset(deadline);
            assert_eq!(at_once(sleep.as_mut()).await, Some(()), "armed, and set back to what is over");
            assert!(sleep.is_elapsed());
        }
    });
}

#[test]
fn a_wait_that_is_set_back_to_the_past_is_woken() {
    everywhere(|| async {
        let sleep = Arc::new(Mutex::new(Box::pin(time::sleep(Duration::from_secs(3600)))));
        let shared = sleep.clone();
        let waiting = cede::spawn(poll_fn(move |cx| shared.lock().unwrap().as_mut().poll(cx)));
        yield_now().await;
        sleep.lock().unwrap().as_mut().reset(Instant::now());
        waiting.await.unwrap();
    });
}

#[test]
fn an_interval_from_the_past_ticks_at_once_and_catches_up_as_asked() {
    everywhere(|| async {
        for behavior in [MissedTickBehavior::Burst, MissedTickBehavior::Delay, MissedTickBehavior::Skip] {
            // Longer than a machine stands still.
            let period = 30_000 * MS;
            let Some(start) = Instant::now().checked_sub(10 * period) else { continue };
            let mut interval = time::interval_at(start, period);
            interval.set_missed_tick_behavior(behavior);
            assert_eq!(at_once(interval.tick()).await, Some(start), "the first tick is said to be when it was due");
            let mut burst = 0;
            while let Some(tick) = at_once(interval.tick()).await {
                burst += 1;
                assert_eq!(tick, start + burst * period);
            }
            match behavior {
                // Ten, but a machine may have stood still meanwhile.
                MissedTickBehavior::Burst => assert!(burst >= 10, "{burst} ticks"),
                MissedTickBehavior::Delay | MissedTickBehavior::Skip => assert_eq!(burst, 0),
            }
        }
    });
}

#[test]
fn periods_that_no_clock_can_show_are_never_over() {
    simulated(|| async {
        for behavior in [MissedTickBehavior::Burst, MissedTickBehavior::Delay, MissedTickBehavior::Skip] {
            time::sleep(1000 * MS).await;
            for ago in [Duration::ZERO, 100 * MS] {
                let start = Instant::now() - ago;
                let mut interval = time::interval_at(start, Duration::MAX);
                interval.set_missed_tick_behavior(behavior);
                assert_eq!(interval.tick().await, start);
                assert!(time::timeout(Duration::from_secs(1 << 29), interval.tick()).await.is_err());
            }
        }
    });
}

/// A slot of the wheel's level is so wide. The last one reaches the end of all time.
fn width(level: u32) -> u64 {
    1 << (16 + 6 * level)
}

/// So far away, from a moment that may lie anywhere: on both sides of each border.
fn distances() -> Vec<Duration> {
    let borders = (0..8).flat_map(|level| [1, 2, 63].map(|slots: u64| slots.saturating_mul(width(level))));
    let all = borders.filter(|border| *border < u64::MAX / 4).flat_map(|border| [border - 1, border, border + 1]);
    all.map(Duration::from_nanos).collect()
}

/// Sleeps of all distances at the same time, of which every third is given up; returns what the others say about when they were over.
async fn sleeps() -> Vec<(Instant, Instant)> {
    let ended = Arc::new(Mutex::new(Vec::new()));
    let start = Instant::now();
    let tasks: Vec<_> = distances()
        .into_iter()
        .map(|distance| {
            let (deadline, ended) = (start + distance, ended.clone());
            cede::spawn(async move {
                time::sleep_until(deadline).await;
                ended.lock().unwrap().push((deadline, Instant::now()));
            })
        })
        .collect();
    time::sleep(Duration::from_nanos(1000)).await;
    let (given_up, kept): (Vec<_>, Vec<_>) = tasks.into_iter().enumerate().partition(|(number, _)| number % 3 == 2);
    given_up.iter().for_each(|(_, task)| task.abort());
    for (_, task) in kept {
        task.await.unwrap();
    }
    let ended = ended.lock().unwrap().clone();
    assert!(ended.len() >= distances().len() * 2 / 3);
    ended
}

#[test]
fn sleeps_of_every_width_end_exactly_at_their_deadlines() {
    simulated(|| async {
        // From the beginning of all time, from just before a border of each level, and from just after it.
        for before in [0, width(1) - 1, width(3) + 1, width(5) - 1000, width(7) - 1] {
            time::sleep(Duration::from_nanos(before)).await;
            let ended = sleeps().await;
            assert!(ended.iter().all(|(deadline, end)| deadline == end), "{ended:?}");
            assert!(ended.is_sorted(), "{ended:?}");
        }
    });
}

#[test]
fn a_paused_clock_crosses_years_too() {
    Builder::new_current_thread().start_paused(true).enable_all().build().unwrap().block_on(async {
        for (deadline, end) in sleeps().await {
            let late = end.checked_duration_since(deadline).expect("never early");
            // Rounded up to a millisecond, as with tokio.
            assert!(late <= MS, "{late:?} late");
        }
    });
}

#[test]
fn time_goes_from_border_to_border() {
    simulated(|| async {
        let begin = Instant::now();
        let mut sum = Duration::ZERO;
        for step in distances().into_iter().filter(|step| *step < Duration::from_nanos(width(7))).chain([Duration::from_nanos(width(7)); 5])
        {
            time::sleep(step).await;
            sum += step;
            assert_eq!(begin.elapsed(), sum);
        }
        assert!(sum > Duration::from_secs(50 * 365 * 86_400), "{sum:?} is no half century");
    });
}
