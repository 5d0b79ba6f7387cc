//! Cutting bytes at delimiters of one byte, with a limit of length.
//!
//! What was searched is not searched again, and what is too long is said once and then thrown away up to its end, so a peer that never sends a delimiter costs `max_length` bytes and no more.

use bytes::{Buf, BytesMut};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Cutter {
    /// Up to here the buffer has no delimiter.
    searched: usize,
    pub(super) max_length: usize,
    /// The piece is too long, which was said: what comes before its end is thrown away.
    discarding: bool,
}

/// A piece is longer than the limit.
pub(super) struct TooLong;

impl Cutter {
    pub(super) fn new(max_length: usize) -> Self {
        Self { searched: 0, max_length, discarding: false }
    }

    /// Takes the next piece out of `src`, with the delimiter, which it is given without.
    pub(super) fn cut(&mut self, src: &mut BytesMut, is_delimiter: impl Fn(u8) -> bool) -> Result<Option<BytesMut>, TooLong> {
        if self.discarding {
            let Some(end) = src.iter().position(|byte| is_delimiter(*byte)) else {
                src.clear();
                return Ok(None);
            };
            src.advance(end + 1);
            self.discarding = false;
        }
        let limit = src.len().min(self.max_length.saturating_add(1));
        let searched = self.searched.min(limit);
        if let Some(offset) = src[searched..limit].iter().position(|byte| is_delimiter(*byte)) {
            self.searched = 0;
            let piece = src.split_to(searched + offset);
            src.advance(1);
            return Ok(Some(piece));
        }
        if src.len() > self.max_length {
            self.discarding = true;
            self.searched = 0;
            return Err(TooLong);
        }
        self.searched = src.len();
        Ok(None)
    }

    /// Takes what is left, which no delimiter ends.
    pub(super) fn rest(&mut self, src: &mut BytesMut) -> BytesMut {
        self.searched = 0;
        src.split()
    }
}
