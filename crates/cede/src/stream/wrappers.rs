//! Receivers, intervals, listeners, signals, lines and directories as streams, with the names of `tokio_stream::wrappers`.
//!
//! Each is one field, and the state is in that: an item that has not come yet is not lost when a future of `next` is dropped.
//!
//! ```
//! use cede::process::Command;
//! use cede::stream::{StreamExt, wrappers::LinesStream};
//! use cede::io::{AsyncBufReadExt, BufReader};
//! use std::process::Stdio;
//!
//! # cede::block_on(async {
//! let mut child = Command::new("echo").arg("one\ntwo").stdout(Stdio::piped()).spawn()?;
//! let lines = BufReader::new(child.stdout.take().unwrap()).lines();
//! let lines: Vec<String> = LinesStream::new(lines).map(Result::unwrap).collect().await;
//! assert_eq!(lines, ["one", "two"]);
//! # child.wait().await?;
//! # std::io::Result::Ok(()) }).unwrap();
//! ```

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use cede_io::{AsyncBufRead, Lines, Split};
use futures_util::stream::Stream;
use pin_project_lite::pin_project;

use crate::fs::{DirEntry, ReadDir};
use crate::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use crate::signal::unix::Signal;

pub use super::interval_stream::IntervalStream;
pub use cede_stream::wrappers::{BroadcastStream, BroadcastStreamRecvError, ReceiverStream, UnboundedReceiverStream, WatchStream};

macro_rules! wrapper {
    ($(#[$meta:meta])* $name:ident($inner:ty) of $item:ty, $poll:expr) => {
        $(#[$meta])*
        #[derive(Debug)]
        pub struct $name($inner);

        impl $name {
            /// The stream of it.
            #[must_use]
            pub fn new(inner: $inner) -> Self {
                Self(inner)
            }

            /// What is inside.
            pub fn into_inner(self) -> $inner {
                self.0
            }
        }

        impl AsRef<$inner> for $name {
            fn as_ref(&self) -> &$inner {
                &self.0
            }
        }

        impl AsMut<$inner> for $name {
            fn as_mut(&mut self) -> &mut $inner {
                &mut self.0
            }
        }

        impl Stream for $name {
            type Item = $item;

            fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<$item>> {
                let poll: fn(&mut $inner, &mut Context<'_>) -> Poll<Option<$item>> = $poll;
                poll(&mut self.0, cx)
            }
        }
    };
}

wrapper! {
    /// The connections of a [`TcpListener`]; it does not end.
    TcpListenerStream(TcpListener) of io::Result<TcpStream>, |listener, cx| listener.poll_accept(cx).map(|accepted| Some(accepted.map(|(stream, _)| stream)))
}

wrapper! {
    /// The connections of a [`UnixListener`]; it does not end.
    UnixListenerStream(UnixListener) of io::Result<UnixStream>, |listener, cx| listener.poll_accept(cx).map(|accepted| Some(accepted.map(|(stream, _)| stream)))
}

wrapper! {
    /// An item for each time that a [`Signal`] came; several that come at once are one.
    SignalStream(Signal) of (), |signal, cx| signal.poll_recv(cx)
}

wrapper! {
    /// The entries of a directory.
    ReadDirStream(ReadDir) of io::Result<DirEntry>, |entries, cx| entries.poll_next_entry(cx).map(io::Result::transpose)
}

impl Stream for Signal {
    type Item = ();

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<()>> {
        self.poll_recv(cx)
    }
}

macro_rules! pinned_wrapper {
    ($(#[$meta:meta])* $name:ident($inner:ident) of $item:ty, $poll:ident) => {
        pin_project! {
            $(#[$meta])*
            #[derive(Debug)]
            pub struct $name<R> {
                #[pin]
                inner: $inner<R>,
            }
        }

        impl<R> $name<R> {
            /// The stream of them.
            pub fn new(inner: $inner<R>) -> Self {
                Self { inner }
            }

            /// What is inside.
            pub fn into_inner(self) -> $inner<R> {
                self.inner
            }
        }

        impl<R: AsyncBufRead> Stream for $name<R> {
            type Item = io::Result<$item>;

            fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
                self.project().inner.$poll(cx).map(io::Result::transpose)
            }
        }
    };
}

pinned_wrapper! {
    /// The lines of a reader.
    LinesStream(Lines) of String, poll_next_line
}

pinned_wrapper! {
    /// The pieces of a reader between delimiters.
    SplitStream(Split) of Vec<u8>, poll_next_segment
}
