//! Wakers that panic or come back where the runtime itself calls, clones and drops them: in the wheel, in the readiness of sockets, at the end of a task and of a blocking closure.
//!
//! Of three that wait, two have such wakers. Whatever those do, when they are woken, given up, or dropped with their runtime, the third is woken, and the runtime goes on. [`meetings`](crate::meetings)
//! and [`outside`](crate::outside) have more of such leaves.

use std::future::{Future, pending};
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use cede::io::AsyncReadExt;
use cede::net::{TcpListener, TcpStream, UdpSocket};
use cede::runtime::{Builder, Handle, Runtime};
use cede::sim::Sim;
use cede::sync::Notify;
use cede::time;

use crate::script::{Case, Deed, Moment, Place, Script, hush, lock, tolerate, waker};

const PLACES: [Place; 3] = [Place::WakerClone, Place::WakerWake, Place::WakerDrop];
const DEEDS: [Deed; 3] = [Deed::Panics, Deed::Spawns, Deed::Reenters];

pub(crate) type Wait = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Three that wait for the same kind of thing.
pub(crate) struct Leaf {
    pub(crate) waits: Vec<Wait>,
    /// After this, all are ready, or will be by themselves or by one another.
    pub(crate) release: Box<dyn Fn() + Send>,
    /// Goes through the same locks.
    pub(crate) probe: Arc<dyn Fn() + Send + Sync>,
}

pub(crate) fn three(make: impl FnMut(usize) -> Wait) -> Vec<Wait> {
    (0..3).map(make).collect()
}

/// One poll and the drop of a future, in a runtime that may be ending.
pub(crate) fn touch(future: impl Future) {
    drop(catch_unwind(AssertUnwindSafe(|| drop(pin!(future).poll(&mut Context::from_waker(Waker::noop()))))));
}

/// Something whose locks are those of the timers.
pub(crate) fn touch_timers() {
    if Handle::try_current().is_ok() {
        touch(async { time::sleep(Duration::from_secs(1)).await });
    }
}

/// It comes by itself: at once where time is virtual.
const SOON: Duration = Duration::from_millis(5);

fn timer<F: Future<Output = ()> + Send + 'static>(wait: impl Fn() -> F) -> Leaf {
    Leaf { waits: three(|_| Box::pin(wait())), release: Box::new(|| ()), probe: Arc::new(touch_timers) }
}

async fn sleep() -> Leaf {
    timer(|| time::sleep(SOON))
}

async fn interval() -> Leaf {
    timer(|| async {
        let mut interval = time::interval_at(time::Instant::now() + SOON, SOON);
        interval.tick().await;
        interval.tick().await;
    })
}

async fn timeout() -> Leaf {
    timer(|| async { assert!(time::timeout(SOON, pending::<()>()).await.is_err()) })
}

/// Sleeps that are set back, which wakes where that is done.
async fn reset() -> Leaf {
    let sleeps: Vec<_> = (0..3).map(|_| Arc::new(Mutex::new(Box::pin(time::sleep(Duration::from_secs(3600)))))).collect();
    let waits = sleeps.iter().map(|sleep| -> Wait {
        let sleep = sleep.clone();
        Box::pin(std::future::poll_fn(move |cx| lock(&sleep).as_mut().poll(cx)))
    });
    let waits = waits.collect();
    let release = move || {
        for sleep in &sleeps {
            tolerate(|| lock(sleep).as_mut().reset(time::Instant::now()));
        }
    };
    Leaf { waits, release: Box::new(release), probe: Arc::new(touch_timers) }
}

async fn connected() -> (TcpStream, std::net::TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (listener.accept().await.unwrap().0, client)
}

async fn readable() -> Leaf {
    let (socket, peer) = connected().await;
    let (socket, probed) = (Arc::new(socket), Mutex::new(()));
    let waits = three(|_| {
        let socket = socket.clone();
        Box::pin(async move { drop(socket.readable().await) })
    });
    let probe = move || {
        drop(lock(&probed));
        touch(socket.readable());
        touch(socket.writable());
    };
    Leaf { waits, release: Box::new(move || (&peer).write_all(b"x").unwrap()), probe: Arc::new(probe) }
}

async fn read() -> Leaf {
    let (mut waits, mut peers): (Vec<Wait>, Vec<_>) = Default::default();
    for _ in 0..3 {
        let (mut socket, peer) = connected().await;
        peers.push(peer);
        waits.push(Box::pin(async move { drop(socket.read(&mut [0; 8]).await) }));
    }
    let release = move || peers.iter().for_each(|mut peer| peer.write_all(b"x").unwrap());
    Leaf { waits, release: Box::new(release), probe: Arc::new(touch_timers) }
}

async fn datagrams() -> Leaf {
    let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
    let (address, peer) = (socket.local_addr().unwrap(), std::net::UdpSocket::bind("127.0.0.1:0").unwrap());
    let waits = three(|_| {
        let socket = socket.clone();
        Box::pin(async move { drop(socket.recv_from(&mut [0; 8]).await) })
    });
    let release = move || (0..3).for_each(|_| assert_eq!(peer.send_to(b"x", address).unwrap(), 1));
    Leaf { waits, release: Box::new(release), probe: Arc::new(move || touch(socket.readable())) }
}

async fn accept() -> Leaf {
    let listener = Arc::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
    let (address, clients) = (listener.local_addr().unwrap(), Mutex::new(Vec::new()));
    let waits = three(|_| {
        let listener = listener.clone();
        Box::pin(async move { drop(listener.accept().await) })
    });
    let release = move || (0..3).for_each(|_| lock(&clients).push(std::net::TcpStream::connect(address).unwrap()));
    // Not `accept`: that would take a connection.
    Leaf { waits, release: Box::new(release), probe: Arc::new(touch_timers) }
}

async fn join() -> Leaf {
    let gate = Arc::new(Notify::new());
    let waits = three(|_| {
        let opened = gate.clone().notified_owned();
        let task = cede::spawn(opened);
        Box::pin(async move { drop(task.await) })
    });
    let probe = || drop(Handle::try_current().map(|handle| handle.spawn(async {}).abort()));
    Leaf { waits, release: Box::new(move || gate.notify_waiters()), probe: Arc::new(probe) }
}

async fn join_a_blocking_closure() -> Leaf {
    let (senders, gates): (Vec<_>, Vec<_>) = (0..3).map(|_| mpsc::channel::<()>()).unzip();
    let mut gates = gates.into_iter();
    let waits = three(|_| {
        let gate = gates.next().unwrap();
        let task = cede::task::spawn_blocking(move || assert!(gate.recv().is_err()));
        Box::pin(async move { drop(task.await) })
    });
    let senders = Mutex::new(senders);
    let probe = || drop(Handle::try_current().map(|handle| handle.spawn_blocking(|| ()).abort()));
    Leaf { waits, release: Box::new(move || lock(&senders).clear()), probe: Arc::new(probe) }
}

/// Begins to wait with wakers that act, twice each with another one, and with the own one. Those that are ready are gone.
fn begin(leaf: &mut Leaf, place: Place, deed: Deed, cx: &mut Context<'_>) -> [Option<Wait>; 3] {
    let mut waits = [None, None, None];
    for (number, mut wait) in leaf.waits.drain(..).enumerate() {
        let script = Arc::new(Script { case: Arc::new(Case::default()), place, deed });
        *lock(&script.case.probe) = Some(leaf.probe.clone());
        let is_over = (0..2).any(|_| {
            if number == 2 {
                return wait.as_mut().poll(cx).is_ready();
            }
            let waker = waker(&script, Place::WakerWake);
            let polled = tolerate(|| wait.as_mut().poll(&mut Context::from_waker(&waker)));
            tolerate(|| drop(waker));
            // An async block is over when a panic went through it.
            polled.is_none_or(|polled| polled.is_ready())
        });
        waits[number] = (!is_over).then_some(wait);
    }
    waits
}

/// The two hostile ones are ready or dropped, and the third is ready.
async fn scene<F: Future<Output = Leaf>>(make: fn() -> F, place: Place, deed: Deed, moment: Moment) {
    let mut leaf = make().await;
    let mut waits = std::future::poll_fn(|cx| Poll::Ready(begin(&mut leaf, place, deed, cx))).await;
    if moment == Moment::Aborted {
        for wait in &mut waits[..2] {
            tolerate(|| drop(wait.take()));
        }
    }
    tolerate(|| (leaf.release)());
    // All at the same time, because some have to go before others can.
    std::future::poll_fn(|cx| {
        for place in &mut waits {
            let Some(wait) = place else { continue };
            if tolerate(|| wait.as_mut().poll(cx)).is_none_or(|polled| polled.is_ready()) {
                let over = place.take();
                tolerate(|| drop(over));
            }
        }
        if waits.iter().all(Option::is_none) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    // It still works.
    assert_eq!(cede::spawn(async { 5 }).await.unwrap(), 5);
    time::sleep(Duration::from_millis(1)).await;
}

/// The runtime ends while they wait: outside of it, or in one of its tasks, which is dropped then. The third is ready all the same if what it waits for `outlives` the runtime.
fn shutdown<F: Future<Output = Leaf>>(runtime: Runtime, make: fn() -> F, (place, deed): (Place, Deed), in_a_task: bool, outlives: bool) {
    let (leaf, mut waits) = runtime.block_on(async {
        let mut leaf = make().await;
        let waits = begin(&mut leaf, place, deed, &mut Context::from_waker(Waker::noop()));
        (leaf, waits)
    });
    if in_a_task {
        let [first, second] = [waits[0].take(), waits[1].take()];
        runtime.spawn(async move {
            let _waits = (first, second);
            pending::<()>().await;
        });
    }
    let ends = std::thread::spawn(move || drop(runtime));
    // Closures that block must be let go; for the others it may come too late.
    drop(catch_unwind(AssertUnwindSafe(|| (leaf.release)())));
    ends.join().expect("no panic comes out of the end of a runtime");
    // In turns, until nobody gets ahead any more. Ready, or a panic that says that the runtime is gone; but it ends.
    let third_waits = waits[2].is_some();
    for place in (0..3).flat_map(|_| 0..3) {
        let Some(wait) = &mut waits[place] else { continue };
        let poll = || wait.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
        if catch_unwind(AssertUnwindSafe(poll)).unwrap_or(true) {
            let over = waits[place].take();
            drop(catch_unwind(AssertUnwindSafe(|| drop(over))));
        }
    }
    assert!(!outlives || !third_waits || waits[2].is_none(), "{place:?} {deed:?}: the third waits for ever");
    for wait in waits {
        drop(catch_unwind(AssertUnwindSafe(|| drop(wait))));
    }
}

fn runtimes() -> [Runtime; 2] {
    [
        Builder::new_current_thread().enable_all().start_paused(true).build().unwrap(),
        Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap(),
    ]
}

/// What the leaf can do.
#[derive(Clone, Copy, Default)]
pub(crate) struct Can {
    /// It needs no kernel.
    pub(crate) be_simulated: bool,
    /// It needs no runtime.
    pub(crate) outlive_its_runtime: bool,
}

/// What leaves need: the kernel, a runtime, or neither.
pub(crate) const KERNEL: Can = Can { be_simulated: false, outlive_its_runtime: false };
pub(crate) const RUNTIME: Can = Can { be_simulated: true, outlive_its_runtime: false };
pub(crate) const NOTHING: Can = Can { be_simulated: true, outlive_its_runtime: true };

pub(crate) fn play<F>(make: fn() -> F, can: Can)
where
    F: Future<Output = Leaf> + Send + 'static,
{
    hush();
    let [local, steal] = runtimes();
    for (place, deed) in PLACES.into_iter().flat_map(|place| DEEDS.map(|deed| (place, deed))) {
        for moment in [Moment::Done, Moment::Aborted] {
            local.block_on(scene(make, place, deed, moment));
            steal.block_on(scene(make, place, deed, moment));
            let task = steal.spawn(scene(make, place, deed, moment));
            steal.block_on(task).unwrap();
            for seed in 0..if can.be_simulated { 8 } else { 0 } {
                let sim = Sim::new(seed).workers(1 + seed as usize % 3);
                let ended = sim.run(scene(make, place, deed, moment));
                ended.unwrap_or_else(|failure| panic!("{place:?} {deed:?} {moment:?}, seed {seed}: {failure}"));
            }
        }
        for in_a_task in [false, true] {
            for runtime in runtimes() {
                shutdown(runtime, make, (place, deed), in_a_task, can.outlive_its_runtime);
            }
        }
    }
}

macro_rules! matrix {
    ($($name:ident: $make:ident $can:expr;)*) => {$(
        #[test]
        fn $name() {
            $crate::leaves::play($make, $can);
        }
    )*};
}
pub(crate) use matrix;

matrix! {
    wakers_of_sleeps: sleep RUNTIME;
    wakers_of_intervals: interval RUNTIME;
    wakers_of_time_limits: timeout RUNTIME;
    wakers_of_sleeps_that_are_reset: reset RUNTIME;
    wakers_of_tasks_that_are_joined: join RUNTIME;
    wakers_of_closures_that_are_joined: join_a_blocking_closure KERNEL;
    wakers_of_readable_sockets: readable KERNEL;
    wakers_of_reads: read KERNEL;
    wakers_of_datagrams: datagrams KERNEL;
    wakers_of_listeners: accept KERNEL;
}
