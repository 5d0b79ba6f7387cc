//! `AsyncFd`.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use cede::io::unix::AsyncFd;
use cede::io::{Interest, Ready};
use cede::runtime::Builder;
use cede::time::timeout;

use crate::{everywhere, poll_once};

fn non_blocking_pair() -> (std::os::unix::net::UnixStream, std::os::unix::net::UnixStream) {
    let (a, b) = std::os::unix::net::UnixStream::pair().unwrap();
    a.set_nonblocking(true).unwrap();
    b.set_nonblocking(true).unwrap();
    (a, b)
}

fn register<T: AsRawFd>(owner: T) -> AsyncFd<T> {
    // SAFETY: the owners in these tests keep their descriptors.
    unsafe { AsyncFd::register(owner) }.unwrap()
}

#[test]
fn readiness_stays_until_it_is_cleared() {
    everywhere(|| async {
        let (a, mut b) = non_blocking_pair();
        let fd = register(a);
        b.write_all(b"x").unwrap();
        for _ in 0..2 {
            let mut guard = fd.readable().await.unwrap();
            assert!(guard.ready().is_readable());
            guard.retain_ready();
        }
        let mut guard = fd.readable().await.unwrap();
        assert_eq!(guard.try_io(|fd| fd.get_ref().read(&mut [0; 4])).unwrap().unwrap(), 1);
        assert!(guard.try_io(|fd| fd.get_ref().read(&mut [0; 4])).is_err());
        drop(guard);
        assert!(timeout(Duration::from_millis(2), fd.readable()).await.is_err());
        drop(b);
        let mut guard = fd.readable().await.unwrap();
        assert!(guard.ready().is_read_closed());
        guard.clear_ready();
        assert!(fd.readable().await.unwrap().ready().is_read_closed(), "an end stays");
    });
}

#[test]
fn a_part_of_the_readiness_can_be_cleared() {
    everywhere(|| async {
        let (a, mut b) = non_blocking_pair();
        let fd = register(a);
        b.write_all(b"x").unwrap();
        fd.readable().await.unwrap().retain_ready();
        let mut guard = fd.ready(Interest::READABLE | Interest::WRITABLE).await.unwrap();
        guard.clear_ready_matching(Ready::READABLE);
        assert!(!guard.ready().is_readable() && guard.ready().is_writable());
        assert!(poll_once(pin!(fd.readable())).is_pending());
        assert!(poll_once(pin!(fd.writable())).is_ready());
    });
}

#[test]
fn what_cannot_be_waited_for_comes_back() {
    everywhere(|| async {
        let file = std::fs::File::open("/proc/self/exe").unwrap();
        let number = file.as_raw_fd();
        // SAFETY: the file keeps its descriptor.
        let (file, error) = unsafe { AsyncFd::register(file) }.unwrap_err().into_parts();
        assert_eq!((file.as_raw_fd(), error.raw_os_error()), (number, Some(libc::EPERM)));
    });
}

#[test]
fn one_descriptor_twice_is_an_error_and_not_a_hang() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (a, _b) = non_blocking_pair();
        let first = register(a.as_raw_fd());
        // SAFETY: the socket outlives it.
        let error = unsafe { AsyncFd::register(a.as_raw_fd()) }.unwrap_err();
        assert_eq!(io::Error::from(error).kind(), ErrorKind::AlreadyExists);
        drop(first);
        register(a.as_raw_fd());
    });
}

#[test]
#[expect(deprecated, reason = "the former constructor does not ask for a promise")]
fn a_descriptor_that_is_closed_behind_its_back_does_no_harm() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (a, mut b) = non_blocking_pair();
        let number = a.as_raw_fd();
        let duplicate = a.try_clone().unwrap();
        let lost = AsyncFd::new(number).unwrap();
        drop(a);
        // Usually takes the number that became free, so that `lost` removes this one instead of itself.
        let (c, mut d) = non_blocking_pair();
        let other = register(c);
        drop(lost);
        let another = register(duplicate);
        // The events of the first registration still come.
        b.write_all(b"x").unwrap();
        d.write_all(b"y").unwrap();
        another.readable().await.unwrap().retain_ready();
        drop(other);
    });
}

#[test]
fn any_number_of_tasks_may_wait() {
    everywhere(|| async {
        let (a, mut b) = non_blocking_pair();
        let fd = Arc::new(register(a));
        let waiting: Vec<_> = (0..10)
            .map(|_| {
                let fd = fd.clone();
                cede::spawn(async move { fd.readable().await.unwrap().retain_ready() })
            })
            .collect();
        cede::task::yield_now().await;
        b.write_all(b"x").unwrap();
        for task in waiting {
            task.await.unwrap();
        }
    });
}

#[test]
fn operations_are_repeated_until_they_do_not_block() {
    everywhere(|| async {
        let (a, mut b) = non_blocking_pair();
        let mut fd = register(a);
        let reading = cede::spawn(async move {
            let mut byte = [0];
            fd.async_io(Interest::READABLE, |mut socket| socket.read(&mut byte)).await.unwrap();
            fd.async_io_mut(Interest::READABLE, |socket| socket.read(&mut byte)).await.unwrap();
            assert_eq!(fd.try_io_mut(Interest::READABLE, |socket| socket.read(&mut byte)).unwrap_err().kind(), ErrorKind::WouldBlock);
            byte[0]
        });
        b.write_all(b"1").unwrap();
        cede::task::yield_now().await;
        b.write_all(b"2").unwrap();
        assert_eq!(reading.await.unwrap(), b'2');
    });
}

#[test]
fn a_runtime_that_ends_wakes_who_waits() {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (a, _b) = non_blocking_pair();
    let fd = {
        let _inside = runtime.enter();
        register(OwnedFd::from(a))
    };
    let waiting = std::thread::spawn(move || cede::block_on(async move { fd.readable().await.map(drop) }));
    drop(runtime);
    let error = waiting.join().unwrap().unwrap_err();
    assert!(cede::runtime::is_rt_shutdown_err(&error), "{error}");
}

#[test]
#[should_panic(expected = "there is no reactor running")]
fn outside_of_a_runtime_is_said_so() {
    let (a, _b) = non_blocking_pair();
    register(a);
}

#[test]
#[should_panic(expected = "IO is disabled")]
fn a_runtime_without_descriptors_says_so() {
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    let (a, _b) = non_blocking_pair();
    runtime.block_on(async { register(a) });
}
