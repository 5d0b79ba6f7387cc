//! The ring under the model checker: whatever a reader returns was written so, as a whole.

use std::sync::Arc;
use std::vec::Vec;

use loom::thread;

use super::{EventRing, Slot};

type Ring = EventRing<Vec<Slot>>;

fn model(check: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(check);
}

fn write(ring: &Ring, numbers: impl Iterator<Item = u64>) {
    numbers.for_each(|number| ring.push([number, !number]));
}

/// The numbers of the events that a reader finds.
fn read(ring: &Ring) -> Vec<u64> {
    let mut numbers = Vec::new();
    ring.read(|number, event| {
        assert_eq!(event, [number, !number], "torn, or another one's");
        numbers.push(number);
    });
    assert!(numbers.is_sorted());
    numbers
}

#[test]
fn loom_a_reader_beside_a_writer_that_goes_round() {
    model(|| {
        let ring = Arc::new(Ring::new((0..2).map(|_| Slot::new()).collect()));
        write(&ring, 0..1);
        let reader = {
            let ring = ring.clone();
            thread::spawn(move || read(&ring))
        };
        write(&ring, 1..4);
        reader.join().unwrap();
        assert_eq!(read(&ring), [3]);
    });
}

#[test]
fn loom_what_was_written_before_is_found() {
    model(|| {
        let ring = Arc::new(Ring::new((0..4).map(|_| Slot::new()).collect()));
        write(&ring, 0..2);
        let reader = {
            let ring = ring.clone();
            thread::spawn(move || read(&ring))
        };
        write(&ring, 2..3);
        assert!(reader.join().unwrap().starts_with(&[0, 1]));
    });
}
