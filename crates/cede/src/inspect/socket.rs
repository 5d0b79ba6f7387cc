//! A socket by which others of the same user look into the process.
//!
//! # What
//! If the environment variable `CEDE_INSPECT` is set, or the program calls [`listen`], the process listens on a Unix socket. `cede dump` and `cede top` speak to it. It has threads of its own,
//! so that it answers also when all workers are stuck.
//!
//! # Protocol
//! The client sends lines. Each is answered by a line with a number of bytes, and that many bytes of UTF-8:
//! * `dump`: the dump as text;
//! * `chains MILLISECONDS`: the same after so long, during which tasks keep [where they wait](super::await_chains);
//! * `top COUNT`: lines of fields, separated by tabs, as [`picture`](super::picture) says; at most so many tasks;
//! * `trace MILLISECONDS`: records what all threads do for so long, and gives it in the format of Chrome's tracing, see [`record`](crate::record);
//! * `task NUMBER`: all that is known of one task as text, and the circles that it is in; nothing if it has ended.
//!
//! What is not understood is answered by a line that begins with `error`, and the connection is closed.
//!
//! # Who may speak to it
//! The user who runs the process: the socket is in a directory that only that user may enter, and the client's user is asked of the kernel.

#![forbid(unsafe_code)]

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, Once, PoisonError};
use std::thread;
use std::time::Duration;

use super::samples::Wanted;
use super::{await_chains, dump, picture};
use crate::error_output::say;
use crate::record;
use crate::sys::{self, user};

/// A request has at most so many bytes.
const REQUEST_MAX: u64 = 256;
/// A client that does not read is given up after so long.
const PATIENCE: Duration = Duration::from_secs(10);
/// The threads are recorded for so long at most.
const TRACE_MAX: Duration = Duration::from_secs(3600);

/// Chains are kept for so long at most.
const CHAINS_MAX: Duration = Duration::from_secs(60);

/// Where this process listens, once it does.
static LISTENS: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Where a process of this user listens, if it does: `cede/PID` in `$XDG_RUNTIME_DIR`, else `/tmp/cede-UID/PID`.
///
/// ```
/// assert!(cede::inspect::socket_path(42).ends_with("42"));
/// ```
#[must_use]
pub fn socket_path(process: u32) -> PathBuf {
    let directory = match std::env::var_os("XDG_RUNTIME_DIR") {
        Some(directory) if !directory.is_empty() => PathBuf::from(directory).join("cede"),
        _ => PathBuf::from(format!("/tmp/cede-{}", user::effective())),
    };
    directory.join(process.to_string())
}

/// Listens for `cede dump` and `cede top`, on a socket that only the user who runs the process may use. Returns where; a second call does nothing else. The environment variable `CEDE_INSPECT=1` does the same
/// when the first runtime is made.
///
/// # Errors
/// If the directory of the socket cannot be made or belongs to somebody else, or the socket or its thread cannot be made.
///
/// ```
/// let path = cede::inspect::listen()?;
/// assert_eq!(path, cede::inspect::socket_path(std::process::id()));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn listen() -> io::Result<PathBuf> {
    let mut listens = LISTENS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(path) = &*listens {
        return Ok(path.clone());
    }
    let path = socket_path(std::process::id());
    let directory = path.parent().expect("the path has two parts");
    make_private(directory)?;
    // Left by an earlier process of that number.
    let _was_there = fs::remove_file(&path);
    let listener = UnixListener::bind(&path)?;
    sys::thread::spawn(thread::Builder::new().name("cede-inspect".into()), Box::new(move || accept(&listener)))?;
    *listens = Some(path.clone());
    Ok(path)
}

/// A runtime is made: listens if the environment says so.
pub(crate) fn listen_if_asked() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let asked = std::env::var_os("CEDE_INSPECT").is_some_and(|value| !value.is_empty() && value != "0");
        if asked && let Err(error) = listen() {
            say(&format_args!("CEDE_INSPECT is set, but there is no socket: {error}"));
        }
    });
}

/// Makes a directory that only this user may enter, or sees that it is one.
fn make_private(directory: &Path) -> io::Result<()> {
    match fs::DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => return made,
    }
    let found = fs::symlink_metadata(directory)?;
    let private = found.is_dir() && found.uid() == user::effective() && found.permissions().mode().trailing_zeros() >= 6;
    if private {
        return Ok(());
    }
    let message = format!("{} is not a directory that only this user may enter; remove it, or set XDG_RUNTIME_DIR", directory.display());
    Err(io::Error::new(io::ErrorKind::PermissionDenied, message))
}

fn accept(listener: &UnixListener) {
    for client in listener.incoming() {
        match client {
            Ok(client) if is_same_user(&client) => {
                // Without a thread the client sees the end of the stream.
                let _refused = sys::thread::spawn(thread::Builder::new().name("cede-inspect".into()), Box::new(move || serve(&client)));
            }
            Ok(_) => {}
            // For want of descriptors, most likely.
            Err(_) => thread::sleep(Duration::from_millis(100)),
        }
    }
}

fn is_same_user(client: &UnixStream) -> bool {
    user::peer(client.as_fd()).is_ok_and(|peer| peer.uid == user::effective() || peer.uid == 0)
}

fn serve(client: &UnixStream) {
    let _given_up = client.set_write_timeout(Some(PATIENCE)).and_then(|()| answer(client));
}

fn answer(mut client: &UnixStream) -> io::Result<()> {
    let mut requests = BufReader::new(client);
    let mut sampled = None;
    loop {
        let mut request = String::new();
        if requests.by_ref().take(REQUEST_MAX).read_line(&mut request)? == 0 {
            return Ok(());
        }
        let words: Vec<_> = request.split_ascii_whitespace().collect();
        let text = match words[..] {
            ["dump"] => dump().to_string(),
            ["chains", millis] => {
                let _kept = await_chains();
                thread::sleep(Duration::from_millis(millis.parse().unwrap_or(0)).min(CHAINS_MAX));
                dump().to_string()
            }
            ["top", count] => {
                sampled.get_or_insert_with(Wanted::begin);
                picture::lines(count.parse().unwrap_or(usize::MAX))
            }
            ["trace", millis] => record::of_process(Duration::from_millis(millis.parse().unwrap_or(0)).min(TRACE_MAX)),
            ["task", number] => number.parse().map(picture::task).unwrap_or_default(),
            _ => {
                let requests =
                    b"error: the requests are `dump`, `chains MILLISECONDS`, `top COUNT`, `trace MILLISECONDS` and `task NUMBER`\n";
                return client.write_all(requests);
            }
        };
        client.write_all(format!("{}\n{text}", text.len()).as_bytes())?;
    }
}
