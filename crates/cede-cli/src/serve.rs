//! `cede serve`: a directory over HTTP, until Ctrl-C.
//!
//! The URL goes to standard output, so that a script can read it; the access log goes to standard error.

use std::io::{ErrorKind, Write};
use std::sync::Arc;

use cede_serve::fault::{self, Plan};
use cede_serve::{Drained, Log, Server, Settings, Silent, tls};
use cede_transfer::engine::Stop;
use cede_transfer::{Exit, printable};

use crate::cli::ServeArgs;
use crate::closed::why_no_stdout;
use crate::progress::lines::say;
use crate::start::Start;
use crate::{interrupt, limits};

/// Lines on standard error.
#[derive(Debug)]
struct ToStandardError;

impl Log for ToStandardError {
    fn line(&self, line: &str) {
        say(line);
    }
}

/// Runs the command.
pub(crate) fn run(args: &ServeArgs) -> Exit {
    if args.fault.as_deref() == Some("help") {
        crate::out::print(format!("{}\n", fault::HELP));
        return Exit::Done;
    }
    let settings = match settings(args) {
        Ok(settings) => settings,
        Err(mistake) => {
            say(&format!("error: {mistake}"));
            return Exit::Usage;
        }
    };
    let start = Start::wide();
    let stop = interrupt::install();
    start.run(serve(settings, stop))
}

fn settings(args: &ServeArgs) -> Result<Settings, String> {
    let faults = match &args.fault {
        Some(spec) => Some(Plan::parse(spec, args.seed).map_err(|mistake| format!("--fault: {mistake}"))?),
        None => None,
    };
    let http2 = !args.http1;
    let tls = match (&args.cert, &args.key) {
        (Some(cert), Some(key)) => Some(tls::from_files(cert, key, http2).map_err(|error| format!("--cert, --key: {error}"))?),
        _ if args.tls_self_signed => {
            let names = ["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned(), args.bind.ip().to_string()];
            let made = tls::self_signed(names.to_vec(), http2).map_err(|error| format!("--tls-self-signed: {error}"))?;
            say(&format!("certificate of this run, SHA-256 {}\n{}", made.fingerprint, made.pem.trim_end()));
            Some(made.config)
        }
        _ => None,
    };
    let log: Arc<dyn Log> = if args.quiet { Arc::new(Silent) } else { Arc::new(ToStandardError) };
    Ok(Settings {
        address: args.bind,
        tls,
        http2,
        upload: args.upload,
        max_upload: args.max_upload,
        // More than there are descriptors for would only fail.
        max_connections: (args.max_connections as usize).min(limits::served_at_once()),
        rate: args.limit_rate,
        rate_per_connection: args.limit_rate_connection,
        idle: args.idle_timeout,
        stall: args.stall_timeout,
        request: args.request_timeout,
        drain: args.drain,
        compress: !args.no_compress,
        listing: !args.no_listing,
        faults,
        log,
        ..Settings::new(&args.dir)
    })
}

/// Says where it is. To serve is what this is for, so that a standard output that takes nothing is no reason not to; but whoever looks for the URL has to find it.
fn announce(line: &str) {
    let why = match (writeln!(std::io::stdout(), "{line}"), why_no_stdout()) {
        (Ok(()), Some(why)) => why.to_owned(),
        (Err(error), _) if error.kind() != ErrorKind::BrokenPipe => format!("cannot be written to: {error}"),
        _ => return,
    };
    say(&format!("{line}\nwarning: that is for standard output, which {why}"));
}

async fn serve(settings: Settings, mut stop: Stop) -> Exit {
    let (dir, drain) = (printable(&settings.root.to_string_lossy()), settings.drain);
    let server = match Server::bind(settings) {
        Ok(server) => server,
        Err(error) => {
            let told = printable(&error.to_string());
            let help = if told.starts_with("cannot listen") {
                "--bind ADDRESS:PORT chooses another place; port 0 takes any that is free"
            } else {
                "name a directory that is there and can be read"
            };
            say(&format!("error: {told}\n  help: {help}"));
            return Exit::Files;
        }
    };
    announce(&format!("serving {dir} at {}", server.url()));
    let ended = async {
        stop.requested().await;
        say(&format!("ending: requests under way may go on for {} s; again to leave at once", drain.as_secs_f64()));
    };
    let Drained { refused, faults } = server.run(ended).await;
    if !faults.is_empty() {
        let counts: Vec<String> = faults.iter().map(|(name, count)| format!("{name} {count}")).collect();
        say(&format!("faults: {}", counts.join(", ")));
    }
    refused.iter().for_each(|name| say(&format!("refused to end: {name}")));
    if refused.is_empty() { Exit::Done } else { Exit::Failed }
}
