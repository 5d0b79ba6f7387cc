//! The command line, as `--help` shows it. What the options mean together is decided in [`plan`](crate::plan).

mod check;
pub(crate) mod habits;
mod put;
mod serve;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use cede_transfer::sum::Sum;
use cede_transfer::{exit, units};

use crate::config;
use crate::look::Column;
use crate::progress::view::Wish;
pub(crate) use check::{RepairArgs, SumArgs, VerifyArgs};
pub(crate) use put::{Method, PutArgs};
pub(crate) use serve::ServeArgs;

/// How a program comes to listen.
const LISTENING: &str = "\
A program listens if it was started with CEDE_INSPECT=1, or calls cede::inspect::listen(). One that uses
cede under the name `tokio` needs the feature `inspect` of that package.
Exit codes: 0 done, 1 the process does not listen or has ended";

/// How a server ends.
const SERVING: &str = "\
Ctrl-C ends it: requests under way may go on for --drain seconds, those that do not end then are named.
Exit codes: 0 ended in good order, 1 some requests did not end, 2 wrong use, 3 the directory or port cannot be had";

/// Downloads many files at a time on few threads.
#[derive(Debug, Parser)]
#[command(name = "cede", version, about, after_help = exit::TABLE, after_long_help = format!("{}\n\n{}", config::HELP, exit::TABLE), arg_required_else_help = true)]
pub(crate) struct Cli {
    /// Take settings from FILE, instead of ~/.config/cede/config.toml
    #[arg(long, value_name = "FILE", global = true, help_heading = "Configuration")]
    pub(crate) config: Option<PathBuf>,

    /// Take settings from no file
    #[arg(long, global = true, conflicts_with = "config", help_heading = "Configuration")]
    pub(crate) no_config: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Download files over HTTP and HTTPS
    #[command(after_help = exit::TABLE)]
    Get(Box<GetArgs>),
    /// Upload files over HTTP and HTTPS: PUT, POST, forms, resumable (tus)
    #[command(after_help = exit::TABLE, mut_args = put::of_uploads)]
    Put(Box<PutArgs>),
    /// Go on with every unfinished download in a directory, and with the resumable uploads of files there
    #[command(after_help = exit::TABLE)]
    Resume(ResumeArgs),
    /// Tell what a server says about a file, without downloading it
    #[command(after_help = exit::TABLE, mut_args = check::without_sync)]
    Probe(ProbeArgs),
    /// Print checksums; with --pieces, also write the list by which damage can be mended
    #[command(after_help = exit::TABLE)]
    Sum(SumArgs),
    /// Check files against checksums, lists of them, or the pieces of a manifest
    #[command(after_help = exit::TABLE)]
    Verify(VerifyArgs),
    /// Mend a damaged file: fetch only the pieces that are wrong
    #[command(after_help = exit::TABLE, mut_args = check::without_sync)]
    Repair(Box<RepairArgs>),
    /// Serve a directory over HTTP; also with faults on purpose, to test clients
    #[command(after_help = SERVING)]
    Serve(Box<ServeArgs>),
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
    /// Record what the threads of a running program do, for ui.perfetto.dev or chrome://tracing; without PID, list the programs that listen
    #[command(after_help = LISTENING)]
    Trace(TraceArgs),
    /// Write the manual pages
    Man(ManArgs),
    /// Print the completions of a shell
    Completions(CompletionsArgs),
}

#[derive(Args, Debug)]
pub(crate) struct GetArgs {
    /// What to download
    #[arg(required_unless_present_any = ["input", "metalink"], value_name = "URL")]
    pub(crate) urls: Vec<String>,

    /// Download what this Metalink 4 or list of pieces is about: from all its mirrors, checked, and mended where pieces came wrong (may be repeated). A local
    /// file among the URLs that ends in .meta4 or .metalink means the same; so does a URL whose answer is a Metalink, by its type or its name, unless --output or
    /// --sum is given
    #[arg(long, value_name = "FILE", visible_alias = "manifest")]
    pub(crate) metalink: Vec<PathBuf>,

    /// Also download what FILE lists, or standard input for '-': a URL on each line, then perhaps a tab and a name or mirrors; aria2's indented 'out=', 'dir='
    /// and 'checksum=' lines are understood, its 'split=' and the like passed over, 'header=' and what else would change the request refused. Lines that begin
    /// with '#' are skipped. The list is read as it is needed
    #[arg(short, long, value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,

    /// Write to FILE instead of the name that the server or the URL gives (with one URL); '-' is standard output, in order, and so is /dev/stdout. What is no file,
    /// such as /dev/null, a terminal or a named pipe, gets the bytes in order too; nothing of them is kept for a later run. If the download fails, the reader of a named
    /// pipe sees its end
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Put the files into DIR, which is created if need be
    #[arg(short, long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,

    /// Name the files after the server's or the URL's name: the default, accepted for curl's sake
    #[arg(short = 'O', long, conflicts_with = "output")]
    pub(crate) remote_name: bool,

    /// Unpack the archive (tar, zip; gzip, zstd, xz, bzip2) into DIR while it comes; DIR appears when all of it was unpacked and, if a sum is known, it was right.
    /// The archive itself is kept beside it until then, so that the same command goes on with it after an interruption
    #[arg(long, value_name = "DIR", conflicts_with_all = ["output", "dir", "input", "metalink"])]
    pub(crate) extract: Option<PathBuf>,

    /// Fail when more than this comes out of the archive
    #[arg(long, default_value = "1T", value_name = "SIZE", value_parser = units::parse_size, requires = "extract")]
    pub(crate) max_extracted: u64,

    /// Fail when more than N bytes come out of each byte of the archive, after the first 64 MiB
    #[arg(long, default_value_t = 250, value_name = "N", requires = "extract")]
    pub(crate) max_ratio: u64,

    /// Which of the names to take
    #[arg(long, value_enum, default_value_t = NameFrom::Auto, value_name = "SOURCE")]
    pub(crate) name_from: NameFrom,

    /// What to do about a file that exists
    #[arg(long, value_enum, default_value_t = IfExists::Error, value_name = "WHAT")]
    pub(crate) if_exists: IfExists,

    /// Overwrite files that exist; the same as --if-exists=overwrite
    #[arg(short, long, conflicts_with = "if_exists")]
    pub(crate) force: bool,

    /// Where else the file is; with --sum, all places are used at once (with one URL; may be repeated)
    #[arg(long, value_name = "URL")]
    pub(crate) mirror: Vec<String>,

    /// Fail unless the file has this checksum, as in sha256:HEX; also sha512, sha1, md5, blake3 (with one URL). 'auto' takes the one that the server tells in a
    /// header, or that is at URL.sha256
    #[arg(long, value_name = "ALG:HEX", value_parser = sum)]
    pub(crate) sum: Option<SumArg>,

    /// Fail unless the file has this SHA-256 (with one URL); the same as --sum sha256:HEX
    #[arg(long, value_name = "HEX", conflicts_with = "sum", value_parser = sha256)]
    pub(crate) sha256: Option<Sum>,

    /// Go on also with what another URL left under the same name, if the server proves that it is the same file. With the same URL this is the default
    #[arg(short = 'c', long = "continue")]
    pub(crate) resume: bool,

    /// Drop what an earlier run left
    #[arg(long, conflicts_with = "resume")]
    pub(crate) restart: bool,

    /// Show a table of the transfers, with keys to pause, resume and cancel them, to change their order, and to limit their rates
    #[arg(long, conflicts_with_all = ["json", "quiet", "progress"])]
    pub(crate) tui: bool,

    /// Say what would be done, and do nothing of it: one request for each URL, whose answer is not read
    #[arg(long, conflicts_with_all = ["tui", "json"])]
    pub(crate) dry_run: bool,

    #[command(flatten)]
    pub(crate) network: NetworkArgs,

    #[command(flatten)]
    pub(crate) show: ShowArgs,
}

#[derive(Args, Debug)]
pub(crate) struct ResumeArgs {
    /// Where to look, also below
    #[arg(default_value = ".", value_name = "DIR")]
    pub(crate) dir: PathBuf,

    /// Show a table of the transfers, with keys to pause, resume and cancel them, to change their order, and to limit their rates
    #[arg(long, conflicts_with_all = ["json", "quiet", "progress"])]
    pub(crate) tui: bool,

    /// How many files to upload at a time; each takes memory of its own
    #[arg(long, default_value = put::JOBS, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub(crate) uploads: u16,

    /// Where the journals of resumable uploads are, instead of ~/.local/state/cede/uploads
    #[arg(long, value_name = "DIR", env = "CEDE_UPLOADS")]
    pub(crate) journals: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) network: NetworkArgs,

    #[command(flatten)]
    pub(crate) show: ShowArgs,
}

#[derive(Args, Debug)]
pub(crate) struct ProbeArgs {
    /// What to ask about
    #[arg(required = true, value_name = "URL")]
    pub(crate) urls: Vec<String>,

    #[command(flatten)]
    pub(crate) network: NetworkArgs,
}

/// How to reach servers, and how hard to try.
#[derive(Args, Debug)]
pub(crate) struct NetworkArgs {
    /// How many files to download at a time
    #[arg(short, long, default_value_t = 16, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub(crate) jobs: u16,

    /// The most connections for one file; one at first, more while that makes it faster
    #[arg(short, long, default_value_t = 16, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) segments: u16,

    /// The most connections to one host
    #[arg(short = 'x', long, default_value_t = 32, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) per_host: u16,

    /// The smallest piece that gets a connection of its own
    #[arg(long, default_value = "1M", value_name = "SIZE", value_parser = units::parse_size)]
    pub(crate) min_split: u64,

    /// The most bytes per second for everything together, as in 500k or 2M
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub(crate) limit_rate: Option<u64>,

    /// The most bytes per second from each host
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub(crate) limit_rate_host: Option<u64>,

    /// Try again up to N times in a row without any progress
    #[arg(long, default_value_t = 5, env = "CEDE_RETRY", value_name = "N")]
    pub(crate) retry: u32,

    /// The shortest wait before a further try; the waits grow, up to 30 seconds
    #[arg(long, default_value = "0.5", value_name = "SECONDS", value_parser = seconds)]
    pub(crate) retry_wait: Duration,

    /// Give up after this many seconds without progress, over all tries
    #[arg(long, default_value = "600", value_name = "SECONDS", value_parser = seconds)]
    pub(crate) retry_max_time: Duration,

    /// The longest Retry-After that is obeyed in full
    #[arg(long, default_value = "300", value_name = "SECONDS", value_parser = seconds)]
    pub(crate) retry_after_cap: Duration,

    /// Write down what has come this often; after a crash, no more than that is fetched again
    #[arg(long, default_value = "1", value_name = "SECONDS", value_parser = seconds)]
    pub(crate) journal_every: Duration,

    /// Do not wait at the end until the system has written small files to the disk; a power cut in the next seconds may leave them empty
    #[arg(long)]
    pub(crate) no_sync: bool,

    /// Fail when the file changes on the server, instead of fetching the new version
    #[arg(long)]
    pub(crate) no_restart: bool,

    /// Give up connecting after this many seconds
    #[arg(long, default_value = "10", value_name = "SECONDS", value_parser = seconds)]
    pub(crate) connect_timeout: Duration,

    /// Try again when no byte has come for this many seconds
    #[arg(long, visible_alias = "timeout", default_value = "30", value_name = "SECONDS", value_parser = seconds)]
    pub(crate) stall_timeout: Duration,

    /// Try again when a connection is slower than this, over 10 seconds or those given
    #[arg(long, default_value = "64:60", value_name = "RATE[:SECONDS]", value_parser = speed)]
    pub(crate) min_speed: (u64, Duration),

    /// Follow at most N redirects
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub(crate) max_redirects: usize,

    /// Follow redirects from https to http
    #[arg(long)]
    pub(crate) allow_downgrade: bool,

    /// Trust the certificates in this PEM file, and no others
    #[arg(long, value_name = "FILE")]
    pub(crate) cacert: Option<PathBuf>,

    /// Do not offer HTTP/2
    #[arg(long)]
    pub(crate) http1: bool,

    /// Connect through this HTTP proxy, instead of what http_proxy, https_proxy, all_proxy and no_proxy say
    #[arg(long, value_name = "URL", conflicts_with = "no_proxy")]
    pub(crate) proxy: Option<String>,

    /// Connect directly, whatever the environment says
    #[arg(long)]
    pub(crate) no_proxy: bool,

    /// Send this header too (may be repeated)
    #[arg(short = 'H', long, value_name = "NAME: VALUE")]
    pub(crate) header: Vec<String>,

    /// Send these cookies, as in 'NAME=VALUE; NAME2=VALUE2', to the host of the URL only; or, without '=', take cookies from this file in Netscape's format
    /// (may be repeated)
    #[arg(short = 'b', long, value_name = "DATA|FILE", alias = "load-cookies")]
    pub(crate) cookie: Vec<String>,

    /// At the end, write all cookies to FILE in Netscape's format; those that servers set are heeded in any case
    #[arg(long, value_name = "FILE", alias = "save-cookies")]
    pub(crate) cookie_jar: Option<PathBuf>,

    /// Heed no cookies that servers set
    #[arg(long, conflicts_with = "cookie_jar")]
    pub(crate) no_cookies: bool,

    /// Send this as User-Agent
    #[arg(short = 'A', long, value_name = "TEXT")]
    pub(crate) user_agent: Option<String>,

    /// Log in with this name and password; only at the host of the URL, never where a redirect leads
    #[arg(short, long, value_name = "NAME:PASSWORD", env = "CEDE_USER", hide_env_values = true)]
    pub(crate) user: Option<String>,

    /// Log in with this token; likewise
    #[arg(long, value_name = "TOKEN", env = "CEDE_BEARER", hide_env_values = true, conflicts_with = "user")]
    pub(crate) bearer: Option<String>,

    /// Take logins from this file, instead of ~/.netrc
    #[arg(long, value_name = "FILE", env = "NETRC")]
    pub(crate) netrc: Option<PathBuf>,

    /// Take no logins from ~/.netrc
    #[arg(long)]
    pub(crate) no_netrc: bool,
}

/// What to show.
#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    /// How to show progress
    #[arg(long, value_enum, default_value_t = Wish::Auto, value_name = "HOW")]
    pub(crate) progress: Wish,

    /// Say only what went wrong
    #[arg(short, long)]
    pub(crate) quiet: bool,

    /// Tell programs what happens: one JSON object a line on standard output, as docs/transfer-events.md has it
    #[arg(long)]
    pub(crate) json: bool,
}

/// How a download is checked.
#[derive(Clone, Debug)]
pub(crate) enum SumArg {
    Auto,
    Given(Sum),
}

#[derive(Args, Debug)]
pub(crate) struct DemoArgs {
    /// How many files to download
    #[arg(long, default_value_t = 16, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) files: u16,

    /// What else the demo's server does wrong, as for `serve`: to see what the demo says to that
    #[arg(long, hide = true, value_name = "FAULTS")]
    pub(crate) fault: Option<String>,

    /// How to show progress
    #[arg(long, value_enum, default_value_t = Wish::Auto, value_name = "HOW")]
    pub(crate) progress: Wish,
}

#[derive(Args, Debug)]
pub(crate) struct AdoptArgs {
    /// Say whether the project runs on cede, and write nothing: also no Cargo.lock that is missing or out of date
    #[arg(long, conflicts_with = "undo")]
    pub(crate) check: bool,

    /// Take out again what it has written
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
pub(crate) struct ManArgs {
    /// Where to write a page for each command; without it, all go to standard output
    #[arg(value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct CompletionsArgs {
    /// For which shell
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Args, Debug)]
pub(crate) struct DumpArgs {
    /// The process
    #[arg(value_name = "PID")]
    pub(crate) process: Option<u32>,

    /// For so many seconds, have tasks that are polled keep where in their code they wait, and show that, too
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "1", require_equals = true, value_parser = clap::value_parser!(u64).range(1..=60))]
    pub(crate) chains: Option<u64>,
}

#[derive(Args, Debug)]
pub(crate) struct TraceArgs {
    /// The process
    #[arg(value_name = "PID")]
    pub(crate) process: Option<u32>,

    /// For how long. A program that records already gives what happened before, too, also with 0
    #[arg(long, default_value = "2", value_name = "N", value_parser = recorded)]
    pub(crate) seconds: Duration,

    /// Where to write it, '-' for standard output; by default cede-trace-PID.json
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
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

fn recorded(text: &str) -> Result<Duration, String> {
    if text.trim() == "0" { Ok(Duration::ZERO) } else { seconds(text) }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    if seconds > 0.0 && seconds <= 1e6 {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err("must be more than 0 and at most 1000000".to_owned())
    }
}

fn sum(text: &str) -> Result<SumArg, String> {
    if text == "auto" { Ok(SumArg::Auto) } else { text.parse().map(SumArg::Given) }
}

fn sha256(text: &str) -> Result<Sum, String> {
    format!("sha256:{text}").parse()
}

fn rate(text: &str) -> Result<u64, String> {
    units::parse_size(text).and_then(|rate| if rate > 0 { Ok(rate) } else { Err("must be more than 0".to_owned()) })
}

fn speed(text: &str) -> Result<(u64, Duration), String> {
    match text.split_once(':') {
        Some((speed, time)) => Ok((rate(speed)?, seconds(time)?)),
        None => Ok((rate(text)?, Duration::from_secs(10))),
    }
}
