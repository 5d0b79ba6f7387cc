//! The same for locks, channels and what else tasks meet at.

use std::sync::{Arc, Mutex};

use cede::event::{self, Bus, Overflow};
use cede::group::TaskGroup;
use cede::sync::{
    Barrier, CancellationToken, Mutex as TaskMutex, Notify, OnceCell, RwLock, Semaphore, SetOnce, broadcast, mpsc, oneshot, watch,
};

use crate::leaves::{Leaf, NOTHING, RUNTIME, Wait, matrix, three, touch};
use crate::script::{ignore, lock, tolerate};

fn leaf(waits: Vec<Wait>, release: impl Fn() + Send + 'static, probe: impl Fn() + Send + Sync + 'static) -> Leaf {
    Leaf { waits, release: Box::new(release), probe: Arc::new(probe) }
}

async fn mutex() -> Leaf {
    let mutex = Arc::new(TaskMutex::new(()));
    let guard = Mutex::new(mutex.clone().try_lock_owned().ok());
    let waits = three(|_| {
        let mutex = mutex.clone();
        Box::pin(async move { drop(mutex.lock().await) })
    });
    leaf(waits, move || drop(lock(&guard).take()), move || touch(mutex.lock()))
}

async fn readers() -> Leaf {
    let shared = Arc::new(RwLock::new(()));
    let guard = Mutex::new(shared.clone().try_write_owned().ok());
    let waits = three(|_| {
        let shared = shared.clone();
        Box::pin(async move { drop(shared.read().await) })
    });
    leaf(waits, move || drop(lock(&guard).take()), move || touch(shared.write()))
}

async fn writers() -> Leaf {
    let shared = Arc::new(RwLock::new(()));
    let guard = Mutex::new(shared.clone().try_read_owned().ok());
    let waits = three(|_| {
        let shared = shared.clone();
        Box::pin(async move { drop(shared.write().await) })
    });
    leaf(waits, move || drop(lock(&guard).take()), move || touch(shared.read()))
}

async fn permits() -> Leaf {
    let semaphore = Arc::new(Semaphore::new(1));
    let waits = three(|_| {
        let semaphore = semaphore.clone();
        Box::pin(async move { drop(semaphore.acquire_many(2).await.unwrap()) })
    });
    let shared = semaphore.clone();
    leaf(waits, move || shared.add_permits(1), move || touch(semaphore.acquire_many(100)))
}

async fn permits_that_are_refused() -> Leaf {
    let semaphore = Arc::new(Semaphore::new(1));
    let waits = three(|_| {
        let semaphore = semaphore.clone();
        Box::pin(async move { assert!(semaphore.acquire_many(2).await.is_err()) })
    });
    let shared = semaphore.clone();
    leaf(waits, move || shared.close(), move || touch(semaphore.acquire_many(100)))
}

async fn notifications() -> Leaf {
    let notify = Arc::new(Notify::new());
    let waits = three(|_| Box::pin(notify.clone().notified_owned()));
    let shared = notify.clone();
    // One for each; a notification of somebody who gives up goes to the next.
    leaf(waits, move || (0..3).for_each(|_| ignore(tolerate(|| shared.notify_one()))), move || drop(Box::pin(notify.notified())))
}

async fn notifications_of_all() -> Leaf {
    let notify = Arc::new(Notify::new());
    let waits = three(|_| Box::pin(notify.clone().notified_owned()));
    let shared = notify.clone();
    leaf(waits, move || shared.notify_waiters(), move || touch(notify.notified()))
}

async fn single_values() -> Leaf {
    let (senders, mut receivers): (Vec<_>, Vec<_>) = (0..3).map(|_| oneshot::channel::<()>()).unzip();
    let senders = Arc::new(Mutex::new(senders));
    let waits = three(|_| {
        let receiver = receivers.pop().unwrap();
        Box::pin(async move { receiver.await.unwrap() })
    });
    let shared = senders.clone();
    let release = move || {
        while let Some(sender) = { lock(&shared).pop() } {
            tolerate(|| ignore(sender.send(())));
        }
    };
    leaf(waits, release, move || ignore(senders.try_lock().map(|senders| senders.iter().all(oneshot::Sender::is_closed))))
}

async fn ends_of_single_values() -> Leaf {
    let (mut senders, receivers): (Vec<_>, Vec<_>) = (0..3).map(|_| oneshot::channel::<()>()).unzip();
    let receivers = Arc::new(Mutex::new(receivers));
    let waits = three(|_| {
        let mut sender = senders.pop().unwrap();
        Box::pin(async move { sender.closed().await })
    });
    let shared = receivers.clone();
    let release = move || {
        while let Some(receiver) = { lock(&shared).pop() } {
            tolerate(|| drop(receiver));
        }
    };
    leaf(waits, release, move || ignore(receivers.try_lock().map(|receivers| receivers.iter().all(oneshot::Receiver::is_empty))))
}

async fn messages() -> Leaf {
    let (senders, mut receivers): (Vec<_>, Vec<_>) = (0..3).map(|_| mpsc::channel(1)).unzip();
    let waits = three(|_| {
        let mut receiver = receivers.pop().unwrap();
        Box::pin(async move { receiver.recv().await.unwrap() })
    });
    let shared = senders.clone();
    // One that was given up has no receiver.
    let release = move || shared.iter().for_each(|sender| ignore(tolerate(|| sender.try_send(()))));
    leaf(waits, release, move || senders.iter().for_each(|sender| drop(sender.try_reserve())))
}

async fn messages_without_limit() -> Leaf {
    let (senders, mut receivers): (Vec<_>, Vec<_>) = (0..3).map(|_| mpsc::unbounded_channel()).unzip();
    let waits = three(|_| {
        let mut receiver = receivers.pop().unwrap();
        Box::pin(async move { receiver.recv().await.unwrap() })
    });
    let shared = senders.clone();
    let release = move || shared.iter().for_each(|sender| ignore(tolerate(|| sender.send(()))));
    leaf(waits, release, move || drop(senders.clone()))
}

async fn room() -> Leaf {
    let (sender, receiver) = mpsc::channel(1);
    sender.try_send(()).unwrap();
    let waits = three(|_| {
        let sender = sender.clone();
        // Each leaves its room to the next.
        Box::pin(async move { drop(sender.reserve().await.unwrap()) })
    });
    let receiver = Mutex::new(receiver);
    leaf(waits, move || ignore(lock(&receiver).try_recv()), move || touch(sender.reserve()))
}

async fn ends_of_channels() -> Leaf {
    let (sender, receiver) = mpsc::channel::<()>(1);
    sender.try_send(()).unwrap();
    let mut kinds = (0..3).map(|number| number == 1);
    let waits = three(|_| {
        let (sender, sends) = (sender.clone(), kinds.next().unwrap());
        Box::pin(async move { if sends { assert!(sender.send(()).await.is_err()) } else { sender.closed().await } })
    });
    let receiver = Mutex::new(Some(receiver));
    leaf(waits, move || drop(lock(&receiver).take()), move || touch(sender.closed()))
}

async fn versions() -> Leaf {
    let (sender, receiver) = watch::channel(0);
    let waits = three(|_| {
        let mut receiver = receiver.clone();
        Box::pin(async move { receiver.changed().await.unwrap() })
    });
    let release = move || sender.send(1).unwrap();
    leaf(waits, release, move || touch(async { receiver.clone().changed().await }))
}

async fn ends_of_versions() -> Leaf {
    let (sender, receiver) = watch::channel(0);
    let sender = Arc::new(sender);
    let waits = three(|_| {
        let sender = sender.clone();
        Box::pin(async move { sender.closed().await })
    });
    let receiver = Mutex::new(Some(receiver));
    leaf(waits, move || drop(lock(&receiver).take()), move || touch(sender.closed()))
}

async fn broadcasts() -> Leaf {
    let (sender, receiver) = broadcast::channel(4);
    let waits = three(|_| {
        let mut receiver = receiver.resubscribe();
        Box::pin(async move { receiver.recv().await.unwrap() })
    });
    let release = move || drop(sender.send(()));
    leaf(waits, release, move || touch(async { receiver.resubscribe().recv().await }))
}

async fn meetings() -> Leaf {
    // With two that were given up there are six missing, with one five; so more may come than are waited for.
    let barrier = Arc::new(Barrier::new(6));
    let waits = three(|_| {
        let barrier = barrier.clone();
        Box::pin(async move { ignore(barrier.wait().await) })
    });
    let shared = barrier.clone();
    let release = move || {
        let mut others: Vec<_> = (0..6).map(|_| Box::pin(shared.wait())).collect();
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        for other in &mut others {
            tolerate(|| ignore(other.as_mut().poll(&mut cx).is_ready()));
        }
    };
    leaf(waits, release, move || touch(barrier.wait()))
}

async fn cells() -> Leaf {
    let cell = Arc::new(OnceCell::new());
    let (makes, made) = oneshot::channel::<()>();
    let maker = Arc::new(Mutex::new(Some(Box::pin({
        let cell = cell.clone();
        async move { ignore(cell.get_or_init(async || made.await.unwrap()).await) }
    }))));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(lock(&maker).as_mut().unwrap().as_mut().poll(&mut cx).is_pending());
    let waits = three(|_| {
        let cell = cell.clone();
        Box::pin(async move { ignore(cell.get_or_init(std::future::pending::<()>).await) })
    });
    let makes = Mutex::new(Some(makes));
    let release = move || {
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        if let Some(makes) = lock(&makes).take() {
            makes.send(()).unwrap();
        }
        if let Some(mut maker) = lock(&maker).take() {
            tolerate(|| ignore(maker.as_mut().poll(&mut cx).is_ready()));
        }
    };
    leaf(waits, release, move || ignore(cell.set(())))
}

async fn values_that_are_set_once() -> Leaf {
    let once = Arc::new(SetOnce::new());
    let waits = three(|_| {
        let once = once.clone();
        Box::pin(async move { *once.wait().await })
    });
    let shared = once.clone();
    leaf(waits, move || ignore(shared.set(())), move || touch(once.wait()))
}

async fn cancellations() -> Leaf {
    let root = CancellationToken::new();
    let waits =
        three(|number| if number == 0 { Box::pin(root.clone().cancelled_owned()) } else { Box::pin(root.child_token().cancelled_owned()) });
    let shared = root.clone();
    leaf(waits, move || shared.cancel(), move || touch(root.child_token().cancelled()))
}

async fn events() -> Leaf {
    let (emitters, mut queues): (Vec<_>, Vec<_>) = (0..3).map(|_| event::channel(1, Overflow::DropOldest).unwrap()).unzip();
    let waits = three(|_| {
        let mut events = queues.pop().unwrap();
        Box::pin(async move { events.recv().await.unwrap() })
    });
    let emitters = Arc::new(emitters);
    let shared = emitters.clone();
    let release = move || shared.iter().for_each(|emitter| ignore(tolerate(|| emitter.emit(()))));
    leaf(waits, release, move || emitters.iter().for_each(|emitter| ignore(emitter.len())))
}

async fn room_for_events() -> Leaf {
    let (emitter, events) = event::channel(1, Overflow::Wait).unwrap();
    emitter.emit(()).unwrap();
    let emitter = Arc::new(emitter);
    let waits = three(|_| {
        let emitter = emitter.clone();
        Box::pin(async move { drop(emitter.reserve().await.unwrap()) })
    });
    let events = Mutex::new(events);
    leaf(waits, move || ignore(lock(&events).try_recv()), move || touch(emitter.reserve()))
}

async fn subscriptions() -> Leaf {
    let bus = Arc::new(Bus::new());
    let waits = three(|_| {
        let mut subscription = bus.subscribe(1, Overflow::DropOldest).unwrap();
        Box::pin(async move { subscription.recv().await.unwrap() })
    });
    let shared = bus.clone();
    let release = move || touch(shared.publish(()));
    leaf(waits, release, move || drop(bus.subscribe(1, Overflow::DropOldest)))
}

async fn callbacks() -> Leaf {
    let (completers, mut completions): (Vec<_>, Vec<_>) = (0..3).map(|_| event::completion::<()>()).unzip();
    let waits = three(|_| {
        let completion = completions.pop().unwrap();
        Box::pin(async move { completion.await.unwrap() })
    });
    let completers = Arc::new(completers);
    let shared = completers.clone();
    let release = move || shared.iter().for_each(|completer| ignore(tolerate(|| completer.complete(()))));
    leaf(waits, release, move || completers.iter().for_each(|completer| ignore(completer.is_awaited())))
}

async fn groups() -> Leaf {
    let gate = Arc::new(Notify::new());
    let waits = three(|_| {
        let (mut group, opened) = (TaskGroup::<std::io::Error>::new(), gate.clone().notified_owned());
        drop(group.spawn(async move {
            opened.await;
            Ok(())
        }));
        Box::pin(async move { drop(group.join().await) })
    });
    let probe = || {
        if cede::runtime::Handle::try_current().is_ok() {
            drop(TaskGroup::<std::io::Error>::new().spawn(async { Ok(()) }));
        }
    };
    leaf(waits, move || gate.notify_waiters(), probe)
}

matrix! {
    wakers_of_mutexes: mutex NOTHING;
    wakers_of_readers: readers NOTHING;
    wakers_of_writers: writers NOTHING;
    wakers_of_permits: permits NOTHING;
    wakers_of_permits_that_are_refused: permits_that_are_refused NOTHING;
    wakers_of_notifications: notifications NOTHING;
    wakers_of_notifications_of_all: notifications_of_all NOTHING;
    wakers_of_single_values: single_values NOTHING;
    wakers_of_ends_of_single_values: ends_of_single_values NOTHING;
    wakers_of_messages: messages NOTHING;
    wakers_of_messages_without_limit: messages_without_limit NOTHING;
    wakers_of_room: room NOTHING;
    wakers_of_ends_of_channels: ends_of_channels NOTHING;
    wakers_of_versions: versions NOTHING;
    wakers_of_ends_of_versions: ends_of_versions NOTHING;
    wakers_of_broadcasts: broadcasts NOTHING;
    wakers_of_meetings: meetings NOTHING;
    wakers_of_cells: cells NOTHING;
    wakers_of_values_that_are_set_once: values_that_are_set_once NOTHING;
    wakers_of_cancellations: cancellations NOTHING;
    wakers_of_events: events NOTHING;
    wakers_of_room_for_events: room_for_events NOTHING;
    wakers_of_subscriptions: subscriptions NOTHING;
    wakers_of_callbacks: callbacks NOTHING;
    wakers_of_groups: groups RUNTIME;
}
