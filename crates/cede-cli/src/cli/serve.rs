//! The command line of `cede serve`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use cede_transfer::units;

use super::{rate, seconds};

#[derive(Args, Debug)]
pub(crate) struct ServeArgs {
    /// The directory to serve; nothing outside of it can be had
    #[arg(default_value = ".", value_name = "DIR")]
    pub(crate) dir: PathBuf,

    /// Where to listen; 0.0.0.0:PORT or `[::]:PORT` lets other machines in
    #[arg(short, long, default_value = "127.0.0.1:8080", value_name = "ADDRESS:PORT")]
    pub(crate) bind: SocketAddr,

    /// Let clients store files: PUT, forms (POST), and resumable uploads (tus)
    #[arg(long)]
    pub(crate) upload: bool,

    /// The largest file that clients may store
    #[arg(long, value_name = "SIZE", requires = "upload", value_parser = units::parse_size)]
    pub(crate) max_upload: Option<u64>,

    /// The most connections at a time; more wait
    #[arg(long, default_value_t = 1024, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) max_connections: u32,

    /// The most bytes per second for everything together, as in 500k or 2M
    #[arg(long, visible_alias = "rate", value_name = "RATE", value_parser = rate)]
    pub(crate) limit_rate: Option<u64>,

    /// The most bytes per second for each connection
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub(crate) limit_rate_connection: Option<u64>,

    /// Close connections that have no request for this many seconds, or take so long for its head
    #[arg(long, default_value = "30", value_name = "SECONDS", value_parser = seconds)]
    pub(crate) idle_timeout: Duration,

    /// Close connections on which no byte moves for this many seconds
    #[arg(long, default_value = "60", value_name = "SECONDS", value_parser = seconds)]
    pub(crate) stall_timeout: Duration,

    /// The longest that a request may take altogether
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) request_timeout: Option<Duration>,

    /// After Ctrl-C, let requests go on for this many seconds
    #[arg(long, default_value = "10", value_name = "SECONDS", value_parser = seconds)]
    pub(crate) drain: Duration,

    /// The certificate chain, in PEM, for HTTPS
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(crate) cert: Option<PathBuf>,

    /// Its key, in PEM
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) key: Option<PathBuf>,

    /// HTTPS with a certificate made for this run; it is printed, for --cacert
    #[arg(long, conflicts_with = "cert")]
    pub(crate) tls_self_signed: bool,

    /// Do not speak HTTP/2
    #[arg(long)]
    pub(crate) http1: bool,

    /// Send text as it is, also to those who accept gzip or zstd
    #[arg(long)]
    pub(crate) no_compress: bool,

    /// Do not list directories that have no index.html
    #[arg(long)]
    pub(crate) no_listing: bool,

    /// Let things go wrong, as in 'reset=5%;status=503:10%,retry-after=1'; 'help' lists what there is
    #[arg(long, value_name = "FAULTS")]
    pub(crate) fault: Option<String>,

    /// What decides which requests go wrong; the same seed, the same faults
    #[arg(long, default_value_t = 1, value_name = "N", requires = "fault")]
    pub(crate) seed: u64,

    /// No line for each request
    #[arg(short, long)]
    pub(crate) quiet: bool,
}
