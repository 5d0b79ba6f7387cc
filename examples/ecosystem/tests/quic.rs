//! quinn: an endpoint for both sides, datagrams and streams over UDP sockets of cede.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ecosystem::Identity;
use quinn::Endpoint;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use tokio::time::timeout;

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_are_echoed() {
    timeout(Duration::from_secs(30), exchange()).await.expect("the connection hangs");
}

async fn exchange() {
    let identity = Identity::new();
    let config = QuicServerConfig::try_from(identity.server()).unwrap();
    let server = Endpoint::server(quinn::ServerConfig::with_crypto(Arc::new(config)), ANY).unwrap();
    let address = server.local_addr().unwrap();
    let echoing = tokio::spawn(echo(server));

    let mut client = Endpoint::client(ANY).unwrap();
    let config = QuicClientConfig::try_from(identity.client()).unwrap();
    client.set_default_client_config(quinn::ClientConfig::new(Arc::new(config)));
    let connection = client.connect(address, "localhost").unwrap().await.unwrap();
    let streams = (1..=10_u8).map(|number| {
        let connection = connection.clone();
        tokio::spawn(async move {
            let (mut send, mut receive) = connection.open_bi().await.unwrap();
            let sent = vec![number; usize::from(number) * 20_000];
            let writing = async {
                send.write_all(&sent).await.unwrap();
                send.finish().unwrap();
            };
            let (received, ()) = tokio::join!(receive.read_to_end(1 << 20), writing);
            assert!(received.unwrap() == sent);
        })
    });
    for stream in streams.collect::<Vec<_>>() {
        stream.await.unwrap();
    }
    connection.close(0_u8.into(), b"done");
    client.wait_idle().await;
    assert_eq!(echoing.await.unwrap(), 10);
}

/// Echoes what comes on the streams of one connection; returns how many there were.
async fn echo(endpoint: Endpoint) -> usize {
    let connection = endpoint.accept().await.unwrap().await.unwrap();
    let mut streams = tokio::task::JoinSet::new();
    while let Ok((mut send, mut receive)) = connection.accept_bi().await {
        streams.spawn(async move {
            tokio::io::copy(&mut receive, &mut send).await.unwrap();
            send.finish().unwrap();
        });
    }
    let count = streams.len();
    streams.join_all().await;
    count
}
