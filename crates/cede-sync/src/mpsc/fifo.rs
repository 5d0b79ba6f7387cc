//! The queue of a channel: grows and shrinks in chunks.
//!
//! One ring buffer that doubles would move all of its values when it grows, under the channel's lock, and keep its largest size for ever. Here
//! values never move from chunk to chunk: senders fill `tail`, the receiver empties `head`, and between them are full chunks. In a steady state two buffers trade places and nothing is allocated; an empty queue keeps at most three chunks.
#![forbid(unsafe_code)]

use alloc::collections::VecDeque;
use core::mem;

pub(super) struct Fifo<T> {
    head: VecDeque<T>,
    full: VecDeque<VecDeque<T>>,
    tail: VecDeque<T>,
    /// An empty buffer for the next tail.
    spare: VecDeque<T>,
}

impl<T> Fifo<T> {
    /// Values in a chunk: about a page, but not many in number.
    const CHUNK: usize = {
        let size = if size_of::<T>() == 0 { 1 } else { size_of::<T>() };
        let fit = 4096 / size;
        if fit < 4 {
            4
        } else if fit > 64 {
            64
        } else {
            fit
        }
    };

    pub(super) const fn new() -> Self {
        Self { head: VecDeque::new(), full: VecDeque::new(), tail: VecDeque::new(), spare: VecDeque::new() }
    }

    #[inline]
    pub(super) fn push(&mut self, value: T) {
        if self.tail.len() == self.tail.capacity() && self.tail.len() >= Self::CHUNK {
            self.next_tail();
        }
        self.tail.push_back(value);
    }

    #[cold]
    fn next_tail(&mut self) {
        let mut next = mem::take(&mut self.spare);
        if next.capacity() == 0 {
            next.reserve_exact(Self::CHUNK);
        }
        self.full.push_back(mem::replace(&mut self.tail, next));
    }

    #[inline]
    pub(super) fn pop(&mut self) -> Option<T> {
        if self.head.is_empty() {
            self.next_head();
        }
        self.head.pop_front()
    }

    /// Puts the value back that was popped last.
    #[cold]
    pub(super) fn unpop(&mut self, value: T) {
        self.head.push_front(value);
    }

    fn next_head(&mut self) {
        let Some(next) = self.full.pop_front() else {
            // The empty buffer becomes the tail.
            if !self.tail.is_empty() {
                mem::swap(&mut self.head, &mut self.tail);
            }
            return;
        };
        let empty = mem::replace(&mut self.head, next);
        if self.spare.capacity() == 0 {
            self.spare = empty;
        }
        if self.full.is_empty() {
            self.full.shrink_to(16);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.head.is_empty() && self.full.is_empty() && self.tail.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.head.len() + self.full.iter().map(VecDeque::len).sum::<usize>() + self.tail.len()
    }

    /// Moves up to `limit` values to the end of `buffer`; returns how many.
    pub(super) fn pop_many(&mut self, buffer: &mut alloc::vec::Vec<T>, limit: usize) -> usize {
        let mut moved = 0;
        while moved < limit {
            if self.head.is_empty() {
                self.next_head();
            }
            let part = self.head.len().min(limit - moved);
            if part == 0 {
                break;
            }
            buffer.extend(self.head.drain(..part));
            moved += part;
        }
        moved
    }

    /// Takes all values of `other` while this queue is empty, in O(1).
    #[inline]
    pub(super) fn take_all(&mut self, other: &mut Self) {
        debug_assert!(self.is_empty());
        if other.full.is_empty() && other.head.is_empty() {
            mem::swap(&mut self.head, &mut other.tail);
        } else {
            mem::swap(self, other);
        }
    }
}

#[cfg(test)]
mod tests;
