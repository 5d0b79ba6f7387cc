//! Behaviour of actors: on one thread, on a work-stealing runtime, and in simulated runs of many seeds. Time is virtual where it matters.

#[path = "it/asking.rs"]
mod asking;
#[path = "it/everywhere.rs"]
mod everywhere;
#[path = "it/keys.rs"]
mod keys;
#[path = "it/mailboxes.rs"]
mod mailboxes;
#[path = "it/names.rs"]
mod names;
#[path = "it/relations.rs"]
mod relations;
#[path = "it/stopping.rs"]
mod stopping;
#[path = "it/supervision.rs"]
mod supervision;
#[path = "it/sweep.rs"]
mod sweep;
#[path = "../../cede/tests/support/up_to.rs"]
mod up_to;
