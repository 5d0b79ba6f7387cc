//! The application, asked by reqwest and tungstenite over TLS; and that it is cede below all of them.

use std::time::Duration;

use ecosystem::{Identity, Note, Server};
use futures_util::StreamExt;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(30);

fn note(number: usize) -> Note {
    Note { author: format!("author {number}"), text: "x".repeat(number * 100) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn notes_are_kept_and_told_to_all_listeners() {
    timeout(PATIENCE, exchange()).await.expect("the application hangs");
}

#[tokio::test]
async fn on_one_thread_as_well() {
    timeout(PATIENCE, exchange()).await.expect("the application hangs");
}

async fn exchange() {
    let identity = Identity::new();
    let server = Server::start(&identity).await.unwrap();
    let client = reqwest::Client::builder()
        .add_root_certificate(reqwest::Certificate::from_der(identity.certificate()).unwrap())
        .resolve("localhost", server.address)
        .build()
        .unwrap();
    let notes = format!("https://localhost:{}/notes", server.address.port());

    let listeners = futures_util::future::join_all((0..3).map(|_| listen(&identity, &server))).await;
    let listening: Vec<_> = listeners.into_iter().map(|feed| tokio::spawn(feed.take(20).collect::<Vec<_>>())).collect();
    let posted: Vec<_> = (0..20)
        .map(|number| {
            let request = client.post(&notes).json(&note(number));
            tokio::spawn(async move { request.send().await.unwrap().status() })
        })
        .collect();
    for status in posted {
        assert_eq!(status.await.unwrap(), 201);
    }
    let mut kept: Vec<Note> = client.get(&notes).send().await.unwrap().json().await.unwrap();
    kept.sort_by_key(|note| note.text.len());
    assert_eq!(kept, (0..20).map(note).collect::<Vec<_>>());
    for told in listening {
        let mut told = told.await.unwrap();
        told.sort_by_key(|note| note.text.len());
        assert_eq!(told, kept);
    }
    drop(client);
    server.stop().await.unwrap();

    let threads = threads();
    assert!(!threads.iter().any(|name| name.starts_with("tokio")), "{threads:?}");
}

async fn listen(identity: &Identity, server: &Server) -> impl futures_util::Stream<Item = Note> + Send + 'static {
    let stream = TcpStream::connect(server.address).await.unwrap();
    let stream = identity.connector().connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap();
    let (socket, _) = tokio_tungstenite::client_async("wss://localhost/feed", stream).await.unwrap();
    socket.map(|message| serde_json::from_str(message.unwrap().to_text().unwrap()).unwrap())
}

/// The names of the threads of this process.
fn threads() -> Vec<String> {
    let names = std::fs::read_dir("/proc/self/task").unwrap().map(|thread| thread.unwrap().path().join("comm"));
    names.filter_map(|name| Some(std::fs::read_to_string(name).ok()?.trim().to_owned())).collect()
}

#[test]
fn there_is_one_tokio_and_it_is_ours() {
    let metadata = std::process::Command::new(env!("CARGO"))
        // Also the packages that only other builds need: where they have not been fetched yet, they are now.
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let manifests: Vec<_> = packages.iter().filter(|package| package["name"] == "tokio").map(|package| &package["manifest_path"]).collect();
    assert_eq!(manifests.len(), 1, "{manifests:?}");
    assert!(manifests[0].as_str().unwrap().ends_with("crates/tokio/Cargo.toml"), "{manifests:?}");
    assert!(packages.iter().all(|package| package["name"] != "mio"), "mio is what the published tokio waits with");
}

#[test]
fn the_threads_are_cedes() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async { tokio::spawn(async {}).await.unwrap() });
    assert!(threads().iter().any(|name| name.starts_with("cede")), "{:?}", threads());
    // The type is cede's own, under another name.
    let _: cede::runtime::Runtime = runtime;
}
