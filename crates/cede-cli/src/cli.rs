//! The command line, as `--help` shows it. What the options mean together is decided in [`plan`](crate::plan).

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::exit;
use crate::look::Column;
use crate::progress::view::Wish;

/// How a program comes to listen.
const LISTENING: &str = "\
A program listens if it was started with CEDE_INSPECT=1, or calls cede::inspect::listen().
Exit codes: 0 done, 1 the process does not listen or has ended";

/// Downloads many files at a time on few threads.
#[derive(Debug, Parser)]
#[command(name = "cede", version, about, after_help = exit::TABLE, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Download files over HTTP and HTTPS
    #[command(after_help = exit::TABLE)]
    Get(GetArgs),
    /// Show concurrent downloads from a server inside this process; needs no network
    Demo(DemoArgs),
    /// Let an existing Cargo project that uses tokio run on cede
    Adopt(AdoptArgs),
    /// Print all tasks of a running program and what each waits for; without PID, list the programs that listen
    #[command(after_help = LISTENING)]
    Dump(DumpArgs),
    /// Watch the tasks of a running program; without PID, list the programs that listen
    #[command(after_help = LISTENING)]
    Top(TopArgs),
}

#[derive(Args, Debug)]
pub(crate) struct GetArgs {
    /// What to download
    #[arg(required = true, value_name = "URL")]
    pub(crate) urls: Vec<String>,

    /// Write to FILE instead of the name that the server or the URL gives (with one URL)
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Put the files into DIR, which is created if need be
    #[arg(short, long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,

    /// Name the files after the server's or the URL's name: the default, accepted for curl's sake
    #[arg(short = 'O', long, conflicts_with = "output")]
    pub(crate) remote_name: bool,

    /// Which of the names to take
    #[arg(long, value_enum, default_value_t = NameFrom::Auto, value_name = "SOURCE")]
    pub(crate) name_from: NameFrom,

    /// What to do about a file that exists
    #[arg(long, value_enum, default_value_t = IfExists::Error, value_name = "WHAT")]
    pub(crate) if_exists: IfExists,

    /// Overwrite files that exist; the same as --if-exists=overwrite
    #[arg(short, long, conflicts_with = "if_exists")]
    pub(crate) force: bool,

    /// How many transfers to run at a time
    #[arg(short, long, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub(crate) jobs: u16,

    /// Fail unless the file has this SHA-256 (with one URL)
    #[arg(long, value_name = "HEX", value_parser = crate::units::parse_sha256)]
    pub(crate) sha256: Option<[u8; 32]>,

    /// Give up connecting after this many seconds
    #[arg(long, default_value = "10", value_name = "SECONDS", value_parser = seconds)]
    pub(crate) connect_timeout: Duration,

    /// Give up when no byte has come for this many seconds
    #[arg(long, visible_alias = "timeout", default_value = "30", value_name = "SECONDS", value_parser = seconds)]
    pub(crate) stall_timeout: Duration,

    /// Follow at most N redirects
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub(crate) max_redirects: usize,

    /// Follow redirects from https to http
    #[arg(long)]
    pub(crate) allow_downgrade: bool,

    /// Trust the certificates in this PEM file, and no others
    #[arg(long, value_name = "FILE")]
    pub(crate) cacert: Option<PathBuf>,

    /// How to show progress
    #[arg(long, value_enum, default_value_t = Wish::Auto, value_name = "HOW")]
    pub(crate) progress: Wish,

    /// Say only what went wrong
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

#[derive(Args, Debug)]
pub(crate) struct DemoArgs {
    /// How many files to download
    #[arg(long, default_value_t = 16, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) files: u16,

    /// How to show progress
    #[arg(long, value_enum, default_value_t = Wish::Auto, value_name = "HOW")]
    pub(crate) progress: Wish,
}

#[derive(Args, Debug)]
pub(crate) struct AdoptArgs {
    /// Say whether the project runs on cede, and change nothing
    #[arg(long, conflicts_with = "undo")]
    pub(crate) check: bool,

    /// Take the patch out again
    #[arg(long)]
    pub(crate) undo: bool,

    /// The project, instead of the current directory
    #[arg(long, value_name = "DIR")]
    pub(crate) project: Option<PathBuf>,

    /// cede's package `tokio`, instead of that of the sources that this program was built from
    #[arg(long, value_name = "DIR")]
    pub(crate) facade: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct DumpArgs {
    /// The process
    #[arg(value_name = "PID")]
    pub(crate) process: Option<u32>,
}

#[derive(Args, Debug)]
pub(crate) struct TopArgs {
    /// The process
    #[arg(value_name = "PID")]
    pub(crate) process: Option<u32>,

    /// Print one picture as text and exit; so it is without a terminal
    #[arg(long)]
    pub(crate) once: bool,

    /// What to sort the tasks by
    #[arg(long, value_enum, default_value_t = Column::Share, value_name = "COLUMN")]
    pub(crate) sort: Column,
}

/// Where a file name comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum NameFrom {
    /// The server's Content-Disposition, else the URL, else the URL after redirects
    Auto,
    /// The URL as given
    Url,
    /// The URL after redirects
    FinalUrl,
}

/// What happens when the target exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum IfExists {
    /// Leave it and fail
    Error,
    /// Leave it and count the transfer as done
    Skip,
    /// Replace it when the new one is complete
    Overwrite,
    /// Write to a numbered name beside it
    Rename,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    if seconds > 0.0 && seconds <= 1e6 {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err("must be more than 0 and at most 1000000".to_owned())
    }
}
