//! The command `cede`: concurrent downloads with live progress, and a look into running programs, on the runtime of the same name.
//!
//! ```text
//! cli ─→ plan ─→ get ─→ transfer ─→ request ─→ connect      what moves bytes
//!                 │        ├──────→ destination, writer     what keeps them
//!                 └→ progress (board) ─→ view (bars, lines) what shows them
//! adopt (patch, graph)                                      another matter: projects of others run on cede
//! look (link ─→ picture ─→ view ─→ draw ─→ screen)          another matter: what running programs do
//! ```
//! `name`, `redirect`, `plan`, `exit`, `units` and the board decide without doing anything, so they are tested without a network.

#![forbid(unsafe_code)]

mod adopt;
mod cli;
mod connect;
mod demo;
mod destination;
mod exit;
mod failure;
mod get;
mod interrupt;
mod limits;
mod look;
mod name;
mod plan;
mod progress;
mod redirect;
mod request;
mod tasks;
mod transfer;
mod units;
mod writer;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    limits::raise_open_files();
    match cli.command {
        cli::Command::Get(args) => get::run(&args),
        cli::Command::Demo(args) => demo::run(&args),
        cli::Command::Adopt(args) => adopt::run(&args),
        cli::Command::Dump(args) => look::dump(&args),
        cli::Command::Top(args) => look::top(&args),
    }
    .into()
}
