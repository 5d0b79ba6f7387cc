//! The bytes between a task and a thread of the pool.
#![cfg_attr(not(all(feature = "fs", feature = "io-std")), allow(dead_code, reason = "files and the standard streams use a part each"))]

use std::fs::File;
use std::io::{self, IoSlice, Read, Write};

use bytes::BufMut;
use cede_io::ReadBuf;

use crate::sys::{descriptor, fill};

/// Most bytes that go to the pool at a time, unless told otherwise.
pub(crate) const DEFAULT_MAX_BUF_SIZE: usize = 2 * 1024 * 1024;

/// Bytes that were read and not yet taken, or that are to be written.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    taken: usize,
}

impl Buffer {
    pub(crate) fn is_empty(&self) -> bool {
        self.taken == self.bytes.len()
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.taken = 0;
    }

    /// Moves as much as fits.
    pub(crate) fn take_into(&mut self, target: &mut ReadBuf<'_>) {
        let left = &self.bytes[self.taken..];
        let count = left.len().min(target.remaining());
        target.put_slice(&left[..count]);
        self.taken += count;
        if self.is_empty() {
            self.clear();
        }
    }

    /// Forgets what was read and not taken; returns how far the file is to be moved for that.
    pub(crate) fn discard(&mut self) -> Option<i64> {
        let left = self.bytes.len() - self.taken;
        self.clear();
        (left > 0).then(|| -i64::try_from(left).expect("buffers are smaller than that"))
    }

    /// Takes in at most `limit` bytes; returns how many.
    pub(crate) fn fill_from(&mut self, source: &[u8], limit: usize) -> usize {
        self.fill_from_all(&[IoSlice::new(source)], limit)
    }

    /// Takes in at most `limit` bytes of several slices; returns how many.
    pub(crate) fn fill_from_all(&mut self, sources: &[IoSlice<'_>], limit: usize) -> usize {
        debug_assert!(self.is_empty());
        for source in sources {
            let count = source.len().min(limit - self.bytes.len());
            self.bytes.extend_from_slice(&source[..count]);
        }
        self.bytes.len()
    }

    /// Reads at most `limit` bytes of a file.
    pub(crate) fn read_file(&mut self, file: &File, limit: usize) -> io::Result<usize> {
        debug_assert!(self.is_empty());
        self.clear();
        self.bytes.reserve_exact(limit);
        uninterrupted(|| {
            let mut memory = (&mut self.bytes).limit(limit);
            let (count, ()) = fill::buf_mut(&mut memory, |memory| Ok((descriptor::read(file, memory)?, ())))?;
            Ok(count)
        })
    }

    /// Reads at most `limit` bytes.
    pub(crate) fn read(&mut self, source: &mut impl Read, limit: usize) -> io::Result<usize> {
        debug_assert!(self.is_empty());
        self.clear();
        self.bytes.resize(limit, 0);
        let read = uninterrupted(|| source.read(&mut self.bytes));
        self.bytes.truncate(*read.as_ref().unwrap_or(&0));
        read
    }

    /// Writes everything, and is empty afterwards, also if that fails.
    pub(crate) fn write(&mut self, target: &mut impl Write) -> io::Result<()> {
        let written = target.write_all(&self.bytes[self.taken..]);
        self.clear();
        written
    }
}

fn uninterrupted<R>(mut operation: impl FnMut() -> io::Result<R>) -> io::Result<R> {
    loop {
        match operation() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
