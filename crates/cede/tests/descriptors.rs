//! A process without descriptors. It is a test binary of its own, because the limit holds for the whole process.

use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net as unix;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cede::net::{TcpListener, UnixListener};
use cede::runtime::{Builder, Runtime};

/// Nobody waits for so long unless something hangs.
const LONG: Duration = Duration::from_secs(60);

/// Something that accepts, and how it is connected to.
trait Listens: Send + Sync + 'static {
    type Client;

    fn accept(&self) -> impl Future<Output = io::Result<()>> + Send;

    fn connect(&self) -> io::Result<Self::Client>;
}

impl Listens for TcpListener {
    type Client = std::net::TcpStream;

    async fn accept(&self) -> io::Result<()> {
        self.accept().await.map(drop)
    }

    fn connect(&self) -> io::Result<Self::Client> {
        std::net::TcpStream::connect(self.local_addr()?)
    }
}

impl Listens for UnixListener {
    type Client = unix::UnixStream;

    async fn accept(&self) -> io::Result<()> {
        self.accept().await.map(drop)
    }

    fn connect(&self) -> io::Result<Self::Client> {
        let address = self.local_addr()?;
        let name = address.as_abstract_name().expect("it is bound to one");
        unix::UnixStream::connect_addr(&unix::SocketAddr::from_abstract_name(name)?)
    }
}

async fn tcp() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

async fn local() -> UnixListener {
    UnixListener::bind(format!("\0cede-descriptors-{}", std::process::id())).unwrap()
}

fn processor_time() -> Duration {
    // SAFETY: [I1] the structure is plain numbers and lives during the call.
    unsafe {
        let mut time = std::mem::zeroed::<libc::timespec>();
        libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time);
        Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap())
    }
}

fn limit_descriptors(count: u64) {
    let limit = libc::rlimit { rlim_cur: count, rlim_max: count };
    // SAFETY: [I1] the structure lives during the call.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
}

/// I1: the calls of this file only pass pointers to locals. One test at a time, because they use all descriptors up.
fn alone() -> (MutexGuard<'static, ()>, Runtime) {
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    limit_descriptors(64);
    (turn, Builder::new_current_thread().enable_all().build().unwrap())
}

/// Clients that fill up the descriptors, and then wait in the backlog.
fn crowd<L: Listens>(listener: &L) -> Vec<L::Client> {
    let mut clients = Vec::new();
    while let Ok(client) = listener.connect() {
        clients.push(client);
    }
    assert!(clients.len() > 20);
    clients
}

fn reports_once_waits_and_recovers<L: Listens>(listener: impl AsyncFnOnce() -> L) {
    let (_turn, runtime) = alone();
    runtime.block_on(async {
        let listener = listener().await;
        let mut clients = crowd(&listener);
        let error = listener.accept().await.unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EMFILE));

        let before = processor_time();
        let start = Instant::now();
        let waiting = cede::time::timeout(Duration::from_millis(300), listener.accept()).await;
        assert!(waiting.is_err(), "a second report: {waiting:?}");
        let used = processor_time() - before;
        assert!(used < start.elapsed() / 5, "it spins: {used:?} of {:?}", start.elapsed());

        clients.truncate(clients.len() - 4);
        cede::time::timeout(LONG, listener.accept()).await.expect("it recovers").unwrap();
    });
}

#[test]
fn accepting_without_descriptors_reports_once_waits_and_recovers() {
    reports_once_waits_and_recovers(tcp);
}

#[test]
fn accepting_local_connections_without_descriptors_reports_once_waits_and_recovers() {
    reports_once_waits_and_recovers(local);
}

/// Several wait for the end of the shortage: one that leaves, or the first that is served, takes it from no other.
fn all_go_on<L: Listens>(listener: impl AsyncFnOnce() -> L) {
    let (_turn, runtime) = alone();
    runtime.block_on(async {
        let listener = Arc::new(listener().await);
        let mut clients = crowd(&*listener);
        assert_eq!(listener.accept().await.unwrap_err().raw_os_error(), Some(libc::EMFILE));
        let accepting = || {
            let listener = listener.clone();
            cede::spawn(async move { listener.accept().await })
        };
        let waiting = [accepting(), accepting()];
        let leaving = accepting();
        for _ in 0..3 {
            cede::task::yield_now().await;
        }
        leaving.abort();
        assert!(leaving.await.unwrap_err().is_cancelled());
        assert!(waiting.iter().all(|task| !task.is_finished()));
        clients.truncate(clients.len() - 6);
        for task in waiting {
            cede::time::timeout(LONG, task).await.expect("it is woken").unwrap().unwrap();
        }
    });
}

#[test]
fn all_who_accept_go_on_after_a_shortage() {
    all_go_on(tcp);
}

#[test]
fn all_who_accept_local_connections_go_on_after_a_shortage() {
    all_go_on(local);
}
