//! `copy`, `copy_buf` and `copy_bidirectional`.

use std::future::poll_fn;
use std::io::ErrorKind;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use cede_context::budget;
use cede_io::{
    AsyncReadExt, AsyncWriteExt, BufReader, BufWriter, copy, copy_bidirectional, copy_bidirectional_with_sizes, copy_buf, duplex,
};

use crate::script::{Accept, Fail, Give, Pending, Script, block_on};

#[test]
fn copies_in_pieces_and_flushes_at_the_end() {
    block_on(async {
        let mut out = Script::writing([Accept(1), Pending, Fail(ErrorKind::Interrupted), Accept(2)]);
        assert_eq!(copy(&mut Script::trickle(b"abcdef"), &mut out).await.unwrap(), 6);
        assert_eq!(out.written, b"abcdef");
        assert!(out.flushes >= 1);

        let mut out = Script::writing([Accept(1), Pending, Fail(ErrorKind::Interrupted), Accept(2)]);
        assert_eq!(copy_buf(&mut BufReader::new(Script::trickle(b"abcdef")), &mut out).await.unwrap(), 6);
        assert_eq!(out.written, b"abcdef");
        assert!(out.flushes >= 1);
    });
}

#[test]
fn what_was_written_is_flushed_while_the_source_has_nothing() {
    // The source sends its second half only after it saw the first, which would wait in the writer's buffer for ever.
    let (mut near, far) = duplex(64);
    let mut task = Box::pin(async move {
        let mut source = far;
        let mut out = BufWriter::new(Vec::new());
        copy(&mut source, &mut out).await.unwrap();
        out
    });
    block_on(near.write_all(b"first")).unwrap();
    assert!(crate::script::poll_once(&mut task).is_pending());
    drop(near);
    assert_eq!(block_on(task).into_inner(), b"first");

    let mut flushed = Script::default();
    {
        let mut source = Script::reading([Give(b"first".to_vec()), Pending]);
        let mut task = Box::pin(copy(&mut source, &mut flushed));
        assert!(crate::script::poll_once(&mut task).is_pending());
    }
    assert_eq!((flushed.written.as_slice(), flushed.flushes), (&b"first"[..], 1));
}

#[test]
fn errors_end_the_copy_after_the_bytes_before_them() {
    block_on(async {
        let mut out = Script::writing([Accept(1), Accept(0)]);
        assert_eq!(copy(&mut &b"abc"[..], &mut out).await.unwrap_err().kind(), ErrorKind::WriteZero);
        let mut out = Script::writing([Fail(ErrorKind::StorageFull)]);
        assert_eq!(copy(&mut &b"abc"[..], &mut out).await.unwrap_err().kind(), ErrorKind::StorageFull);
        assert_eq!(copy_buf(&mut &b"abc"[..], &mut Script::writing([Accept(0)])).await.unwrap_err().kind(), ErrorKind::WriteZero);

        let mut source = Script::reading([Give(b"abc".to_vec()), Fail(ErrorKind::ConnectionReset)]);
        let mut out = Script::writing([Pending, Pending, Accept(1)]);
        assert_eq!(copy(&mut source, &mut out).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert_eq!(out.written, b"abc");
    });
}

#[test]
fn a_copy_from_memory_to_memory_cedes() {
    let data = vec![1; 8 * 1024 * 1000];
    let (mut source, mut out) = (&data[..], Vec::new());
    let mut task = Box::pin(copy(&mut source, &mut out));
    let mut cx = Context::from_waker(Waker::noop());
    let mut polls = 1;
    while budget::with_initial(|| task.as_mut().poll(&mut cx)).is_pending() {
        polls += 1;
    }
    assert_eq!(polls, 1000_usize.div_ceil(usize::from(budget::INITIAL)));
    drop(task);
    assert!(out == data);
}

#[test]
fn both_directions_go_until_both_have_ended() {
    let (mut client, mut a) = duplex(16);
    let (mut b, mut server) = duplex(16);
    let proxy = async {
        let counts = copy_bidirectional_with_sizes(&mut a, &mut b, 1, 3).await.unwrap();
        assert_eq!(counts, (100, 200));
    };
    let client = async {
        client.write_all(&[1; 100]).await.unwrap();
        client.shutdown().await.unwrap();
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer, [2; 200]);
    };
    let server = async {
        let mut request = Vec::new();
        server.read_to_end(&mut request).await.unwrap();
        assert_eq!(request, [1; 100]);
        server.write_all(&[2; 200]).await.unwrap();
        server.shutdown().await.unwrap();
    };
    block_on(all_three(proxy, client, server));
}

#[test]
fn an_error_in_one_direction_ends_both() {
    let (mut a, _client) = duplex(16);
    let mut b = Script::reading([Fail(ErrorKind::ConnectionReset)]);
    assert_eq!(block_on(copy_bidirectional(&mut a, &mut b)).unwrap_err().kind(), ErrorKind::ConnectionReset);
}

/// Polls three futures until all are done.
async fn all_three(a: impl Future<Output = ()>, b: impl Future<Output = ()>, c: impl Future<Output = ()>) {
    let (a, b, c) = (pin!(a), pin!(b), pin!(c));
    let mut rest = [a as Pin<&mut dyn Future<Output = ()>>, b, c].map(Some);
    poll_fn(move |cx| {
        for slot in &mut rest {
            if slot.as_mut().is_some_and(|future| future.as_mut().poll(cx).is_ready()) {
                *slot = None;
            }
        }
        if rest.iter().all(Option::is_none) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
