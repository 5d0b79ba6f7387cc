//! A connection that notes how long nothing was there to be read; what that shows is in [`slow`](crate::slow).

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};

use super::Connection;
use crate::slow::Meter;

/// A connection and its meter.
#[derive(Debug)]
pub(crate) struct Metered {
    connection: Connection,
    meter: Meter,
}

impl Metered {
    pub(crate) fn new(connection: Connection) -> (Self, Meter) {
        let meter = Meter::new();
        (Self { connection, meter: meter.clone() }, meter)
    }
}

impl Read for Metered {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, cursor: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.connection).poll_read(cx, cursor);
        if result.is_pending() {
            this.meter.nothing();
        } else {
            this.meter.something();
        }
        result
    }
}

impl Write for Metered {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().connection).poll_write(cx, buffer)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().connection).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().connection).poll_shutdown(cx)
    }
}
