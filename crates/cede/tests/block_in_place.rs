//! Blocking in the middle of a task: the worker goes on elsewhere.

use std::collections::HashSet;
use std::future::Future;
use std::io::{Read, Write};
use std::sync::mpsc as std_mpsc;
use std::sync::{Arc, Barrier};
use std::time::Duration;

use cede::io::{AsyncReadExt, AsyncWriteExt};
use cede::runtime::{Builder, Handle, Runtime};
use cede::sim::Sim;
use cede::task::{JoinSet, block_in_place, yield_now};

fn workers(count: usize) -> Runtime {
    Builder::new_multi_thread().worker_threads(count).enable_all().build().unwrap()
}

#[test]
fn the_worker_goes_on_with_tasks_timers_and_wakes_while_its_task_blocks() {
    let runtime = workers(1);
    let (send, receive) = std_mpsc::channel();
    let task = runtime.spawn(async move {
        let other = cede::spawn(async move {
            cede::time::sleep(Duration::from_millis(1)).await;
            yield_now().await;
            send.send(7).unwrap();
        });
        let number = block_in_place(|| receive.recv().unwrap());
        other.await.unwrap();
        yield_now().await;
        number
    });
    assert_eq!(runtime.block_on(task).unwrap(), 7);
}

#[test]
fn sockets_of_the_worker_are_served_meanwhile() {
    let runtime = workers(1);
    let task = runtime.spawn(async {
        let listener = cede::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = cede::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut bytes = [0; 4];
            stream.read_exact(&mut bytes).await.unwrap();
            stream.write_all(&bytes).await.unwrap();
        });
        yield_now().await;
        let echoed = block_in_place(move || {
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            stream.write_all(b"ping").unwrap();
            let mut bytes = [0; 4];
            stream.read_exact(&mut bytes).unwrap();
            bytes
        });
        server.await.unwrap();
        echoed
    });
    assert_eq!(&runtime.block_on(task).unwrap(), b"ping");
}

#[test]
fn threads_that_lost_their_worker_take_the_next_one() {
    let runtime = workers(1);
    let task = runtime.spawn(async {
        let mut threads = HashSet::new();
        for _ in 0..200 {
            let (send, receive) = std_mpsc::channel();
            // The closure ends only when another thread has run this.
            drop(cede::spawn(async move { send.send(std::thread::current().id()).unwrap() }));
            threads.insert(block_in_place(|| receive.recv().unwrap()));
            threads.insert(std::thread::current().id());
            yield_now().await;
        }
        threads.len()
    });
    let threads = runtime.block_on(task).unwrap();
    // The worker's, two that take turns as spares, and now and then one more because a spare was not back yet; and the guest.
    assert!((2..=6).contains(&threads), "{threads} threads");
}

#[test]
fn code_that_is_no_task_keeps_the_worker() {
    let (tell, told) = std_mpsc::channel();
    let hook = move || {
        block_in_place(|| ());
        let _ = tell.send(());
    };
    let runtime =
        Builder::new_multi_thread().worker_threads(2).on_thread_park(hook.clone()).on_thread_start(hook).enable_all().build().unwrap();
    assert_eq!(runtime.block_on(runtime.spawn(async { block_in_place(|| 1) })).unwrap(), 1);
    told.recv().unwrap();
}

#[test]
fn all_tasks_may_block_at_the_same_time() {
    let runtime = workers(2);
    let all = Arc::new(Barrier::new(16));
    let mut set = JoinSet::new();
    for i in 0..16 {
        let all = all.clone();
        set.spawn_on(
            async move {
                block_in_place(|| all.wait());
                yield_now().await;
                i
            },
            runtime.handle(),
        );
    }
    let mut done = runtime.block_on(set.join_all());
    done.sort_unstable();
    assert_eq!(done, (0..16).collect::<Vec<_>>());
    assert_eq!(runtime.metrics().num_workers(), 2);
}

#[test]
fn short_closures_keep_the_worker_and_many_of_them_do_no_harm() {
    let runtime = workers(2);
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            runtime.spawn(async {
                for i in 0..200 {
                    assert_eq!(block_in_place(|| block_in_place(|| i)), i);
                    if i % 3 == 0 {
                        yield_now().await;
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        runtime.block_on(task).unwrap();
    }
}

#[test]
fn futures_can_be_waited_for_inside_and_in_nested_runs() {
    let runtime = workers(1);
    let task = runtime.spawn(async {
        let inside = block_in_place(|| Handle::current().block_on(async { cede::spawn(async { 1 }).await.unwrap() }));
        // The nested run's future gives the worker away, too.
        let nested = Handle::current().block_on(async {
            let one = block_in_place(|| Handle::current().block_on(cede::spawn(async { 1 })).unwrap());
            yield_now().await;
            one + cede::spawn(async { 1 }).await.unwrap()
        });
        inside + nested
    });
    assert_eq!(runtime.block_on(task).unwrap(), 3);
    assert_eq!(runtime.block_on(async { block_in_place(|| Handle::current().block_on(cede::spawn(async { 2 }))) }).unwrap(), 2);
}

#[test]
fn a_panic_inside_is_the_tasks() {
    let runtime = workers(1);
    let task = runtime.spawn(async { block_in_place(|| panic!("as planned")) });
    assert!(runtime.block_on(task).unwrap_err().is_panic());
    assert_eq!(runtime.block_on(runtime.spawn(async { 1 })).unwrap(), 1);
}

#[test]
fn the_end_of_the_runtime_waits_for_the_closure_and_drops_what_it_holds() {
    let runtime = workers(1);
    let (begun, has_begun) = std_mpsc::channel();
    let (release, blocked) = std_mpsc::channel::<()>();
    let task = runtime.spawn(async move {
        block_in_place(|| {
            begun.send(()).unwrap();
            blocked.recv().unwrap();
        });
        std::future::pending::<()>().await;
    });
    has_begun.recv().unwrap();
    let report = {
        let releaser = std::thread::spawn(move || release.send(()).unwrap());
        let report = runtime.shutdown_report(Duration::from_secs(60));
        releaser.join().unwrap();
        report
    };
    assert!(report.is_complete(), "{report}");
    assert_eq!(report.ended, 1);
    assert!(task.is_finished());
}

#[test]
fn a_closure_that_waits_for_a_runtime_that_ends_is_told() {
    let runtime = workers(1);
    let (begun, has_begun) = std_mpsc::channel();
    let task = runtime.spawn(async move {
        block_in_place(|| {
            begun.send(()).unwrap();
            Handle::current().block_on(cede::spawn(std::future::pending::<()>()))
        })
    });
    has_begun.recv().unwrap();
    drop(runtime);
    match cede::block_on(task) {
        Ok(spawned_too_late) => assert!(spawned_too_late.unwrap_err().is_cancelled()),
        Err(waited) => assert!(waited.is_panic()),
    }
}

#[test]
fn a_runtime_may_be_dropped_inside() {
    let runtime = workers(1);
    let (give, got) = std_mpsc::channel::<Runtime>();
    let task = runtime.spawn(async move { block_in_place(|| drop(got.recv().unwrap())) });
    give.send(runtime).unwrap();
    assert!(cede::block_on(task).is_ok_and(|()| true));
}

#[test]
fn outside_of_runtimes_the_closure_is_just_called() {
    assert_eq!(block_in_place(|| 1), 1);
    let runtime = workers(1);
    let blocking = runtime.spawn_blocking(|| block_in_place(|| 2));
    assert_eq!(runtime.block_on(blocking).unwrap(), 2);
    for seed in 0..20 {
        assert_eq!(Sim::new(seed).workers(2).run(async { cede::spawn(async { block_in_place(|| 3) }).await.unwrap() }).unwrap().output, 3);
    }
}

#[test]
#[should_panic(expected = "can call blocking only when running on the multi-threaded runtime")]
fn one_thread_cannot_go_on_elsewhere() {
    cede::block_on(async { block_in_place(|| ()) });
}

#[test]
fn a_shutdown_drops_the_sleeping_task_that_a_blocked_one_waits_for() {
    for from_outside in [false, true] {
        let runtime = workers(2);
        let (held, wait) = std_mpsc::channel::<()>();
        let sleeper = async move {
            std::future::pending::<()>().await;
            drop(held);
        };
        let (asleep, blocks) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
        let is_asleep = asleep.clone();
        let mut first = true;
        let mut sleeper = Box::pin(sleeper);
        let sleeper = std::future::poll_fn(move |cx| {
            let polled = sleeper.as_mut().poll(cx);
            if std::mem::take(&mut first) {
                is_asleep.wait();
            }
            polled
        });
        let spawned = if from_outside {
            runtime.spawn(sleeper)
        } else {
            let inside = runtime.spawn(async { (cede::spawn(sleeper),) });
            runtime.block_on(inside).unwrap().0
        };
        asleep.wait();
        let is_blocked = blocks.clone();
        let blocked = runtime.spawn(async move {
            block_in_place(|| {
                is_blocked.wait();
                wait.recv().unwrap_err()
            })
        });
        blocks.wait();
        drop(runtime);
        assert!(cede::block_on(spawned).unwrap_err().is_cancelled());
        assert!(blocked.is_finished());
    }
}
