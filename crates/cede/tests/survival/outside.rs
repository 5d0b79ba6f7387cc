//! The same for what comes from outside of the process, beside TCP and UDP: Unix sockets, pipes, any descriptor, signals, children.

use std::io::Write as _;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use cede::io::AsyncReadExt;
use cede::io::unix::AsyncFd;
use cede::net::unix::pipe;
use cede::net::{UnixDatagram, UnixListener, UnixStream};
use cede::process::Command;
use cede::signal::unix::{SignalKind, signal};

use crate::leaves::{KERNEL, Leaf, Wait, matrix, three, touch, touch_timers};
use crate::script::{ignore, lock};

fn leaf(waits: Vec<Wait>, release: impl Fn() + Send + 'static, probe: impl Fn() + Send + Sync + 'static) -> Leaf {
    Leaf { waits, release: Box::new(release), probe: Arc::new(probe) }
}

async fn streams() -> Leaf {
    let mut peers = Vec::new();
    let waits = three(|_| {
        let (mut here, there) = UnixStream::pair().unwrap();
        peers.push(there.into_std().unwrap());
        Box::pin(async move { drop(here.read(&mut [0; 8]).await) })
    });
    leaf(waits, move || peers.iter().for_each(|mut peer| drop(peer.write_all(b"x"))), touch_timers)
}

async fn datagrams() -> Leaf {
    let (here, there) = UnixDatagram::pair().unwrap();
    let (here, there) = (Arc::new(here), there.into_std().unwrap());
    let waits = three(|_| {
        let here = here.clone();
        Box::pin(async move { drop(here.recv(&mut [0; 8]).await) })
    });
    leaf(waits, move || (0..3).for_each(|_| drop(there.send(b"x"))), move || touch(here.readable()))
}

async fn listeners() -> Leaf {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let name = format!("\0cede-survival-{}-{}", std::process::id(), NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
    let listener = Arc::new(UnixListener::bind(&name).unwrap());
    let address = std::os::unix::net::SocketAddr::from(listener.local_addr().unwrap());
    let clients = Mutex::new(Vec::new());
    let waits = three(|_| {
        let listener = listener.clone();
        Box::pin(async move { drop(listener.accept().await) })
    });
    let release = move || (0..3).for_each(|_| lock(&clients).extend(std::os::unix::net::UnixStream::connect_addr(&address)));
    leaf(waits, release, touch_timers)
}

async fn pipes() -> Leaf {
    let mut writers = Vec::new();
    let waits = three(|_| {
        let (reader, writer) = std::io::pipe().unwrap();
        writers.push(writer);
        let mut receiver = pipe::Receiver::from_owned_fd(reader.into()).unwrap();
        Box::pin(async move { drop(receiver.read(&mut [0; 8]).await) })
    });
    leaf(waits, move || writers.iter().for_each(|mut writer| drop(writer.write_all(b"x"))), touch_timers)
}

#[expect(deprecated, reason = "the descriptor is a socket that nobody else closes")]
async fn descriptors() -> Leaf {
    let (here, there) = std::os::unix::net::UnixStream::pair().unwrap();
    here.set_nonblocking(true).unwrap();
    let here = Arc::new(AsyncFd::new(here).unwrap());
    let waits = three(|_| {
        let here = here.clone();
        Box::pin(async move { drop(here.readable().await) })
    });
    leaf(waits, move || (&there).write_all(b"x").unwrap(), move || touch(here.writable()))
}

async fn signals() -> Leaf {
    let waits = three(|_| {
        let mut listens = signal(SignalKind::user_defined2()).unwrap();
        Box::pin(async move { ignore(listens.recv().await) })
    });
    let release = || rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::USR2).unwrap();
    leaf(waits, release, || drop(signal(SignalKind::user_defined2())))
}

async fn children() -> Leaf {
    let inputs = Arc::new(Mutex::new(Vec::new()));
    let waits = three(|_| {
        let mut child = Command::new("cat").stdin(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        lock(&inputs).push(child.stdin.take());
        Box::pin(async move { drop(child.wait().await) })
    });
    leaf(waits, move || lock(&inputs).clear(), touch_timers)
}

matrix! {
    wakers_of_local_streams: streams KERNEL;
    wakers_of_local_datagrams: datagrams KERNEL;
    wakers_of_local_listeners: listeners KERNEL;
    wakers_of_pipes: pipes KERNEL;
    wakers_of_descriptors: descriptors KERNEL;
    wakers_of_signals: signals KERNEL;
    wakers_of_children: children KERNEL;
}
