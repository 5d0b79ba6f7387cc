//! The traits of other crates on cede's types, each behind a feature of that crate's name.

#[cfg(feature = "futures-io")]
mod futures_io;
#[cfg(feature = "futures-task")]
mod futures_task;
#[cfg(feature = "hyper")]
pub(crate) mod hyper;
