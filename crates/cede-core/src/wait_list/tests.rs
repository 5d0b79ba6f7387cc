//! The wait list against a plain queue, and the batch that its wakers go through.

use super::{Node, WaitList};
use crate::wake_batch::WakeBatch;
use core::task::Waker;
use proptest::prelude::*;
use std::boxed::Box;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;
use std::vec::Vec;

proptest! {
    #[test]
    fn keeps_the_order_of_a_plain_queue(steps in proptest::collection::vec((0_u8..6, 0_usize..16), 1..80)) {
        let nodes: Vec<Pin<Box<Node<usize>>>> = (0..16).map(|id| Box::pin(Node::new(id))).collect();
        let (mut list, mut other) = (WaitList::new(), WaitList::new());
        let (mut model, mut other_model): (VecDeque<usize>, VecDeque<usize>) = Default::default();
        for (step, id) in steps {
            let free = !model.contains(&id) && !other_model.contains(&id);
            match step {
                // SAFETY: the node is in no list; the nodes outlive both lists' use.
                0 if free => unsafe {
                    list.push_back(nodes[id].as_ref(), Some(Waker::noop().clone()));
                    model.push_back(id);
                },
                // SAFETY: as above.
                1 if free => unsafe {
                    other.push_back(nodes[id].as_ref(), None);
                    other_model.push_back(id);
                },
                // SAFETY: it is in this list or in none.
                2 if !other_model.contains(&id) => unsafe {
                    prop_assert_eq!(list.remove(&nodes[id]).is_some(), model.contains(&id));
                    model.retain(|there| *there != id);
                },
                3 => {
                    let mut popped = None;
                    list.pop_front(|id| popped = Some(*id));
                    prop_assert_eq!(popped, model.pop_front());
                }
                4 => {
                    let mut popped = None;
                    list.pop_back(|id| popped = Some(*id));
                    prop_assert_eq!(popped, model.pop_back());
                }
                5 if id == 0 => {
                    // Give the appended nodes wakers, as the model expects of all in `list`.
                    for id in &other_model {
                        // SAFETY: it is in `other`.
                        let old = unsafe { other.set_waker(&nodes[*id], Waker::noop().clone()) };
                        prop_assert!(old.is_none());
                    }
                    list.append(&mut other);
                    model.append(&mut other_model);
                    prop_assert!(other.is_empty());
                }
                _ => {}
            }
            prop_assert_eq!(list.is_empty(), model.is_empty());
            prop_assert_eq!(list.front(|id| *id), model.front().copied());
            prop_assert_eq!(other.front(|id| *id), other_model.front().copied());
        }
    }
}

/// Notes the order of its wakes; panics if told so.
struct Noting {
    id: usize,
    panics: bool,
    order: Arc<AtomicUsize>,
}

impl Wake for Noting {
    fn wake(self: Arc<Self>) {
        assert_eq!(self.order.fetch_add(1, Ordering::SeqCst), self.id);
        assert!(!self.panics, "waker");
    }
}

#[test]
fn a_batch_wakes_all_in_order_whoever_panics() {
    for panics in [&[][..], &[0], &[3, 4], &[31]] {
        let order = Arc::new(AtomicUsize::new(0));
        let mut batch = WakeBatch::new();
        for id in 0..WakeBatch::ROOM {
            assert!(batch.has_room());
            batch.push(Arc::new(Noting { id, panics: panics.contains(&id), order: order.clone() }).into());
        }
        assert!(!batch.has_room());
        let outcome = catch_unwind(AssertUnwindSafe(|| batch.wake_all()));
        assert_eq!(outcome.is_err(), !panics.is_empty());
        assert_eq!(order.load(Ordering::SeqCst), WakeBatch::ROOM);
        assert!(batch.is_empty() && batch.has_room());
    }
}

#[test]
fn a_dropped_batch_wakes_too() {
    let order = Arc::new(AtomicUsize::new(0));
    let mut batch = WakeBatch::new();
    batch.push(Arc::new(Noting { id: 0, panics: false, order: order.clone() }).into());
    drop(batch);
    assert_eq!(order.load(Ordering::SeqCst), 1);
}
