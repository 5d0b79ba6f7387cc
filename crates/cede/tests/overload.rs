//! Chains of tasks over bounded channels, on runtimes that end while much was just under way. Meant to be run several times at once, on fewer processors than threads.

use cede::runtime::Builder;
use cede::sync::mpsc;

const ROUNDS: usize = if cfg!(debug_assertions) { 5 } else { 50 };

#[test]
fn chains_of_tasks_on_runtimes_that_come_and_go() {
    for _ in 0..ROUNDS {
        let runtime = Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
        let (mut starts, mut ends) = (Vec::new(), Vec::new());
        for _ in 0..50 {
            let (start, mut before) = mpsc::channel::<usize>(10);
            for _ in 0..200 {
                let (next, after) = mpsc::channel(10);
                runtime.spawn(async move {
                    while let Some(value) = before.recv().await {
                        next.send(value).await.unwrap();
                    }
                });
                before = after;
            }
            let (end, last) = mpsc::channel(1);
            let again = start.clone();
            runtime.spawn(async move {
                for _ in 0..5 {
                    let value = before.recv().await.unwrap();
                    again.send(value).await.unwrap();
                }
                end.send(before.recv().await.unwrap()).await.unwrap();
            });
            starts.push(start);
            ends.push(last);
        }
        runtime.block_on(async {
            for (n, start) in starts.drain(..).enumerate() {
                start.send(n).await.unwrap();
            }
            for (n, mut end) in ends.drain(..).enumerate() {
                assert_eq!(end.recv().await, Some(n));
            }
        });
    }
}
