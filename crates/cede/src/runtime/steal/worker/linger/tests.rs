//! When a worker lingers.

use super::{Lingering, RARELY, SHORT_SLEEP_NS, VAIN_MAX};

#[test]
fn only_after_a_short_sleep() {
    let lingering = Lingering::default();
    lingering.woken_after(SHORT_SLEEP_NS);
    assert!(!lingering.expects.get());
    lingering.woken_after(SHORT_SLEEP_NS - 1);
    assert!(lingering.expects.get());
}

#[test]
fn once_in_a_while_where_it_was_in_vain() {
    let lingering = Lingering::default();
    let attempts = (0..VAIN_MAX + 4 * RARELY)
        .filter(|_| {
            lingering.woken_after(1);
            // What it was woken for, and then nothing: as a worker does it.
            lingering.let_gather();
            lingering.took(1);
            lingering.let_gather();
            lingering.took(0);
            lingering.took(0);
            let attempt = lingering.expects.get();
            if attempt {
                lingering.ended(true);
            }
            attempt
        })
        .count();
    assert_eq!(attempts as u32, VAIN_MAX + 4);
}

#[test]
fn again_as_soon_as_it_was_not() {
    let lingering = Lingering::default();
    (0..VAIN_MAX).for_each(|_| lingering.ended(true));
    lingering.ended(false);
    assert!(lingering.expects.get());
    lingering.expects.set(false);
    lingering.woken_after(1);
    assert!(lingering.expects.get());
}

#[test]
fn what_has_gathered_shows_that_it_is_not_in_vain() {
    let lingering = Lingering::default();
    for _ in 0..VAIN_MAX {
        lingering.woken_after(1);
        lingering.ended(true);
    }
    // The one chance in a while.
    while !lingering.expects.get() {
        lingering.woken_after(1);
    }
    lingering.took(1);
    lingering.let_gather();
    lingering.took(1);
    lingering.ended(true);
    lingering.woken_after(1);
    assert!(lingering.expects.get());
}
