//! What the thread in `block_on` of a work-stealing runtime does beside its future.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io::Write;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock, RwLock};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use cede::io::AsyncReadExt;
use cede::runtime::{Builder, Handle, Runtime};
use cede::task::yield_now;

/// Nobody waits for so long unless something hangs.
const LONG: Duration = Duration::from_secs(60);

fn runtime(block_on_runs_tasks: bool) -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().block_on_runs_tasks(block_on_runs_tasks).build().unwrap()
}

/// A task blocks its thread until the future of `block_on` lets it go: where that thread is the future's own, neither would ever end.
#[test]
fn a_task_that_blocks_does_not_delay_the_future() {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        for _ in 0..100 {
            let (let_go, gone) = mpsc::channel();
            let task = cede::spawn(async move { gone.recv().unwrap() });
            // The future waits, and so the thread would be free for the task.
            cede::task::yield_now().await;
            cede::spawn(async {}).await.unwrap();
            let_go.send(()).unwrap();
            task.await.unwrap();
        }
    });
}

#[test]
fn no_task_runs_there_by_default() {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let here = thread::current().id();
    runtime.block_on(async {
        for _ in 0..1000 {
            assert_ne!(cede::spawn(async { thread::current().id() }).await.unwrap(), here);
        }
    });
}

#[test]
fn tasks_run_there_if_asked_for() {
    let runtime = runtime(true);
    let here = thread::current().id();
    runtime.block_on(async {
        let mut ran_here = 0;
        while ran_here == 0 {
            let tasks: Vec<_> = (0..100).map(|_| cede::spawn(async { thread::current().id() })).collect();
            for task in tasks {
                ran_here += usize::from(task.await.unwrap() == here);
            }
        }
    });
}

/// The runtime's end waits for a guest that is in the middle of a task.
#[test]
fn a_runtime_ends_while_its_guest_runs_a_task() {
    for _ in 0..50 {
        let runtime = runtime(true);
        let handle = runtime.handle().clone();
        let (running, runs) = mpsc::channel();
        let (end, ends) = mpsc::channel::<()>();
        let guest = thread::spawn(move || {
            handle.block_on(async {
                let task = cede::spawn(async move {
                    running.send(()).unwrap();
                    let _ended = ends.recv();
                });
                // `Err` if the runtime ended first.
                let _outcome = task.await;
            });
        });
        runs.recv().unwrap();
        let ending = thread::spawn(move || drop(runtime));
        drop(end);
        ending.join().unwrap();
        guest.join().unwrap();
    }
}

#[test]
fn nested_calls_end_wherever_their_task_runs() {
    for runs_tasks in [false, true] {
        let runtime = runtime(runs_tasks);
        let handle = runtime.handle().clone();
        let sum = runtime.block_on(async move {
            let tasks: Vec<_> = (0..50)
                .map(|number| {
                    let handle = handle.clone();
                    cede::spawn(async move { handle.block_on(async move { cede::spawn(async move { number }).await.unwrap() }) })
                })
                .collect();
            let mut sum = 0;
            for task in tasks {
                sum += task.await.unwrap();
            }
            sum
        });
        assert_eq!(sum, 49 * 50 / 2);
    }
}

/// What the inner future asks for again and again may be what only the driver and the timers can bring.
#[test]
fn a_nested_block_on_that_wakes_itself_sees_timers_and_sockets() {
    for runtime in [
        Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap(),
        Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap(),
    ] {
        let handle = runtime.handle().clone();
        let nested = runtime.spawn(async move {
            handle.block_on(async {
                let listener = cede::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                let address = listener.local_addr().unwrap();
                let sleeper = cede::spawn(cede::time::sleep(std::time::Duration::from_millis(5)));
                let accepted = cede::spawn(async move { listener.accept().await.map(drop) });
                let _client = std::net::TcpStream::connect(address).unwrap();
                while !(sleeper.is_finished() && accepted.is_finished()) {
                    // By its own waker: the scheduler is not told that it yields.
                    let mut woken = false;
                    std::future::poll_fn(|cx| {
                        if std::mem::replace(&mut woken, true) {
                            return std::task::Poll::Ready(());
                        }
                        cx.waker().wake_by_ref();
                        std::task::Poll::Pending
                    })
                    .await;
                }
            });
        });
        runtime.block_on(nested).unwrap();
    }
}

/// Waits in a nested `block_on`, once, and says when that is over.
struct Waits {
    handle: Handle,
    over: Mutex<Option<Sender<()>>>,
}

impl Waits {
    fn new(runtime: &Runtime) -> (Arc<Self>, Receiver<()>) {
        let (over, is_over) = channel();
        (Arc::new(Self { handle: runtime.handle().clone(), over: Mutex::new(Some(over)) }), is_over)
    }

    fn once(&self) {
        let over = self.over.lock().unwrap().take();
        if let Some(over) = over {
            self.handle.block_on(async {
                cede::time::sleep(Duration::from_millis(2)).await;
                cede::task::spawn_blocking(|| std::thread::sleep(Duration::from_millis(2))).await.unwrap();
                cede::spawn(yield_now()).await.unwrap();
            });
            over.send(()).unwrap();
        }
    }
}

impl Wake for Waits {
    fn wake(self: Arc<Self>) {
        self.once();
    }
}

/// The driver calls it while its worker counts as asleep.
#[test]
fn a_waker_may_wait_in_a_nested_block_on() {
    for workers in 1..4 {
        let runtime = Builder::new_multi_thread().worker_threads(workers).enable_all().build().unwrap();
        let (waits, is_over) = Waits::new(&runtime);
        let waker = Waker::from(waits);
        let mut cx = Context::from_waker(&waker);
        let (ours, mut theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let registered = runtime.spawn(async move {
            let mut ours = cede::net::UnixStream::from_std(ours).unwrap();
            // By this worker.
            let is_pending = poll_fn(|cx| Poll::Ready(pin!(ours.read_u8()).poll(cx).is_pending())).await;
            assert!(is_pending);
            ours
        });
        let mut ours = runtime.block_on(registered).unwrap();
        let mut reading = pin!(ours.read_u8());
        assert!(reading.as_mut().poll(&mut cx).is_pending());
        // If its worker were not asleep by then, it would be as well.
        std::thread::sleep(Duration::from_millis(10));
        theirs.write_all(&[7]).unwrap();
        is_over.recv_timeout(LONG).expect("it comes to its end");
        assert!(matches!(reading.poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(Ok(7))));
        let _inside = runtime.enter();
        let (waits, is_over) = Waits::new(&runtime);
        let waker = Waker::from(waits);
        let mut sleep = pin!(cede::time::sleep(Duration::from_millis(5)));
        assert!(sleep.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        is_over.recv_timeout(LONG).expect("it comes to its end");
        assert_eq!(runtime.block_on(runtime.spawn(async { 5 })).unwrap(), 5);
    }
}

#[test]
fn a_hook_may_wait_in_a_nested_block_on() {
    for workers in 1..4 {
        for before in [true, false] {
            let place = Arc::new(OnceLock::<Arc<Waits>>::new());
            let hook = {
                let place = place.clone();
                move || place.get().into_iter().for_each(|waits| waits.once())
            };
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(workers).enable_all();
            if before {
                builder.on_thread_park(hook)
            } else {
                builder.on_thread_unpark(hook)
            };
            let runtime = builder.build().unwrap();
            let (waits, is_over) = Waits::new(&runtime);
            place.set(waits).unwrap_or_else(|_| panic!("it is set once"));
            // The worker sleeps after some task, if not after the first.
            while let Err(error) = is_over.recv_timeout(Duration::from_millis(1)) {
                assert_eq!(error, RecvTimeoutError::Timeout);
                runtime.block_on(runtime.spawn(async {})).unwrap();
            }
            assert_eq!(runtime.block_on(runtime.spawn(async { 5 })).unwrap(), 5);
        }
    }
}

/// While the hook waits its worker is awake, and nobody wakes it when that is over: it has to say once more that it sleeps.
#[test]
fn a_hook_may_wait_in_a_nested_block_on_whenever_a_worker_parks() {
    thread_local! {
        static IN_HOOK: Cell<bool> = const { Cell::new(false) };
    }
    for workers in 1..3 {
        for waits_for_a_thread in [false, true] {
            let waits = Arc::new(RwLock::new(true));
            let hook = {
                let waits = waits.clone();
                move || {
                    // The nested scheduler parks, too.
                    if IN_HOOK.replace(true) {
                        return;
                    }
                    let waits = waits.read().unwrap();
                    if *waits {
                        Handle::current().block_on(async {
                            if waits_for_a_thread {
                                cede::task::spawn_blocking(|| ()).await.unwrap();
                            }
                        });
                    }
                    IN_HOOK.set(false);
                }
            };
            let runtime = Builder::new_multi_thread().worker_threads(workers).enable_all().on_thread_park(hook).build().unwrap();
            for i in 0..20 {
                let (ran, runs) = channel();
                drop(runtime.spawn(async move { ran.send(i).unwrap() }));
                assert_eq!(runs.recv_timeout(LONG), Ok(i), "{workers} workers, waits for a thread: {waits_for_a_thread}");
                // If they do not sleep by then they are asleep in one of the other rounds.
                thread::sleep(Duration::from_millis(2));
            }
            // The end of a runtime is an error in a nested `block_on`.
            *waits.write().unwrap() = false;
        }
    }
}

#[test]
fn a_guest_gives_its_overflow_to_busy_workers() {
    let runtime = Builder::new_multi_thread().worker_threads(2).block_on_runs_tasks(true).enable_all().build().unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let busy: Vec<_> = (0..4)
        .map(|_| {
            let stop = stop.clone();
            runtime.spawn(async move {
                while !stop.load(Ordering::SeqCst) {
                    cede::task::yield_now().await;
                }
            })
        })
        .collect();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..1000).map(|i| cede::spawn(async move { i })).collect();
        for (i, task) in tasks.into_iter().enumerate() {
            assert_eq!(cede::time::timeout(LONG, task).await.expect("somebody runs it").unwrap(), i);
        }
        stop.store(true, Ordering::SeqCst);
        for task in busy {
            task.await.unwrap();
        }
    });
}

#[test]
fn block_on_can_be_kept_from_running_tasks() {
    let runtime = Builder::new_multi_thread().worker_threads(1).block_on_runs_tasks(false).enable_all().build().unwrap();
    let main = std::thread::current().id();
    runtime.block_on(async {
        for _ in 0..50 {
            assert_ne!(cede::spawn(async { std::thread::current().id() }).await.unwrap(), main);
        }
    });
    let named = Builder::new_multi_thread().worker_threads(1).thread_name("own").enable_all().build().unwrap();
    named.block_on(async {
        let name = cede::spawn(async { std::thread::current().name().map(str::to_owned) }).await.unwrap();
        assert_eq!(name.as_deref(), Some("own"));
    });
}
