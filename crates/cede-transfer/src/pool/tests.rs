//! Who gets a connection when there may be no more.

use cede::net::TcpListener;
use cede::time::Duration;
use url::Url;

use super::Pool;
use crate::connect::{Connector, Proxies};

/// A server that says nothing, and keeps what it accepts.
async fn silent() -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    cede::spawn(async move {
        let mut accepted = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            accepted.push(stream);
        }
    });
    url
}

#[cede::test]
async fn whoever_waits_gets_the_place_of_a_connection_that_became_idle_meanwhile() {
    let (one, other) = (silent().await, silent().await);
    let pool = Pool::new(Connector::new(Duration::from_secs(10), None, Proxies::default(), false), 1);
    for wanted in [&other, &one] {
        let busy = pool.lease(&one, 0, false).await.unwrap();
        let waits = pool.lease(wanted, 0, false);
        let goes_idle = async {
            // By then the other one has found nothing that is idle.
            for _ in 0..10 {
                cede::task::yield_now().await;
            }
            pool.give_back(busy);
        };
        let (lease, ()) = cede::join!(waits, goes_idle);
        let lease = lease.unwrap();
        assert_eq!(lease.is_reused(), wanted == &one, "its own is used again");
        pool.give_back(lease);
    }
}
