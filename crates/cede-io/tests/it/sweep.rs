//! Each future is dropped at its k-th pending poll, for each k; what its documentation says is lost then is lost, and nothing else.

use std::future::Future;
use std::io::{self, Cursor, SeekFrom};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::Buf;
use cede_io::{
    AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncSeekExt, AsyncWrite, AsyncWriteExt, BufReader, ReadBuf, copy,
    copy_bidirectional, copy_buf,
};

use crate::script::block_on;

const TEXT: &[u8] = b"first line\nsecond, longer line\n\nlast without an end";
/// No future here is pending more often.
const MOST: usize = 120;

/// A stream that gives and takes two bytes at a time, and is pending before each.
#[derive(Default)]
struct Slow {
    source: Vec<u8>,
    read: usize,
    written: Vec<u8>,
    waited: [bool; 3],
    flushed: usize,
    shut_down: bool,
}

impl Slow {
    fn reading(source: &[u8]) -> Self {
        Self { source: source.to_vec(), ..Self::default() }
    }

    fn wait(&mut self, which: usize, cx: &mut Context<'_>) -> Poll<()> {
        self.waited[which] = !self.waited[which];
        if self.waited[which] {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    fn rest(&self) -> &[u8] {
        &self.source[self.read..]
    }
}

impl AsyncRead for Slow {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        std::task::ready!(self.wait(0, cx));
        let count = self.rest().len().min(2).min(buf.remaining());
        buf.put_slice(&self.rest()[..count]);
        self.read += count;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Slow {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        std::task::ready!(self.wait(1, cx));
        let count = bytes.len().min(2);
        self.written.extend_from_slice(&bytes[..count]);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        std::task::ready!(self.wait(2, cx));
        self.flushed = self.written.len();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        std::task::ready!(self.wait(2, cx));
        self.shut_down = true;
        Poll::Ready(Ok(()))
    }
}

/// Polls until the future was pending `k` times and drops it at the next time. Its output, if it was ready before.
fn up_to<F: Future>(k: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut cx = Context::from_waker(Waker::noop());
    (0..=k).find_map(|_| match future.as_mut().poll(&mut cx) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    })
}

fn sweep(body: impl Fn(usize)) {
    (0..MOST).for_each(body);
}

#[test]
fn a_read_that_is_given_up_has_read_nothing() {
    sweep(|k| {
        let mut slow = Slow::reading(TEXT);
        let (mut got, mut buf) = (Vec::new(), [0; 8]);
        loop {
            // Two ways, in turns, each given up again and again.
            match up_to(k, slow.read(&mut buf)) {
                Some(Ok(0)) => break,
                Some(count) => got.extend_from_slice(&buf[..count.unwrap()]),
                None => {}
            }
            if let Some(Ok(0)) = up_to(k, slow.read_buf(&mut got)) {
                break;
            }
        }
        assert_eq!(got, TEXT);
    });
}

#[test]
fn what_fills_a_buffer_and_is_given_up_left_what_it_read_there() {
    sweep(|k| {
        let mut slow = Slow::reading(TEXT);
        let mut exact = [b'?'; TEXT.len()];
        let done = up_to(k, slow.read_exact(&mut exact)).is_some();
        assert_eq!(&exact[..slow.read], &TEXT[..slow.read]);
        assert!(exact[slow.read..].iter().all(|byte| *byte == b'?'));
        assert_eq!(done, slow.read == TEXT.len());

        let mut slow = Slow::reading(TEXT);
        let mut all = Vec::new();
        let _ = up_to(k, slow.read_to_end(&mut all));
        assert_eq!([&all, slow.rest()].concat(), TEXT);
        block_on(slow.read_to_end(&mut all)).unwrap();
        assert_eq!(all, TEXT);
    });
}

#[test]
fn what_makes_text_or_numbers_and_is_given_up_loses_what_it_read_and_no_more() {
    sweep(|k| {
        let mut slow = Slow::reading(TEXT);
        let mut text = "before ".to_owned();
        let done = up_to(k, slow.read_to_string(&mut text)).is_some();
        assert_eq!(text.len(), if done { 7 + TEXT.len() } else { 0 });
        let mut rest = Vec::new();
        block_on(slow.read_to_end(&mut rest)).unwrap();
        assert!(TEXT.ends_with(&rest));

        let mut slow = Slow::reading(TEXT);
        let number = up_to(k, slow.read_u64());
        assert_eq!(number.map(Result::unwrap), (slow.read == 8).then(|| u64::from_be_bytes(TEXT[..8].try_into().unwrap())));
        let byte = up_to(k, slow.read_u8());
        assert!(byte.is_none_or(|byte| byte.unwrap() == TEXT[slow.read - 1]));
    });
}

#[test]
fn lines_and_pieces_are_whole_however_often_one_gives_up() {
    sweep(|k| {
        let mut got = Vec::new();
        let mut lines = BufReader::with_capacity(3, Slow::reading(TEXT)).lines();
        loop {
            match up_to(k, lines.next_line()) {
                Some(Ok(Some(line))) => got.push(line),
                Some(end) => break assert_eq!(end.unwrap(), None),
                None => {}
            }
        }
        assert_eq!(got.join("\n").as_bytes(), TEXT);

        let mut got = Vec::new();
        let mut pieces = BufReader::with_capacity(3, Slow::reading(TEXT)).split(b'\n');
        loop {
            match up_to(k, pieces.next_segment()) {
                Some(Ok(Some(piece))) => got.push(piece),
                Some(end) => break assert_eq!(end.unwrap(), None),
                None => {}
            }
        }
        assert_eq!(got.join(&b'\n'), TEXT);

        let mut reader = BufReader::with_capacity(3, Slow::reading(TEXT));
        let mut all = Vec::new();
        let _ = up_to(k, reader.read_until(b'!', &mut all));
        block_on(reader.read_until(b'!', &mut all)).unwrap();
        assert_eq!(all, TEXT);

        let mut reader = BufReader::with_capacity(3, Slow::reading(TEXT));
        let mut line = "before ".to_owned();
        let done = up_to(k, reader.read_line(&mut line)).is_some();
        assert_eq!(line, if done { "before first line\n" } else { "" });
        let mut rest = Vec::new();
        block_on(reader.read_to_end(&mut rest)).unwrap();
        assert!(TEXT.ends_with(&rest));

        let mut reader = BufReader::with_capacity(3, Slow::reading(TEXT));
        let mut all = Vec::new();
        loop {
            let filled = up_to(k, reader.fill_buf()).map(|filled| filled.unwrap().to_vec());
            match filled {
                Some(filled) if filled.is_empty() => break,
                Some(filled) => {
                    all.extend_from_slice(&filled);
                    Pin::new(&mut reader).consume(filled.len());
                }
                None => {}
            }
        }
        assert_eq!(all, TEXT);
    });
}

#[test]
fn a_write_that_is_given_up_has_written_nothing_or_a_part_from_the_front() {
    sweep(|k| {
        let mut slow = Slow::default();
        let mut sent = Vec::new();
        while sent.len() < TEXT.len() {
            let rest = &TEXT[sent.len()..];
            if let Some(count) = up_to(k, slow.write(rest)) {
                sent.extend_from_slice(&rest[..count.unwrap()]);
            }
            assert_eq!(slow.written, sent);
            let rest = &TEXT[sent.len()..];
            if let Some(count) = up_to(k, slow.write_vectored(&[io::IoSlice::new(rest)])) {
                sent.extend_from_slice(&rest[..count.unwrap()]);
            }
            let mut rest = &TEXT[sent.len()..];
            let _ = up_to(k, slow.write_buf(&mut rest));
            sent.extend_from_slice(&TEXT[sent.len()..TEXT.len() - rest.remaining()]);
            assert_eq!(slow.written, sent);
        }

        let mut slow = Slow::default();
        let mut rest = TEXT;
        let _ = up_to(k, slow.write_all_buf(&mut rest));
        assert_eq!([&slow.written, rest].concat(), TEXT);
        block_on(slow.write_all_buf(&mut rest)).unwrap();
        assert_eq!(slow.written, TEXT);

        let mut slow = Slow::default();
        let done = up_to(k, slow.write_all(TEXT)).is_some();
        assert!(TEXT.starts_with(&slow.written));
        assert_eq!(done, slow.written == TEXT);

        let mut slow = Slow::default();
        let number = up_to(k, slow.write_u64(7)).is_some();
        assert!(7_u64.to_be_bytes().starts_with(&slow.written));
        assert_eq!(number, slow.written.len() == 8);

        let mut slow = Slow { written: TEXT.to_vec(), ..Slow::default() };
        while up_to(k, slow.flush()).is_none() {}
        assert_eq!(slow.flushed, TEXT.len());
        while up_to(k, slow.shutdown()).is_none() {}
        assert!(slow.shut_down);
    });
}

#[test]
fn a_copy_that_is_given_up_has_written_a_part_from_the_front() {
    sweep(|k| {
        let (mut from, mut to) = (Slow::reading(TEXT), Slow::default());
        let done = up_to(k, copy(&mut from, &mut to)).is_some();
        assert!(TEXT.starts_with(&to.written));
        assert_eq!(done, to.written == TEXT && to.flushed == TEXT.len());

        let (mut from, mut to) = (BufReader::with_capacity(3, Slow::reading(TEXT)), Slow::default());
        let _ = up_to(k, copy_buf(&mut from, &mut to));
        block_on(copy_buf(&mut from, &mut to)).unwrap();
        assert_eq!(to.written, TEXT);

        let (mut a, mut b) = (Slow::reading(TEXT), Slow::reading(b"and back"));
        let done = up_to(k, copy_bidirectional(&mut a, &mut b)).is_some();
        assert!(TEXT.starts_with(&b.written) && b"and back".starts_with(&a.written[..]));
        assert_eq!(done, a.shut_down && b.shut_down);
    });
}

#[test]
fn a_seek_that_is_given_up_leaves_a_position_that_can_be_asked() {
    for k in 0..3 {
        let mut reader = BufReader::with_capacity(3, Cursor::new(TEXT.to_vec()));
        let _ = up_to(k, reader.seek(SeekFrom::Start(6)));
        let position = block_on(reader.stream_position()).unwrap();
        assert!(position == 0 || position == 6);
        let _ = up_to(k, reader.rewind());
        let _ = up_to(k, reader.stream_position());
        block_on(reader.seek(SeekFrom::Start(6))).unwrap();
        let mut rest = Vec::new();
        block_on(reader.read_to_end(&mut rest)).unwrap();
        assert_eq!(rest, &TEXT[6..]);
    }
}
