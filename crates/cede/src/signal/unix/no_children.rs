//! Without processes of ours, there are no orphans.

pub(super) fn reap_orphans() {}
