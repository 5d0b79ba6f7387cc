//! What a runtime says about itself, and how it ends.

use std::future::Future;
use std::pin::Pin;
use std::sync::mpsc as std_mpsc;
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use cede::runtime::{Builder, Handle, LocalOptions, Runtime, is_rt_shutdown_err, worker_index};
use cede::task::yield_now;

fn one_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn workers(count: usize) -> Runtime {
    Builder::new_multi_thread().worker_threads(count).enable_all().build().unwrap()
}

/// Waits without a clock for what another thread is about to do.
fn until(condition: impl Fn() -> bool) {
    while !condition() {
        thread::yield_now();
    }
}

#[test]
fn ids_and_names_tell_runtimes_apart() {
    let (a, b) = (one_thread(), Builder::new_multi_thread().worker_threads(1).name("b").enable_all().build().unwrap());
    assert_ne!(a.handle().id(), b.handle().id());
    assert_eq!(a.block_on(async { Handle::current().id() }), a.handle().id());
    assert_eq!((a.handle().name(), b.handle().name()), (None, Some("b")));
    assert!(Handle::try_current().unwrap_err().is_missing_context());
}

#[test]
fn alive_tasks_are_counted_wherever_they_are_spawned_and_end() {
    for runtime in [one_thread(), workers(2)] {
        let metrics = runtime.metrics();
        let foreign = runtime.spawn(std::future::pending::<()>());
        assert_eq!(metrics.num_alive_tasks(), 1);
        runtime.block_on(async {
            let tasks: Vec<_> = (0..100).map(|_| cede::spawn(yield_now())).collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
        until(|| metrics.num_alive_tasks() == 1);
        foreign.abort();
        runtime.block_on(foreign).unwrap_err();
        until(|| metrics.num_alive_tasks() == 0);
        drop(runtime.spawn(std::future::pending::<()>()));
        drop(runtime);
        assert_eq!(metrics.num_alive_tasks(), 0);
    }
}

#[test]
fn what_other_threads_queue_is_counted_until_it_is_taken() {
    let runtime = one_thread();
    for queued in 0..10 {
        assert_eq!(runtime.metrics().global_queue_depth(), queued);
        runtime.spawn(async {});
    }
    runtime.block_on(yield_now());
    assert_eq!(runtime.metrics().global_queue_depth(), 0);

    let runtime = workers(1);
    let (release, blocked) = std_mpsc::channel::<()>();
    let (begun, has_begun) = std_mpsc::channel();
    runtime.spawn(async move {
        begun.send(()).unwrap();
        let _ = blocked.recv();
    });
    has_begun.recv().unwrap();
    for queued in 0..10 {
        assert_eq!(runtime.metrics().global_queue_depth(), queued);
        runtime.spawn(async {});
    }
    drop(release);
    until(|| runtime.metrics().global_queue_depth() == 0);
}

#[test]
fn parks_and_busy_time_are_counted() {
    for runtime in [one_thread(), workers(2)] {
        let metrics = runtime.metrics();
        runtime.block_on(async { cede::time::sleep(Duration::from_millis(1)).await });
        drop(runtime);
        for worker in 0..metrics.num_workers() {
            assert!(metrics.worker_park_count(worker) >= 1);
            assert_eq!(metrics.worker_park_unpark_count(worker) % 2, 0, "awake at its end");
            assert!(metrics.worker_total_busy_duration(worker) > Duration::ZERO);
        }
    }
    let idle = workers(2).metrics();
    until(|| idle.worker_park_unpark_count(0).is_multiple_of(2));
}

#[test]
fn what_a_watching_worker_finds_is_busy_time() {
    const EACH: Duration = Duration::from_millis(10);
    let runtime = Builder::new_multi_thread().worker_threads(2).max_rescued_threads(0).build().unwrap();
    let metrics = runtime.metrics();
    let task = runtime.spawn(async {
        let (done, all) = std_mpsc::channel();
        // The other worker runs this, and watches then, because this one goes on.
        let first = done.clone();
        drop(cede::spawn(async move { first.send(worker_index()) }));
        drop(cede::spawn(async {}));
        let other = all.recv().unwrap().unwrap();
        thread::sleep(EACH);
        for _ in 0..9 {
            let done = done.clone();
            drop(cede::spawn(async move {
                thread::sleep(EACH);
                done.send(worker_index())
            }));
        }
        // The last one is run here.
        assert!(all.iter().take(8).all(|worker| worker == Some(other)));
        other
    });
    let other = runtime.block_on(task).unwrap();
    drop(runtime);
    assert!(metrics.worker_total_busy_duration(other) >= 7 * EACH, "{:?}", metrics.worker_total_busy_duration(other));
}

#[test]
fn workers_know_their_index() {
    assert_eq!(worker_index(), None);
    assert_eq!(one_thread().block_on(async { worker_index() }), Some(0));
    let runtime = workers(2);
    let task = runtime.spawn(async { cede::task::block_in_place(worker_index) });
    assert_eq!(runtime.block_on(task).unwrap(), None, "the worker is another thread's meanwhile");
    assert_eq!(runtime.block_on(runtime.spawn_blocking(worker_index)).unwrap(), None);
}

#[test]
fn a_report_names_who_refuses_to_end() {
    let runtime = workers(2);
    let (release, blocked) = std_mpsc::channel::<()>();
    let (begun, has_begun) = std_mpsc::channel();
    let begun_too = begun.clone();
    let stuck = async move {
        begun.send(()).unwrap();
        let _ = blocked.recv();
    };
    let (release_too, blocked_too) = std_mpsc::channel::<()>();
    let closure = move || {
        begun_too.send(()).unwrap();
        blocked_too.recv()
    };
    let task = cede::task::Builder::new().name("stubborn").spawn_on(stuck, runtime.handle()).unwrap();
    let blocking = runtime.spawn_blocking(closure);
    let dropped = runtime.spawn(std::future::pending::<()>());
    has_begun.recv().unwrap();
    has_begun.recv().unwrap();
    let report = runtime.shutdown_report(Duration::from_millis(1));
    let refused: Vec<_> = report.refused.iter().map(|refusal| (refusal.is_blocking, refusal.id)).collect();
    assert!(refused.contains(&(false, task.id())) && refused.contains(&(true, blocking.id())), "{report}");
    let text = report.to_string();
    assert!(text.contains("\"stubborn\"") && text.contains("handles.rs"), "{text}");
    drop((release, release_too));
    assert!(cede::block_on(dropped).unwrap_err().is_cancelled());
}

#[test]
fn a_graceful_end_lets_tasks_end_by_themselves_within_a_time() {
    for runtime in [one_thread(), workers(2)] {
        let handle = runtime.handle().clone();
        let (refused, was_refused) = std_mpsc::channel();
        let tidy = runtime.spawn(async move {
            cede::runtime::shutdown_begins().await;
            let foreign = thread::spawn(move || refused.send(handle.spawn(async {})).unwrap());
            let inside = cede::spawn(async { 1 }).await.unwrap();
            foreign.join().unwrap();
            inside
        });
        let stuck = runtime.spawn(std::future::pending::<()>());
        runtime.block_on(yield_now());
        let report = runtime.shutdown_gracefully(Duration::from_millis(100), Duration::from_secs(60));
        assert_eq!((report.ended, report.refused.len()), (1, 0), "{report}");
        assert_eq!(cede::block_on(tidy).unwrap(), 1);
        assert!(cede::block_on(stuck).unwrap_err().is_cancelled());
        assert!(cede::block_on(was_refused.recv().unwrap()).unwrap_err().is_cancelled());
    }
}

#[test]
fn a_report_of_a_clean_end_is_empty() {
    for runtime in [one_thread(), workers(2)] {
        (0..10).for_each(|_| drop(runtime.spawn(std::future::pending::<()>())));
        let report = runtime.shutdown_report(Duration::from_secs(60));
        assert!(report.is_complete(), "{report}");
        assert_eq!(report.ended, 10);
    }
}

#[test]
fn futures_are_dropped_inside_their_runtime() {
    struct Asks(std_mpsc::Sender<bool>);
    impl Drop for Asks {
        fn drop(&mut self) {
            self.0.send(Handle::try_current().is_ok() && cede::task::try_id().is_some()).unwrap();
        }
    }
    for runtime in [one_thread(), workers(2)] {
        let (tell, told) = std_mpsc::channel();
        let asks = Asks(tell);
        runtime.spawn(async move {
            let _asks = asks;
            std::future::pending::<()>().await;
        });
        drop(runtime);
        assert!(told.recv().unwrap());
    }
}

#[test]
fn a_future_that_panics_is_dropped_while_the_panic_unwinds() {
    struct Panics(std_mpsc::Sender<bool>);
    impl Future for Panics {
        type Output = ();
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
            panic!("as planned");
        }
    }
    impl Drop for Panics {
        fn drop(&mut self) {
            self.0.send(thread::panicking()).unwrap();
            panic!("again, as planned");
        }
    }
    for runtime in [one_thread(), workers(1)] {
        let (tell, told) = std_mpsc::channel();
        let task = runtime.spawn(Panics(tell));
        assert!(runtime.block_on(task).unwrap_err().is_panic());
        assert!(told.recv().unwrap());
        assert_eq!(runtime.block_on(runtime.spawn(async { 1 })).unwrap(), 1);
    }
}

#[test]
fn outputs_are_dropped_as_their_tasks_and_their_panics_go_nowhere() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            assert!(cede::task::try_id().is_some());
            std::panic::resume_unwind(Box::new(()));
        }
    }
    for runtime in [one_thread(), workers(1)] {
        let mut kept = runtime.spawn(async { Panics });
        drop(runtime.spawn(async { Panics }));
        until(|| {
            runtime.block_on(yield_now());
            kept.is_finished()
        });
        drop(std::mem::replace(&mut kept, runtime.spawn(async { Panics })));
        std::mem::forget(runtime.block_on(kept).unwrap());
    }
}

#[test]
fn local_runtimes_take_what_is_not_send_on_their_thread_only() {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default()).unwrap();
    let number = std::rc::Rc::new(1);
    let task = runtime.spawn_local({
        let number = number.clone();
        async move { *number + 1 }
    });
    assert_eq!(runtime.block_on(task).unwrap(), 2);
    assert_eq!(runtime.metrics().num_workers(), 1);
    let handle = runtime.handle().clone();
    let elsewhere = thread::spawn(move || {
        let _inside = handle.enter();
        cede::task::spawn_local(async {});
    });
    let message = *elsewhere.join().unwrap_err().downcast::<&str>().unwrap();
    assert_eq!(message, "Local tasks can only be spawned on a LocalRuntime from the thread the runtime was created on");
}

#[test]
fn errors_of_a_runtime_that_is_gone_are_known_as_such() {
    let (first, second) = (one_thread(), one_thread());
    let (listener, mut accepting) = first.block_on(async {
        let listener = cede::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let waiting = Box::pin(async move { (listener.accept().await, listener) });
        (cede::net::TcpListener::bind("127.0.0.1:0").await.unwrap(), waiting)
    });
    assert!(first.block_on(async { cede::time::timeout(Duration::from_millis(1), &mut accepting).await }).is_err());
    drop((first, listener));
    let (accepted, _listener) = second.block_on(accepting);
    assert!(is_rt_shutdown_err(&accepted.unwrap_err()));
    assert!(!is_rt_shutdown_err(&std::io::Error::other("something else")));
}

#[test]
fn a_runtime_that_is_gone_takes_no_sockets() {
    for runtime in [one_thread(), workers(1)] {
        let _inside = runtime.enter();
        let handle = runtime.handle().clone();
        runtime.shutdown_timeout(Duration::from_secs(60));
        let refused = handle.block_on(cede::net::TcpListener::bind("127.0.0.1:0")).unwrap_err();
        assert!(is_rt_shutdown_err(&refused), "{refused}");
        let refused = handle.block_on(async { cede::io::AsyncWriteExt::write_all(&mut cede::io::stdout(), b"x").await }).unwrap_err();
        assert!(is_rt_shutdown_err(&refused), "{refused}");
    }
}

#[test]
fn the_future_of_a_handle_is_beside_the_tasks() {
    let runtime = one_thread();
    assert_eq!(runtime.handle().block_on(async { cede::runtime::worker_index() }), None);
    assert_eq!(runtime.block_on(async { cede::runtime::worker_index() }), Some(0));
    let sum = runtime.handle().block_on(async {
        let task = cede::spawn(async { cede::runtime::worker_index().map_or(0, |index| index + 1) });
        cede::task::block_in_place(|| Handle::current().block_on(task).unwrap() + 1)
    });
    assert_eq!(sum, 2);
    let task = runtime.handle().spawn(async { cede::task::block_in_place(|| ()) });
    assert!(runtime.handle().block_on(task).unwrap_err().is_panic());
}
