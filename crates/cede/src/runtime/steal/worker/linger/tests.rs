//! When a worker lingers.

use super::{Lingering, SHORT_SLEEP_NS};

#[test]
fn only_after_a_short_sleep_that_a_push_from_outside_has_ended() {
    let lingering = Lingering::default();
    lingering.woken_after(SHORT_SLEEP_NS - 1);
    lingering.took(0);
    assert!(!lingering.expects.get(), "it was woken for something else");
    lingering.took(1);
    assert!(lingering.expects.get());
    lingering.expect_nothing();
    lingering.woken_after(SHORT_SLEEP_NS);
    lingering.took(1);
    assert!(!lingering.expects.get(), "it was asleep for long");
}

#[test]
fn not_when_it_lives_on_other_things() {
    let lingering = Lingering::default();
    lingering.woken_after(1);
    lingering.expect_nothing();
    lingering.took(1);
    assert!(!lingering.expects.get());
    lingering.woken_after(1);
    lingering.took(1);
    lingering.expect_nothing();
    assert!(!lingering.expects.get());
}
