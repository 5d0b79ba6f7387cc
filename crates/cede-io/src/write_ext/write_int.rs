//! The futures of `AsyncWriteExt::write_u8` and its kin: a conversion, then a `write_all` of the array.

use std::future::Future;
use std::io;
use std::marker::PhantomPinned;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::write_all::poll_drain;
use crate::AsyncWrite;

macro_rules! number_futures {
    ($($future:ident: $number:ident::$to_bytes:ident,)*) => {$(
        pin_project! {
            /// Writes one number.
            #[derive(Debug)]
            #[must_use = "futures do nothing unless you `.await` or poll them"]
            pub struct $future<W> {
                #[pin]
                writer: W,
                buf: [u8; size_of::<$number>()],
                written: usize,
                // So that it can become an `async fn` of a trait without a change that users can see.
                #[pin]
                _pin: PhantomPinned,
            }
        }

        impl<W> $future<W> {
            pub(super) fn new(writer: W, number: $number) -> Self {
                $future { writer, buf: number.$to_bytes(), written: 0, _pin: PhantomPinned }
            }
        }

        impl<W: AsyncWrite> Future for $future<W> {
            type Output = io::Result<()>;

            fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
                let me = self.project();
                poll_drain(me.writer, cx, me.buf, me.written)
            }
        }
    )*};
}

number_futures! {
    WriteU8: u8::to_be_bytes,
    WriteI8: i8::to_be_bytes,
    WriteU16: u16::to_be_bytes,
    WriteI16: i16::to_be_bytes,
    WriteU32: u32::to_be_bytes,
    WriteI32: i32::to_be_bytes,
    WriteU64: u64::to_be_bytes,
    WriteI64: i64::to_be_bytes,
    WriteU128: u128::to_be_bytes,
    WriteI128: i128::to_be_bytes,
    WriteF32: f32::to_be_bytes,
    WriteF64: f64::to_be_bytes,
    WriteU16Le: u16::to_le_bytes,
    WriteI16Le: i16::to_le_bytes,
    WriteU32Le: u32::to_le_bytes,
    WriteI32Le: i32::to_le_bytes,
    WriteU64Le: u64::to_le_bytes,
    WriteI64Le: i64::to_le_bytes,
    WriteU128Le: u128::to_le_bytes,
    WriteI128Le: i128::to_le_bytes,
    WriteF32Le: f32::to_le_bytes,
    WriteF64Le: f64::to_le_bytes,
}
