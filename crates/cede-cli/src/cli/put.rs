//! The command line of `cede put`.

use std::path::PathBuf;

use clap::{Arg, Args, ValueEnum};

use cede_transfer::units;

use super::{NetworkArgs, ShowArgs};

#[derive(Args, Debug)]
pub(crate) struct PutArgs {
    /// The files, '-' for standard input, and at last where they go: a URL, or s3://BUCKET/NAME. What ends in '/' gets their names. With --form, only the URL
    #[arg(required = true, value_name = "FILE… URL")]
    pub(crate) what: Vec<String>,

    /// Which request carries the file
    #[arg(long, value_enum, ignore_case = true, default_value_t = Method::Put, value_name = "METHOD")]
    pub(crate) method: Method,

    /// Send a form by POST: NAME=@FILE or NAME=TEXT (may be repeated). After a file, ';type=image/png' tells its media type and ';filename=x.png' another name
    #[arg(short = 'F', long, value_name = "NAME=@FILE", conflicts_with_all = ["method", "tus", "resume"])]
    pub(crate) form: Vec<String>,

    /// Upload resumably after the tus protocol: what is broken off, even by kill -9, goes on with the same command
    #[arg(long, conflicts_with = "method")]
    pub(crate) tus: bool,

    /// The same, but ask the server first whether it can
    #[arg(short = 'c', long = "continue", conflicts_with_all = ["method", "tus"])]
    pub(crate) resume: bool,

    /// Drop what an earlier run began
    #[arg(long)]
    pub(crate) restart: bool,

    /// Do not replace a file that is there (If-None-Match: *)
    #[arg(short = 'n', long)]
    pub(crate) no_clobber: bool,

    /// Tell the server a checksum (Repr-Digest, Upload-Checksum, for stores Content-MD5), so that it can refuse what was damaged on the way; the file is read once more for that
    #[arg(long)]
    pub(crate) check: bool,

    /// The name of standard input
    #[arg(long, default_value = "stdin", value_name = "NAME")]
    pub(crate) name: String,

    /// Where the journals of resumable uploads are, instead of ~/.local/state/cede/uploads
    #[arg(long, value_name = "DIR", env = "CEDE_UPLOADS")]
    pub(crate) journals: Option<PathBuf>,

    /// The service behind s3://, unless it is Amazon's; the login is in AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN
    #[arg(long, value_name = "URL", env = "AWS_ENDPOINT_URL")]
    pub(crate) s3_endpoint: Option<String>,

    /// The region of the bucket
    #[arg(long, default_value = "us-east-1", value_name = "REGION", env = "AWS_REGION")]
    pub(crate) s3_region: String,

    /// The smallest part of an object; as many bytes for each of --parts are in memory
    #[arg(long, default_value = "8M", value_name = "SIZE", value_parser = part_size)]
    pub(crate) part_size: u64,

    /// How many parts of an object to send at a time
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) parts: u16,

    /// Say what would be done, and do nothing of it: no request is sent
    #[arg(long, conflicts_with_all = ["tui", "json"])]
    pub(crate) dry_run: bool,

    /// Show a table of the uploads, with keys to pause, resume and cancel them, to change their order, and to limit their rates. A paused upload sends nothing: with
    /// --tus or --continue its connection is let go, otherwise it waits with it, as long as the server does
    #[arg(long, conflicts_with_all = ["json", "quiet", "progress"])]
    pub(crate) tui: bool,

    #[command(flatten)]
    pub(crate) network: NetworkArgs,

    #[command(flatten)]
    pub(crate) show: ShowArgs,
}

/// What carries a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Method {
    /// Stores the file at the URL; can be tried again
    Put,
    /// Gives the file to whatever is at the URL; not tried again when that could do it twice
    Post,
}

/// How many uploads run at a time unless the user says so: each holds several chunks of its file in memory, and few of them fill what a line takes.
pub(super) const JOBS: &str = "4";

/// Hides the options that only downloads have, and gives those that mean something else for uploads their own default.
pub(super) fn of_uploads(arg: Arg) -> Arg {
    match arg.get_id().as_str() {
        "segments" | "min_split" | "journal_every" | "no_restart" | "no_sync" => arg.hide(true),
        "jobs" => arg.help("How many files to upload at a time; each takes memory of its own").default_value(JOBS),
        _ => arg,
    }
}

/// Stores refuse smaller parts; their tests do not.
fn part_size(text: &str) -> Result<u64, String> {
    units::parse_size(text)
        .and_then(|size| if (1..=5 << 30).contains(&size) { Ok(size) } else { Err("must be between 5M and 5G".to_owned()) })
}
