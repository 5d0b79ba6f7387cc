//! When a worker lingers.

use super::{Lingering, SHORT_SLEEP_NS};

#[test]
fn only_after_a_short_sleep() {
    let lingering = Lingering::default();
    lingering.woken_after(SHORT_SLEEP_NS - 1);
    assert!(lingering.expects.get());
    lingering.woken_after(SHORT_SLEEP_NS);
    assert!(!lingering.expects.get());
}

#[test]
fn not_when_it_lives_on_other_things() {
    let lingering = Lingering::default();
    lingering.woken_after(1);
    lingering.took(1);
    lingering.expect_nothing();
    assert!(!lingering.expects.get());
}
