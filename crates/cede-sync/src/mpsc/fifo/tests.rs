//! The queue against a plain one.

use super::Fifo;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use proptest::prelude::*;

proptest! {
    #[test]
    fn behaves_like_a_plain_queue(steps in proptest::collection::vec(0_u16..400, 1..60)) {
        let (mut real, mut model) = (Fifo::new(), VecDeque::new());
        let mut next = 0_u64;
        for step in steps {
            let count = step / 4;
            match step % 4 {
                0 => for _ in 0..count {
                    real.push(next);
                    model.push_back(next);
                    next += 1;
                },
                1 => for _ in 0..count {
                    prop_assert_eq!(real.pop(), model.pop_front());
                },
                2 => {
                    let mut got = Vec::new();
                    let moved = real.pop_many(&mut got, usize::from(count));
                    prop_assert_eq!(moved, got.len());
                    let expected: Vec<_> = model.drain(..moved).collect();
                    prop_assert_eq!(got, expected);
                    prop_assert!(moved == usize::from(count) || model.is_empty());
                }
                _ => {
                    let mut taken = Fifo::new();
                    taken.take_all(&mut real);
                    prop_assert!(real.is_empty());
                    real = taken;
                }
            }
            prop_assert_eq!(real.len(), model.len());
            prop_assert_eq!(real.is_empty(), model.is_empty());
        }
    }
}

#[test]
fn an_emptied_queue_gives_its_memory_back() {
    let mut queue = Fifo::new();
    for value in 0..1_000_000_u64 {
        queue.push(value);
    }
    while queue.pop().is_some() {}
    let kept = queue.head.capacity() + queue.tail.capacity() + queue.spare.capacity();
    assert!(kept <= 3 * Fifo::<u64>::CHUNK, "{kept}");
    assert!(queue.full.capacity() <= 16);
}
