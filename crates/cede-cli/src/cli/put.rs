//! The command line of `cede put`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{NetworkArgs, ShowArgs};

#[derive(Args, Debug)]
pub(crate) struct PutArgs {
    /// The files, '-' for standard input, and at last where they go; a URL that ends in '/' gets their names. With --form, only the URL
    #[arg(required = true, value_name = "FILE… URL")]
    pub(crate) what: Vec<String>,

    /// Which request carries the file
    #[arg(long, value_enum, ignore_case = true, default_value_t = Method::Put, value_name = "METHOD")]
    pub(crate) method: Method,

    /// Send a form by POST: NAME=@FILE or NAME=TEXT (may be repeated)
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

    /// Tell the server a checksum (Repr-Digest, Upload-Checksum), so that it can refuse what was damaged on the way; the file is read once more for that
    #[arg(long)]
    pub(crate) check: bool,

    /// The name of standard input
    #[arg(long, default_value = "stdin", value_name = "NAME")]
    pub(crate) name: String,

    /// Where the journals of resumable uploads are, instead of ~/.local/state/cede/uploads
    #[arg(long, value_name = "DIR", env = "CEDE_UPLOADS")]
    pub(crate) journals: Option<PathBuf>,

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
