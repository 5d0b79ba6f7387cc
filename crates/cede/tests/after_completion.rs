//! What a future does that is polled again after it was ready: it panics and says so, or it has a value. It never hangs, and what it took is neither taken twice nor given back twice.
//!
//! Where tokio has the future, it does the same there; except that reading into a string twice loses what was read first there, or fails an assertion.

#[path = "support/everywhere.rs"]
mod everywhere;

use std::cell::Cell;
use std::fmt::Debug;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, Once};
use std::task::Poll;
use std::time::Duration;

use cede::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use cede::net::{TcpListener, TcpStream, UdpSocket};
use cede::runtime::{Builder, Runtime};
use cede::sync::{Barrier, Mutex, Notify, OnceCell, RwLock, Semaphore, broadcast, mpsc, oneshot, watch};
use cede::task::{JoinSet, LocalSet, yield_now};
use cede::time::{self, Instant};
use everywhere::everywhere;

const MS: Duration = Duration::from_millis(1);

thread_local! {
    static EXPECTED: Cell<bool> = const { Cell::new(false) };
}

/// Keeps the panics that are looked for out of the output.
fn hush() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !EXPECTED.get() {
                before(info);
            }
        }));
    });
}

/// What a further poll does.
#[derive(Debug, PartialEq)]
enum Then<T> {
    Gives(T),
    Waits,
    Panics(String),
}

impl<T, E> Then<Result<T, E>> {
    fn value(self) -> Result<T, E> {
        let Then::Gives(value) = self else { panic!("it gives nothing") };
        value
    }
}

/// Awaits the future, and polls it once more.
async fn twice<F: Future + ?Sized>(mut future: Pin<&mut F>) -> (F::Output, Then<F::Output>) {
    hush();
    // With all of a task's budget, which would be another reason to be pending.
    yield_now().await;
    let first = future.as_mut().await;
    yield_now().await;
    let then = poll_fn(|cx| {
        EXPECTED.set(true);
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx)));
        EXPECTED.set(false);
        Poll::Ready(match polled {
            Ok(Poll::Ready(output)) => Then::Gives(output),
            Ok(Poll::Pending) => Then::Waits,
            Err(panic) => Then::Panics(match panic.downcast::<String>() {
                Ok(message) => *message,
                Err(panic) => (*panic.downcast::<&str>().expect("a message")).to_owned(),
            }),
        })
    })
    .await;
    (first, then)
}

/// It panics with a message that says what was done.
async fn refuses<F: Future<Output: Debug>>(future: F) -> F::Output {
    let mut future = Box::pin(future);
    let (first, then) = twice(future.as_mut()).await;
    let Then::Panics(message) = &then else { panic!("no panic, but {then:?}") };
    assert!(["after", "already"].iter().any(|word| message.contains(word)), "{message}");
    first
}

/// It is ready again with the same.
async fn repeats<F: Future<Output: Debug + PartialEq>>(future: F) -> F::Output {
    let mut future = Box::pin(future);
    let (first, then) = twice(future.as_mut()).await;
    let Then::Gives(again) = then else { panic!("{then:?} after {first:?}") };
    assert_eq!(first, again);
    first
}

#[test]
fn timers() {
    everywhere(|| async {
        repeats(time::sleep(MS)).await;
        repeats(time::sleep(Duration::ZERO)).await;
        repeats(time::sleep_until(Instant::now())).await;
        let mut interval = time::interval(MS);
        let start = interval.tick().await;
        assert_eq!(refuses(interval.tick()).await, start + MS);
        assert_eq!(interval.tick().await, start + 2 * MS, "the poll that was refused took no tick");
    });
}

#[test]
fn a_sleep_that_is_reset_after_completion_waits_again() {
    everywhere(|| async {
        let mut sleep = pin!(time::sleep(MS));
        let start = sleep.deadline();
        assert_eq!(twice(sleep.as_mut()).await, ((), Then::Gives(())));
        sleep.as_mut().reset(start + 5 * MS);
        sleep.as_mut().await;
        assert!(Instant::now() >= start + 5 * MS);
        assert_eq!(twice(sleep).await, ((), Then::Gives(())));
    });
}

#[test]
fn time_limits() {
    everywhere(|| async {
        assert!(repeats(time::timeout(MS, std::future::pending::<()>())).await.is_err(), "it is over for good");
        let (tx, rx) = oneshot::channel();
        tx.send(7).unwrap();
        // The future inside is polled again, and refuses.
        assert_eq!(refuses(time::timeout(MS, rx)).await, Ok(Ok(7)));
        let mut count = 0;
        let mut counting = pin!(time::timeout(
            MS,
            poll_fn(|_| {
                count += 1;
                Poll::Ready(count)
            })
        ));
        assert_eq!(twice(counting.as_mut()).await, (Ok(1), Then::Gives(Ok(2))));
    });
}

#[test]
fn semaphores() {
    everywhere(|| async {
        let semaphore = Arc::new(Semaphore::new(5));
        let one = refuses(semaphore.acquire()).await.unwrap();
        let two = refuses(semaphore.acquire_many(2)).await.unwrap();
        let owned = refuses(semaphore.clone().acquire_owned()).await.unwrap();
        assert_eq!(semaphore.available_permits(), 1);
        drop((one, two, owned));
        assert_eq!(semaphore.available_permits(), 5);
        // One that had to wait.
        let all = semaphore.clone().acquire_many_owned(5).await.unwrap();
        let waits = refuses(semaphore.acquire());
        let (waited, ()) = cede::join!(waits, async { drop(all) });
        drop(waited.unwrap());
        assert_eq!(semaphore.available_permits(), 5);
        semaphore.close();
        assert!(refuses(semaphore.acquire()).await.is_err());
    });
}

#[test]
fn locks() {
    everywhere(|| async {
        let mutex = Arc::new(Mutex::new(1));
        drop(refuses(mutex.lock()).await);
        drop(refuses(mutex.clone().lock_owned()).await);
        let held = mutex.lock().await;
        let (second, ()) = cede::join!(refuses(mutex.lock()), async { drop(held) });
        drop(second);
        assert!(mutex.try_lock().is_ok(), "no guard is left");

        let lock = Arc::new(RwLock::new(1));
        let readers = (refuses(lock.read()).await, refuses(lock.clone().read_owned()).await);
        assert!(lock.try_write().is_err());
        drop(readers);
        drop(refuses(lock.write()).await);
        drop(refuses(lock.clone().write_owned()).await);
        let held = lock.write().await;
        let (second, ()) = cede::join!(refuses(lock.read()), async { drop(held) });
        drop(second);
        assert!(lock.try_write().is_ok(), "no guard is left");
    });
}

#[test]
fn notifications() {
    everywhere(|| async {
        let notify = Arc::new(Notify::new());
        for owned in [false, true] {
            notify.notify_one();
            let mut notified: Pin<Box<dyn Future<Output = ()> + Send + '_>> =
                if owned { Box::pin(notify.clone().notified_owned()) } else { Box::pin(notify.notified()) };
            notified.as_mut().await;
            notify.notify_one();
            assert_eq!(twice(notified.as_mut()).await, ((), Then::Gives(())));
            drop(notified);
            notify.notified().await;
        }
        // One that waited, of either kind of notification.
        let (first, second) = (notify.notified(), notify.notified());
        cede::join!(repeats(first), repeats(second), async {
            yield_now().await;
            yield_now().await;
            notify.notify_one();
            notify.notify_waiters();
            notify.notify_one();
        });
    });
}

#[test]
fn single_values() {
    everywhere(|| async {
        let (tx, rx) = oneshot::channel();
        tx.send(1).unwrap();
        assert_eq!(refuses(rx).await, Ok(1));
        let (tx, rx) = oneshot::channel::<u8>();
        drop(tx);
        assert!(refuses(rx).await.is_err());
        let (mut tx, rx) = oneshot::channel::<u8>();
        drop(rx);
        refuses(tx.closed()).await;
        // Taken by other means.
        let (tx, mut rx) = oneshot::channel();
        tx.send(2).unwrap();
        assert_eq!(rx.try_recv(), Ok(2));
        assert!(matches!(cede::spawn(rx).await, Err(error) if error.is_panic()));
    });
}

#[test]
fn channels() {
    everywhere(|| async {
        let (tx, mut rx) = mpsc::channel(3);
        refuses(tx.send(1)).await.unwrap();
        refuses(tx.reserve()).await.unwrap().send(2);
        assert_eq!(tx.capacity(), 1, "nothing was sent twice");
        refuses(tx.clone().reserve_owned()).await.unwrap().send(3);
        assert_eq!(refuses(rx.recv()).await, Some(1));
        let mut buffer = Vec::new();
        assert_eq!(refuses(rx.recv_many(&mut buffer, 8)).await, 2);
        assert_eq!(buffer, [2, 3], "nothing was lost");
        drop(rx);
        assert!(refuses(tx.send(4)).await.is_err());
        refuses(tx.closed()).await;

        let (tx, mut rx) = mpsc::unbounded_channel();
        tx.send(1).unwrap();
        tx.send(2).unwrap();
        assert_eq!(refuses(rx.recv()).await, Some(1));
        assert_eq!(rx.recv().await, Some(2));
        drop(tx);
        assert_eq!(refuses(rx.recv()).await, None);

        let (tx, mut rx) = watch::channel(0);
        tx.send(1).unwrap();
        refuses(rx.changed()).await.unwrap();
        refuses(async { rx.wait_for(|value| *value == 1).await.map(|value| *value) }).await.unwrap();
        drop(rx);
        refuses(tx.closed()).await;

        let (tx, mut rx) = broadcast::channel(4);
        tx.send(1).unwrap();
        tx.send(2).unwrap();
        assert_eq!(refuses(rx.recv()).await, Ok(1));
        assert_eq!(rx.recv().await, Ok(2));
    });
}

#[test]
fn meetings_and_cells() {
    everywhere(|| async {
        let barrier = Barrier::new(2);
        let (one, other) = cede::join!(refuses(barrier.wait()), barrier.wait());
        assert_ne!(one.is_leader(), other.is_leader());
        let cell = OnceCell::new();
        assert_eq!(*refuses(cell.get_or_init(async || 5)).await, 5);
        assert_eq!(*refuses(cell.get_or_init(async || 6)).await, 5);
    });
}

#[test]
fn join_handles() {
    everywhere(|| async {
        assert_eq!(refuses(cede::spawn(async { 1 })).await.unwrap(), 1);
        assert_eq!(refuses(cede::task::spawn_blocking(|| 2)).await.unwrap(), 2);
        let aborted = cede::spawn(std::future::pending::<()>());
        aborted.abort();
        assert!(refuses(aborted).await.unwrap_err().is_cancelled());
        let ended = cede::spawn(async { 3 });
        while !ended.is_finished() {
            yield_now().await;
        }
        assert_eq!(refuses(ended).await.unwrap(), 3);
        let mut set = JoinSet::new();
        set.spawn(async { 4 });
        assert_eq!(refuses(set.join_next()).await.unwrap().unwrap(), 4);
        assert!(set.is_empty());
        assert!(refuses(set.join_next()).await.is_none());
    });
}

#[test]
fn a_set_of_local_tasks() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let set = LocalSet::new();
        let task = set.spawn_local(async { 1 });
        assert_eq!(refuses(set.run_until(task)).await.unwrap(), 1);
        let task = set.spawn_local(async { 2 });
        let mut set = pin!(set);
        assert_eq!(twice(set.as_mut()).await, ((), Then::Gives(())));
        assert_eq!(task.await.unwrap(), 2);
    });
}

#[test]
fn branches() {
    everywhere(|| async {
        assert_eq!(refuses(async { cede::join!(async { 1 }, yield_now()) }).await, (1, ()));
        let both = async { cede::try_join!(async { Ok::<_, ()>(1) }, async { Err::<(), _>(()) }) };
        assert_eq!(refuses(both).await, Err(()));
        let first = async {
            cede::select! {
                value = async { 1 } => value,
                () = std::future::pending() => 2,
            }
        };
        assert_eq!(refuses(first).await, 1);
    });
}

#[test]
fn what_only_cede_has() {
    everywhere(|| async {
        let (completer, completion) = cede::event::completion();
        completer.complete(1).unwrap();
        assert_eq!(refuses(completion).await.unwrap(), 1);
        let mut group = cede::group::TaskGroup::<()>::new();
        let child = group.spawn(async { Ok(2) });
        assert_eq!(refuses(child).await.unwrap(), 2);
        group.join().await.unwrap();
        let output = cede::scope(async |scope| {
            let child = scope.spawn(async { 3 });
            refuses(child).await
        });
        assert_eq!(output.await, 3);
    });
}

#[test]
fn reading_and_writing() {
    everywhere(|| async {
        let (mut here, mut there) = cede::io::duplex(8);
        // A write that is polled again writes again, one that wrote all has nothing left.
        assert_eq!(repeats(comparable(here.write(b"ab"))).await, Ok(2));
        assert_eq!(repeats(comparable(here.write_all(b"cd"))).await, Ok(()));
        repeats(comparable(here.flush())).await.unwrap();
        let mut buffer = [0; 4];
        assert_eq!(repeats(comparable(there.read_exact(&mut buffer))).await, Ok(4));
        assert_eq!(&buffer, b"abab", "the second poll had nothing left to read");
        // A read that is polled again reads again.
        let mut one = [0; 1];
        assert_eq!(repeats(comparable(there.read(&mut one))).await, Ok(1));
        assert_eq!(&one, b"d");
        let mut waits = Box::pin(there.read(&mut one));
        here.write_all(b"e").await.unwrap();
        assert!(matches!(twice(waits.as_mut()).await, (Ok(1), Then::Waits)));
        drop(waits);
        repeats(comparable(here.shutdown())).await.unwrap();
        let mut rest = Vec::new();
        assert_eq!(repeats(comparable(there.read_to_end(&mut rest))).await, Ok(0));

        let mut text = "before ".to_owned();
        let mut source = &b"all of it"[..];
        let (first, then) = twice(Box::pin(source.read_to_string(&mut text)).as_mut()).await;
        assert_eq!((first.unwrap(), then.value().unwrap(), &*text), (9, 0, "before all of it"));
        for before in ["", "before "] {
            // What is no text is told, and lost; then there is nothing.
            let (mut source, mut text) = (&b"ab\xff"[..], before.to_owned());
            let (first, then) = twice(Box::pin(source.read_to_string(&mut text)).as_mut()).await;
            assert_eq!((first.unwrap_err().kind(), then.value().unwrap()), (std::io::ErrorKind::InvalidData, 0));
            assert_eq!(text, before);
            let (mut reader, mut text) = (BufReader::new(&b"ab\xff"[..]), before.to_owned());
            let (first, then) = twice(Box::pin(reader.read_line(&mut text)).as_mut()).await;
            assert_eq!((first.unwrap_err().kind(), then.value().unwrap()), (std::io::ErrorKind::InvalidData, 0));
            assert_eq!(text, before);
        }
        let (mut source, mut bytes) = (&b"all of it"[..], b"before ".to_vec());
        let (first, then) = twice(Box::pin(source.read_to_end(&mut bytes)).as_mut()).await;
        assert_eq!((first.unwrap(), then.value().unwrap(), &*bytes), (9, 0, &b"before all of it"[..]));

        let mut reader = BufReader::new(&b"one\ntwo\n"[..]);
        assert_eq!(refuses(reader.fill_buf()).await.unwrap(), b"one\ntwo\n");
        let mut lines = "zero\n".to_owned();
        assert_eq!(repeats(comparable(reader.read_line(&mut lines))).await, Ok(4));
        assert_eq!(lines, "zero\none\ntwo\n", "the second poll read the next line");
        assert_eq!(repeats(comparable(reader.read_line(&mut lines))).await, Ok(0));
    });
}

/// With errors that can be compared.
fn comparable<T>(future: impl Future<Output = std::io::Result<T>>) -> impl Future<Output = Result<T, std::io::ErrorKind>> {
    let mut future = Box::pin(future);
    poll_fn(move |cx| future.as_mut().poll(cx).map_err(|error| error.kind()))
}

fn both() -> [Runtime; 2] {
    [
        Builder::new_current_thread().enable_all().build().unwrap(),
        Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap(),
    ]
}

#[test]
fn sockets() {
    for runtime in both() {
        let task = runtime.spawn(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let mut client = refuses(TcpStream::connect(listener.local_addr().unwrap())).await.unwrap();
            let (mut served, _) = refuses(listener.accept()).await.unwrap();
            refuses(client.writable()).await.unwrap();
            client.write_all(b"abc").await.unwrap();
            drop(client);
            refuses(served.readable()).await.unwrap();
            let mut one = [0; 1];
            assert_eq!(refuses(served.peek(&mut one)).await.unwrap(), 1);
            assert_eq!(repeats(comparable(served.read(&mut one))).await, Ok(1));
            assert_eq!(&one, b"b", "the second poll is a second read");
            let mut rest = Vec::new();
            assert_eq!(served.read_to_end(&mut rest).await.unwrap(), 1);
            let (one, other) = (UdpSocket::bind("127.0.0.1:0").await.unwrap(), UdpSocket::bind("127.0.0.1:0").await.unwrap());
            assert_eq!(refuses(one.send_to(b"x", other.local_addr().unwrap())).await.unwrap(), 1);
            assert_eq!(refuses(other.recv_from(&mut [0; 4])).await.unwrap().0, 1);
        });
        runtime.block_on(task).unwrap();
    }
}
