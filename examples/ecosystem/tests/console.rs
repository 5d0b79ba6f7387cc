//! tokio-console's subscriber, unchanged, sees cede's tasks. Its server refuses to start without a cfg of its own:
//! `RUSTFLAGS="--cfg console_without_tokio_unstable" cargo test --manifest-path examples/ecosystem/Cargo.toml --test console`
#![cfg(console_without_tokio_unstable)]

use std::collections::HashMap;
use std::time::Duration;

use console_api::instrument::InstrumentRequest;
use console_api::instrument::instrument_client::InstrumentClient;
use console_api::tasks::Stats;

/// What is asked of the server is what the program `tokio-console` asks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_arrive_with_names_places_polls_and_wakers() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    console_subscriber::ConsoleLayer::builder().server_addr(address).publish_interval(Duration::from_millis(50)).init();

    let (_keep, mut never) = tokio::sync::mpsc::channel::<()>(1);
    tokio::task::Builder::new().name("waits").spawn(async move { never.recv().await }).unwrap();
    tokio::task::Builder::new().name("yields").spawn(yields()).unwrap();

    let mut client = loop {
        match InstrumentClient::connect(format!("http://{address}")).await {
            Ok(client) => break client,
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    };
    let mut updates = client.watch_updates(InstrumentRequest {}).await.unwrap().into_inner();
    let mut names: HashMap<String, u64> = HashMap::new();
    let mut stats: HashMap<u64, Stats> = HashMap::new();
    loop {
        let update = updates.message().await.unwrap().expect("an update").task_update.unwrap();
        for task in update.new_tasks {
            let number = task.id.unwrap().id;
            let fields: Vec<_> = task.fields.iter().map(ToString::to_string).collect();
            if let Some(name) = fields.iter().find_map(|field| field.strip_prefix("task.name=").filter(|name| !name.is_empty())) {
                assert!(task.location.unwrap().to_string().contains("tests/console.rs"), "{fields:?}");
                names.insert(name.to_owned(), number);
            }
        }
        stats.extend(update.stats_update);
        let of = |name| names.get(name).and_then(|number| stats.get(number));
        let (Some(waits), Some(yields)) = (of("waits"), of("yields")) else { continue };
        let polls = |stats: &Stats| stats.poll_stats.as_ref().unwrap().polls;
        if polls(yields) < 11 || polls(waits) < 1 || waits.waker_clones == 0 {
            continue;
        }
        assert_eq!((polls(yields), yields.wakes, yields.self_wakes), (11, 10, 10), "it wakes itself, and nobody else does");
        assert_eq!((waits.waker_clones, waits.waker_drops, waits.wakes), (1, 0, 0), "the channel has its waker");
        return;
    }
}

async fn yields() {
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
}
