//! tonic: the health service, from an unchanged server to an unchanged client.

use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::timeout;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Endpoint, Server};
use tonic_health::ServingStatus;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_health_service_is_asked_and_watched() {
    timeout(Duration::from_secs(30), exchange()).await.expect("the service hangs");
}

async fn exchange() {
    let (reporter, service) = tonic_health::server::health_reporter();
    reporter.set_service_status("board", ServingStatus::NotServing).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let incoming = TcpIncoming::from(listener);
    let serving = Server::builder().add_service(service).serve_with_incoming_shutdown(incoming, async {
        let _stopped = stopped.await;
    });
    let serving = tokio::spawn(serving);

    let channel = Endpoint::new(format!("http://{address}")).unwrap().connect().await.unwrap();
    let mut client = HealthClient::new(channel);
    let board = || HealthCheckRequest { service: "board".to_owned() };
    let mut changes = client.watch(board()).await.unwrap().into_inner();
    assert_eq!(changes.message().await.unwrap().unwrap().status, 2, "not serving");
    reporter.set_service_status("board", ServingStatus::Serving).await;
    assert_eq!(changes.message().await.unwrap().unwrap().status, 1, "serving");
    let asked = (0..100).map(|_| {
        let mut client = client.clone();
        tokio::spawn(async move { client.check(board()).await.unwrap().into_inner().status })
    });
    for status in asked.collect::<Vec<_>>() {
        assert_eq!(status.await.unwrap(), 1);
    }
    let missing = client.check(HealthCheckRequest { service: "nothing".to_owned() }).await.unwrap_err();
    assert_eq!(missing.code(), tonic::Code::NotFound);
    drop((client, changes));
    stop.send(()).unwrap();
    serving.await.unwrap().unwrap();
}
