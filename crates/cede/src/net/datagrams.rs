//! What UDP and Unix datagram sockets have in common, written once; see [`byte_stream`](super::byte_stream) for why it is a macro.
//!
//! A message that does not fit into the buffer is cut off. A short message says nothing about further ones, so no readiness is given up but by `WouldBlock`.
//!
//! Few programs use them, so all is `#[inline]`: compiled by whoever calls it, and in no other program.

/// The methods and conversions of a datagram socket over the standard library's. `$address` is its address type, made by `$of_kernel`.
macro_rules! datagrams {
    ($socket:ident, $std:ty, $address:ty, $of_kernel:expr) => {
        impl $socket {
            /// Waits until the socket is ready for something of interest, and returns for what. It may be wrong: a following try may still say `WouldBlock`.
            ///
            /// *Cancel safety*: dropping it loses nothing.
            ///
            /// # Errors
            /// If the runtime is shut down.
            pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
                self.io.ready(interest).await
            }

            /// Waits until a message may be there.
            ///
            /// *Cancel safety*: dropping it loses nothing.
            ///
            /// # Errors
            /// If the runtime is shut down.
            pub async fn readable(&self) -> io::Result<()> {
                self.io.ready(Interest::READABLE).await.map(drop)
            }

            /// Waits until a message may be sent.
            ///
            /// *Cancel safety*: dropping it loses nothing.
            ///
            /// # Errors
            /// If the runtime is shut down.
            pub async fn writable(&self) -> io::Result<()> {
                self.io.ready(Interest::WRITABLE).await.map(drop)
            }

            /// Polls until a message may be there. Only the last task that polled to receive is woken.
            ///
            /// # Errors
            /// If the runtime is shut down.
            #[inline]
            pub fn poll_recv_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.io.poll_ready(cx, Direction::Read)
            }

            /// Polls until a message may be sent. Only the last task that polled to send is woken.
            ///
            /// # Errors
            /// If the runtime is shut down.
            #[inline]
            pub fn poll_send_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.io.poll_ready(cx, Direction::Write)
            }

            /// Sends a message to the peer that the socket is connected to.
            ///
            /// *Cancel safety*: dropping it before it is ready sends nothing.
            ///
            /// # Errors
            /// If the socket is not connected, and those of `send(2)`.
            pub async fn send(&self, message: &[u8]) -> io::Result<usize> {
                self.io.operate(Direction::Write, |socket| socket.send(message)).await
            }

            /// Polls to send a message to the peer that the socket is connected to. Only the last task that polled to send is woken.
            ///
            /// # Errors
            /// As `send`.
            #[inline]
            pub fn poll_send(&self, cx: &mut Context<'_>, message: &[u8]) -> Poll<io::Result<usize>> {
                self.io.poll_io(cx, Direction::Write, |socket| socket.send(message).map(Attempt::Done))
            }

            /// Sends a message to the peer that the socket is connected to, without waiting.
            ///
            /// # Errors
            /// `WouldBlock` if there is no room, and those of `send`.
            #[inline]
            pub fn try_send(&self, message: &[u8]) -> io::Result<usize> {
                self.io.attempt(Direction::Write, |socket| socket.send(message))
            }

            /// Receives a message of the peer that the socket is connected to.
            ///
            /// *Cancel safety*: dropping it loses no message.
            ///
            /// # Errors
            /// Those of `recv(2)`.
            pub async fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
                self.io.operate(Direction::Read, |socket| socket.recv(buffer)).await
            }

            /// Polls to receive a message. Only the last task that polled to receive is woken.
            ///
            /// # Errors
            /// As `recv`.
            #[inline]
            pub fn poll_recv(&self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
                self.io.poll_io(cx, Direction::Read, |socket| {
                    fill::read_buf(buffer, |memory| Ok((receive(socket, memory, 0)?, ())))?;
                    Ok(Attempt::Done(()))
                })
            }

            /// Receives a message, without waiting.
            ///
            /// # Errors
            /// `WouldBlock` if none is there, and those of `recv`.
            #[inline]
            pub fn try_recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
                self.io.attempt(Direction::Read, |socket| socket.recv(buffer))
            }

            /// Receives a message to the end of a buffer.
            ///
            /// *Cancel safety*: dropping it loses no message.
            ///
            /// # Errors
            /// As `recv`.
            pub async fn recv_buf<B: BufMut>(&self, buffer: &mut B) -> io::Result<usize> {
                let operation = |socket: &$std| fill::buf_mut(buffer, |memory| Ok((receive(socket, memory, 0)?, ())));
                Ok(self.io.operate(Direction::Read, operation).await?.0)
            }

            /// Receives a message to the end of a buffer, without waiting.
            ///
            /// # Errors
            /// As `try_recv`.
            #[inline]
            pub fn try_recv_buf<B: BufMut>(&self, buffer: &mut B) -> io::Result<usize> {
                let operation = |socket: &$std| fill::buf_mut(buffer, |memory| Ok((receive(socket, memory, 0)?, ())));
                Ok(self.io.attempt(Direction::Read, operation)?.0)
            }

            /// Receives a message, and who sent it.
            ///
            /// *Cancel safety*: dropping it loses no message.
            ///
            /// # Errors
            /// As `recv`.
            pub async fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, $address)> {
                let (count, from) = self.io.operate(Direction::Read, |socket| socket.recv_from(buffer)).await?;
                Ok((count, from.into()))
            }

            /// Polls to receive a message, and who sent it. Only the last task that polled to receive is woken.
            ///
            /// # Errors
            /// As `recv`.
            #[inline]
            pub fn poll_recv_from(&self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<$address>> {
                self.io.poll_io(cx, Direction::Read, |socket| {
                    let (_, from) = fill::read_buf(buffer, |memory| receive_from(socket, memory, 0))?;
                    $of_kernel(&from).map(Attempt::Done)
                })
            }

            /// Receives a message, and who sent it, without waiting.
            ///
            /// # Errors
            /// As `try_recv`.
            #[inline]
            pub fn try_recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, $address)> {
                let (count, from) = self.io.attempt(Direction::Read, |socket| socket.recv_from(buffer))?;
                Ok((count, from.into()))
            }

            /// Receives a message to the end of a buffer, and who sent it.
            ///
            /// *Cancel safety*: dropping it loses no message.
            ///
            /// # Errors
            /// As `recv`.
            pub async fn recv_buf_from<B: BufMut>(&self, buffer: &mut B) -> io::Result<(usize, $address)> {
                let operation = |socket: &$std| fill::buf_mut(buffer, |memory| receive_from(socket, memory, 0));
                let (count, from) = self.io.operate(Direction::Read, operation).await?;
                Ok((count, $of_kernel(&from)?))
            }

            /// Receives a message to the end of a buffer, and who sent it, without waiting.
            ///
            /// # Errors
            /// As `try_recv`.
            #[inline]
            pub fn try_recv_buf_from<B: BufMut>(&self, buffer: &mut B) -> io::Result<(usize, $address)> {
                let operation = |socket: &$std| fill::buf_mut(buffer, |memory| receive_from(socket, memory, 0));
                let (count, from) = self.io.attempt(Direction::Read, operation)?;
                Ok((count, $of_kernel(&from)?))
            }

            /// Tries an operation on the descriptor, if it is ready for something of interest. When the operation says `WouldBlock`, the readiness is forgotten;
            /// it should say so only when the descriptor did.
            ///
            /// # Errors
            /// Those of the operation; `WouldBlock` if the socket is known not to be ready.
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

            /// Takes over a socket of the standard library, which must be in non-blocking mode.
            ///
            /// # Errors
            /// In a simulated run.
            ///
            /// # Panics
            /// Outside of a runtime, and if the socket is in blocking mode: it would hang a worker.
            #[inline]
            #[track_caller]
            pub fn from_std(socket: $std) -> io::Result<Self> {
                let io = Pollable::new(socket)?;
                crate::net::assert_non_blocking(&io);
                Ok(Self { io })
            }

            /// Gives the socket of the standard library back, in non-blocking mode.
            ///
            /// # Errors
            /// None at present.
            #[inline]
            pub fn into_std(self) -> io::Result<$std> {
                Ok(self.io.into_inner())
            }
        }

        crate::net::descriptor! { $socket, $std }
    };
}

pub(super) use datagrams;
