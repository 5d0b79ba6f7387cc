//! Channels.

use crate::rt;
use crate::rt::sync::{mpsc, oneshot};

const CAPACITY: usize = 100;

async fn round_trips(count: u64) {
    let (ping, mut pinged) = mpsc::unbounded_channel::<u64>();
    let (pong, mut ponged) = mpsc::unbounded_channel::<u64>();
    let other = rt::spawn(async move {
        while let Some(number) = pinged.recv().await {
            let _ = pong.send(number);
        }
    });
    for number in 0..count {
        let _ = ping.send(number);
        assert_eq!(ponged.recv().await, Some(number));
    }
    drop(ping);
    other.await.unwrap();
}

/// Round trips between two tasks.
pub async fn ping_pong(operations: u64) -> u64 {
    rt::spawn(round_trips(operations)).await.unwrap();
    operations
}

/// Round trips of a thousand pairs.
pub async fn ping_pong_1000(operations: u64) -> u64 {
    let each = operations.div_ceil(1000);
    let pairs: Vec<_> = (0..1000).map(|_| rt::spawn(round_trips(each))).collect();
    for pair in pairs {
        pair.await.unwrap();
    }
    each * 1000
}

/// Requests with the channel for their answer.
pub async fn request_reply(operations: u64) -> u64 {
    let (requests, mut requested) = mpsc::channel::<(u64, oneshot::Sender<u64>)>(CAPACITY);
    let server = rt::spawn(async move {
        while let Some((number, answer)) = requested.recv().await {
            let _ = answer.send(number);
        }
    });
    for number in 0..operations {
        let (answer, answered) = oneshot::channel();
        let _ = requests.send((number, answer)).await;
        assert_eq!(answered.await.unwrap(), number);
    }
    drop(requests);
    server.await.unwrap();
    operations
}

async fn bounded(operations: u64, producers: u64) -> u64 {
    let (sender, mut receiver) = mpsc::channel::<u64>(CAPACITY);
    let each = operations.div_ceil(producers);
    for _ in 0..producers {
        let sender = sender.clone();
        rt::spawn(async move {
            for number in 0..each {
                let _ = sender.send(number).await;
            }
        });
    }
    drop(sender);
    let mut count = 0;
    while receiver.recv().await.is_some() {
        count += 1;
    }
    assert_eq!(count, each * producers);
    count
}

/// One producer, one consumer, room for a hundred.
pub async fn mpsc_bounded_1(operations: u64) -> u64 {
    bounded(operations, 1).await
}

/// Four producers, one consumer, room for a hundred.
pub async fn mpsc_bounded_4(operations: u64) -> u64 {
    bounded(operations, 4).await
}

async fn unbounded(operations: u64, producers: u64) -> u64 {
    let (sender, mut receiver) = mpsc::unbounded_channel::<u64>();
    let each = operations.div_ceil(producers);
    for _ in 0..producers {
        let sender = sender.clone();
        rt::spawn(async move {
            for number in 0..each {
                let _ = sender.send(number);
                // So that the queue does not grow to the length of the run.
                if number % 128 == 127 {
                    rt::task::yield_now().await;
                }
            }
        });
    }
    drop(sender);
    let mut count = 0;
    while receiver.recv().await.is_some() {
        count += 1;
    }
    assert_eq!(count, each * producers);
    count
}

/// One producer, one consumer, any length; the producer yields after each 128.
pub async fn mpsc_unbounded_1(operations: u64) -> u64 {
    unbounded(operations, 1).await
}

/// Four producers, one consumer, any length; producers yield after each 128.
pub async fn mpsc_unbounded_4(operations: u64) -> u64 {
    unbounded(operations, 4).await
}

/// A channel for one value: made, used, dropped.
pub async fn oneshot(operations: u64) -> u64 {
    for number in 0..operations {
        let (sender, receiver) = oneshot::channel();
        let _ = sender.send(number);
        assert_eq!(receiver.await.unwrap(), number);
    }
    operations
}
