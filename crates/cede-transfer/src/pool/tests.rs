//! Who gets a connection when there may be no more, and how long one is kept for nobody.

use std::sync::{Arc, Mutex};

use cede::hyper::{CedeExecutor, CedeTimer};
use cede::io::AsyncReadExt;
use cede::net::{TcpListener, TcpStream};
use cede::time::{Duration, Instant, advance, pause};
use hyper::client::conn::http2;
use url::Url;

use super::{IDLE_FOR, LastUse, Lease, Pool, Shared, Use, lock};
use crate::connect::{Connector, Proxies};
use crate::meter::Metered;

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

fn pool() -> Pool {
    Pool::new(Connector::new(Duration::from_secs(10), None, Proxies::default(), false), 8)
}

/// A connection, and its other end.
async fn leased(pool: &Pool, listener: &TcpListener) -> (Lease, TcpStream) {
    let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    let (lease, accepted) = cede::join!(pool.lease(&url, 0, true), listener.accept());
    (lease.unwrap(), accepted.unwrap().0)
}

fn count(pool: &Pool) -> usize {
    lock(&pool.kept).idle.values().map(Vec::len).sum()
}

#[cede::test]
async fn what_nobody_uses_is_closed_after_a_while() {
    let (pool, listener) = (pool(), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let (first, mut far) = leased(&pool, &listener).await;
    let (second, mut farther) = leased(&pool, &listener).await;
    let (third, mut farthest) = leased(&pool, &listener).await;
    // Nothing but the clock decides from here on.
    pause();
    pool.give_back(first);
    advance(IDLE_FOR / 2).await;
    pool.give_back(second);
    advance(IDLE_FOR / 2 - Duration::from_secs(1)).await;
    assert_eq!(count(&pool), 2);
    advance(Duration::from_secs(1)).await;
    assert_eq!(count(&pool), 1);
    advance(IDLE_FOR / 2).await;
    // Nothing is left that could be closed, so nobody waits for that; and what comes then is seen to again.
    assert_eq!((count(&pool), lock(&pool.kept).idle.len()), (0, 0));
    assert!(lock(&pool.kept).sweeper.is_none());
    pool.give_back(third);
    advance(IDLE_FOR).await;
    assert_eq!(count(&pool), 0);
    // The other ends see it.
    for far in [&mut far, &mut farther, &mut farthest] {
        assert_eq!(far.read(&mut [0]).await.unwrap(), 0);
    }
}

#[cede::test]
async fn with_the_pool_goes_whoever_sweeps_it() {
    let (pool, listener) = (pool(), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let (lease, _far) = leased(&pool, &listener).await;
    pool.give_back(lease);
    let sweeper = lock(&pool.kept).sweeper.clone().unwrap();
    drop(pool);
    while !sweeper.is_finished() {
        cede::task::yield_now().await;
    }
}

#[cede::test]
async fn a_shared_connection_is_closed_when_its_last_use_is_long_ago() {
    let (pool, url) = (pool(), silent().await);
    let (connection, meter) = Metered::new(pool.connector.connect(&url).await.unwrap());
    let (sender, _driver) = http2::Builder::new(CedeExecutor).timer(CedeTimer).handshake(connection).await.unwrap();
    let users = Arc::new(LastUse(Mutex::new(Instant::now())));
    let mut kept = lock(&pool.kept);
    kept.shared.insert((String::new(), 0), Shared { sender, meter, users: Arc::clone(&users) });
    let lease = Use(users);
    // However long it takes.
    let much_later = Instant::now() + IDLE_FOR * 10;
    let ((_, old), next) = kept.take_old(much_later);
    assert_eq!((old.len(), next), (0, Some(much_later + IDLE_FOR)));
    drop(lease);
    let ended = Instant::now();
    let ((_, old), next) = kept.take_old(ended + IDLE_FOR / 2);
    assert!(old.is_empty() && next.is_some_and(|next| next <= ended + IDLE_FOR));
    let ((_, old), next) = kept.take_old(ended + IDLE_FOR);
    assert_eq!((old.len(), next), (1, None));
}
