//! The cells where there is no thread-local storage: budgets never end, waits are not recorded. A model may say what is done about holders; all its threads have that in common.

pub(crate) fn budget() -> u8 {
    crate::budget::UNLIMITED
}

pub(crate) fn set_budget(_units: u8) {}

pub(crate) fn set_wait(_wait: u64) {}

pub(crate) fn take_wait() -> u64 {
    0
}

#[cfg(not(loom))]
pub(crate) fn holders() -> Option<&'static crate::holder::Holders> {
    None
}

#[cfg(not(loom))]
pub(crate) fn set_holders(_holders: &'static crate::holder::Holders) {}

#[cfg(loom)]
static HOLDERS: std::sync::OnceLock<&'static crate::holder::Holders> = std::sync::OnceLock::new();

#[cfg(loom)]
pub(crate) fn holders() -> Option<&'static crate::holder::Holders> {
    HOLDERS.get().copied()
}

/// The first ones stay.
#[cfg(loom)]
pub(crate) fn set_holders(holders: &'static crate::holder::Holders) {
    let _later = HOLDERS.set(holders);
}

pub(crate) fn inside() -> bool {
    false
}

pub(crate) fn replace_inside(_inside: bool) -> bool {
    false
}

#[cfg(feature = "std")]
pub(crate) fn timer() -> Option<crate::timer::Maker> {
    None
}

#[cfg(feature = "std")]
pub(crate) fn set_timer(_maker: crate::timer::Maker) {}

/// Waits a moment for another thread that holds a short lock.
#[cold]
pub fn relax(_round: u32) {
    core::hint::spin_loop();
}
