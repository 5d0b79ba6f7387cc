//! The traits of other crates on cede's types.

use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cede::io::AsyncReadExt;
use cede::net::{TcpListener, TcpStream};
use futures_io::{AsyncRead, AsyncWrite};
use futures_task::{FutureObj, LocalFutureObj, LocalSpawn, Spawn};
use hyper::rt::{Executor, Timer};

async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (connected, accepted) = cede::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
    (connected.unwrap(), accepted.unwrap().0)
}

#[test]
fn sockets_are_futures_io() {
    cede::block_on(async {
        let (mut a, mut b) = pair().await;
        let written = poll_fn(|cx| Pin::new(&mut a).poll_write(cx, b"hello")).await.unwrap();
        poll_fn(|cx| AsyncWrite::poll_flush(Pin::new(&mut a), cx)).await.unwrap();
        poll_fn(|cx| Pin::new(&mut a).poll_close(cx)).await.unwrap();
        let mut received = Vec::new();
        let mut buffer = [0; 3];
        loop {
            match poll_fn(|cx| AsyncRead::poll_read(Pin::new(&mut b), cx, &mut buffer)).await.unwrap() {
                0 => break,
                count => received.extend_from_slice(&buffer[..count]),
            }
        }
        assert_eq!((written, received.as_slice()), (5, b"hello".as_slice()));
    });
}

#[test]
fn sockets_are_hyper_io() {
    cede::block_on(async {
        let (mut a, mut b) = pair().await;
        let written = poll_fn(|cx| hyper::rt::Write::poll_write(Pin::new(&mut a), cx, b"hyper")).await.unwrap();
        assert_eq!(written, 5);
        let mut memory = [0; 16];
        let mut buffer = hyper::rt::ReadBuf::new(&mut memory);
        poll_fn(|cx| hyper::rt::Read::poll_read(Pin::new(&mut b), cx, buffer.unfilled())).await.unwrap();
        assert_eq!(buffer.filled(), b"hyper");
        poll_fn(|cx| hyper::rt::Write::poll_shutdown(Pin::new(&mut a), cx)).await.unwrap();
        assert_eq!(b.read(&mut [0; 1]).await.unwrap(), 0);
    });
}

#[test]
fn hyper_spawns_and_sleeps_here() {
    cede::block_on(async {
        let (sender, receiver) = cede::sync::oneshot::channel();
        cede::hyper::CedeExecutor.execute(async move {
            let start = Instant::now();
            let timer = cede::hyper::CedeTimer;
            timer.sleep(Duration::from_millis(2)).await;
            let mut sleep = timer.sleep_until(timer.now() + Duration::from_secs(3600));
            timer.reset(&mut sleep, timer.now() + Duration::from_millis(1));
            sleep.await;
            sender.send(start.elapsed()).unwrap();
        });
        assert!(receiver.await.unwrap() >= Duration::from_millis(3));
    });
}

#[test]
fn runtimes_spawn_for_the_futures_crates() {
    let count = Arc::new(AtomicUsize::new(0));
    let add = |count: &Arc<AtomicUsize>| {
        let count = count.clone();
        async move { _ = count.fetch_add(1, Ordering::SeqCst) }
    };
    let runtime = cede::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.spawn_obj(FutureObj::new(Box::new(add(&count)))).unwrap();
    runtime.handle().spawn_obj(FutureObj::new(Box::new(add(&count)))).unwrap();
    runtime.block_on(cede::task::yield_now());
    let local = cede::runtime::LocalRuntime::new().unwrap();
    let (not_send, future) = (Rc::new(()), add(&count));
    local
        .spawn_local_obj(LocalFutureObj::new(Box::new(async move {
            {
                future.await;
                drop(not_send);
            }
        })))
        .unwrap();
    local.spawn_obj(FutureObj::new(Box::new(add(&count)))).unwrap();
    local.block_on(cede::task::yield_now());
    assert_eq!(count.load(Ordering::SeqCst), 4);
}
