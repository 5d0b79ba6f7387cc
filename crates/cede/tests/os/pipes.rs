//! Pipes.

use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::pin::pin;

use cede::io::{AsyncReadExt, AsyncWriteExt};
use cede::net::unix::pipe;

use crate::{Scratch, everywhere, poll_once};

fn make_fifo(path: &std::path::Path) {
    rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
}

#[test]
fn bytes_pass_and_both_ends_see_the_other_go() {
    everywhere(|| async {
        let (mut sender, mut receiver) = pipe::pipe().unwrap();
        let sending = cede::spawn(async move { sender.write_all(&[3; 300_000]).await.unwrap() });
        let mut bytes = Vec::new();
        receiver.read_to_end(&mut bytes).await.unwrap();
        sending.await.unwrap();
        assert!(bytes.len() == 300_000 && bytes.iter().all(|byte| *byte == 3));
        let (mut sender, receiver) = pipe::pipe().unwrap();
        drop(receiver);
        assert_eq!(sender.write(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn a_receiver_waits_for_its_first_sender() {
    everywhere(|| async {
        let scratch = Scratch::new();
        let path = scratch.path("requests");
        make_fifo(&path);
        assert_eq!(pipe::OpenOptions::new().open_sender(&path).unwrap_err().raw_os_error(), Some(libc::ENXIO));
        let mut receiver = pipe::OpenOptions::new().open_receiver(&path).unwrap();
        let mut buffer = [0; 8];
        assert!(poll_once(pin!(receiver.read(&mut buffer))).is_pending());
        let mut sender = pipe::OpenOptions::new().open_sender(&path).unwrap();
        sender.write_all(b"hello").await.unwrap();
        assert_eq!(receiver.read(&mut buffer).await.unwrap(), 5);
        drop(sender);
        assert_eq!(receiver.read(&mut buffer).await.unwrap(), 0);
    });
}

#[test]
fn what_is_no_pipe_or_the_wrong_end_is_refused() {
    everywhere(|| async {
        let scratch = Scratch::new();
        let path = scratch.path("file");
        std::fs::write(&path, "x").unwrap();
        let error = pipe::OpenOptions::new().open_receiver(&path).unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::InvalidInput, "not a pipe"));
        let unchecked = pipe::OpenOptions::new().unchecked(true).open_receiver(&path).unwrap_err();
        assert_eq!(unchecked.raw_os_error(), Some(libc::EPERM));
        let (reader, writer) = std::io::pipe().unwrap();
        let error = pipe::Sender::from_owned_fd(OwnedFd::from(reader)).unwrap_err();
        assert_eq!(error.to_string(), "not in O_WRONLY or O_RDWR access mode");
        let error = pipe::Receiver::from_owned_fd(OwnedFd::from(writer)).unwrap_err();
        assert_eq!(error.to_string(), "not in O_RDONLY or O_RDWR access mode");
    });
}

#[test]
fn ends_come_back_in_the_mode_that_is_asked_for() {
    everywhere(|| async {
        let non_blocking = |fd: &OwnedFd| rustix::fs::fcntl_getfl(fd).unwrap().contains(rustix::fs::OFlags::NONBLOCK);
        let (sender, receiver) = pipe::pipe().unwrap();
        assert!(non_blocking(&sender.into_nonblocking_fd().unwrap()));
        assert!(!non_blocking(&receiver.into_blocking_fd().unwrap()));
    });
}

#[test]
fn tries_do_not_wait() {
    everywhere(|| async {
        let (sender, receiver) = pipe::pipe().unwrap();
        assert_eq!(receiver.try_read(&mut [0; 4]).unwrap_err().kind(), ErrorKind::WouldBlock);
        sender.writable().await.unwrap();
        assert_eq!(sender.try_write(b"abc").unwrap(), 3);
        receiver.readable().await.unwrap();
        let mut bytes = Vec::with_capacity(8);
        assert_eq!(receiver.try_read_buf(&mut bytes).unwrap(), 3);
        assert_eq!(bytes, b"abc");
    });
}
