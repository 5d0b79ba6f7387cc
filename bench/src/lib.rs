//! What the contenders, the client and the driver of the benchmark share.
//!
//! Each contender is a binary `run-…` of its own behind one command line ([`arguments`]). It runs one workload, measures itself by the processor time that
//! the kernel counted for the process ([`sample`]), and prints one line. The driver (`bench`) interleaves contenders in rounds, rotates their order, and
//! takes ratios per round, so that whatever else the machine does hits all alike.
#![deny(unsafe_code)]

pub mod arguments;
pub mod floors;
#[expect(unsafe_code, reason = "see there")]
pub mod local;
pub mod rows;
pub mod run;
pub mod sample;
pub mod statistics;
pub mod system;
