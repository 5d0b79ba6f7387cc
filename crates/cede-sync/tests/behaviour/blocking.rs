//! The `blocking_*` methods refuse on a thread that runs tasks.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use cede_context::inside;
use cede_sync::{Mutex, RwLock, Semaphore, broadcast, mpsc, oneshot};

type Call<'a> = (&'static str, Box<dyn Fn() + 'a>);

#[test]
fn refuse_inside_an_executor_and_work_where_it_was_left() {
    let (mutex, lock, semaphore) = (Arc::new(Mutex::new(1)), RwLock::new(1), Arc::new(Semaphore::new(4)));
    let (tx, rx) = mpsc::channel(8);
    let (unbounded, unbounded_rx) = mpsc::unbounded_channel();
    let (broadcast, broadcast_rx) = broadcast::channel(8);
    // Each could go on at once: it is the thread that is wrong, not the wait.
    let calls: Vec<Call<'_>> = vec![
        ("lock", Box::new(|| drop(mutex.blocking_lock()))),
        ("lock_owned", Box::new(|| drop(mutex.clone().blocking_lock_owned()))),
        ("read", Box::new(|| drop(lock.blocking_read()))),
        ("write", Box::new(|| drop(lock.blocking_write()))),
        ("acquire", Box::new(|| drop(semaphore.blocking_acquire()))),
        ("acquire_many_owned", Box::new(|| drop(semaphore.clone().blocking_acquire_many_owned(2)))),
        ("send", Box::new(|| tx.blocking_send(1).unwrap())),
        (
            "oneshot",
            Box::new(|| {
                let (tx, rx) = oneshot::channel();
                tx.send(1).unwrap();
                assert_eq!(rx.blocking_recv(), Ok(1));
            }),
        ),
    ];
    let (mut rx, mut unbounded_rx, mut broadcast_rx) = (rx, unbounded_rx, broadcast_rx);
    for (name, call) in &calls {
        let _inside = inside::enter();
        let panic = catch_unwind(AssertUnwindSafe(call)).expect_err(name);
        assert!(panic.downcast_ref::<&str>().is_some_and(|text| text.contains("spawn_blocking")), "{name}");
        let _left = inside::leave();
        call();
    }
    unbounded.send(1).unwrap();
    broadcast.send(1).unwrap();
    {
        let _inside = inside::enter();
        assert!(catch_unwind(AssertUnwindSafe(|| rx.blocking_recv())).is_err());
        assert!(catch_unwind(AssertUnwindSafe(|| unbounded_rx.blocking_recv_many(&mut Vec::new(), 1))).is_err());
        assert!(catch_unwind(AssertUnwindSafe(|| broadcast_rx.blocking_recv())).is_err());
    }
    assert_eq!((rx.blocking_recv(), unbounded_rx.blocking_recv(), broadcast_rx.blocking_recv()), (Some(1), Some(1), Ok(1)));
}
