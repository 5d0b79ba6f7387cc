//! A pipeline of supervised actors: back-pressure from the slow end, and a worker that crashes without losing what is queued.
//!
//! Numbers go through a worker, which squares them, to a slow total. Each mailbox holds [`ROOM`] messages, so those who ask the worker are held up by the total, two steps away. Each
//! seventh number panics the worker: its supervisor makes a new one, which finds the mail that the old one has left. The number in hand is lost; who asked learns that, and asks again.
//!
//! Run with: cargo run -p cede-examples --example supervised_pipeline

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cede::stream::Backoff;
use cede_actor::{Actor, Address, BoxError, Context, Mailbox, Reply, Restart, Retry, Stop, Supervisor, System};

const NUMBERS: u64 = 42;
const ROOM: usize = 4;
const WORK: Duration = Duration::from_millis(2);

/// Adds up, slowly.
#[derive(Default)]
struct Total {
    sum: u64,
}

enum ToTotal {
    Add(u64),
    Get(Reply<u64>),
}

impl Actor for Total {
    type Message = ToTotal;

    async fn handle(&mut self, message: ToTotal, _: &mut Context<Self>) -> Result<(), BoxError> {
        match message {
            ToTotal::Add(n) => {
                cede::time::sleep(WORK).await;
                self.sum += n;
            }
            ToTotal::Get(reply) => reply.send(self.sum),
        }
        Ok(())
    }
}

/// Squares, and crashes at each seventh number when it sees that for the first time.
struct Worker {
    total: Address<Total>,
    crashes: Arc<AtomicUsize>,
}

struct Square {
    number: u64,
    attempt: usize,
    done: Reply<()>,
}

impl Actor for Worker {
    type Message = Square;

    async fn handle(&mut self, Square { number, attempt, done }: Square, _: &mut Context<Self>) -> Result<(), BoxError> {
        if number.is_multiple_of(7) && attempt == 1 {
            self.crashes.fetch_add(1, Ordering::Relaxed);
            panic!("the worker does not like {number}");
        }
        // Waits while the total has no room, and so does everybody who has something for this worker.
        self.total.tell(ToTotal::Add(number * number)).await?;
        done.send(());
        Ok(())
    }
}

#[cede::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    // The crashes are meant to be; one line each says enough.
    std::panic::set_hook(Box::new(|panic| eprintln!("{panic}")));
    let system = System::new();
    let crashes = Arc::new(AtomicUsize::new(0));

    // The total first: it is stopped last, when nobody has anything for it any more.
    let (total_child, total) = system.child("total", Mailbox::bounded(ROOM)?, Restart::Permanent, Total::default);
    let make = {
        let (total, crashes) = (total.clone(), Arc::clone(&crashes));
        move || Worker { total: total.clone(), crashes: Arc::clone(&crashes) }
    };
    let mailbox = Mailbox::bounded(ROOM)?.again_after_failure();
    let (worker_child, worker) = system.child("worker", mailbox, Restart::Permanent, make);
    let supervisor =
        Supervisor::new(&system, "pipeline").intensity(10, Duration::from_secs(1)).child(total_child).child(worker_child).start().await?;

    let retry = Retry::new(Backoff::new(Duration::from_millis(1)).attempts(5)?);
    let mut askers = cede::task::JoinSet::new();
    let most = Arc::new(AtomicUsize::new(0));
    for number in 1..=NUMBERS {
        let (worker, retry, most) = (worker.clone(), retry.clone(), Arc::clone(&most));
        askers.spawn(async move {
            let mut attempt = 0;
            // The number is the key: a worker that has squared it does not do so again, however often it is asked.
            let asked = worker.ask_retry(&retry, number, |done| {
                attempt += 1;
                Square { number, attempt, done }
            });
            asked.await?;
            most.fetch_max(worker.queued(), Ordering::Relaxed);
            Ok::<_, BoxError>(())
        });
    }
    while let Some(asked) = askers.join_next().await {
        asked??;
    }

    let sum = total.ask(ToTotal::Get).await?;
    assert_eq!(sum, (1..=NUMBERS).map(|n| n * n).sum::<u64>(), "each number once");
    let most = most.load(Ordering::Relaxed);
    assert!(most <= ROOM, "{most} messages were in a mailbox for {ROOM}");
    let ended = supervisor.stop(Stop::drain()).await;
    println!(
        "{NUMBERS} numbers, {} crashes, sum {sum}; at most {most} waited in the worker's mailbox; {ended}",
        crashes.load(Ordering::Relaxed)
    );
    Ok(())
}
