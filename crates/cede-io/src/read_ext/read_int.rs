//! The futures of `AsyncReadExt::read_u8` and its kin: a `read_exact` into an array, then a conversion.

use std::future::Future;
use std::io;
use std::marker::PhantomPinned;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::read_exact::poll_fill;
use crate::AsyncRead;

macro_rules! number_futures {
    ($($future:ident: $number:ident::$from_bytes:ident,)*) => {$(
        pin_project! {
            /// Reads one number.
            #[derive(Debug)]
            #[must_use = "futures do nothing unless you `.await` or poll them"]
            pub struct $future<R> {
                #[pin]
                reader: R,
                buf: [u8; size_of::<$number>()],
                read: usize,
                // So that it can become an `async fn` of a trait without a change that users can see.
                #[pin]
                _pin: PhantomPinned,
            }
        }

        impl<R> $future<R> {
            pub(super) fn new(reader: R) -> Self {
                $future { reader, buf: [0; size_of::<$number>()], read: 0, _pin: PhantomPinned }
            }
        }

        impl<R: AsyncRead> Future for $future<R> {
            type Output = io::Result<$number>;

            fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
                let me = self.project();
                ready!(poll_fill(me.reader, cx, me.buf, me.read))?;
                Poll::Ready(Ok($number::$from_bytes(*me.buf)))
            }
        }
    )*};
}

number_futures! {
    ReadU8: u8::from_be_bytes,
    ReadI8: i8::from_be_bytes,
    ReadU16: u16::from_be_bytes,
    ReadI16: i16::from_be_bytes,
    ReadU32: u32::from_be_bytes,
    ReadI32: i32::from_be_bytes,
    ReadU64: u64::from_be_bytes,
    ReadI64: i64::from_be_bytes,
    ReadU128: u128::from_be_bytes,
    ReadI128: i128::from_be_bytes,
    ReadF32: f32::from_be_bytes,
    ReadF64: f64::from_be_bytes,
    ReadU16Le: u16::from_le_bytes,
    ReadI16Le: i16::from_le_bytes,
    ReadU32Le: u32::from_le_bytes,
    ReadI32Le: i32::from_le_bytes,
    ReadU64Le: u64::from_le_bytes,
    ReadI64Le: i64::from_le_bytes,
    ReadU128Le: u128::from_le_bytes,
    ReadI128Le: i128::from_le_bytes,
    ReadF32Le: f32::from_le_bytes,
    ReadF64Le: f64::from_le_bytes,
}
