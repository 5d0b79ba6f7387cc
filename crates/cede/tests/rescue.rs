//! A task that blocks or burns its thread does not keep the others from running.
//!
//! The stuck tasks here wait for what the others do, so a runtime that lets them wait never ends; nothing is measured.

use std::future::{Future, poll_fn};
use std::io::{Read, Write};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use cede::io::{AsyncReadExt, AsyncWriteExt};
use cede::net::{TcpListener, TcpStream};
use cede::runtime::{Builder, Handle, Runtime};
use cede::task::{Priority, yield_now};
use cede::time::sleep;

const PATIENCE: Duration = Duration::from_secs(30);

fn runtime(workers: usize) -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(workers).enable_all().rescue_after(Duration::from_millis(1));
    builder.build().unwrap()
}

/// Blocks the thread until the sender is used or dropped.
fn block_on_channel(wait: &Receiver<()>) {
    let _any =
        wait.recv_timeout(PATIENCE).inspect_err(|error| assert!(*error != std::sync::mpsc::RecvTimeoutError::Timeout, "nobody came"));
}

/// Keeps all workers of the runtime stuck until the result is dropped.
struct Stuck(#[expect(dead_code, reason = "dropped at the end")] Vec<Sender<()>>);

impl Stuck {
    fn all_of(runtime: &Runtime, workers: usize) -> Self {
        let there = Arc::new(Barrier::new(workers + 1));
        let senders = (0..workers)
            .map(|_| {
                let (sender, wait) = channel();
                let there = there.clone();
                runtime.spawn(async move {
                    there.wait();
                    block_on_channel(&wait);
                });
                sender
            })
            .collect();
        there.wait();
        Self(senders)
    }
}

/// Connections that are registered with one worker, the thread of that, and the other ends.
fn with_one_worker(runtime: &Runtime, connections: usize) -> (Vec<TcpStream>, ThreadId, Vec<std::net::TcpStream>) {
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let clients: Vec<_> = (0..connections).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
    clients.iter().for_each(|client| client.set_read_timeout(Some(PATIENCE)).unwrap());
    let joining = runtime.spawn(async move {
        let mut streams = Vec::new();
        for _ in 0..connections {
            streams.push(listener.accept().await.unwrap().0);
        }
        // Nothing was sent yet, so this poll registers all of them with the worker of this thread.
        let home = poll_fn(|cx| {
            for stream in &mut streams {
                assert!(pin!(stream.read_u8()).as_mut().poll(cx).is_pending());
            }
            Poll::Ready(thread::current().id())
        });
        let home = home.await;
        (streams, home)
    });
    let (streams, home) = runtime.block_on(joining).unwrap();
    (streams, home, clients)
}

/// A runtime whose workers are never rescued, connections that are registered with one of them, which is stuck until the sender is dropped, and the other ends. The other workers are free.
fn beside_a_stuck_worker(workers: usize, connections: usize) -> (Runtime, Vec<TcpStream>, Sender<()>, Vec<std::net::TcpStream>) {
    let mut builder = Builder::new_multi_thread();
    let runtime = builder.worker_threads(workers).enable_all().max_rescued_threads(0).build().unwrap();
    let (streams, home, clients) = with_one_worker(&runtime, connections);
    let (came, there) = channel();
    let mut stuck: Vec<_> = (0..workers)
        .map(|number| {
            let (sender, wait) = channel();
            let came = came.clone();
            runtime.spawn(async move {
                came.send((number, thread::current().id())).unwrap();
                block_on_channel(&wait);
            });
            sender
        })
        .collect();
    let threads: Vec<_> = (0..workers).map(|_| there.recv_timeout(PATIENCE).unwrap()).collect();
    let (at_home, _) = threads.into_iter().find(|&(_, thread)| thread == home).expect("all workers are stuck");
    (runtime, streams, stuck.swap_remove(at_home), clients)
}

#[test]
fn the_sockets_of_a_worker_that_is_stuck_are_served_by_another_without_a_rescue() {
    let (runtime, mut streams, stuck, mut clients) = beside_a_stuck_worker(2, 1);
    let mut stream = streams.remove(0);
    let echo = runtime.spawn(async move {
        while let Ok(byte) = stream.read_u8().await {
            stream.write_all(&[byte]).await.unwrap();
        }
    });
    for byte in 0..3 {
        clients[0].write_all(&[byte]).unwrap();
        let mut answer = [0];
        clients[0].read_exact(&mut answer).expect("the other worker looks at the socket");
        assert_eq!(answer, [byte]);
    }
    drop((stuck, clients));
    runtime.block_on(echo).unwrap();
    assert_eq!(runtime.metrics().rescued_workers_count(), 0);
}

#[test]
fn what_one_look_finds_does_not_wait_behind_each_other() {
    let (runtime, mut streams, stuck, mut clients) = beside_a_stuck_worker(3, 2);
    let (mut last, mut first) = (streams.remove(1), streams.remove(0));
    let (done, is_done) = channel();
    let waiting = runtime.spawn(async move {
        first.read_u8().await.unwrap();
        // Blocks its thread until the other one has run.
        is_done.recv_timeout(PATIENCE)
    });
    runtime.spawn(async move {
        last.read_u8().await.unwrap();
        done.send(()).unwrap();
    });
    clients.iter_mut().for_each(|client| client.write_all(&[1]).unwrap());
    assert_eq!(runtime.block_on(waiting).unwrap(), Ok(()));
    drop(stuck);
}

/// Runs a ranked task on the runtime, and waits for it, the first time that it is woken.
struct Blocks {
    handle: Handle,
    done: Mutex<Option<Sender<()>>>,
}

impl Wake for Blocks {
    fn wake(self: Arc<Self>) {
        let done = self.done.lock().unwrap().take();
        if let Some(done) = done {
            self.handle.block_on(async {
                cede::task::Builder::new().priority(Priority::Background).spawn(yield_now()).unwrap().await.unwrap();
                cede::spawn(yield_now()).await.unwrap();
            });
            done.send(()).unwrap();
        }
    }
}

#[test]
fn a_waker_may_block_on_ranked_tasks_while_a_worker_looks_for_its_next_turn() {
    let (runtime, mut streams, stuck, mut clients) = beside_a_stuck_worker(2, 1);
    let (mut stream, mut client) = (streams.remove(0), clients.remove(0));
    let (done, is_done) = channel();
    let blocks = Blocks { handle: runtime.handle().clone(), done: Mutex::new(Some(done)) };
    let waker = Waker::from(Arc::new(blocks));
    let mut reading = pin!(stream.read_u8());
    assert!(reading.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    runtime.spawn(async move {
        drop(cede::task::Builder::new().priority(Priority::Background).spawn(async {}).unwrap());
        // Has its turn before that task, and the worker looks for another one such after it: also behind the sockets of the other worker.
        drop(cede::spawn(async move { client.write_all(&[7]).unwrap() }));
    });
    is_done.recv_timeout(PATIENCE).expect("what is nested came to its end");
    assert!(matches!(reading.poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(Ok(7))));
    drop(stuck);
}

#[test]
fn beyond_the_limit_of_rescues_somebody_looks_at_the_sockets_of_a_stuck_worker() {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().rescue_after(Duration::from_millis(1)).max_rescued_threads(1).block_on_runs_tasks(false);
    let runtime = builder.build().unwrap();
    let first = Stuck::all_of(&runtime, 1);
    while runtime.metrics().rescued_workers_count() == 0 {
        thread::yield_now();
    }
    let (mut streams, _, mut clients) = with_one_worker(&runtime, 2);
    let (mut last, mut first_served) = (streams.remove(1), streams.remove(0));
    let ((blocks, is_blocked), (done, is_done)) = (channel(), channel());
    let blocking = runtime.spawn(async move {
        first_served.read_u8().await.unwrap();
        blocks.send(()).unwrap();
        block_on_channel(&is_done);
    });
    runtime.spawn(async move {
        last.read_u8().await.unwrap();
        drop(done);
    });
    // By then both workers sleep, and neither watches. If one still does, it is as well.
    thread::sleep(Duration::from_millis(30));
    clients[0].write_all(&[1]).unwrap();
    is_blocked.recv_timeout(PATIENCE).unwrap();
    clients[1].write_all(&[1]).unwrap();
    runtime.block_on(blocking).unwrap();
    assert_eq!(runtime.metrics().rescued_workers_count(), 1);
    drop(first);
}

#[test]
fn timers_sockets_and_tasks_go_on_while_all_workers_are_stuck() {
    for workers in [1, 2] {
        let runtime = runtime(workers);
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let echo = runtime.spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut byte = [0];
            while stream.read_exact(&mut byte).await.is_ok() {
                stream.write_all(&byte).await.unwrap();
            }
        });
        let stuck = Stuck::all_of(&runtime, workers);
        let (done, finished) = channel();
        runtime.spawn(async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            for number in 0..10 {
                sleep(Duration::from_millis(1)).await;
                stream.write_all(&[number]).await.unwrap();
                assert_eq!(stream.read_u8().await.unwrap(), number);
            }
            done.send(()).unwrap();
        });
        finished.recv_timeout(PATIENCE).expect("the runtime was stuck");
        assert!(runtime.metrics().rescued_workers_count() >= workers as u64);
        drop(stuck);
        runtime.block_on(echo).unwrap();
    }
}

#[test]
fn a_task_that_wakes_another_and_then_blocks_does_not_keep_it_waiting() {
    let runtime = runtime(1);
    let (wake, woken) = cede::sync::oneshot::channel::<()>();
    let (done, wait) = channel::<()>();
    let waiting = runtime.spawn(async move {
        woken.await.unwrap();
        drop(done);
    });
    let blocking = runtime.spawn(async move {
        // The receiver is in the slot of the task woken last now.
        wake.send(()).unwrap();
        block_on_channel(&wait);
    });
    let (sender, both) = channel();
    runtime.spawn(async move {
        waiting.await.unwrap();
        blocking.await.unwrap();
        sender.send(()).unwrap();
    });
    both.recv_timeout(PATIENCE).expect("the woken task had to wait");
}

#[test]
fn what_a_stuck_task_spawns_and_wakes_later_runs_too() {
    let runtime = runtime(1);
    let (sender, result) = channel();
    runtime.spawn(async move {
        let (first, wait) = channel::<()>();
        cede::spawn(async move { drop(first) });
        block_on_channel(&wait);
        // By now the worker is another thread's.
        for _ in 0..100 {
            let (next, wait) = channel::<()>();
            let (wake, woken) = cede::sync::oneshot::channel::<()>();
            cede::spawn(async move {
                woken.await.unwrap();
                drop(next);
            });
            wake.send(()).unwrap();
            block_on_channel(&wait);
        }
        // And it can still wait as tasks do.
        for _ in 0..100 {
            cede::task::yield_now().await;
            cede::spawn(async {}).await.unwrap();
        }
        sender.send(()).unwrap();
    });
    result.recv_timeout(PATIENCE).expect("a task was left behind");
}

#[test]
fn many_stuck_tasks_each_get_a_thread() {
    let runtime = runtime(2);
    let arrived = Arc::new(AtomicUsize::new(0));
    let open = Arc::new(AtomicBool::new(false));
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let (arrived, open) = (arrived.clone(), open.clone());
            runtime.spawn(async move {
                arrived.fetch_add(1, Ordering::SeqCst);
                while !open.load(Ordering::SeqCst) {
                    thread::sleep(Duration::from_millis(1));
                }
            })
        })
        .collect();
    // The last of them can only arrive while all others are stuck.
    let (sender, result) = channel();
    let watch = {
        let (arrived, open) = (arrived.clone(), open.clone());
        runtime.spawn(async move {
            while arrived.load(Ordering::SeqCst) < 20 {
                sleep(Duration::from_millis(1)).await;
            }
            open.store(true, Ordering::SeqCst);
            sender.send(()).unwrap();
        })
    };
    result.recv_timeout(PATIENCE).expect("some task never began");
    runtime.block_on(async move {
        watch.await.unwrap();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

#[test]
fn without_rescue_the_runtime_waits_and_then_goes_on() {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(1).enable_all().rescue_after(Duration::from_millis(1)).max_rescued_threads(0).block_on_runs_tasks(false);
    let runtime = builder.build().unwrap();
    let stuck = Stuck::all_of(&runtime, 1);
    let task = runtime.spawn(async { 7 });
    assert_eq!(runtime.metrics().rescued_workers_count(), 0);
    drop(stuck);
    assert_eq!(runtime.block_on(task).unwrap(), 7);
}

#[test]
fn beyond_the_limit_nobody_is_rescued() {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(1).enable_all().rescue_after(Duration::from_millis(1)).max_rescued_threads(1).block_on_runs_tasks(false);
    let runtime = builder.build().unwrap();
    let first = Stuck::all_of(&runtime, 1);
    // This one can only begin because the worker was rescued from the first.
    let second = Stuck::all_of(&runtime, 1);
    let third = runtime.spawn(async { 7 });
    // Without the limit it would be rescued again many times over.
    thread::sleep(Duration::from_millis(30));
    assert_eq!((runtime.metrics().rescued_workers_count(), third.is_finished()), (1, false));
    drop(second);
    assert_eq!(runtime.block_on(third).unwrap(), 7);
    drop(first);
}

#[test]
fn the_end_waits_for_a_stuck_task_and_drops_the_others() {
    let runtime = runtime(1);
    let (sender, wait) = channel::<()>();
    let (stuck, is_stuck) = channel();
    let returned = Arc::new(AtomicBool::new(false));
    let flag = returned.clone();
    runtime.spawn(async move {
        let (rescued, by) = channel::<()>();
        cede::spawn(async move { drop(rescued) });
        block_on_channel(&by);
        stuck.send(()).unwrap();
        block_on_channel(&wait);
        flag.store(true, Ordering::SeqCst);
        std::future::pending::<()>().await;
    });
    is_stuck.recv_timeout(PATIENCE).unwrap();
    let release = thread::spawn(move || {
        thread::sleep(Duration::from_millis(20));
        drop(sender);
    });
    drop(runtime);
    assert!(returned.load(Ordering::SeqCst), "the runtime was gone while a task of it was polled");
    release.join().unwrap();
}

#[test]
fn a_stuck_task_in_a_nested_block_on_is_rescued_too() {
    let runtime = runtime(1);
    let (sender, result) = channel();
    runtime.spawn(async move {
        let handle = cede::runtime::Handle::current();
        let inner = handle.clone();
        handle.block_on(async move {
            let (done, wait) = channel::<()>();
            inner.spawn(async move { drop(done) });
            block_on_channel(&wait);
            sleep(Duration::from_millis(2)).await;
        });
        sender.send(()).unwrap();
    });
    result.recv_timeout(PATIENCE).expect("the nested future was stuck");
}

#[test]
fn rescued_workers_lose_no_task_under_load() {
    let runtime = runtime(2);
    let count = if cfg!(debug_assertions) { 300 } else { 2000 };
    let done = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..count)
        .map(|number| {
            let done = done.clone();
            runtime.spawn(async move {
                let (mut sender, mut receiver) = cede::io::duplex(16);
                let pair = cede::spawn(async move { receiver.read_u32().await.unwrap() });
                if number % 60 == 0 {
                    thread::sleep(Duration::from_millis(6));
                }
                sleep(Duration::from_micros(number * 10)).await;
                sender.write_u32(number as u32).await.unwrap();
                assert_eq!(pair.await.unwrap(), number as u32);
                done.fetch_add(1, Ordering::SeqCst);
            })
        })
        .collect();
    runtime.block_on(async {
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(done.load(Ordering::SeqCst), count as usize);
}

#[test]
fn a_stall_is_reported_once_with_the_task_that_causes_it() {
    let (report, reports) = channel();
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(1).enable_all().thread_name("busy").rescue_after(Duration::from_millis(1)).stall_after(Duration::from_millis(3));
    builder.on_stall(move |stall| report.send(stall.clone()).unwrap_or(()));
    let runtime = builder.build().unwrap();
    let (go_on, wait) = channel::<()>();
    let line = line!() + 1;
    let task = cede::task::Builder::new().name("export").spawn_on(async move { block_on_channel(&wait) }, runtime.handle()).unwrap();
    let stall = reports.recv_timeout(PATIENCE).expect("nothing was said");
    assert_eq!(stall.task().to_string(), task.id().to_string());
    assert_eq!((stall.name(), stall.thread()), (Some("export"), Some("busy")));
    assert_eq!((stall.spawned_at().file(), stall.spawned_at().line()), (file!(), line));
    assert!(stall.is_rescued() && stall.lasts() >= Duration::from_millis(3));
    let text = stall.to_string();
    assert!(text.contains("\"export\"") && text.contains("rescue.rs") && text.contains("spawn_blocking"), "{text}");
    drop(go_on);
    runtime.block_on(task).unwrap();
    assert_eq!(runtime.metrics().stalled_polls_count(), 1);
    assert!(reports.try_recv().is_err());
}

#[test]
fn what_is_allowed_to_block_is_not_reported() {
    let (report, reports) = channel::<String>();
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(1).enable_all().rescue_after(Duration::from_millis(1)).stall_after(Duration::from_millis(100));
    builder.on_stall(move |stall| report.send(stall.to_string()).unwrap_or(()));
    let runtime = builder.build().unwrap();
    // So long that it would be reported, and that a thread which just had to wait for its processor is not.
    let long = Duration::from_millis(250);
    runtime.block_on(async move {
        let aside = cede::spawn(async move { cede::task::block_in_place(|| thread::sleep(long)) });
        let elsewhere = cede::task::spawn_blocking(move || thread::sleep(long));
        sleep(long).await;
        aside.await.unwrap();
        elsewhere.await.unwrap();
    });
    assert_eq!(reports.try_recv().ok(), None);
}

/// A task that waits for one that it has spawned, which only runs if the worker goes on elsewhere.
fn needs_a_rescue(runtime: &Runtime) -> Receiver<()> {
    let (sender, rescued) = channel();
    runtime.spawn(async move {
        let (first, wait) = channel::<()>();
        cede::spawn(async move { drop(first) });
        block_on_channel(&wait);
        sender.send(()).unwrap();
    });
    rescued
}

#[test]
fn a_spare_thread_that_ends_at_once_loses_no_worker() {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(1).enable_all().rescue_after(Duration::from_millis(1)).thread_keep_alive(Duration::ZERO);
    let runtime = builder.build().unwrap();
    for _ in 0..60 {
        needs_a_rescue(&runtime).recv_timeout(PATIENCE).expect("the worker was lost");
    }
}

#[test]
fn a_runtime_may_end_while_its_worker_is_being_rescued() {
    for round in 0..150_u64 {
        let runtime = runtime(1);
        let (begun, begins) = channel();
        runtime.spawn(async move {
            begun.send(()).unwrap();
            thread::sleep(Duration::from_millis(3));
        });
        begins.recv_timeout(PATIENCE).unwrap();
        // About when the monitor finds out.
        thread::sleep(Duration::from_micros(900 + round * 37 % 900));
        let (ended, end) = channel();
        thread::spawn(move || {
            drop(runtime);
            ended.send(()).unwrap();
        });
        end.recv_timeout(PATIENCE).expect("the end waits for a worker that nobody has");
    }
}

#[test]
fn a_rescued_task_that_then_blocks_in_place_is_not_reported() {
    let (report, reports) = channel::<Duration>();
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(1).enable_all().rescue_after(Duration::from_millis(1)).stall_after(Duration::from_millis(100));
    builder.on_stall(move |stall| report.send(stall.lasts()).unwrap_or(()));
    let runtime = builder.build().unwrap();
    let task = runtime.spawn(async {
        let begin = Instant::now();
        let (first, wait) = channel::<()>();
        cede::spawn(async move { drop(first) });
        block_on_channel(&wait);
        let not_excused = begin.elapsed();
        cede::task::block_in_place(|| thread::sleep(Duration::from_millis(250)));
        not_excused
    });
    let not_excused = runtime.block_on(task).unwrap();
    // On a slow machine the rescue itself may have come so late that there was something to report before.
    assert!(reports.try_iter().all(|lasts| lasts <= not_excused), "{not_excused:?}");
}
