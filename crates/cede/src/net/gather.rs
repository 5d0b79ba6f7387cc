//! Writing several small buffers as one.
//!
//! # Why
//! `writev(2)` on a TCP socket goes the way of files through the kernel, which takes 150 to 200 ns longer than `send(2)` takes for one buffer (`bench/README.md`, "A thousand connections"), and a copy of some hundred bytes takes less. The head of an HTTP message with a short body
//! after it is such a write, and for many servers most are.

#![forbid(unsafe_code)]

use std::io::{self, IoSlice, Write};

/// Up to so many bytes are copied. More of them are no hindrance for the kernel's way, and the copy begins to count.
const COPIED_MAX: usize = 1024;

/// Writes what `socket` takes of the buffers, in one call.
#[inline]
pub(super) fn write_vectored(mut socket: impl Write, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
    let total = buffers.iter().fold(0, |total: usize, buffer| total.saturating_add(buffer.len()));
    // Nothing, too, goes the usual way: a shut socket takes that, but no `send` of it.
    if total == 0 || (total > COPIED_MAX && buffers.len() > 1) {
        return socket.write_vectored(buffers);
    }
    if let [buffer] = buffers {
        return socket.write(buffer);
    }
    let mut copy = [0; COPIED_MAX];
    let mut room = &mut copy[..];
    for buffer in buffers {
        let place = room.split_off_mut(..buffer.len()).expect("the sum was small enough");
        place.copy_from_slice(buffer);
    }
    socket.write(&copy[..total])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes so many bytes at most, and counts the calls of each kind.
    #[derive(Default)]
    struct Sink {
        taken: Vec<u8>,
        takes: usize,
        plain: usize,
        vectored: usize,
    }

    impl Write for Sink {
        fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
            self.plain += 1;
            let count = buffer.len().min(self.takes);
            self.taken.extend_from_slice(&buffer[..count]);
            Ok(count)
        }

        fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
            self.vectored += 1;
            let all: Vec<u8> = buffers.iter().flat_map(|buffer| buffer.iter().copied()).collect();
            let count = all.len().min(self.takes);
            self.taken.extend_from_slice(&all[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Writes buffers of these lengths to a sink that takes so much; returns the sink and what the write returned.
    fn write(lengths: &[usize], takes: usize) -> (Sink, usize) {
        let data: Vec<Vec<u8>> = lengths.iter().enumerate().map(|(index, &len)| vec![index as u8; len]).collect();
        let slices: Vec<IoSlice<'_>> = data.iter().map(|buffer| IoSlice::new(buffer)).collect();
        let mut sink = Sink { takes, ..Sink::default() };
        let count = write_vectored(&mut sink, &slices).unwrap();
        assert_eq!(sink.taken, data.concat()[..count]);
        (sink, count)
    }

    #[test]
    fn small_buffers_go_as_one() {
        let (sink, count) = write(&[90, 0, 13], usize::MAX);
        assert_eq!((sink.plain, sink.vectored, count), (1, 0, 103));
        let (sink, count) = write(&[COPIED_MAX - 1, 1], usize::MAX);
        assert_eq!((sink.plain, sink.vectored, count), (1, 0, COPIED_MAX));
    }

    #[test]
    fn large_ones_are_not_copied() {
        let (sink, count) = write(&[COPIED_MAX, 1], usize::MAX);
        assert_eq!((sink.plain, sink.vectored, count), (0, 1, COPIED_MAX + 1));
        let (sink, count) = write(&[1 << 20], usize::MAX);
        assert_eq!((sink.plain, sink.vectored, count), (1, 0, 1 << 20), "one buffer is no reason to go the long way");
    }

    #[test]
    fn what_does_not_fit_is_left() {
        assert_eq!(write(&[90, 13], 95).1, 95);
        assert_eq!(write(&[2000, 2000], 2500).1, 2500);
    }

    #[test]
    fn nothing_is_written_as_nothing() {
        for lengths in [&[][..], &[0], &[0, 0]] {
            let (sink, count) = write(lengths, 10);
            assert_eq!((sink.plain, sink.vectored, count), (0, 1, 0));
        }
    }
}
