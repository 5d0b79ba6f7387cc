//! What TCP and Unix streams have in common, written once.
//!
//! Both are a [`Pollable`](crate::pollable::Pollable) named `io`. The types are separate and their methods inherent, as users know them, so this is a macro and not a trait.
//!
//! What few programs call is `#[inline]`: compiled by whoever calls it, and in no other program.

/// The methods, `AsyncRead`, `AsyncWrite` and the conversions of a stream type over the standard library's. `$seldom` is for what reads and writes of a type that few programs use.
macro_rules! byte_stream {
    ($stream:ident, $std:ty $(, #[$seldom:meta])?) => {
        impl $stream {
            /// Waits until the stream is ready for something of interest, and returns for what. It may be wrong: a following try may still say `WouldBlock`.
            ///
            /// *Cancel safety*: dropping it loses nothing.
            ///
            /// # Errors
            /// If the runtime is shut down.
            pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
                self.io.ready(interest).await
            }

            /// Waits until a read may succeed, or the peer has closed its side.
            ///
            /// *Cancel safety*: dropping it loses nothing.
            ///
            /// # Errors
            /// If the runtime is shut down.
            pub async fn readable(&self) -> io::Result<()> {
                self.io.ready(Interest::READABLE).await.map(drop)
            }

            /// Waits until a write may succeed.
            ///
            /// *Cancel safety*: dropping it loses nothing.
            ///
            /// # Errors
            /// If the runtime is shut down.
            pub async fn writable(&self) -> io::Result<()> {
                self.io.ready(Interest::WRITABLE).await.map(drop)
            }

            /// Polls for readability. Only the last task that polled for it (or for a read) is woken.
            ///
            /// # Errors
            /// If the runtime is shut down.
            #[inline]
            pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.io.poll_ready(cx, Direction::Read)
            }

            /// Polls for writability. Only the last task that polled for it (or for a write) is woken.
            ///
            /// # Errors
            /// If the runtime is shut down.
            #[inline]
            pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.io.poll_ready(cx, Direction::Write)
            }

            /// Reads what is there, without waiting. Zero bytes are the end of the stream.
            ///
            /// # Errors
            /// `WouldBlock` if nothing is there, and those of `read(2)`.
            #[inline]
            pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
                self.io.attempt(Direction::Read, |mut stream| stream.read(buffer))
            }

            /// Reads what is there into several buffers, without waiting.
            ///
            /// # Errors
            /// As `try_read`.
            #[inline]
            pub fn try_read_vectored(&self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                self.io.attempt(Direction::Read, |mut stream| stream.read_vectored(buffers))
            }

            /// Reads what is there to the end of a buffer, without waiting.
            ///
            /// # Errors
            /// As `try_read`.
            #[inline]
            pub fn try_read_buf<B: BufMut>(&self, buffer: &mut B) -> io::Result<usize> {
                self.io.try_receive_buf(buffer)
            }

            /// Writes what fits, without waiting.
            ///
            /// # Errors
            /// `WouldBlock` if nothing fits, and those of `write(2)`.
            #[inline]
            pub fn try_write(&self, buffer: &[u8]) -> io::Result<usize> {
                self.io.attempt(Direction::Write, |mut stream| stream.write(buffer))
            }

            /// Writes what fits of several buffers, without waiting.
            ///
            /// # Errors
            /// As `try_write`.
            #[inline]
            pub fn try_write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
                self.io.attempt(Direction::Write, |stream| crate::net::gather::write_vectored(stream, buffers))
            }

            /// Tries an operation on the descriptor, if it is ready for something of interest. When the operation says `WouldBlock`, the readiness is forgotten;
            /// it should say so only when the descriptor did.
            ///
            /// # Errors
            /// Those of the operation; `WouldBlock` if the stream is known not to be ready.
            #[inline]
            pub fn try_io<R>(&self, interest: Interest, operation: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
                self.io.try_io(interest, operation)
            }

            /// Repeats an operation on the descriptor, waiting for readiness, until it does not say `WouldBlock`; see `try_io`.
            ///
            /// *Cancel safety*: dropping it loses nothing, because what the operation has done is returned at once.
            ///
            /// # Errors
            /// Those of the operation.
            pub async fn async_io<R>(&self, interest: Interest, operation: impl FnMut() -> io::Result<R>) -> io::Result<R> {
                self.io.async_io(interest, operation).await
            }

            /// The error that is pending on the socket, which this takes.
            ///
            /// # Errors
            /// If the system refuses.
            pub fn take_error(&self) -> io::Result<Option<io::Error>> {
                self.io.get_ref().take_error()
            }

            /// Takes over a stream of the standard library, which must be in non-blocking mode.
            ///
            /// # Errors
            /// In a simulated run.
            ///
            /// # Panics
            /// Outside of a runtime, and if the stream is in blocking mode: it would hang a worker.
            #[inline]
            #[track_caller]
            pub fn from_std(stream: $std) -> io::Result<Self> {
                let io = Pollable::new(stream)?;
                crate::net::assert_non_blocking(&io);
                Ok(Self { io })
            }

            /// Gives the stream of the standard library back, in non-blocking mode.
            ///
            /// # Errors
            /// None at present.
            #[inline]
            pub fn into_std(self) -> io::Result<$std> {
                Ok(self.io.into_inner())
            }

            pub(super) fn shutdown_std(&self, how: Shutdown) -> io::Result<()> {
                match self.io.get_ref().shutdown(how) {
                    // The peer was faster.
                    Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
                    result => result,
                }
            }

            #[inline]
            pub(super) fn poll_read_shared(&self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
                self.io.poll_receive(cx, buffer)
            }

            #[inline]
            pub(super) fn poll_write_shared(&self, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
                self.io.poll_write(cx, buffer)
            }

            #[inline]
            pub(super) fn poll_write_vectored_shared(&self, cx: &mut Context<'_>, buffers: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
                self.io.poll_io(cx, Direction::Write, |stream| crate::net::gather::write_vectored(stream, buffers).map(Attempt::Done))
            }
        }

        impl AsyncRead for $stream {
            $(#[$seldom])?
            fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
                self.poll_read_shared(cx, buffer)
            }
        }

        impl AsyncWrite for $stream {
            $(#[$seldom])?
            fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
                self.poll_write_shared(cx, buffer)
            }

            $(#[$seldom])?
            fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, buffers: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
                self.poll_write_vectored_shared(cx, buffers)
            }

            $(#[$seldom])?
            fn is_write_vectored(&self) -> bool {
                true
            }

            $(#[$seldom])?
            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            $(#[$seldom])?
            fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(self.shutdown_std(Shutdown::Write))
            }
        }

        impl AsRef<$stream> for $stream {
            fn as_ref(&self) -> &Self {
                self
            }
        }

        crate::net::descriptor! { $stream, $std }
    };
}

pub(super) use byte_stream;
