//! The slot under the model checker, with a mailbox around it as channels have it.

use std::sync::Arc;
use std::task::{Wake, Waker};

use loom::sync::Notify;
use loom::thread;

use super::WakerSlot;
use crate::lock::Lock;

fn model(preemptions: usize, check: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(check);
}

/// Wakes the one thread that receives. Each is another waker.
struct Unpark(Arc<Notify>);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.notify();
    }
}

struct Mailbox {
    mail: Lock<usize>,
    slot: WakerSlot,
}

impl Mailbox {
    fn new() -> Arc<Self> {
        Arc::new(Self { mail: Lock::new(0), slot: WakerSlot::new() })
    }

    fn send(&self) {
        let call = {
            let mut mail = self.mail.lock();
            *mail += 1;
            // SAFETY: the lock is held.
            unsafe { self.slot.claim() }
        };
        if let Some(call) = call {
            call.wake();
        }
    }

    /// Takes all there is; if there is nothing, the waker is called when there is.
    fn poll(&self, waker: &Waker) -> Option<usize> {
        let fresh = {
            let mut mail = self.mail.lock();
            if *mail > 0 {
                return Some(core::mem::take(&mut *mail));
            }
            // SAFETY: the lock is held, and there is one receiver.
            if unsafe { self.slot.park(waker) } {
                return None;
            }
            drop(mail);
            waker.clone()
        };
        let old = {
            let mut mail = self.mail.lock();
            if *mail > 0 {
                return Some(core::mem::take(&mut *mail));
            }
            // SAFETY: as above.
            unsafe { self.slot.replace(fresh) }
        };
        // The old waker is being called just now: another look, when its caller has come further.
        if old.is_err() {
            waker.wake_by_ref();
            thread::yield_now();
        }
        None
    }

    /// Receives so many, with as many wakers, which take turns from poll to poll.
    fn receive(&self, count: usize, wakers: usize) {
        let unpark = Arc::new(Notify::new());
        let wakers: std::vec::Vec<_> = (0..wakers).map(|_| Waker::from(Arc::new(Unpark(unpark.clone())))).collect();
        let mut received = 0;
        let mut polls = 0;
        while received < count {
            match self.poll(&wakers[polls % wakers.len()]) {
                Some(more) => received += more,
                None => unpark.wait(),
            }
            polls += 1;
        }
        assert_eq!(received, count);
        let left = {
            let _mail = self.mail.lock();
            // SAFETY: the lock is held, and the receiver waits no more.
            unsafe { self.slot.clear() }
        };
        drop(left);
    }
}

fn received_from_two(wakers: usize) {
    model(3, move || {
        let mailbox = Mailbox::new();
        let senders = [mailbox.clone(), mailbox.clone()].map(|mailbox| thread::spawn(move || mailbox.send()));
        mailbox.receive(2, wakers);
        for sender in senders {
            sender.join().unwrap();
        }
    });
}

#[test]
fn loom_the_receiver_of_two_senders_misses_nothing() {
    received_from_two(1);
}

#[test]
fn loom_a_receiver_that_changes_its_waker_misses_nothing() {
    received_from_two(2);
}

#[test]
fn loom_one_sender_that_sends_again_while_its_first_call_is_on() {
    model(3, || {
        let mailbox = Mailbox::new();
        let sending = mailbox.clone();
        let sender = thread::spawn(move || {
            sending.send();
            sending.send();
        });
        mailbox.receive(2, 2);
        sender.join().unwrap();
    });
}

/// While the calls of two are on, a third one leaves its wake to the second. That is the receiver's own here, which saves a thread.
#[test]
fn loom_a_third_call_beside_two_is_repeated() {
    model(2, || {
        let mailbox = Mailbox::new();
        let senders = [mailbox.clone(), mailbox.clone()].map(|mailbox| thread::spawn(move || mailbox.send()));
        let unpark = Arc::new(Notify::new());
        let waker = Waker::from(Arc::new(Unpark(unpark.clone())));
        let (mut received, mut own) = (0, 0);
        while received < 3 {
            match mailbox.poll(&waker) {
                Some(more) => received += more,
                None if received == 2 && own == 0 => {
                    mailbox.send();
                    own = 1;
                    unpark.wait();
                }
                None => unpark.wait(),
            }
        }
        for sender in senders {
            sender.join().unwrap();
        }
    });
}
