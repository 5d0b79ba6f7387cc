//! The future of [`AsyncReadExt::read_to_string`](crate::AsyncReadExt::read_to_string).

use std::future::Future;
use std::io;
use std::marker::PhantomPinned;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::read_to_end::Progress;
use crate::AsyncRead;
use crate::read_buf::lend::Filling;

pin_project! {
    /// Reads to the end into a string.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct ReadToString<'a, R: ?Sized> {
        reader: &'a mut R,
        // Empty until the end: its bytes are in `buf`, because they are not UTF-8 at every moment.
        output: &'a mut String,
        buf: Filling<Vec<u8>>,
        progress: Progress,
        // It was ready, and what it has is the caller's.
        is_over: bool,
        // So that it can become an `async fn` of a trait without a change that users can see.
        #[pin]
        _pin: PhantomPinned,
    }
}

impl<'a, R: ?Sized> ReadToString<'a, R> {
    pub(super) fn new(reader: &'a mut R, output: &'a mut String) -> Self {
        let buf = mem::take(output).into_bytes();
        let progress = Progress::new(&buf);
        ReadToString { reader, output, buf: Filling::new(buf), progress, is_over: false, _pin: PhantomPinned }
    }
}

impl<R: AsyncRead + Unpin + ?Sized> Future for ReadToString<'_, R> {
    type Output = io::Result<usize>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let me = self.project();
        if mem::take(me.is_over) {
            // It goes on with what comes after the end.
            let buf = mem::take(*me.output).into_bytes();
            *me.progress = Progress::new(&buf);
            *me.buf = Filling::new(buf);
        }
        let end = ready!(me.progress.poll_read_to_end(Pin::new(&mut **me.reader), cx, me.buf));
        *me.is_over = true;
        let mut bytes = me.buf.with_vec(mem::take);
        let original_len = bytes.len() - me.progress.read();
        let problem = match end {
            Ok(count) => match String::from_utf8(bytes) {
                Ok(string) => {
                    **me.output = string;
                    return Poll::Ready(Ok(count));
                }
                Err(err) => {
                    let problem = io::Error::new(io::ErrorKind::InvalidData, err.utf8_error());
                    bytes = err.into_bytes();
                    problem
                }
            },
            Err(err) => err,
        };
        bytes.truncate(original_len);
        **me.output = String::from_utf8(bytes).expect("it was a string before");
        Poll::Ready(Err(problem))
    }
}
