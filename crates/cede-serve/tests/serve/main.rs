//! The server, asked over real sockets by a client that hides nothing.
#![forbid(unsafe_code)]

mod client;
mod faults;
mod files;
mod limits;
mod tus;
mod uploads;
