//! The command `cede`: concurrent downloads with live progress, and a look into running programs, on the runtime of the same name.
//!
//! ```text
//! cli ─→ plan (jobs) ─→ get ─→ the engine: cede-transfer      what moves and keeps bytes
//!          │             ├→ progress (board) ─→ view (bars, lines)   what shows them
//!          │             └→ tui ─→ get/steer                         what shows them in a table, and steers them
//! put (orders) ─→ get                                          uploads, by the same engine and the same workers
//! resume, probe, verify                                          smaller ways to use the same engine
//! serve                                                        cede-serve, until Ctrl-C
//! adopt (patch, graph)                                           another matter: projects of others run on cede
//! look (link ─→ picture ─→ view ─→ draw ─→ screen)             another matter: what running programs do
//! ```
//! `plan`, `jobs` and the board decide without doing anything, so they are tested without a network.

#![deny(unsafe_code)]

mod adopt;
mod cli;
mod closed;
mod config;
mod demo;
mod device;
mod get;
mod interrupt;
mod jobs;
mod keys;
mod limits;
mod look;
mod manual;
mod out;
mod plan;
mod probe;
mod progress;
mod put;
mod rehearse;
mod repair;
mod resume;
mod serve;
mod start;
mod sum;
mod tui;
mod verify;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};

fn main() -> ExitCode {
    let line: Vec<_> = std::env::args_os().collect();
    let cli = match config::matches(cli::Cli::command(), &line, &|name| std::env::var(name).ok()) {
        Ok(matches) => cli::Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit()),
        Err(mistake) => {
            progress::lines::say(&format!("error: {mistake}"));
            return cede_transfer::Exit::Usage.into();
        }
    };
    limits::raise_open_files();
    limits::outlive_file_size_limit();
    let exit = match cli.command {
        cli::Command::Get(args) => get::run(&args),
        cli::Command::Put(args) => put::run(&args),
        cli::Command::Resume(args) => resume::run(&args),
        cli::Command::Probe(args) => probe::run(&args),
        cli::Command::Sum(args) => sum::run(&args),
        cli::Command::Verify(args) => verify::run(&args),
        cli::Command::Repair(args) => repair::run(&args),
        cli::Command::Serve(args) => serve::run(&args),
        cli::Command::Demo(args) => demo::run(&args),
        cli::Command::Adopt(args) => adopt::run(&args),
        cli::Command::Dump(args) => look::dump(&args),
        cli::Command::Top(args) => look::top(&args),
        cli::Command::Trace(args) => look::trace(&args),
        cli::Command::Man(args) => manual::man(&args),
        cli::Command::Completions(args) => manual::completions(&args),
    };
    out::settle(exit).into()
}
