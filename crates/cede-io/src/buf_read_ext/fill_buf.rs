//! The future of [`AsyncBufReadExt::fill_buf`](crate::AsyncBufReadExt::fill_buf).
//!
//! It returns a borrow that outlives it, so when the source is ready the `&'a mut R` must be given up, and when it is not, it must be kept. The
//! borrow checker of today does not see that these are two branches (it is the third problem case of non-lexical lifetimes), hence one `unsafe`.
//! Polling a second time after having taken the reference would be safe, but a source may answer `Pending` then.
//!
//! Invariant I1: a slice leaves `poll` only on the path on which the reference does not return into `reader`. From then on nobody else can
//! reach the source until `'a` ends.
#![expect(unsafe_code, reason = "see the essay above")]

use std::future::Future;
use std::io;
use std::marker::PhantomPinned;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::AsyncBufRead;

pin_project! {
    /// Fills the buffer.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct FillBuf<'a, R: ?Sized> {
        reader: Option<&'a mut R>,
        // So that it can become an `async fn` of a trait without a change that users can see.
        #[pin]
        _pin: PhantomPinned,
    }
}

impl<'a, R: ?Sized> FillBuf<'a, R> {
    pub(super) fn new(reader: &'a mut R) -> Self {
        FillBuf { reader: Some(reader), _pin: PhantomPinned }
    }
}

impl<'a, R: AsyncBufRead + Unpin + ?Sized> Future for FillBuf<'a, R> {
    type Output = io::Result<&'a [u8]>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let me = self.project();
        let reader = me.reader.take().expect("`fill_buf` was polled after it completed");
        match Pin::new(&mut *reader).poll_fill_buf(cx) {
            Poll::Ready(Ok(available)) => {
                // SAFETY: [I1] `reader` is not put back, so this borrow of it may last for all of `'a`.
                let available = unsafe { mem::transmute::<&[u8], &'a [u8]>(available) };
                Poll::Ready(Ok(available))
            }
            Poll::Ready(Err(err)) => Poll::Ready(Err(err)),
            Poll::Pending => {
                *me.reader = Some(reader);
                Poll::Pending
            }
        }
    }
}
