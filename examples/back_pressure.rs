//! A fast producer and a slow consumer: a bounded channel makes the fast one wait.
//!
//! With an unbounded channel the producer would be done at once, and everything it made would lie in memory. Here at most [`ROOM`] items wait in the channel,
//! whatever the number of items: `send().await` gives the thread up until there is room.
//!
//! Run with: cargo run -p cede-examples --example back_pressure

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cede::sync::mpsc;
use cede_examples::threads;

const ITEMS: usize = 200;
const ROOM: usize = 8;
const WORK: Duration = Duration::from_millis(2);

/// What was made and not yet taken, now and at most.
#[derive(Debug, Default)]
struct Stock {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Stock {
    fn put(&self) {
        let now = self.now.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(now, Ordering::Relaxed);
    }

    fn take(&self) {
        self.now.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Makes items as fast as it is allowed to; returns how long it had to wait.
async fn produce(items: mpsc::Sender<usize>, stock: Arc<Stock>) -> Duration {
    let mut waited = Duration::ZERO;
    for item in 0..ITEMS {
        let start = Instant::now();
        // The room first, then the item: so what is made always has a place.
        let Ok(permit) = items.reserve().await else { return waited };
        waited += start.elapsed();
        stock.put();
        permit.send(item);
    }
    waited
}

/// Takes a while for each item; returns their sum.
async fn consume(mut items: mpsc::Receiver<usize>, stock: Arc<Stock>) -> usize {
    let mut sum = 0;
    while let Some(item) = items.recv().await {
        stock.take();
        cede::time::sleep(WORK).await;
        sum += item;
    }
    sum
}

#[cede::main(flavor = "current_thread")]
async fn main() {
    let stock = Arc::new(Stock::default());
    let (sender, receiver) = mpsc::channel(ROOM);
    let start = Instant::now();
    let producer = cede::spawn(produce(sender, Arc::clone(&stock)));
    let consumer = cede::spawn(consume(receiver, Arc::clone(&stock)));
    let waited = producer.await.expect("the producer does not panic");
    let sum = consumer.await.expect("the consumer does not panic");

    assert_eq!(sum, (0..ITEMS).sum());
    let most = stock.most.load(Ordering::Relaxed);
    assert!(most <= ROOM, "{most} items were waiting in a channel for {ROOM}");
    let threads = threads();
    assert!(threads.is_none_or(|count| count == 1), "no thread was spawned");
    println!(
        "{ITEMS} items in {:.1} s; at most {most} were waiting; the producer waited {:.1} s for room; {} thread",
        start.elapsed().as_secs_f64(),
        waited.as_secs_f64(),
        threads.map_or_else(|| "?".to_owned(), |count| count.to_string())
    );
}
