//! Where the bytes of an answer come from: memory, or a file that is read on the blocking pool, one piece ahead of what is being sent.
//!
//! At most two pieces of [`CHUNK`] bytes are in memory for each answer, however large the file. A file that shrinks, or changes, while it is being sent breaks its answer:
//! the end of one version must not be glued to the beginning of another, and padding would be worse.

use std::collections::VecDeque;
use std::fs::{File, Metadata};
use std::io;
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use cede::task::JoinHandle;

use crate::coding::Packer;
use crate::fault::Flip;

/// How much is read at once.
pub(crate) const CHUNK: u64 = 256 * 1024;

/// Where bytes come from.
#[derive(Debug)]
pub(crate) enum Source {
    Memory(Option<Bytes>),
    File(Box<Pump>),
}

/// A part of an answer.
#[derive(Debug)]
pub(crate) enum Piece {
    Text(String),
    Range(Range<u64>),
}

/// Reads a file, or pieces of it.
#[derive(Debug)]
pub(crate) struct Reader {
    file: File,
    before: Metadata,
    pieces: VecDeque<Piece>,
    packer: Option<Packer>,
    version: u64,
    flip: Option<Flip>,
}

/// A reader, on its way to the pool and back.
#[derive(Debug)]
pub(crate) struct Pump {
    first: Option<Bytes>,
    reader: Option<Reader>,
    job: Option<JoinHandle<(Reader, io::Result<Option<Bytes>>)>>,
    /// `None`: it is being packed, so nobody knows.
    left: Option<u64>,
}

impl Source {
    pub(crate) fn empty() -> Self {
        Self::Memory(None)
    }

    pub(crate) fn text(text: impl Into<Bytes>) -> Self {
        Self::Memory(Some(text.into()).filter(|bytes| !bytes.is_empty()))
    }

    /// How many bytes are to come.
    pub(crate) fn left(&self) -> Option<u64> {
        match self {
            Self::Memory(bytes) => Some(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::File(pump) => pump.left,
        }
    }

    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        match self {
            Self::Memory(bytes) => Poll::Ready(bytes.take().map(Ok)),
            Self::File(pump) => pump.poll_next(cx),
        }
    }
}

impl Reader {
    pub(crate) fn new(file: File, before: Metadata, pieces: VecDeque<Piece>) -> Self {
        Self { file, before, pieces, packer: None, version: 0, flip: None }
    }

    pub(crate) fn packed(mut self, packer: Packer) -> Self {
        self.packer = Some(packer);
        self
    }

    pub(crate) fn twisted(mut self, version: u64, flip: Option<Flip>) -> Self {
        (self.version, self.flip) = (version, flip);
        self
    }

    /// How many bytes there are to come.
    fn left(&self) -> Option<u64> {
        let length = |piece: &Piece| match piece {
            Piece::Text(text) => text.len() as u64,
            Piece::Range(range) => range.end - range.start,
        };
        self.packer.is_none().then(|| self.pieces.iter().map(length).sum())
    }

    /// Turns this into a source; a small file is read at once. Blocks.
    pub(crate) fn start(mut self) -> io::Result<Source> {
        let left = self.left();
        let first = if left.is_some_and(|left| left <= CHUNK) && self.pieces.len() == 1 { self.next()? } else { None };
        Ok(Source::File(Box::new(Pump { first, reader: Some(self), job: None, left })))
    }

    /// A source that tells its length, for an answer whose body nobody wants.
    pub(crate) fn unread(self) -> Source {
        let left = self.left();
        Source::File(Box::new(Pump { first: None, reader: Some(self), job: None, left }))
    }

    /// The next bytes. Blocks.
    fn next(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            let Some(bytes) = self.read()? else {
                let rest = self.packer.take().map(Packer::finish).transpose()?;
                return Ok(rest.filter(|rest| !rest.is_empty()).map(Bytes::from));
            };
            let Some(packer) = &mut self.packer else { return Ok(Some(bytes.into())) };
            let packed = packer.push(&bytes)?;
            if !packed.is_empty() {
                return Ok(Some(packed.into()));
            }
        }
    }

    fn read(&mut self) -> io::Result<Option<Vec<u8>>> {
        match self.pieces.pop_front() {
            None => Ok(None),
            Some(Piece::Text(text)) => Ok(Some(text.into_bytes())),
            Some(Piece::Range(range)) => {
                let end = range.end.min(range.start + CHUNK);
                let bytes = self.chunk(range.start..end)?;
                if end < range.end {
                    self.pieces.push_front(Piece::Range(end..range.end));
                } else {
                    self.unchanged()?;
                }
                Ok(Some(bytes))
            }
        }
    }

    fn chunk(&self, range: Range<u64>) -> io::Result<Vec<u8>> {
        let wanted = (range.end - range.start) as usize;
        let mut bytes = Vec::with_capacity(wanted);
        while bytes.len() < wanted {
            let at = range.start + bytes.len() as u64;
            match rustix::io::pread(&self.file, rustix::buffer::spare_capacity(&mut bytes), at) {
                Ok(0) => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file shrank while it was being sent")),
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        bytes.truncate(wanted);
        if self.version > 0 {
            let mask = (self.version as u8).max(1);
            bytes.iter_mut().for_each(|byte| *byte ^= mask);
        }
        if let Some(flip) = self.flip {
            flip.apply(range.start, &mut bytes);
        }
        Ok(bytes)
    }

    fn unchanged(&self) -> io::Result<()> {
        let now = self.file.metadata()?;
        let facts = |metadata: &Metadata| (metadata.len(), metadata.mtime(), metadata.mtime_nsec());
        if facts(&now) == facts(&self.before) { Ok(()) } else { Err(io::Error::other("the file changed while it was being sent")) }
    }
}

impl Pump {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if let Some(first) = self.first.take() {
            self.left = self.left.map(|left| left - first.len() as u64);
            return Poll::Ready(Some(Ok(first)));
        }
        if let Some(reader) = self.reader.take() {
            self.ahead(reader);
        }
        let Some(job) = &mut self.job else { return Poll::Ready(None) };
        let done = ready!(Pin::new(job).poll(cx));
        self.job = None;
        let (reader, result) = match done {
            Ok(done) => done,
            Err(error) => return Poll::Ready(Some(Err(io::Error::other(error.to_string())))),
        };
        match result {
            Ok(Some(bytes)) => {
                self.left = self.left.map(|left| left - bytes.len() as u64);
                self.ahead(reader);
                Poll::Ready(Some(Ok(bytes)))
            }
            Ok(None) => {
                self.left = Some(0);
                Poll::Ready(None)
            }
            Err(error) => Poll::Ready(Some(Err(error))),
        }
    }

    /// Begins to read, unless there is nothing left.
    fn ahead(&mut self, mut reader: Reader) {
        if reader.pieces.is_empty() && reader.packer.is_none() {
            return;
        }
        self.job = Some(cede::task::spawn_blocking(move || {
            let result = reader.next();
            (reader, result)
        }));
    }
}
