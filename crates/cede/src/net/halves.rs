//! Halves of TCP and Unix streams, written once: a half that reads and one that writes, which borrow the stream or own it together. Both use the stream at the same
//! time: reading and writing do not wait for each other.
//!
//! All is `#[inline]`: compiled by whoever calls it, and in no other program.

/// What a half that reads has, given how to get at the stream.
macro_rules! reading_half {
    ($half:ty, $stream:ident, $address:ty) => {
        impl $half {
            #[doc = concat!("See [`", stringify!($stream), "::ready`].")]
            ///
            /// # Errors
            /// As there.
            ///
            /// # Cancel safety
            /// As there: nothing is lost.
            pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
                self.as_ref().ready(interest).await
            }

            #[doc = concat!("See [`", stringify!($stream), "::readable`].")]
            ///
            /// # Errors
            /// As there.
            ///
            /// # Cancel safety
            /// As there: nothing is lost.
            pub async fn readable(&self) -> io::Result<()> {
                self.as_ref().readable().await
            }

            #[doc = concat!("See [`", stringify!($stream), "::try_read`].")]
            ///
            /// # Errors
            /// As there.
            #[inline]
            pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
                self.as_ref().try_read(buffer)
            }

            #[doc = concat!("See [`", stringify!($stream), "::try_read_vectored`].")]
            ///
            /// # Errors
            /// As there.
            #[inline]
            pub fn try_read_vectored(&self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                self.as_ref().try_read_vectored(buffers)
            }

            #[doc = concat!("See [`", stringify!($stream), "::try_read_buf`].")]
            ///
            /// # Errors
            /// As there.
            #[inline]
            pub fn try_read_buf<B: BufMut>(&self, buffer: &mut B) -> io::Result<usize> {
                self.as_ref().try_read_buf(buffer)
            }

            /// The address of the peer.
            ///
            /// # Errors
            /// If the connection is gone.
            #[inline]
            pub fn peer_addr(&self) -> io::Result<$address> {
                self.as_ref().peer_addr()
            }

            /// The address of this end.
            ///
            /// # Errors
            /// If the system refuses.
            #[inline]
            pub fn local_addr(&self) -> io::Result<$address> {
                self.as_ref().local_addr()
            }
        }

        impl AsyncRead for $half {
            #[inline]
            fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
                self.as_ref().get_ref().as_ref().poll_read_shared(cx, buffer)
            }
        }
    };
}

/// What a half that writes has; `$shut_down` closes its side.
macro_rules! writing_half {
    ($half:ty, $stream:ident, $address:ty, $shut_down:expr) => {
        impl $half {
            #[doc = concat!("See [`", stringify!($stream), "::ready`].")]
            ///
            /// # Errors
            /// As there.
            ///
            /// # Cancel safety
            /// As there: nothing is lost.
            pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
                self.as_ref().ready(interest).await
            }

            #[doc = concat!("See [`", stringify!($stream), "::writable`].")]
            ///
            /// # Errors
            /// As there.
            ///
            /// # Cancel safety
            /// As there: nothing is lost.
            pub async fn writable(&self) -> io::Result<()> {
                self.as_ref().writable().await
            }

            #[doc = concat!("See [`", stringify!($stream), "::try_write`].")]
            ///
            /// # Errors
            /// As there.
            #[inline]
            pub fn try_write(&self, buffer: &[u8]) -> io::Result<usize> {
                self.as_ref().try_write(buffer)
            }

            #[doc = concat!("See [`", stringify!($stream), "::try_write_vectored`].")]
            ///
            /// # Errors
            /// As there.
            #[inline]
            pub fn try_write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
                self.as_ref().try_write_vectored(buffers)
            }

            /// The address of the peer.
            ///
            /// # Errors
            /// If the connection is gone.
            #[inline]
            pub fn peer_addr(&self) -> io::Result<$address> {
                self.as_ref().peer_addr()
            }

            /// The address of this end.
            ///
            /// # Errors
            /// If the system refuses.
            #[inline]
            pub fn local_addr(&self) -> io::Result<$address> {
                self.as_ref().local_addr()
            }
        }

        impl AsyncWrite for $half {
            #[inline]
            fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
                self.as_ref().get_ref().as_ref().poll_write_shared(cx, buffer)
            }

            #[inline]
            fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, buffers: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
                self.as_ref().get_ref().as_ref().poll_write_vectored_shared(cx, buffers)
            }

            #[inline]
            fn is_write_vectored(&self) -> bool {
                true
            }

            #[inline]
            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            #[inline]
            fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                let shut_down: fn(&mut Self) -> io::Result<()> = $shut_down;
                Poll::Ready(shut_down(self.get_mut()))
            }
        }
    };
}

/// `ReadHalf` and `WriteHalf`, which borrow the stream.
macro_rules! borrowed_halves {
    ($stream:ident, $address:ty) => {
        #[doc = concat!("The reading half of a borrowed [`", stringify!($stream), "`]; see [`", stringify!($stream), "::split`].")]
        #[derive(Debug)]
        pub struct ReadHalf<'a>(&'a $stream);

        #[doc = concat!("The writing half of a borrowed [`", stringify!($stream), "`]; see [`", stringify!($stream), "::split`].")]
        #[derive(Debug)]
        pub struct WriteHalf<'a>(&'a $stream);

        #[inline]
        pub(super) fn split(stream: &mut $stream) -> (ReadHalf<'_>, WriteHalf<'_>) {
            (ReadHalf(stream), WriteHalf(stream))
        }

        impl AsRef<$stream> for ReadHalf<'_> {
            #[inline]
            fn as_ref(&self) -> &$stream {
                self.0
            }
        }

        impl AsRef<$stream> for WriteHalf<'_> {
            #[inline]
            fn as_ref(&self) -> &$stream {
                self.0
            }
        }

        crate::net::halves::reading_half! { ReadHalf<'_>, $stream, $address }
        crate::net::halves::writing_half! { WriteHalf<'_>, $stream, $address, |half| half.0.shutdown_std(Shutdown::Write) }
    };
}

/// `OwnedReadHalf`, `OwnedWriteHalf` and `ReuniteError`.
macro_rules! owned_halves {
    ($stream:ident, $address:ty) => {
        #[doc = concat!("The reading half of a [`", stringify!($stream), "`]; see [`", stringify!($stream), "::into_split`].")]
        #[derive(Debug)]
        pub struct OwnedReadHalf(Arc<$stream>);

        #[doc = concat!("The writing half of a [`", stringify!($stream), "`]; see [`", stringify!($stream), "::into_split`].")]
        /// Dropping it closes the writing side.
        #[derive(Debug)]
        pub struct OwnedWriteHalf {
            stream: Arc<$stream>,
            shutdown_on_drop: bool,
        }

        #[inline]
        pub(super) fn split(stream: $stream) -> (OwnedReadHalf, OwnedWriteHalf) {
            let stream = Arc::new(stream);
            (OwnedReadHalf(stream.clone()), OwnedWriteHalf { stream, shutdown_on_drop: true })
        }

        #[inline]
        fn reunite(read: OwnedReadHalf, write: OwnedWriteHalf) -> Result<$stream, ReuniteError> {
            if !Arc::ptr_eq(&read.0, &write.stream) {
                return Err(ReuniteError(read, write));
            }
            write.forget();
            Ok(Arc::try_unwrap(read.0).expect("there are two halves, and the other one is gone"))
        }

        /// The halves belong to different streams.
        #[derive(Debug)]
        pub struct ReuniteError(pub OwnedReadHalf, pub OwnedWriteHalf);

        impl fmt::Display for ReuniteError {
            #[inline]
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("tried to reunite halves that are not from the same socket")
            }
        }

        impl Error for ReuniteError {}

        impl OwnedReadHalf {
            /// Puts the halves together again.
            ///
            /// # Errors
            /// If they belong to different streams; the error gives them back.
            #[inline]
            pub fn reunite(self, other: OwnedWriteHalf) -> Result<$stream, ReuniteError> {
                reunite(self, other)
            }
        }

        impl OwnedWriteHalf {
            /// Puts the halves together again.
            ///
            /// # Errors
            /// If they belong to different streams; the error gives them back.
            #[inline]
            pub fn reunite(self, other: OwnedReadHalf) -> Result<$stream, ReuniteError> {
                reunite(other, self)
            }

            /// Drops this half without closing the writing side.
            #[inline]
            pub fn forget(mut self) {
                self.shutdown_on_drop = false;
            }
        }

        impl Drop for OwnedWriteHalf {
            #[inline]
            fn drop(&mut self) {
                if self.shutdown_on_drop {
                    // An error means that the connection is gone, which is what is wanted.
                    let _closed = self.stream.shutdown_std(Shutdown::Write);
                }
            }
        }

        impl AsRef<$stream> for OwnedReadHalf {
            #[inline]
            fn as_ref(&self) -> &$stream {
                &self.0
            }
        }

        impl AsRef<$stream> for OwnedWriteHalf {
            #[inline]
            fn as_ref(&self) -> &$stream {
                &self.stream
            }
        }

        crate::net::halves::reading_half! { OwnedReadHalf, $stream, $address }
        crate::net::halves::writing_half! { OwnedWriteHalf, $stream, $address, |half| {
            let result = half.stream.shutdown_std(Shutdown::Write);
            if result.is_ok() {
                half.shutdown_on_drop = false;
            }
            result
        } }
    };
}

pub(super) use {borrowed_halves, owned_halves, reading_half, writing_half};
