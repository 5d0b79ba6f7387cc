//! A span of `tracing` for each task, entered while it is polled.
//!
//! # What
//! The spans and events have the names and fields that tokio gives them when it is built with `tokio_unstable`, so what reads those (the `tokio-console`, filters on `tokio::task`) reads these. Whatever a task logs is
//! inside of its span: number, name and where it was spawned come with it.
//!
//! # Why not the obvious way
//! A future that is wrapped in its span makes every task larger, also while nobody listens, and hides its type from dumps. So spans are in a table beside the tasks. A poll looks there only while there is a span at all.
//!
//! # How wakers are told
//! Whoever counts wakers by events (the console warns of a task that has none and sleeps) gets them: after each poll the number of references that wakers hold is compared with what was told, and the difference is told as
//! clones or drops. A wake is told when it queues the task, or at the end of the poll in which the task woke itself.
//!
//! # Who may touch what
//! A shard of the table: under its lock, which is not held while the subscriber is called. The span of a task that is being polled is with the thread that polls.
//!
//! # Invariants
//! - I1: a task has an entry from before its spawn to its end if the subscriber of the thread that spawned it wanted its span; the counter `SPANS` is at least the number of entries.

#![forbid(unsafe_code)]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::Location;
use std::sync::atomic::{AtomicUsize, Ordering};

use cede_core::lock::Lock;
use cede_core::task::TaskRef;
use tracing::Span;
use tracing::level_filters::LevelFilter;
use tracing::span::EnteredSpan;

use super::Id;
use crate::runtime::context;

const SHARDS: usize = 16;

static TABLE: [Lock<BTreeMap<u64, Entry>>; SHARDS] = [const { Lock::new(BTreeMap::new()) }; SHARDS];
static SPANS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// The name of the task that this thread is about to spawn.
    static NAME: RefCell<Option<String>> = const { RefCell::new(None) };
}

struct Entry {
    /// Away while the task is polled.
    span: Option<Span>,
    /// Under which the subscriber knows it.
    number: u64,
    /// How many wakers it has been told of.
    wakers: usize,
}

fn shard(task: u64) -> &'static Lock<BTreeMap<u64, Entry>> {
    &TABLE[task as usize % SHARDS]
}

#[inline]
fn is_any() -> bool {
    SPANS.load(Ordering::Relaxed) > 0
}

/// The next task that this thread spawns has this name, until the result is dropped.
pub(crate) fn name_next(name: &str) -> Naming {
    if LevelFilter::current() >= LevelFilter::TRACE {
        NAME.replace(Some(name.to_owned()));
    }
    Naming(())
}

/// See [`name_next`].
pub(crate) struct Naming(());

impl Drop for Naming {
    fn drop(&mut self) {
        NAME.take();
    }
}

/// What a task is, as tokio names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Made {
    Task,
    Local,
    Blocking,
}

/// A task is going to be made, of `size` bytes. Called where no lock is held and no worker is inside, for this calls the subscriber.
#[inline]
pub(crate) fn spawns<F>(id: Id, site: &'static Location<'static>, size: usize, made: Made) {
    if LevelFilter::current() >= LevelFilter::TRACE {
        open(id.number(), site, size, std::any::type_name::<F>(), made);
    }
}

#[cold]
fn open(id: u64, site: &'static Location<'static>, size: usize, future: &'static str, made: Made) {
    let name = NAME.take().unwrap_or_default();
    let span = if made == Made::Blocking {
        tracing::trace_span!(
            target: "tokio::task::blocking",
            parent: None,
            "runtime.spawn",
            kind = %"blocking",
            task.name = %name,
            task.id = id,
            "fn" = %future,
            loc.file = site.file(),
            loc.line = site.line(),
            loc.col = site.column(),
        )
    } else {
        tracing::trace_span!(
            target: "tokio::task",
            parent: None,
            "runtime.spawn",
            kind = %(if made == Made::Local { "local" } else { "task" }),
            task.name = %name,
            task.id = id,
            size.bytes = size as u64,
            loc.file = site.file(),
            loc.line = site.line(),
            loc.col = site.column(),
        )
    };
    if let Some(number) = span.id() {
        SPANS.fetch_add(1, Ordering::Relaxed);
        shard(id).lock().insert(id, Entry { span: Some(span), number: number.into_u64(), wakers: 0 });
    }
}

/// A task was woken and is going to be queued.
#[inline]
pub(crate) fn woken(task: TaskRef) {
    if is_any() {
        tell_wake(task.id());
    }
}

#[cold]
fn tell_wake(task: u64) {
    let number = shard(task).lock().get(&task).map(|entry| entry.number);
    if let Some(number) = number {
        tracing::trace!(target: "tokio::task::waker", op = "waker.wake_by_ref", task.id = number);
    }
}

/// A task is being polled, in its span, if it has one.
#[must_use]
pub(crate) struct Entered(Option<EnteredSpan>);

/// A task is going to be polled; the result is given back after that.
#[inline]
pub(crate) fn enter(task: TaskRef) -> Entered {
    Entered(if is_any() { take(task.id()) } else { None })
}

#[cold]
fn take(task: u64) -> Option<EnteredSpan> {
    let span = shard(task).lock().get_mut(&task)?.span.take();
    span.map(Span::entered)
}

impl Entered {
    /// The poll has ended. `again` says whether the task is runnable nevertheless.
    #[inline]
    pub(crate) fn leave(self, task: TaskRef, again: impl FnOnce() -> bool) {
        if let Some(span) = self.0 {
            leave(span, task, again());
        }
    }
}

#[cold]
fn leave(span: EnteredSpan, task: TaskRef, again: bool) {
    let id = task.id();
    if again {
        tell_wake(id);
    }
    let span = span.exit();
    if let Some(timers) = context::with_current(|handle| handle.timers().timers()) {
        timers.drop_spare();
    }
    let wakers = task.state().waker_count();
    let told = {
        let mut entries = shard(id).lock();
        // [I1] it has not ended.
        let Some(entry) = entries.get_mut(&id) else { return };
        entry.span = Some(span);
        (entry.number, std::mem::replace(&mut entry.wakers, wakers))
    };
    let (number, before) = told;
    for _ in before..wakers {
        tracing::trace!(target: "tokio::task::waker", op = "waker.clone", task.id = number);
    }
    for _ in wakers..before {
        tracing::trace!(target: "tokio::task::waker", op = "waker.drop", task.id = number);
    }
}

/// A task has ended.
#[inline]
pub(crate) fn ended(task: TaskRef) {
    if is_any() {
        close(task.id());
    }
}

#[cold]
fn close(task: u64) {
    let entry = shard(task).lock().remove(&task);
    if let Some(entry) = entry {
        drop(entry);
        SPANS.fetch_sub(1, Ordering::Relaxed);
    }
}
