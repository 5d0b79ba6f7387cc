//! What programs are made of, many times: the shapes that are counted and measured. None waits for anything from outside.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use cede::sync::{Mutex, Notify, Semaphore, mpsc, oneshot};
use cede::task::yield_now;
use cede::time;

/// How often each load does what it does.
pub(crate) const ROUNDS: usize = 2000;

pub(crate) async fn spawn_one_and_join() {
    for i in 0..ROUNDS {
        assert_eq!(cede::spawn(async move { i }).await.unwrap(), i);
    }
}

pub(crate) async fn spawn_many_and_join() {
    let tasks: Vec<_> = (0..ROUNDS).map(|i| cede::spawn(async move { i })).collect();
    for task in tasks {
        task.await.unwrap();
    }
}

pub(crate) async fn chained_spawn() {
    fn next(left: usize, done: oneshot::Sender<()>) {
        cede::spawn(async move { if left == 0 { done.send(()).unwrap() } else { next(left - 1, done) } });
    }
    let (done, waits) = oneshot::channel();
    next(ROUNDS, done);
    waits.await.unwrap();
}

pub(crate) async fn yields() {
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            cede::spawn(async {
                for _ in 0..ROUNDS / 100 {
                    yield_now().await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

pub(crate) async fn ping_pong() {
    let (ping, mut pings) = mpsc::channel(1);
    let (pong, mut pongs) = mpsc::channel(1);
    let other = cede::spawn(async move {
        while let Some(number) = pings.recv().await {
            pong.send(number).await.unwrap();
        }
    });
    for i in 0..ROUNDS {
        ping.send(i).await.unwrap();
        assert_eq!(pongs.recv().await, Some(i));
    }
    drop(ping);
    other.await.unwrap();
}

pub(crate) async fn bounded_channel() {
    let (sender, mut receiver) = mpsc::channel(64);
    let sending = cede::spawn(async move {
        for i in 0..ROUNDS {
            sender.send(i).await.unwrap();
        }
    });
    while receiver.recv().await.is_some() {}
    sending.await.unwrap();
}

pub(crate) async fn unbounded_channel() {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let sending = cede::spawn(async move {
        for i in 0..ROUNDS {
            sender.send(i).unwrap();
        }
    });
    while receiver.recv().await.is_some() {}
    sending.await.unwrap();
}

/// Ten tasks for one permit, each of which gives way while it has it.
async fn contended<F: Future<Output = ()> + Send + 'static>(once: impl Fn() -> F + Clone + Send + Sync + 'static) {
    let tasks: Vec<_> = (0..10)
        .map(|_| {
            let once = once.clone();
            cede::spawn(async move {
                for _ in 0..ROUNDS / 10 {
                    once().await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

pub(crate) async fn mutex() {
    let mutex = Arc::new(Mutex::new(0));
    contended(move || {
        let mutex = mutex.clone();
        async move {
            let mut guard = mutex.lock().await;
            *guard += 1;
            yield_now().await;
        }
    })
    .await;
}

pub(crate) async fn semaphore() {
    let semaphore = Arc::new(Semaphore::new(1));
    contended(move || {
        let semaphore = semaphore.clone();
        async move {
            let _permit = semaphore.acquire().await.unwrap();
            yield_now().await;
        }
    })
    .await;
}

pub(crate) async fn notify() {
    let notify = Arc::new(Notify::new());
    let notified = notify.clone();
    let waiting = cede::spawn(async move {
        for _ in 0..ROUNDS {
            notified.notified().await;
        }
    });
    while !waiting.is_finished() {
        notify.notify_one();
        yield_now().await;
    }
    waiting.await.unwrap();
}

pub(crate) async fn timers_armed_and_dropped() {
    for i in 0..ROUNDS {
        let mut sleep = pin!(time::sleep(Duration::from_millis(10_000 + i as u64)));
        poll_fn(|cx| {
            assert!(sleep.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
    }
}

pub(crate) async fn time_limits_that_are_not_needed() {
    for _ in 0..ROUNDS {
        time::timeout(Duration::from_secs(10), yield_now()).await.unwrap();
    }
}

/// Calls a macro with all loads, each with how many spawns and wakes of tasks one of its rounds consists of at most, and with how often all its rounds together allocate.
macro_rules! each_load {
    ($call:ident) => {
        $call! {
            spawn_one_and_join 2 0, spawn_many_and_join 2 1, chained_spawn 2 1, yields 2 1, ping_pong 4 6, bounded_channel 2 11, unbounded_channel 2 42, mutex 3 2,
            semaphore 3 2, notify 3 1, timers_armed_and_dropped 1 0, time_limits_that_are_not_needed 1 0
        }
    };
}
pub(crate) use each_load;
