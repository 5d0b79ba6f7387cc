//! Reports as events of `tracing`.

#![forbid(unsafe_code)]

use super::Stall;
use crate::inspect::Deadlock;

pub(super) fn stall(stall: &Stall) {
    tracing::warn!(
        target: "cede::stall",
        task = stall.task(),
        name = stall.name(),
        spawned_at = %stall.spawned_at(),
        thread = stall.thread(),
        lasts_ms = u64::try_from(stall.lasts().as_millis()).unwrap_or(u64::MAX),
        rescued = stall.is_rescued(),
        "{stall}"
    );
}

pub(super) fn deadlock(deadlock: &Deadlock) {
    tracing::error!(target: "cede::deadlock", tasks = deadlock.parties().len(), "{deadlock}");
}
