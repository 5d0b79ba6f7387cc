//! All models. Each is a file that needs nothing of the others.
#![deny(unsafe_code)]

mod actors;
mod callbacks;
mod cede;
#[expect(unsafe_code, reason = "see there")]
mod coroutines;
pub(crate) mod processes;
mod thread_pool;
mod threads;
mod tokio;

use crate::job::Model;

/// The models, in the order of the table.
pub(crate) const ALL: &[&dyn Model] = &[
    &processes::Processes,
    &threads::Threads,
    &thread_pool::ThreadPool,
    &callbacks::Callbacks,
    &coroutines::Coroutines,
    &actors::Actors,
    &cede::Cede::OneThread,
    &cede::Cede::Pool,
    &tokio::Tokio::OneThread,
    &tokio::Tokio::Pool,
];

/// The model of that name.
pub(crate) fn named(name: &str) -> Option<&'static dyn Model> {
    ALL.iter().copied().find(|model| model.name() == name)
}

/// Lines of code of a model: without blank lines, comments and imports.
pub(crate) fn lines(model: &dyn Model) -> usize {
    let is_code = |line: &str| !line.is_empty() && !["//", "use ", "#!["].iter().any(|start| line.starts_with(start));
    model.source().lines().map(str::trim).filter(|line| is_code(line)).count()
}
