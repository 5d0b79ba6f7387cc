//! What hyper needs of a runtime: its I/O traits on the sockets, an executor and a timer.
//!
//! # Invariants
//! - I1: a cursor's memory is only handed to our own `poll_read`, which initializes what it reports as filled. There is no shared memory, hence no loom model.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use cede_io::{AsyncRead, AsyncWrite, ReadBuf};
use hyper::rt::{Executor, ReadBufCursor, Sleep, Timer};

use crate::net::{TcpStream, UnixStream};
use crate::time;

macro_rules! impl_io {
    ($($socket:ty),*) => {$(
        impl hyper::rt::Read for $socket {
            fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, mut cursor: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
                // SAFETY: [I1] the memory is only written to, by the kernel.
                let mut buffer = ReadBuf::uninit(unsafe { cursor.as_mut() });
                ready!(AsyncRead::poll_read(self, cx, &mut buffer))?;
                let count = buffer.filled().len();
                // SAFETY: [I1] so many bytes were filled, from the cursor's position on.
                unsafe { cursor.advance(count) };
                Poll::Ready(Ok(()))
            }
        }

        impl hyper::rt::Write for $socket {
            fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
                AsyncWrite::poll_write(self, cx, buffer)
            }

            fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, buffers: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
                AsyncWrite::poll_write_vectored(self, cx, buffers)
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                AsyncWrite::poll_flush(self, cx)
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                AsyncWrite::poll_shutdown(self, cx)
            }
        }
    )*};
}

impl_io!(TcpStream, UnixStream);

/// Lets hyper spawn tasks on the current runtime.
///
/// ```
/// let executor = cede::hyper::CedeExecutor;
/// # cede::block_on(async { hyper::rt::Executor::execute(&executor, async {}); });
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct CedeExecutor;

impl<F> Executor<F> for CedeExecutor
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    #[track_caller]
    fn execute(&self, future: F) {
        drop(crate::spawn(future));
    }
}

/// Lets hyper use the timers of the current runtime.
///
/// ```
/// let timer: std::sync::Arc<dyn hyper::rt::Timer + Send + Sync> = std::sync::Arc::new(cede::hyper::CedeTimer);
/// # drop(timer);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct CedeTimer;

struct HyperSleep(Pin<Box<time::Sleep>>);

impl Future for HyperSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(cx)
    }
}

impl Sleep for HyperSleep {}

impl Timer for CedeTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        Box::pin(HyperSleep(Box::pin(time::sleep(duration))))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(HyperSleep(Box::pin(time::sleep_until(deadline.into()))))
    }

    fn reset(&self, sleep: &mut Pin<Box<dyn Sleep>>, deadline: Instant) {
        *sleep = self.sleep_until(deadline);
    }

    fn now(&self) -> Instant {
        time::Instant::now().into_std()
    }
}
