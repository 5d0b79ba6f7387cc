//! The cooperative budget, and what a leaf says it waits for.

use cede_context::budget::{INITIAL, with_initial};
use cede_context::wait::{self, WaitKind};
use cede_sync::{Barrier, CancellationToken, Mutex, Notify, OnceCell, RwLock, Semaphore, SetOnce, broadcast, mpsc, oneshot, watch};

use crate::polling::polled;

/// How often `operation` completes in one poll of a task.
fn completions(mut operation: impl FnMut() -> bool) -> usize {
    with_initial(|| (0..1000).take_while(|_| operation()).count())
}

#[test]
fn every_operation_costs_one_unit() {
    let all = usize::from(INITIAL);
    let (tx, mut rx) = mpsc::channel(2000);
    assert_eq!(completions(|| polled(tx.send(1)).poll().is_ready()), all);
    (0..500).for_each(|value| tx.try_send(value).unwrap());
    assert_eq!(completions(|| polled(rx.recv()).poll().is_ready()), all);
    let (tx, mut rx) = mpsc::unbounded_channel();
    (0..500).for_each(|value| tx.send(value).unwrap());
    assert_eq!(completions(|| polled(rx.recv()).poll().is_ready()), all);
    let semaphore = Semaphore::new(1);
    assert_eq!(completions(|| polled(semaphore.acquire()).poll().is_ready()), all);
    let mutex = Mutex::new(());
    assert_eq!(completions(|| polled(mutex.lock()).poll().is_ready()), all);
    let lock = RwLock::new(());
    assert_eq!(completions(|| polled(lock.write()).poll().is_ready()), all);
    let (tx, mut rx) = watch::channel(0);
    assert_eq!(
        completions(|| {
            tx.send(1).unwrap();
            polled(rx.changed()).poll().is_ready()
        }),
        all
    );
    assert_eq!(
        completions(|| {
            let (tx, rx) = oneshot::channel();
            tx.send(1).unwrap();
            polled(rx).poll().is_ready()
        }),
        all
    );
    let (tx, mut rx) = broadcast::channel(512);
    (0..500).for_each(|value| assert_eq!(tx.send(value).unwrap(), 1));
    assert_eq!(completions(|| polled(rx.recv()).poll().is_ready()), all);
    let barrier = Barrier::new(1);
    assert_eq!(completions(|| polled(barrier.wait()).poll().is_ready()), all);
}

#[test]
fn an_exhausted_budget_wakes_the_task_and_takes_no_place() {
    let mutex = Mutex::new(());
    let mut first = polled(mutex.lock());
    with_initial(|| {
        while cede_context::budget::has_remaining() {
            drop(polled(mutex.lock()).ready());
        }
        first.pending();
        assert_eq!((first.wakes(), wait::take().kind), (1, WaitKind::Budget));
    });
    drop(mutex.try_lock().unwrap());
    drop(first.ready());
}

#[test]
fn leaves_say_what_they_wait_for() {
    let recorded = |pending: bool| {
        assert!(pending);
        wait::take().kind
    };
    let mutex = Mutex::new(());
    let _guard = mutex.try_lock().unwrap();
    assert_eq!(recorded(polled(mutex.lock()).poll().is_pending()), WaitKind::Mutex);
    let lock = RwLock::new(());
    let _reader = lock.try_read().unwrap();
    assert_eq!(recorded(polled(lock.write()).poll().is_pending()), WaitKind::RwLock);
    assert_eq!(recorded(polled(Semaphore::new(0).acquire()).poll().is_pending()), WaitKind::Semaphore);
    assert_eq!(recorded(polled(Notify::new().notified()).poll().is_pending()), WaitKind::Notify);
    let (_tx, rx) = oneshot::channel::<()>();
    assert_eq!(recorded(polled(rx).poll().is_pending()), WaitKind::Oneshot);
    let (tx, mut rx) = mpsc::channel(1);
    assert_eq!(recorded(polled(rx.recv()).poll().is_pending()), WaitKind::Receive);
    tx.try_send(1).unwrap();
    assert_eq!(recorded(polled(tx.send(1)).poll().is_pending()), WaitKind::Send);
    let (_tx, mut rx) = watch::channel(1);
    assert_eq!(recorded(polled(rx.changed()).poll().is_pending()), WaitKind::Watch);
    let (tx, mut rx) = broadcast::channel::<()>(1);
    assert_eq!(recorded(polled(rx.recv()).poll().is_pending()), WaitKind::Receive);
    assert_eq!(recorded(polled(tx.closed()).poll().is_pending()), WaitKind::Notify);
    assert_eq!(recorded(polled(Barrier::new(2).wait()).poll().is_pending()), WaitKind::Barrier);
    assert_eq!(recorded(polled(SetOnce::<()>::new().wait()).poll().is_pending()), WaitKind::Once);
    let token = CancellationToken::new();
    assert_eq!(recorded(polled(token.cancelled()).poll().is_pending()), WaitKind::Cancellation);
    let cell = OnceCell::<()>::new();
    let mut maker = polled(cell.get_or_init(std::future::pending));
    maker.pending();
    assert_eq!(recorded(polled(cell.get_or_init(std::future::pending)).poll().is_pending()), WaitKind::Once);
}
