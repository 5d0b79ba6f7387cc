//! Streams and sinks without a runtime: polled by hand, dropped anywhere.

mod cancelling;
mod channels;
mod codecs;
mod polling;
#[path = "../../../cede/tests/support/up_to.rs"]
mod up_to;
