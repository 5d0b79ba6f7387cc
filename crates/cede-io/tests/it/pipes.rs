//! `duplex`, `simplex`, `split` and `join`.

use std::io::{ErrorKind, IoSlice};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use cede_context::wait::{self, WaitKind};
use cede_io::{AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, SimplexStream, duplex, join, simplex, split};

use crate::script::{Script, block_on, waker};

#[test]
fn each_end_wakes_the_other() {
    let (mut a, mut b) = duplex(2);
    let (reader_wakes, reader_waker) = waker();
    let (writer_wakes, writer_waker) = waker();
    let (mut reader_cx, mut writer_cx) = (Context::from_waker(&reader_waker), Context::from_waker(&writer_waker));
    {
        let mut buf = [0; 4];
        let mut read = Box::pin(b.read(&mut buf));
        assert!(read.as_mut().poll(&mut reader_cx).is_pending());
        assert_eq!(wait::take().kind, WaitKind::Pipe);
        let mut write = Box::pin(a.write_all(b"abc"));
        assert!(write.as_mut().poll(&mut writer_cx).is_pending());
        assert_eq!((reader_wakes.count(), writer_wakes.count()), (1, 0));
        assert!(read.as_mut().poll(&mut reader_cx).is_ready());
        assert_eq!((reader_wakes.count(), writer_wakes.count()), (1, 1));
        assert!(write.as_mut().poll(&mut writer_cx).is_ready());
    }
    assert_eq!(block_on(b.read_u8()).unwrap(), b'c');
}

#[test]
fn the_last_waker_is_woken() {
    let (mut a, mut b) = duplex(2);
    let (first, first_waker) = waker();
    let (second, second_waker) = waker();
    let mut buf = [0; 1];
    for waker in [&first_waker, &first_waker, &second_waker] {
        assert!(Box::pin(b.read(&mut buf)).as_mut().poll(&mut Context::from_waker(waker)).is_pending());
    }
    // The pipe keeps one waker, and dropped the other.
    assert_eq!(Arc::strong_count(&first), 2);
    block_on(a.write_all(b"a")).unwrap();
    assert_eq!((first.count(), second.count()), (0, 1));
}

#[test]
fn a_dropped_end_is_an_end_for_reads_and_a_broken_pipe_for_writes() {
    let (mut a, b) = duplex(8);
    let (wakes, waker) = waker();
    let mut buf = [0; 4];
    {
        let mut read = Box::pin(a.read(&mut buf));
        assert!(read.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        drop(b);
        assert_eq!(wakes.count(), 1);
        assert_eq!(block_on(read).unwrap(), 0);
    }
    assert_eq!(block_on(a.write(b"x")).unwrap_err().kind(), ErrorKind::BrokenPipe);
    assert_eq!(block_on(a.write_vectored(&[IoSlice::new(b"x")])).unwrap_err().kind(), ErrorKind::BrokenPipe);
}

#[test]
fn shutdown_ends_one_direction_after_its_data() {
    block_on(async {
        let (mut a, mut b) = duplex(8);
        a.write_all(b"last").await.unwrap();
        a.shutdown().await.unwrap();
        assert_eq!(a.write(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        let mut all = Vec::new();
        b.read_to_end(&mut all).await.unwrap();
        assert_eq!(all, b"last");
        b.write_all(b"answer").await.unwrap();
        assert_eq!(a.read_u8().await.unwrap(), b'a');
    });
}

#[test]
fn nothing_to_move_never_waits() {
    block_on(async {
        let (mut a, mut b) = duplex(1);
        assert_eq!(b.read(&mut []).await.unwrap(), 0);
        a.write_all(b"x").await.unwrap();
        assert_eq!(a.write(b"").await.unwrap(), 0);
        assert_eq!(a.write_vectored(&[]).await.unwrap(), 0);
        assert_eq!(a.write_vectored(&[IoSlice::new(b"")]).await.unwrap(), 0);
    });
}

#[test]
fn a_vectored_write_takes_what_fits_over_slices() {
    block_on(async {
        let (mut a, mut b) = duplex(5);
        assert!(a.is_write_vectored());
        let slices = [IoSlice::new(b"ab"), IoSlice::new(b""), IoSlice::new(b"cdef")];
        assert_eq!(a.write_vectored(&slices).await.unwrap(), 5);
        let mut buf = [0; 5];
        b.read_exact(&mut buf).await.unwrap();
        assert_eq!(&buf, b"abcde");
    });
}

/// A waker that panics.
struct Explosive;

impl Wake for Explosive {
    fn wake(self: Arc<Self>) {
        panic!("a waker panics");
    }
}

#[test]
fn a_waker_that_panics_loses_nothing_else() {
    let (mut a, mut b) = duplex(1);
    let explosive = Waker::from(Arc::new(Explosive));
    let (wakes, waker) = waker();
    let mut buf = [0; 1];
    block_on(a.write_all(b"a")).unwrap();
    assert!(Box::pin(a.read(&mut buf)).as_mut().poll(&mut Context::from_waker(&explosive)).is_pending());
    assert!(Box::pin(a.write_all(b"b")).as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    // Dropping one end wakes the other's reader, which panics, and its writer.
    assert!(catch_unwind(AssertUnwindSafe(|| drop(b))).is_err());
    assert_eq!(wakes.count(), 1);
    assert_eq!(block_on(a.write(b"c")).unwrap_err().kind(), ErrorKind::BrokenPipe);
    (a, b) = duplex(1);
    assert!(Box::pin(a.read(&mut buf)).as_mut().poll(&mut Context::from_waker(&explosive)).is_pending());
    assert!(catch_unwind(AssertUnwindSafe(|| block_on(b.write(b"x")))).is_err());
    assert_eq!(block_on(a.read_u8()).unwrap(), b'x');
}

#[test]
fn simplex_is_one_direction_in_two_halves() {
    block_on(async {
        let (mut reader, mut writer) = simplex(4);
        assert!(writer.is_write_vectored());
        writer.write_all(b"abcd").await.unwrap();
        assert_eq!(reader.read(&mut [0; 3]).await.unwrap(), 3);
        writer.shutdown().await.unwrap();
        let mut rest = Vec::new();
        reader.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"d");
        let mut pipe = reader.unsplit(writer);
        assert_eq!(pipe.read(&mut [0; 3]).await.unwrap(), 0);
    });
}

#[test]
#[should_panic(expected = "must be greater than 0")]
fn a_pipe_without_room_is_refused() {
    let _ = duplex(0);
}

#[test]
fn halves_know_each_other() {
    let (r1, w1) = split(Script::default());
    let (r2, w2) = split(Script::default());
    assert!(r1.is_pair_of(&w1) && w1.is_pair_of(&r1));
    assert!(!r1.is_pair_of(&w2) && !w1.is_pair_of(&r2));
    assert_eq!(r1.unsplit(w1).flushes, 0);
}

#[test]
#[should_panic(expected = "not of the same stream")]
fn halves_of_two_streams_do_not_fit() {
    let (r1, _w1) = split(Script::default());
    let (_r2, w2) = split(Script::default());
    r1.unsplit(w2);
}

#[test]
fn a_panic_in_one_half_does_not_stop_the_other() {
    let script = Script::reading([crate::script::Accept(0)]);
    let (mut reader, mut writer) = split(script);
    assert!(catch_unwind(AssertUnwindSafe(|| block_on(reader.read_u8()))).is_err());
    block_on(writer.write_all(b"ok")).unwrap();
    assert_eq!(reader.unsplit(writer).written, b"ok");
}

#[test]
fn a_joined_stream_reads_here_and_writes_there() {
    block_on(async {
        let mut both = join(&b"abc"[..], Script { vectored: true, ..Script::default() });
        assert!(both.is_write_vectored());
        assert_eq!(both.read_u8().await.unwrap(), b'a');
        both.write_all(b"x").await.unwrap();
        Pin::new(&mut both).writer_pin_mut().flush().await.unwrap();
        assert_eq!((*both.reader(), both.writer().written.as_slice()), (&b"bc"[..], &b"x"[..]));
    });
}

#[test]
fn streams_go_to_other_threads_when_their_contents_may() {
    fn check<T: Send + Sync + Unpin>() {}
    check::<DuplexStream>();
    check::<SimplexStream>();
    check::<cede_io::ReadHalf<DuplexStream>>();
    check::<cede_io::WriteHalf<DuplexStream>>();
    check::<cede_io::BufReader<DuplexStream>>();
    check::<cede_io::BufStream<DuplexStream>>();
    check::<cede_io::Lines<cede_io::BufReader<DuplexStream>>>();
}
