//! The cells as thread-locals. They are const-initialized and need no drop, so an access is one load from the thread block.

use core::cell::Cell;
use std::time::Duration;

use crate::holder::Holders;
use crate::timer::Maker;

std::thread_local! {
    static BUDGET: Cell<u8> = const { Cell::new(crate::budget::UNLIMITED) };
    static WAIT: Cell<u64> = const { Cell::new(0) };
    static INSIDE: Cell<bool> = const { Cell::new(false) };
    static HOLDERS: Cell<Option<&'static Holders>> = const { Cell::new(None) };
    static TIMER: Cell<Option<Maker>> = const { Cell::new(None) };
}

#[inline]
pub(crate) fn budget() -> u8 {
    BUDGET.with(Cell::get)
}

#[inline]
pub(crate) fn set_budget(units: u8) {
    BUDGET.with(|budget| budget.set(units));
}

#[inline]
pub(crate) fn set_wait(wait: u64) {
    WAIT.with(|cell| cell.set(wait));
}

#[inline]
pub(crate) fn take_wait() -> u64 {
    WAIT.with(|cell| cell.replace(0))
}

pub(crate) fn inside() -> bool {
    INSIDE.with(Cell::get)
}

pub(crate) fn replace_inside(inside: bool) -> bool {
    INSIDE.with(|cell| cell.replace(inside))
}

#[inline]
pub(crate) fn holders() -> Option<&'static Holders> {
    HOLDERS.with(Cell::get)
}

pub(crate) fn set_holders(holders: &'static Holders) {
    HOLDERS.with(|cell| cell.set(Some(holders)));
}

pub(crate) fn timer() -> Option<Maker> {
    TIMER.with(Cell::get)
}

pub(crate) fn set_timer(maker: Maker) {
    TIMER.with(|cell| cell.set(Some(maker)));
}

/// Waits a moment for another thread that holds a short lock; `round` counts the calls so far in this wait.
///
/// It spins first, then gives the processor away, then sleeps, so that a lock holder that was descheduled, even one with a lower real-time
/// priority, always gets to run.
#[cold]
pub fn relax(round: u32) {
    match round {
        0..=6 => {
            for _ in 0..1_u32 << round {
                core::hint::spin_loop();
            }
        }
        7..=63 => std::thread::yield_now(),
        _ => std::thread::sleep(Duration::from_micros(50)),
    }
}
