//! What dumps show, and which deadlocks are reported.

use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::task::Poll;
use std::time::{Duration, Instant};

use cede::inspect::{State, TaskDump, WaitKind};
use cede::runtime::{Builder, Handle, Runtime};
use cede::sync::{Mutex, RwLock, oneshot};

fn workers(count: usize) -> Runtime {
    Builder::new_multi_thread().worker_threads(count).enable_all().block_on_runs_tasks(false).build().unwrap()
}

/// The dump, as soon as it is as wanted.
fn dump_until(handle: &Handle, wanted: impl Fn(&[TaskDump]) -> bool) -> Vec<TaskDump> {
    let begun = Instant::now();
    loop {
        let dump = handle.dump();
        if wanted(dump.tasks()) {
            return dump.tasks().to_vec();
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{dump}");
        std::thread::yield_now();
    }
}

fn number(id: cede::task::Id) -> u64 {
    id.to_string().parse().unwrap()
}

fn all_wait(tasks: &[TaskDump]) -> bool {
    tasks.iter().all(|task| task.state == State::Waiting)
}

#[test]
fn a_dump_says_what_each_task_waits_for() {
    let runtime = workers(2);
    let lock = Arc::new(Mutex::new(()));
    let holds = {
        let lock = lock.clone();
        runtime.spawn(async move {
            let _guard = lock.lock().await;
            pending::<()>().await;
        })
    };
    let holder = dump_until(runtime.handle(), |tasks| all_wait(tasks) && tasks.len() == 1)[0].id;
    let line = line!() + 1;
    cede::task::Builder::new().name("waits").spawn_on(async move { drop(lock.lock().await) }, runtime.handle()).unwrap();
    runtime.spawn(async { cede::time::sleep(Duration::from_secs(3600)).await });
    runtime.spawn(holds);
    let listener = runtime.block_on(cede::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    runtime.spawn(async move { listener.accept().await.map(drop) });
    let tasks = dump_until(runtime.handle(), |tasks| all_wait(tasks) && tasks.len() == 5);
    let find = |kind| tasks.iter().find(|task| task.wait.kind == kind).unwrap_or_else(|| panic!("{kind:?} in {tasks:#?}"));

    let waits = find(WaitKind::Mutex);
    assert_eq!((waits.name.as_deref(), waits.waits_for_task, waits.polls), (Some("waits"), Some(holder), 1));
    assert_eq!(waits.spawned_at.line(), line);
    assert!(waits.waits_for.ends_with(&format!("held by task {holder}")), "{}", waits.waits_for);
    assert!(find(WaitKind::Timer).waits_for.starts_with("a timer, due in 3"), "{tasks:#?}");
    assert_eq!(find(WaitKind::Join).waits_for_task, Some(holder));
    assert!(find(WaitKind::Read).waits_for.contains(&address.to_string()), "{tasks:#?}");
    assert!(find(WaitKind::Unknown).future.contains("a_dump_says_what_each_task_waits_for"), "{tasks:#?}");
    assert!(runtime.handle().dump().suspected_deadlocks().is_empty());
}

#[test]
fn a_dump_can_be_had_while_all_workers_spin() {
    let runtime = Builder::new_multi_thread().worker_threads(2).max_rescued_threads(0).build().unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    for _ in 0..4 {
        let stop = stop.clone();
        runtime.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        });
    }
    let running = |task: &&TaskDump| matches!(&task.state, State::Running { thread: Some(name) } if name == "cede-worker");
    let tasks = dump_until(runtime.handle(), |tasks| tasks.iter().filter(running).count() == 2);
    stop.store(true, Ordering::Relaxed);
    assert_eq!(tasks.len(), 4);
    assert_eq!(tasks.iter().filter(|task| task.state == State::Runnable && task.polls == 0).count(), 2, "{tasks:#?}");
}

#[test]
fn a_dump_of_many_tasks_holds_each_once_while_others_come_and_go() {
    const LASTING: usize = 20_000;
    let runtime = workers(2);
    let lasting: Vec<_> = (0..LASTING).map(|_| runtime.spawn(pending::<()>()).abort_handle()).collect();
    let stop = Arc::new(AtomicBool::new(false));
    let churn = {
        let stop = stop.clone();
        runtime.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                let batch: Vec<_> = (0..500_u32).map(|n| cede::spawn(async move { n })).collect();
                for task in batch {
                    task.await.unwrap();
                }
            }
        })
    };
    for _ in 0..20 {
        let dump = runtime.handle().dump();
        let mut ids: Vec<_> = dump.tasks().iter().map(|task| task.id).collect();
        assert!(ids.is_sorted());
        let all = ids.len();
        ids.dedup();
        assert_eq!(ids.len(), all, "each task once");
        let here = dump.tasks().iter().filter(|task| task.future == std::any::type_name::<std::future::Pending<()>>()).count();
        assert_eq!(here, LASTING);
    }
    stop.store(true, Ordering::Relaxed);
    runtime.block_on(churn).unwrap();
    lasting.iter().for_each(cede::task::AbortHandle::abort);
}

/// Runs tasks that get into a deadlock; returns how many are in it, and what is said about it.
fn deadlocked(mut builder: Builder, begin: impl FnOnce(&Handle) + Send) -> (usize, String) {
    let (report, reports) = mpsc::channel();
    let runtime = builder
        .enable_all()
        .on_deadlock(move |deadlock| report.send((deadlock.parties().len(), deadlock.to_string())).unwrap())
        .build()
        .unwrap();
    std::thread::scope(|scope| {
        let (stop, stopped) = cede::sync::oneshot::channel::<()>();
        let runtime = &runtime;
        // A one-thread runtime runs its tasks only while somebody is in `block_on`.
        scope.spawn(move || {
            runtime.block_on(async {
                begin(runtime.handle());
                drop(stopped.await);
            });
        });
        let found = reports.recv_timeout(Duration::from_secs(60)).unwrap_or_else(|_| panic!("no report: {}", runtime.handle().dump()));
        assert!(reports.try_recv().is_err(), "it is reported once");
        assert_eq!(runtime.metrics().deadlocks_count(), 1);
        stop.send(()).unwrap();
        found
    })
}

fn builders() -> [Builder; 2] {
    let mut two = Builder::new_multi_thread();
    two.worker_threads(2);
    [Builder::new_current_thread(), two]
}

#[test]
fn two_tasks_that_take_two_locks_in_different_orders_are_reported() {
    for builder in builders() {
        let (parties, text) = deadlocked(builder, |handle| {
            let (a, b) = (Arc::new(Mutex::new(())), Arc::new(RwLock::new(())));
            let (meet, both) = (Arc::new(cede::sync::Barrier::new(2)), (a.clone(), b.clone()));
            let met = meet.clone();
            handle.spawn(async move {
                let _first = a.lock().await;
                meet.wait().await;
                let _second = b.write().await;
            });
            handle.spawn(async move {
                let _first = both.1.write().await;
                met.wait().await;
                let _second = both.0.lock().await;
            });
        });
        assert_eq!(parties, 2);
        assert!(text.starts_with("deadlock: 2 tasks wait for each other"), "{text}");
        assert!(text.contains("waits for mutex") && text.contains("waits for read-write lock") && text.contains(file!()), "{text}");
    }
}

#[test]
fn a_lock_held_while_waiting_for_a_task_that_wants_it_is_reported() {
    for builder in builders() {
        let (parties, text) = deadlocked(builder, |handle| {
            let lock = Arc::new(Mutex::new(()));
            handle.spawn(async move {
                let _guard = lock.lock().await;
                let inner = lock.clone();
                cede::spawn(async move { drop(inner.lock().await) }).await.unwrap();
            });
        });
        assert_eq!(parties, 2);
        assert!(text.contains("to end"), "{text}");
    }
}

#[test]
fn a_future_that_gets_a_lock_and_is_not_polled_is_reported() {
    for builder in builders() {
        let (parties, text) = deadlocked(builder, |handle| {
            let lock = Arc::new(Mutex::new(()));
            let held = lock.clone();
            let (release, released) = cede::sync::oneshot::channel::<()>();
            let holder = handle.spawn(async move {
                let _guard = held.lock().await;
                drop(released.await);
            });
            handle.spawn(async move {
                while lock.try_lock().is_ok() {
                    cede::task::yield_now().await;
                }
                // Queues, and is then left alone by the select.
                let mut first = pin!(lock.lock());
                cede::select! {
                    biased;
                    _ = &mut first => unreachable!("the lock is held"),
                    _ = std::future::ready(()) => {}
                }
                release.send(()).unwrap();
                holder.await.unwrap();
                // The lock is now the first future's.
                let _second = lock.lock().await;
            });
        });
        assert_eq!(parties, 1);
        assert!(text.starts_with("futurelock: task"), "{text}");
    }
}

#[test]
fn who_waits_for_a_lock_or_a_moment_is_not_reported() {
    let (report, reports) = mpsc::channel();
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .on_deadlock(move |deadlock| report.send(deadlock.to_string()).unwrap())
        .build()
        .unwrap();
    let (a, b) = (Arc::new(Mutex::new(())), Arc::new(Mutex::new(())));
    let both = (b.clone(), a.clone());
    runtime.block_on(async {
        let mut tasks = Vec::new();
        for (first, second) in [(a, b), both] {
            tasks.push(cede::spawn(async move {
                let _first = first.lock().await;
                cede::task::yield_now().await;
                // Long enough for two searches.
                cede::time::timeout(Duration::from_millis(1500), second.lock()).await.is_ok()
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
    });
    drop(runtime);
    assert_eq!(reports.try_iter().collect::<Vec<_>>(), Vec::<String>::new());
}

/// Waits for something that is not cede's, and says nothing.
fn foreign() -> impl Future<Output = ()> {
    let mut waits = false;
    poll_fn(move |cx| {
        if !std::mem::replace(&mut waits, true) {
            let waker = cx.waker().clone();
            std::thread::spawn(move || {
                // Long enough for two searches.
                std::thread::sleep(Duration::from_millis(1500));
                waker.wake();
            });
            return Poll::Pending;
        }
        Poll::Ready(())
    })
}

#[test]
fn who_gave_a_lock_up_and_waits_for_something_unknown_is_not_reported() {
    let (report, reports) = mpsc::channel();
    let mut builder = Builder::new_current_thread();
    let runtime = builder.enable_all().on_deadlock(move |deadlock| report.send(deadlock.to_string()).unwrap()).build().unwrap();
    runtime.block_on(async {
        // One task says what it waits for and ends; the next on the thread says nothing.
        let lock = Arc::new(Mutex::new(()));
        let holds = {
            let lock = lock.clone();
            cede::spawn(async move {
                let _guard = lock.lock().await;
                cede::time::sleep(Duration::from_millis(20)).await;
                foreign().await;
            })
        };
        let gives_up = cede::spawn(async move { cede::time::timeout(Duration::from_millis(20), lock.lock()).await.is_err() });
        // The same task gives up and waits for something else.
        let (a, b) = (Arc::new(Mutex::new(())), Arc::new(Mutex::new(())));
        let both = (a.clone(), b.clone());
        let first = cede::spawn(async move {
            let _a = a.lock().await;
            cede::task::yield_now().await;
            let gave_up = cede::time::timeout(Duration::from_millis(20), b.lock()).await.is_err();
            foreign().await;
            gave_up
        });
        let second = cede::spawn(async move {
            let _b = both.1.lock().await;
            cede::task::yield_now().await;
            let _a = both.0.lock().await;
        });
        assert!(gives_up.await.unwrap() && first.await.unwrap());
        holds.await.unwrap();
        second.await.unwrap();
    });
    drop(runtime);
    assert_eq!(reports.try_iter().collect::<Vec<_>>(), Vec::<String>::new());
}

#[test]
fn a_dump_shows_who_is_at_the_other_end_of_a_channel() {
    let runtime = workers(1);
    let (fill, mut filled) = cede::sync::mpsc::channel(1);
    let (tell, mut told) = cede::sync::mpsc::channel(8);
    let receives = runtime.spawn(async move {
        filled.recv().await;
        told.recv().await;
        // Nothing more comes.
        told.recv().await;
        drop(filled);
    });
    dump_until(runtime.handle(), |tasks| tasks.len() == 1 && tasks[0].waits_for.contains("a message"));
    let sends = runtime.spawn(async move {
        fill.send(1).await.unwrap();
        while !fill.is_closed() {
            // The second of these finds no room.
            fill.send(2).await.unwrap();
        }
    });
    let waits = |tasks: &[TaskDump], task: u64, what| tasks.iter().any(|shown| shown.id == task && shown.waits_for.contains(what));
    let number = |id: cede::task::Id| id.to_string().parse::<u64>().unwrap();
    let (receiver, sender) = (number(receives.id()), number(sends.id()));
    // It has got the one, and waits for the other.
    dump_until(runtime.handle(), |tasks| {
        waits(tasks, receiver, "a message") && tasks.iter().any(|task| task.id == receiver && task.polls == 2)
    });
    let tells = runtime.spawn(async move {
        tell.send(()).await.unwrap();
        pending::<()>().await;
        drop(tell);
    });
    let teller = number(tells.id());
    let tasks = dump_until(runtime.handle(), |tasks| {
        waits(tasks, receiver, "a message") && waits(tasks, sender, "room") && tasks.iter().any(|task| task.peer == Some(teller))
    });
    let peer = |task: u64| tasks.iter().find(|shown| shown.id == task).unwrap();
    assert_eq!(peer(receiver).peer, Some(teller));
    assert_eq!(peer(sender).peer, Some(receiver));
    assert!(peer(receiver).waits_for.ends_with(&format!("to which task {teller} sent last")), "{}", peer(receiver).waits_for);
    assert!(peer(sender).waits_for.ends_with(&format!("from which task {receiver} receives")), "{}", peer(sender).waits_for);
}

/// Waits until the task shows a peer; returns what it says.
fn peer_of(handle: &Handle, task: u64, peer: u64) -> String {
    let shows = |shown: &TaskDump| shown.id == task && shown.peer == Some(peer);
    let tasks = dump_until(handle, |tasks| tasks.iter().any(shows));
    let shown = tasks.iter().find(|shown| shows(shown)).unwrap();
    assert_eq!(shown.waits_for_task, None, "it may be another one");
    shown.waits_for.clone()
}

#[test]
fn a_dump_shows_who_took_an_owned_guard() {
    let runtime = workers(1);
    let lock = Arc::new(Mutex::new(()));
    let rwlock = Arc::new(RwLock::new(()));
    let holds = runtime.spawn({
        let (lock, rwlock) = (lock.clone(), rwlock.clone());
        async move {
            let guards = (lock.lock_owned().await, rwlock.write_owned().await);
            pending::<()>().await;
            drop(guards);
        }
    });
    let holder = number(holds.id());
    dump_until(runtime.handle(), |tasks| tasks.len() == 1 && all_wait(tasks));
    let waits = [
        runtime.spawn({
            let lock = lock.clone();
            async move { drop(lock.lock().await) }
        }),
        runtime.spawn(async move { drop(rwlock.read().await) }),
    ];
    for waits in &waits {
        let says = peer_of(runtime.handle(), number(waits.id()), holder);
        assert!(says.ends_with(&format!(", taken last by task {holder}, which may have passed it on")), "{says}");
    }
    // The next one has a guard that it cannot pass on.
    holds.abort();
    for waits in waits {
        runtime.block_on(waits).unwrap();
    }
}

#[test]
fn a_dump_shows_which_reader_got_a_lock_after_waiting() {
    let runtime = workers(1);
    let lock = Arc::new(RwLock::new(()));
    let (write, read) = (lock.clone(), lock.clone());
    let (stop, stopped) = oneshot::channel::<()>();
    let writes = runtime.spawn(async move {
        let guard = write.write().await;
        stopped.await.unwrap_err();
        drop(guard);
    });
    dump_until(runtime.handle(), |tasks| tasks.len() == 1 && all_wait(tasks));
    let reads = runtime.spawn(async move {
        let guard = read.read().await;
        pending::<()>().await;
        drop(guard);
    });
    dump_until(runtime.handle(), |tasks| tasks.len() == 2 && all_wait(tasks));
    drop(stop);
    runtime.block_on(writes).unwrap();
    let waits = runtime.spawn(async move { drop(lock.write().await) });
    let says = peer_of(runtime.handle(), number(waits.id()), number(reads.id()));
    assert!(says.contains("read-write lock") && says.contains(", taken last by task"), "{says}");
}

#[test]
fn a_dump_shows_both_ends_of_a_oneshot_channel() {
    let runtime = workers(1);
    let (mut send, receive) = oneshot::channel::<()>();
    let receives = runtime.spawn(async move { drop(receive.await) });
    let sends = runtime.spawn(async move { send.closed().await });
    let (receiver, sender) = (number(receives.id()), number(sends.id()));
    let says = peer_of(runtime.handle(), receiver, sender);
    assert!(says.ends_with(&format!(", at the other end of which is task {sender}")), "{says}");
    peer_of(runtime.handle(), sender, receiver);
}

#[test]
fn a_dump_shows_who_sent_last_to_those_who_wait_for_more() {
    let runtime = workers(1);
    let (tell, told) = cede::sync::watch::channel(0);
    let (shout, heard) = cede::sync::broadcast::channel(1);
    let receivers = [
        runtime.spawn({
            let mut told = told.clone();
            async move { while told.changed().await.is_ok() {} }
        }),
        runtime.spawn(async move {
            let mut heard = heard;
            while heard.recv().await.is_ok() {}
        }),
    ];
    dump_until(runtime.handle(), |tasks| tasks.len() == 2 && all_wait(tasks));
    let sends = runtime.spawn(async move {
        tell.send(1).unwrap();
        shout.send(1).unwrap();
        pending::<()>().await;
        drop((tell, shout, told));
    });
    for receives in receivers {
        let says = peer_of(runtime.handle(), number(receives.id()), number(sends.id()));
        assert!(says.ends_with(&format!(", to which task {} sent last", sends.id())), "{says}");
    }
}

#[test]
fn a_task_that_gave_a_timeout_up_does_not_wait_for_it_in_a_dump() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let lock = Arc::new(Mutex::new(()));
        let held = lock.clone().lock_owned().await;
        let waits = cede::spawn(async move {
            // The time-out is armed, and dropped in the poll that goes on to wait.
            _ = cede::time::timeout(Duration::from_secs(3600), cede::task::yield_now()).await;
            drop(lock.lock().await);
        });
        for _ in 0..3 {
            cede::task::yield_now().await;
        }
        let dump = Handle::current().dump();
        let task = dump.tasks().iter().find(|task| task.id == number(waits.id())).expect("it waits");
        assert_eq!((&task.state, task.other_wakers), (&State::Waiting, 0), "{dump}");
        drop(held);
        waits.await.unwrap();
    });
}
