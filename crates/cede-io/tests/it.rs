//! Behaviour of the public interface, with sources and destinations that follow a script.

#[path = "it/buffered.rs"]
mod buffered;
#[path = "it/copying.rs"]
mod copying;
#[path = "it/malicious.rs"]
mod malicious;
#[path = "it/pipes.rs"]
mod pipes;
#[path = "it/random.rs"]
mod random;
#[path = "it/reading.rs"]
mod reading;
#[path = "it/script.rs"]
mod script;
#[path = "it/sweep.rs"]
mod sweep;
#[path = "it/writing.rs"]
mod writing;
