//! Which thread polls which task.
//!
//! # What
//! A thread that polls tasks keeps a pointer to the one that it polls in a thread-local ([`context`](crate::runtime::context)), for its own use. Here are the addresses of these
//! thread-locals, so that others can look at them. It costs the thread nothing but its entry, once in its life.
//!
//! # Who may touch what
//! The list: under its lock. A thread adds itself, and takes itself out when its thread-locals are torn down.
//!
//! # Invariants
//! - I1: the pointers of an entry lead to thread-locals of a thread that has not ended: it takes the entry out before. They are constant-initialized and have no destructor, so they last as long
//!   as the thread's memory.
//! - I2: what is read from there is a number to compare and to look up. It leads to a task only by way of a [`Census`](census::Census), which knows whether there is one.
//! - I3: the task of this thread is being polled, or its future or output dropped, by a caller further up the stack, who keeps it alive.
//!
//! A child made by `fork(2)` that does not execute another program has the entries of threads that it does not have, until it makes a runtime of its own and those are [forgotten](forget_other_threads); before that it must
//! not ask for dumps.
//!
//! (A lock and a few relaxed words: no loom model.)

use std::ptr::NonNull;
use std::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};

use cede_core::task::{Header, Sighting, TaskRef};

use crate::runtime::stats::TaskSite;
use crate::sys::thread::{Pid, gettid};
use crate::task::slab::census;

/// A thread that polls tasks, or did.
struct Post {
    process: u32,
    thread: Thread,
    number: Pid,
    task: NonNull<AtomicPtr<Header>>,
    runtime: NonNull<AtomicU64>,
    stirs: NonNull<AtomicUsize>,
}

// SAFETY: [I1] the pointers are used under the list's lock only, while the thread is there, and lead to atomics.
unsafe impl Send for Post {}

/// What a thread does at a moment.
#[derive(Clone, Debug)]
pub(crate) struct Polls {
    pub(crate) thread: Thread,
    /// The kernel's number of that thread.
    pub(crate) number: Pid,
    /// The task that it polls; it may have ended since.
    pub(crate) task: Option<NonNull<Header>>,
    /// The number of the runtime that the thread is in; zero: none.
    pub(crate) runtime: u64,
    /// The task may block: it is in `block_in_place`.
    pub(crate) excused: bool,
    /// Changes when the thread begins to run tasks after it had none.
    pub(crate) stirs: usize,
}

static POSTS: Mutex<Vec<Post>> = Mutex::new(Vec::new());

thread_local! {
    static TASK: AtomicPtr<Header> = const { AtomicPtr::new(std::ptr::null_mut()) };
    static RUNTIME: AtomicU64 = const { AtomicU64::new(0) };
    static STIRS: AtomicUsize = const { AtomicUsize::new(0) };
    static LISTED: Listed = Listed::add();
}

#[inline(never)]
fn posts() -> MutexGuard<'static, Vec<Post>> {
    POSTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The entry of this thread; taken out when dropped.
struct Listed;

impl Listed {
    fn add() -> Self {
        let post = Post {
            process: std::process::id(),
            thread: thread::current(),
            number: gettid(),
            task: TASK.with(|cell| NonNull::from(cell)),
            runtime: RUNTIME.with(|cell| NonNull::from(cell)),
            stirs: STIRS.with(|cell| NonNull::from(cell)),
        };
        posts().push(post);
        Self
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        keep_own(&mut posts(), false);
    }
}

impl Post {
    fn is_of_this_thread(&self) -> bool {
        TASK.with(|cell| NonNull::from(cell) == self.task)
    }
}

/// Keeps the entry of this thread, or all others.
fn keep_own(posts: &mut Vec<Post>, own: bool) {
    posts.retain(|post| post.is_of_this_thread() == own);
}

/// Whether threads of another process are listed: its child, made by `fork(2)`, has only the one that forked.
pub(crate) fn are_of_another(process: u32) -> bool {
    posts().iter().any(|post| post.process != process)
}

/// This is a child made by `fork(2)`: the other threads are not there, and this one has another number.
pub(crate) fn forget_other_threads() {
    let mut posts = posts();
    keep_own(&mut posts, true);
    for post in posts.iter_mut() {
        (post.process, post.number) = (std::process::id(), gettid());
    }
}

/// This thread polls tasks from now on, now and then.
pub(crate) fn list() {
    // While the thread's locals are torn down it is not listed any more.
    let _gone = LISTED.try_with(|_| ());
}

/// This thread begins to run tasks after it had none.
pub(crate) fn stir() {
    STIRS.with(|stirs| stirs.store(stirs.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed));
}

/// In the pointer of a task, whose header is aligned: the task has asked to go to the back of its queue when its poll returns.
const YIELDS: usize = 1;
/// In the same place: the task may block its thread. It is a mark of the task, so that those of a scheduler that is nested in it are not excused.
const EXCUSED: usize = 2;

fn without_mark(task: *mut Header) -> *mut Header {
    task.map_addr(|address| address & !(YIELDS | EXCUSED))
}

fn change_marks(change: impl FnOnce(usize) -> usize) {
    TASK.with(|current| current.store(current.load(Ordering::Relaxed).map_addr(change), Ordering::Relaxed));
}

/// The task that this thread polls yields.
pub(crate) fn mark_yielding() {
    change_marks(|address| address | YIELDS);
}

/// Whether the task that this thread polls yields.
#[inline]
pub(crate) fn yields() -> bool {
    TASK.with(|current| current.load(Ordering::Relaxed).addr() & YIELDS != 0)
}

/// The task that this thread polls becomes `task`, which may be marked.
#[inline]
pub(crate) fn set(task: *mut Header) {
    TASK.with(|current| current.store(task, Ordering::Relaxed));
}

/// The task that this thread polls becomes `task`; returns what it was, with its mark.
#[inline]
pub(crate) fn replace(task: *mut Header) -> *mut Header {
    TASK.with(|current| {
        let before = current.load(Ordering::Relaxed);
        current.store(task, Ordering::Relaxed);
        before
    })
}

/// The task that this thread polls.
#[inline]
pub(crate) fn current() -> *mut Header {
    TASK.with(|current| without_mark(current.load(Ordering::Relaxed)))
}

/// The task that this thread polls.
#[inline]
pub(crate) fn polled() -> Option<TaskRef> {
    // SAFETY: [I3] it is being polled on this thread.
    NonNull::new(current()).map(|task| unsafe { TaskRef::from_raw(task) })
}

/// Runs `body`, during which this thread counts as polling nothing: a nested scheduler, or a sleep.
pub(crate) fn aside<R>(body: impl FnOnce() -> R) -> R {
    struct Restore(*mut Header);
    impl Drop for Restore {
        fn drop(&mut self) {
            set(self.0);
        }
    }
    let _restore = Restore(replace(std::ptr::null_mut()));
    body()
}

/// Runs `body`, during which the task that this thread polls may block.
pub(crate) fn excused<R>(body: impl FnOnce() -> R) -> R {
    struct Restore(usize);
    impl Drop for Restore {
        fn drop(&mut self) {
            change_marks(|address| address & !EXCUSED | self.0);
        }
    }
    let before = TASK.with(|current| current.load(Ordering::Relaxed).addr() & EXCUSED);
    let _restore = Restore(before);
    change_marks(|address| address | EXCUSED);
    body()
}

/// The thread is in this runtime from now on; returns where it was. Zero: in none.
pub(crate) fn enter(runtime: u64) -> u64 {
    RUNTIME.with(|current| current.swap(runtime, Ordering::Relaxed))
}

/// What all threads do that are listed.
pub(crate) fn look() -> Vec<Polls> {
    let mut seen = Vec::new();
    look_into(&mut seen);
    seen
}

/// Like [`look`], into memory that there is already.
pub(crate) fn look_into(all: &mut Vec<Polls>) {
    all.clear();
    let seen = |post: &Post| {
        // SAFETY: [I1] the entry is in the list, and the lock is held.
        let (task, runtime, stirs) = unsafe { (post.task.as_ref(), post.runtime.as_ref(), post.stirs.as_ref()) };
        let task = task.load(Ordering::Relaxed);
        Polls {
            thread: post.thread.clone(),
            number: post.number,
            task: NonNull::new(without_mark(task)),
            runtime: runtime.load(Ordering::Relaxed),
            excused: task.addr() & EXCUSED != 0,
            stirs: stirs.load(Ordering::Relaxed),
        }
    };
    all.extend(posts().iter().map(seen));
}

/// The task that a thread polls, as it lies in its scheduler's memory.
pub(crate) fn task_of(number: Pid) -> Option<TaskSite> {
    let address = look().into_iter().find(|polls| polls.number == number)?.task?;
    see(address).map(|task| (task.id, task.site))
}

/// The tasks that are being polled on threads that are in this runtime, but not those that may block.
pub(crate) fn polled_in(runtime: u64) -> Vec<TaskSite> {
    let polled = look().into_iter().filter(|polls| polls.runtime == runtime && !polls.excused);
    polled.filter_map(|polls| see(polls.task?)).map(|task| (task.id, task.site)).collect()
}

/// The task at an address, if there is one.
pub(crate) fn see(address: NonNull<Header>) -> Option<Sighting> {
    census::see(address)
}
