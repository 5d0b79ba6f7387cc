//! Exit codes: one fixed table, so that a script can tell what went wrong without reading messages.
//!
//! With one URL the code names the cause. With several it does so only when all of them failed for that cause; otherwise it is 1, because a code that names one
//! cause while another URL failed for another reason (or worked) would be a wrong answer. An interruption always wins: what did not run tells nothing.

/// What the process tells its parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Every file is complete.
    Done = 0,
    /// Some transfers failed, or all failed for different reasons, or for a reason without a code of its own.
    Failed = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// A file could not be written or read.
    Files = 3,
    /// The network, or the server's end of it.
    Network = 4,
    /// TLS, or a certificate.
    Tls = 5,
    /// The server wants a login, or does not allow it.
    Denied = 6,
    /// Another 4xx answer.
    Refused = 7,
    /// A 5xx or 429 answer.
    Server = 8,
    /// There is no space left, or a file may be no larger.
    DiskFull = 9,
    /// The checksum does not match.
    Checksum = 10,
    /// The file changed on the server, and fetching it anew was not allowed or did not help.
    Changed = 11,
    /// Nothing came for too long.
    TimedOut = 12,
    /// The file exists.
    Exists = 13,
    /// The server's answers do not allow to go on where the download broke.
    CannotResume = 14,
    /// Redirects in a loop, too many, or refused.
    Redirects = 15,
    /// The host name could not be resolved.
    Dns = 19,
    /// Ctrl-C.
    Interrupted = 130,
    /// SIGTERM.
    Terminated = 143,
}

/// The table, as `--help` prints it.
pub const TABLE: &str = "\
Exit codes:
    0  every file is complete           10  the checksum does not match
    1  some transfers failed            11  the file changed on the server
    2  wrong use of the command         12  time-out or stall
    3  a file could not be written      13  the file exists
    4  network                          14  the rest cannot be had
    5  TLS or certificate               15  redirects: loop, too many, or refused
    6  the server wants a login         19  the host name could not be resolved
    7  other 4xx answers               130  interrupted (Ctrl-C)
    8  5xx or 429 answers              143  terminated
    9  no space left on the device, or the file size limit
With several URLs, a code other than 1 means that all of them failed for that reason.";

impl Exit {
    /// The code of a run, from the codes of its transfers.
    pub fn of_all(codes: impl IntoIterator<Item = Self>) -> Self {
        codes.into_iter().reduce(Self::and).unwrap_or(Self::Done)
    }

    /// The code of two runs together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (stopped @ (Self::Interrupted | Self::Terminated), _) | (_, stopped @ (Self::Interrupted | Self::Terminated)) => stopped,
            (one, same) if one == same => one,
            _ => Self::Failed,
        }
    }

    /// The code of an answer that is not the file.
    pub fn of_status(status: u16) -> Self {
        match status {
            401 | 403 | 407 => Self::Denied,
            429 | 500..=599 => Self::Server,
            400..=499 => Self::Refused,
            _ => Self::Failed,
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

#[cfg(test)]
mod tests;
