//! The traits of other crates on cede's types.

use std::future::poll_fn;
use std::io::IoSlice;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cede::io::AsyncReadExt;
use cede::net::unix::pipe;
use cede::net::{TcpListener, TcpStream, UnixStream};
use futures_io::{AsyncRead, AsyncWrite};
use futures_task::{FutureObj, LocalFutureObj, LocalSpawn, Spawn};
use hyper::rt::{Executor, Timer};

async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (connected, accepted) = cede::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
    (connected.unwrap(), accepted.unwrap().0)
}

/// What was written at one end is read at the other, and then that the end was closed.
async fn passes_on_futures_io(mut writes: impl AsyncWrite + Unpin, mut reads: impl AsyncRead + Unpin) {
    let slices = [IoSlice::new(b"hel"), IoSlice::new(b"lo")];
    let written = poll_fn(|cx| Pin::new(&mut writes).poll_write_vectored(cx, &slices)).await.unwrap();
    let written_then = poll_fn(|cx| Pin::new(&mut writes).poll_write(cx, b" you")).await.unwrap();
    poll_fn(|cx| Pin::new(&mut writes).poll_flush(cx)).await.unwrap();
    poll_fn(|cx| Pin::new(&mut writes).poll_close(cx)).await.unwrap();
    drop(writes);
    let mut received = Vec::new();
    let mut buffer = [0; 3];
    loop {
        match poll_fn(|cx| Pin::new(&mut reads).poll_read(cx, &mut buffer)).await.unwrap() {
            0 => break,
            count => received.extend_from_slice(&buffer[..count]),
        }
    }
    assert_eq!((written, written_then, received.as_slice()), (5, 4, b"hello you".as_slice()));
}

#[test]
fn sockets_and_pipes_are_futures_io() {
    cede::block_on(async {
        let (a, b) = pair().await;
        passes_on_futures_io(a, b).await;
        let (a, b) = UnixStream::pair().unwrap();
        passes_on_futures_io(a, b).await;
        let (sender, receiver) = pipe::pipe().unwrap();
        passes_on_futures_io(sender, receiver).await;
    });
}

#[test]
fn halves_are_futures_io() {
    cede::block_on(async {
        let (a, b) = pair().await;
        let ((_reads, writes), (reads, _writes)) = (a.into_split(), b.into_split());
        passes_on_futures_io(writes, reads).await;
        let (a, b) = UnixStream::pair().unwrap();
        let ((_reads, writes), (reads, _writes)) = (a.into_split(), b.into_split());
        passes_on_futures_io(writes, reads).await;
    });
}

async fn passes_on_hyper_io(mut a: impl hyper::rt::Write + Unpin, mut b: impl hyper::rt::Read + cede::io::AsyncRead + Unpin) {
    let written = poll_fn(|cx| Pin::new(&mut a).poll_write(cx, b"hyper")).await.unwrap();
    assert_eq!(written, 5);
    let mut memory = [0; 16];
    let mut buffer = hyper::rt::ReadBuf::new(&mut memory);
    poll_fn(|cx| hyper::rt::Read::poll_read(Pin::new(&mut b), cx, buffer.unfilled())).await.unwrap();
    assert_eq!(buffer.filled(), b"hyper");
    poll_fn(|cx| Pin::new(&mut a).poll_shutdown(cx)).await.unwrap();
    assert_eq!(b.read(&mut [0; 1]).await.unwrap(), 0);
}

#[test]
fn sockets_are_hyper_io() {
    cede::block_on(async {
        let (a, b) = pair().await;
        passes_on_hyper_io(a, b).await;
        let (a, b) = UnixStream::pair().unwrap();
        passes_on_hyper_io(a, b).await;
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
    let set = cede::task::LocalSet::new();
    let (not_send, future) = (Rc::new(()), add(&count));
    set.spawn_local_obj(LocalFutureObj::new(Box::new(async move {
        future.await;
        drop(not_send);
    })))
    .unwrap();
    runtime.block_on(set);
    assert_eq!(count.load(Ordering::SeqCst), 5);
}
