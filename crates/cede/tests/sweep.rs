//! Each public future is dropped at its k-th pending poll, for each k; nothing is lost or doubled, and everything still works.

use std::future::{Future, pending};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cede::blocking::BlockingPool;
use cede::event::{self, Bus};
use cede::group::{self, CancelReason, TaskGroup};
use cede::io::AsyncWriteExt;
use cede::net::{TcpListener, TcpStream, UdpSocket};
use cede::process::Command;
use cede::sim::Sim;
use cede::stream::{self, Overflow, ReadExactly, StreamExt, TaskStreamExt};
use cede::sync::Semaphore;
use cede::task::{JoinSet, yield_now};
use cede::time::{Instant, sleep};

#[path = "support/up_to.rs"]
mod up_to;

use up_to::up_to;

const MS: Duration = Duration::from_millis(1);
/// No future here is pending more often.
const MOST: usize = 12;

/// Gives up after `k` pending polls, and then waits for the same future to its end.
async fn in_two_parts<F: Future + Unpin>(k: usize, mut future: F) -> F::Output {
    match up_to(k, &mut future).await {
        Some(output) => output,
        None => future.await,
    }
}

/// Runs the body for each `k`, in many orders and in virtual time.
fn sweep<F>(body: impl Fn(usize) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    for k in 0..MOST {
        for seed in 0..4 {
            Sim::new(seed).workers(2).run(body(k)).unwrap_or_else(|failure| panic!("k {k}, seed {seed}: {failure}"));
        }
    }
}

/// Takes all items, and gives up each time after `k` pending polls.
async fn all_items<S: stream::Stream>(k: usize, stream: S) -> Vec<S::Item> {
    let mut stream = pin!(stream);
    let mut items = Vec::new();
    loop {
        match up_to(k, stream.next()).await {
            Some(Some(item)) => items.push(item),
            Some(None) => return items,
            // As a `select!` loop does, somebody else gets a turn.
            None => sleep(MS / 3).await,
        }
    }
}

#[test]
fn a_consumer_that_gives_up_again_and_again_gets_every_item_once() {
    fn jobs() -> impl stream::Stream<Item: Future<Output = u32> + Send + 'static> + Send {
        stream::iter(0..8_u32).map(|n| async move {
            sleep(MS * (n % 3)).await;
            n
        })
    }
    fn slow() -> impl stream::Stream<Item = u32> + Send {
        stream::iter(0..8_u32).then(|n| async move {
            sleep(MS * (n % 3)).await;
            n
        })
    }
    sweep(|k| async move {
        let expected: Vec<u32> = (0..8).collect();
        assert_eq!(all_items(k, jobs().buffered_tasks(3).unwrap()).await, expected);
        let mut outputs = all_items(k, jobs().buffer_unordered_tasks(3).unwrap()).await;
        outputs.sort_unstable();
        assert_eq!(outputs, expected);
        assert_eq!(all_items(k, slow().par_map(3, |n| n).unwrap()).await, expected);
        assert_eq!(all_items(k, slow().throttle(2 * MS)).await, expected);
        assert_eq!(all_items(k, slow().rate_limit(1, 2 * MS, 2).unwrap()).await, expected);
        assert_eq!(all_items(k, slow().chunks_timeout(3, MS).unwrap()).await.concat(), expected);
        assert_eq!(all_items(k, slow().timeout(MS)).await.into_iter().flatten().collect::<Vec<_>>(), expected);
        assert_eq!(all_items(k, slow().merge(stream::empty())).await, expected);
        let hub = slow().broadcast(2, Overflow::Wait).unwrap();
        let (first, second) = (hub.subscribe(), hub.subscribe());
        drop(hub);
        let second = cede::spawn(second.collect::<Vec<_>>());
        assert_eq!(all_items(k, first).await, expected);
        assert_eq!(second.await.unwrap(), expected);
    });
}

#[test]
fn an_event_whose_sending_is_given_up_was_not_sent_and_no_room_is_lost() {
    sweep(|k| async move {
        let (emitter, mut events) = event::channel(1, Overflow::Wait).unwrap();
        let sender = cede::spawn(async move {
            let mut sent = Vec::new();
            for n in 0..10 {
                match n % 3 {
                    0 => sent.extend(up_to(k, emitter.reserve()).await.map(|room| room.unwrap().put(n).map(|_| n).unwrap())),
                    _ => sent.extend(up_to(k, emitter.send(n)).await.map(|result| result.map(|_| n).unwrap())),
                }
                yield_now().await;
            }
            emitter.send(10).await.unwrap();
            sent.push(10);
            sent
        });
        let mut got = Vec::new();
        loop {
            match up_to(k, events.recv()).await {
                Some(Some(n)) => got.push(n),
                Some(None) => break,
                None => sleep(MS).await,
            }
        }
        assert_eq!(got, sender.await.unwrap());
    });
}

#[test]
fn an_event_whose_publishing_is_given_up_reaches_nobody() {
    sweep(|k| async move {
        let bus = Bus::new();
        let subscribers = [1, 2, 3].map(|capacity| bus.subscribe(capacity, Overflow::Wait).unwrap());
        let readers = subscribers.map(|mut subscriber| {
            cede::spawn(async move {
                let mut got = Vec::new();
                loop {
                    match up_to(k, subscriber.recv()).await {
                        Some(Some(n)) => got.push(n),
                        Some(None) => return got,
                        None => sleep(MS).await,
                    }
                }
            })
        });
        let mut published = Vec::new();
        for n in 0..12 {
            published.extend(up_to(k, bus.publish(n)).await.map(|_| n));
        }
        bus.publish(12).await;
        published.push(12);
        drop(bus);
        for reader in readers {
            assert_eq!(reader.await.unwrap(), published);
        }
    });
}

#[test]
fn a_completion_and_a_listener_that_are_given_up_say_so() {
    sweep(|k| async move {
        let (completer, completion) = event::completion();
        let completing = cede::spawn(async move {
            sleep(MS).await;
            completer.complete(7).is_ok()
        });
        assert_eq!(in_two_parts(k, completion).await, Ok(7));
        assert!(completing.await.unwrap());

        let calls = Arc::new(AtomicUsize::new(0));
        let counted = calls.clone();
        let items = stream::iter(0..4).throttle(MS);
        let listener = event::call_for_each(items, move |_| drop(counted.fetch_add(1, Ordering::SeqCst).to_string()));
        let ended = up_to(k, listener.join()).await;
        yield_now().await;
        let made = calls.load(Ordering::SeqCst);
        sleep(20 * MS).await;
        assert_eq!(calls.load(Ordering::SeqCst), made, "no call after the listener is gone");
        assert_eq!(ended.is_some(), made == 4);
    });
}

#[test]
fn waiting_for_a_group_and_its_children_may_be_given_up_and_taken_up() {
    sweep(|k| async move {
        let mut group = TaskGroup::<()>::builder().limit(2).unwrap().build();
        let children: Vec<_> = (0..4_u32)
            .map(|n| {
                group.spawn(async move {
                    sleep(MS * n).await;
                    Ok(n)
                })
            })
            .collect();
        for (n, child) in (0..).zip(children) {
            assert_eq!(in_two_parts(k, child).await, Ok(n));
        }
        let _ = up_to(k, group.join()).await;
        group.join().await.unwrap();

        // A shutdown that is given up still ends everything.
        let alive = Arc::new(());
        let group = TaskGroup::<()>::new();
        for _ in 0..3 {
            let alive = alive.clone();
            group.spawn(async move {
                let _alive = alive;
                assert!(up_to(k, group::cancelled()).await.is_none_or(|reason| reason == CancelReason::Shutdown));
                pending::<Result<(), ()>>().await
            });
        }
        let _ = up_to(k, group.shutdown(5 * MS)).await;
        while Arc::strong_count(&alive) > 1 {
            yield_now().await;
        }
    });
}

#[test]
fn a_scope_that_is_given_up_takes_its_children_along() {
    sweep(|k| async move {
        let (begun, ended) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let work = cede::scope(async |s| {
            let child = s.spawn(async {
                begun.fetch_add(1, Ordering::SeqCst);
                sleep(2 * MS).await;
                ended.fetch_add(1, Ordering::SeqCst);
                7
            });
            assert_eq!(in_two_parts(k, child).await, 7);
        });
        let whole = up_to(k, work).await.is_some();
        let before = (begun.load(Ordering::SeqCst), ended.load(Ordering::SeqCst));
        sleep(10 * MS).await;
        assert_eq!((begun.load(Ordering::SeqCst), ended.load(Ordering::SeqCst)), before, "nothing goes on");
        assert!(!whole || before == (1, 1));
    });
}

#[test]
fn jobs_on_pools_may_be_waited_for_in_pieces_and_one_that_is_not_accepted_leaves_its_room() {
    for k in 0..MOST {
        cede::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(async move {
            let pool = BlockingPool::builder().max_threads(1).unwrap().queue_limit(1).build();
            let ran = Arc::new(AtomicUsize::new(0));
            let mut accepted = Vec::new();
            for n in 0..6_usize {
                let count = ran.clone();
                let job = move || {
                    std::thread::yield_now();
                    count.fetch_add(1, Ordering::SeqCst);
                    n
                };
                accepted.extend(up_to(k, pool.spawn(job)).await.map(|job| (n, job.unwrap())));
            }
            let count = accepted.len();
            for (n, job) in accepted {
                assert_eq!(in_two_parts(k, job).await.unwrap(), n);
            }
            assert_eq!(ran.load(Ordering::SeqCst), count);
            assert_eq!(pool.spawn(|| 7).await.unwrap().await.unwrap(), 7, "no room was lost");

            let gate = Arc::new(Semaphore::new(0));
            let opener = gate.clone();
            let mut sum = cede::compute::spawn(move |work| {
                let _opened = cede::block_on(gate.acquire()).map(drop);
                work.check().map(|()| 42)
            });
            assert!(up_to(0, &mut sum).await.is_none());
            opener.add_permits(1);
            assert_eq!(in_two_parts(k, sum).await.unwrap(), Ok(42));
        });
    }
}

#[test]
fn waiting_for_a_process_may_be_given_up_and_taken_up() {
    for k in 0..MOST {
        cede::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async move {
            let mut child = Command::new("sh").args(["-c", "exit 3"]).spawn().unwrap();
            let early = up_to(k, child.wait()).await;
            let status = child.wait().await.unwrap();
            assert_eq!(status.code(), Some(3));
            assert!(early.is_none_or(|early| early.unwrap() == status));
            assert_eq!(child.try_wait().unwrap(), Some(status));

            let mut sleeper = Command::new("sleep").arg("1000").spawn().unwrap();
            let _ = up_to(k, sleeper.kill()).await;
            assert!(!sleeper.wait().await.unwrap().success(), "a kill that was begun is not taken back");

            let output = up_to(k, Command::new("echo").arg("hello").output()).await;
            assert!(output.is_none_or(|output| output.unwrap().stdout == b"hello\n"));
            let status = up_to(k, Command::new("true").status()).await;
            assert!(status.is_none_or(|status| status.unwrap().success()));
        });
    }
}

/// Begins a new future again and again, until one is ready within `k` pending polls. In between others get a turn.
macro_rules! again_and_again {
    ($k:expr, $future:expr) => {
        loop {
            match up_to($k, $future).await {
                Some(output) => break output,
                None => sleep(MS / 4).await,
            }
        }
    };
}

#[test]
fn no_tick_and_no_output_of_a_set_is_lost() {
    sweep(|k| async move {
        let begin = Instant::now();
        let mut interval = cede::time::interval(2 * MS);
        for n in 0..5 {
            let tick = again_and_again!(k, interval.tick());
            assert_eq!(tick - begin, 2 * MS * n);
        }
        let mut set = JoinSet::new();
        for n in 0..8_u32 {
            set.spawn(async move {
                sleep(MS * (n % 3)).await;
                n
            });
        }
        let mut outputs = Vec::new();
        while let Some(output) = again_and_again!(k, set.join_next()) {
            outputs.push(output.unwrap());
        }
        outputs.sort_unstable();
        assert!(outputs.into_iter().eq(0..8));
    });
}

#[test]
fn no_connection_and_no_datagram_is_lost() {
    for k in 0..MOST {
        cede::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            let (tcp, udp) = (listener.local_addr().unwrap(), socket.local_addr().unwrap());
            let peer = cede::spawn(async move {
                let sender = UdpSocket::bind("127.0.0.1:0").await?;
                for n in 0..5_u8 {
                    TcpStream::connect(tcp).await?.write_all(&[n; 3]).await?;
                    sender.send_to(&[n], udp).await?;
                    sleep(MS / 2).await;
                }
                std::io::Result::Ok(())
            });
            for n in 0..5 {
                let (mut stream, _) = again_and_again!(k, listener.accept()).unwrap();
                let mut all = ReadExactly::new(3);
                again_and_again!(k, stream.readable()).unwrap();
                let bytes = loop {
                    match up_to(k, all.read_from(&mut stream)).await {
                        Some(read) => break read.map(<[u8]>::to_vec).unwrap(),
                        None => sleep(MS / 4).await,
                    }
                };
                assert_eq!(bytes, [n; 3]);
                let mut datagram = [0; 8];
                let (length, _) = again_and_again!(k, socket.recv_from(&mut datagram)).unwrap();
                assert_eq!(datagram[..length], [n]);
            }
            peer.await.unwrap().unwrap();
        });
    }
}
