//! What is read is the end of what was written.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::vec::Vec;

use super::{EventRing, Slot};

fn ring(slots: usize) -> EventRing<Vec<Slot>> {
    EventRing::new((0..slots).map(|_| Slot::new()).collect())
}

fn numbers(ring: &EventRing<Vec<Slot>>) -> Vec<u64> {
    let mut numbers = Vec::new();
    ring.read(|number, event| {
        assert_eq!(event, [number, !number]);
        numbers.push(number);
    });
    numbers
}

#[test]
fn the_newest_are_there_in_order() {
    let ring = ring(8);
    assert_eq!(numbers(&ring), []);
    for number in 0..21 {
        ring.push([number, !number]);
        // The slot of the oldest is the one that would be written next, so it counts as being written.
        let oldest = (number + 1).saturating_sub(7);
        assert_eq!(numbers(&ring), (oldest..=number).collect::<Vec<_>>());
    }
    assert_eq!(ring.written(), 21);
}

#[test]
fn a_reader_beside_the_writer_sees_no_torn_event() {
    let ring = Arc::new(ring(16));
    let ends = Arc::new(AtomicBool::new(false));
    let writer = {
        let (ring, ends) = (ring.clone(), ends.clone());
        std::thread::spawn(move || {
            let mut number = 0;
            while !ends.load(Ordering::Relaxed) {
                ring.push([number, !number]);
                number += 1;
            }
        })
    };
    let mut seen = 0;
    while seen < 10_000 {
        let numbers = numbers(&ring);
        assert!(numbers.is_sorted());
        seen += numbers.len();
        std::thread::yield_now();
    }
    ends.store(true, Ordering::Relaxed);
    writer.join().unwrap();
}
