//! Loom models of the task.
