//! A reqwest client: `fetch WORKERS PORT REQUESTS AT_A_TIME`, where no workers are the one-thread runtime. Says how much processor time it took.

mod cpu;

use tokio::runtime::Builder;
use tokio::task::JoinSet;

async fn fetch(port: usize, requests: usize, at_a_time: usize) {
    let client = reqwest::Client::new();
    let mut tasks = JoinSet::new();
    for number in 0..at_a_time {
        let client = client.clone();
        let url = format!("http://127.0.0.1:{port}/");
        let share = requests / at_a_time + usize::from(number < requests % at_a_time);
        tasks.spawn(async move {
            for _ in 0..share {
                let response = client.get(&url).send().await.unwrap();
                assert_eq!(response.bytes().await.unwrap().len(), 13);
            }
        });
    }
    while let Some(result) = tasks.join_next().await {
        result.unwrap();
    }
}

fn main() {
    let numbers: Vec<usize> = std::env::args().skip(1).map(|word| word.parse().expect("a number")).collect();
    let [workers, port, requests, at_a_time] = numbers[..] else { panic!("fetch WORKERS PORT REQUESTS AT_A_TIME") };
    let mut builder = if workers == 0 { Builder::new_current_thread() } else { Builder::new_multi_thread() };
    if workers > 0 {
        builder.worker_threads(workers);
    }
    let runtime = builder.enable_all().build().unwrap();
    let before = cpu::nanos();
    runtime.block_on(fetch(port, requests, at_a_time));
    println!("cpu {}", cpu::nanos() - before);
}
