//! Uploads to a server that goes wrong on purpose: nothing is stored twice, nothing is lost, and nothing is mixed.
#![forbid(unsafe_code)]

mod case;
mod farewell;
mod once;
mod parts;
mod resumable;
mod signature;
mod steer;
mod store;
