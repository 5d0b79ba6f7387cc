//! A first-in first-out queue of tasks for one owner: two pointers, linked through the tasks themselves.
//!
//! # Who may touch what
//! The queue belongs to one owner at a time, who also owns the links of the tasks in it. It holds no references: a queued task is not complete
//! and so cannot go away.
//!
//! # Invariants
//! - I1: `head` and `tail` are both set or both not; following `next` from `head` ends at `tail`, whose link is `None`.

use crate::task::TaskRef;

/// Tasks in the order in which they were pushed.
#[derive(Debug, Default)]
pub struct RunQueue {
    head: Option<TaskRef>,
    tail: Option<TaskRef>,
    len: usize,
}

impl RunQueue {
    /// An empty queue.
    #[must_use]
    pub const fn new() -> Self {
        Self { head: None, tail: None, len: 0 }
    }

    /// Puts a task at the back. The caller has the right to poll it and gives it to the queue.
    #[inline]
    pub fn push(&mut self, task: TaskRef) {
        task.set_next(None);
        match self.tail.replace(task) {
            Some(last) => last.set_next(Some(task)),
            None => self.head = Some(task),
        }
        self.len += 1;
    }

    /// Takes the task at the front, and with it the right to poll.
    #[inline]
    pub fn pop(&mut self) -> Option<TaskRef> {
        let task = self.head?;
        self.head = task.next();
        if self.head.is_none() {
            self.tail = None;
        }
        self.len -= 1;
        Some(task)
    }

    /// The tasks in the queue, front first.
    pub fn iter(&self) -> impl Iterator<Item = TaskRef> + '_ {
        core::iter::successors(self.head, |task| task.next())
    }

    /// Moves all tasks of `other` behind the ones here.
    pub fn append(&mut self, other: &mut RunQueue) {
        let Some(first) = other.head.take() else { return };
        match self.tail {
            Some(last) => last.set_next(Some(first)),
            None => self.head = Some(first),
        }
        self.tail = other.tail.take();
        self.len += core::mem::take(&mut other.len);
    }

    /// The number of tasks in the queue.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the queue is empty.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.head.is_none()
    }

    /// Puts a task at the front; used to turn a reversed chain around.
    fn push_front(&mut self, task: TaskRef) {
        task.set_next(self.head);
        if self.head.replace(task).is_none() {
            self.tail = Some(task);
        }
        self.len += 1;
    }

    /// A queue of a chain that ends with `None` and has the newest task first.
    pub(crate) fn from_newest_first(mut newest: Option<TaskRef>) -> Self {
        let mut queue = Self::new();
        while let Some(task) = newest {
            newest = task.next();
            queue.push_front(task);
        }
        queue
    }
}
