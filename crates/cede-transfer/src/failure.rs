//! Why one transfer did not produce its file: what happened, why, and what to do about it.
//!
//! A failure does not know its URL: whoever prints it does. Text that came from outside (headers, names, URLs) goes through [`printable`] first, so that a
//! server cannot move the cursor of the terminal.

use std::fmt;
use std::io;
use std::path::Path;

use crate::exit::Exit;
use crate::plan::Trouble;

/// A failed transfer.
#[derive(Debug, Clone)]
pub struct Failure {
    exit: Exit,
    what: String,
    help: Option<String>,
    /// Whether nobody listens where the server should be.
    refused_connection: bool,
    /// Whether it is none, because the answer is about files and not one of them.
    metalink: bool,
    /// Whether whoever the bytes were passed on to took no more.
    by_reader: bool,
}

impl Failure {
    /// What failed, in half a sentence.
    pub fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self { exit, what: what.into(), help: None, refused_connection: false, metalink: false, by_reader: false }
    }

    /// Adds what the user can do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        match &mut self.help {
            Some(before) => {
                before.push_str("; ");
                before.push_str(&help.into());
            }
            None => self.help = Some(help.into()),
        }
        self
    }

    /// A failed operation on a file, e.g. `of_file("write", path, error)`.
    pub fn of_file(verb: &str, path: &Path, error: &io::Error) -> Self {
        let shown = printable(&path.to_string_lossy());
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::new(Exit::DiskFull, format!("could not {verb} {shown}: {error}"))
                    .help("free some space, or choose another directory with --dir")
            }
            io::ErrorKind::FileTooLarge => Self::new(Exit::DiskFull, format!("could not {verb} {shown}: {error}: the file size limit"))
                .help("raise the limit (ulimit -f), or choose a directory whose file system takes files of that size with --dir"),
            // Another directory is no help to whoever wants to read this very file.
            _ if verb == "read" => Self::new(Exit::Files, format!("could not {verb} {shown}: {error}")),
            io::ErrorKind::PermissionDenied
            | io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::NotFound => Self::new(Exit::Files, format!("could not {verb} {shown}: {error}"))
                .help("choose a directory that can be written with --dir"),
            _ => Self::new(Exit::Files, format!("could not {verb} {shown}: {error}")),
        }
    }

    /// The answer is a Metalink, and [followed](crate::engine::Settings::metalinks) instead of kept.
    pub(crate) fn of_metalink() -> Self {
        let failure =
            Self::new(Exit::Failed, "the server sent a Metalink, which says where the file is").help("--output keeps it as it is");
        Self { metalink: true, ..failure }
    }

    /// Whether the transfer ended because there is a Metalink to be followed.
    pub fn is_metalink(&self) -> bool {
        self.metalink
    }

    /// What has come could not be passed on to the program, or the part of this one, that reads it.
    pub(crate) fn of_reader(error: &io::Error) -> Self {
        Self { by_reader: true, ..Self::new(Exit::Files, format!("could not pass on what has come: {error}")) }
    }

    /// Whether the reader of what has come is to blame, and not a file.
    pub(crate) fn is_of_reader(&self) -> bool {
        self.by_reader
    }

    /// What failed, without what to do about it.
    pub(crate) fn what(&self) -> &str {
        &self.what
    }

    /// The exit code for it.
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// Marks it as a refusal to connect at all.
    #[must_use]
    pub(crate) fn refused_connection(mut self, is: bool) -> Self {
        self.refused_connection = is;
        self
    }

    pub(crate) fn is_refused_connection(&self) -> bool {
        self.refused_connection
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.what)?;
        if let Some(help) = &self.help {
            write!(f, "\n  help: {help}")?;
        }
        Ok(())
    }
}

/// The text with every control character replaced by its escape, and the characters that reorder text too.
pub fn printable(text: &str) -> String {
    // Most texts are, and this is asked several times for each small file.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || crate::name::is_invisible(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// A failure, and whether trying again can help.
#[derive(Debug, Clone)]
pub(crate) struct Setback {
    pub(crate) failure: Failure,
    pub(crate) trouble: Trouble,
}

impl Setback {
    pub(crate) fn fatal(failure: Failure) -> Self {
        Self { failure, trouble: Trouble::Fatal }
    }

    /// It is a proxy that cannot be found, and not the host of the URL.
    pub(crate) fn about_the_proxy(mut self) -> Self {
        self.failure.what.insert_str(0, "the proxy: ");
        self
    }

    pub(crate) fn passing(failure: Failure) -> Self {
        Self { failure, trouble: Trouble::Passing }
    }

    /// A failed system call on the network's side: a lack of descriptors is this machine's matter.
    pub(crate) fn of_io(failure: Failure, error: &io::Error) -> Self {
        let local = [rustix::io::Errno::MFILE, rustix::io::Errno::NFILE, rustix::io::Errno::NOBUFS];
        let is_local = error.raw_os_error().is_some_and(|code| local.iter().any(|errno| errno.raw_os_error() == code));
        Self { failure, trouble: if is_local { Trouble::Local } else { Trouble::Passing } }
    }
}
