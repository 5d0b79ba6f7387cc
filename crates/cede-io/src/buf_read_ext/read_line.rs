//! The future of [`AsyncBufReadExt::read_line`](crate::AsyncBufReadExt::read_line).

use std::future::Future;
use std::io;
use std::marker::PhantomPinned;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::read_until::poll_read_until;
use crate::AsyncBufRead;

pin_project! {
    /// Reads a line.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct ReadLine<'a, R: ?Sized> {
        reader: &'a mut R,
        // Empty until the end: its bytes are in `buf`, because they are not UTF-8 at every moment.
        output: &'a mut String,
        buf: Vec<u8>,
        original_len: usize,
        read: usize,
        // It was ready, and what it has is the caller's.
        is_over: bool,
        // So that it can become an `async fn` of a trait without a change that users can see.
        #[pin]
        _pin: PhantomPinned,
    }
}

impl<'a, R: ?Sized> ReadLine<'a, R> {
    pub(super) fn new(reader: &'a mut R, output: &'a mut String) -> Self {
        let buf = mem::take(output).into_bytes();
        let original_len = buf.len();
        ReadLine { reader, output, buf, original_len, read: 0, is_over: false, _pin: PhantomPinned }
    }
}

impl<R: AsyncBufRead + Unpin + ?Sized> Future for ReadLine<'_, R> {
    type Output = io::Result<usize>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let me = self.project();
        if mem::take(me.is_over) {
            // It goes on with the next line.
            *me.buf = mem::take(*me.output).into_bytes();
            (*me.original_len, *me.read) = (me.buf.len(), 0);
        }
        let mut end = ready!(poll_read_until(Pin::new(&mut **me.reader), cx, b'\n', me.buf, me.read));
        *me.is_over = true;
        match String::from_utf8(mem::take(me.buf)) {
            Ok(string) => **me.output = string,
            Err(not_utf8) => {
                let problem = io::Error::new(io::ErrorKind::InvalidData, not_utf8.utf8_error());
                let mut bytes = not_utf8.into_bytes();
                bytes.truncate(*me.original_len);
                **me.output = String::from_utf8(bytes).expect("it was a string before");
                end = end.and(Err(problem));
            }
        }
        Poll::Ready(end)
    }
}
