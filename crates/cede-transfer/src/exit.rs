//! Exit codes: one fixed table, so that a script can tell what went wrong without reading messages.
//!
//! With one URL the code names the cause. With several it does so only when all of them failed for that cause; otherwise it is 1, because a code that names one
//! cause while another URL failed for another reason (or worked) would be a wrong answer. An interruption always wins: what did not run tells nothing.

/// What the process tells its parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    Done = 0,
    /// Some transfers failed, or all failed for different reasons, or for a reason without a code of its own.
    Failed = 1,
    Usage = 2,
    Files = 3,
    Network = 4,
    Tls = 5,
    Denied = 6,
    Refused = 7,
    Server = 8,
    DiskFull = 9,
    Checksum = 10,
    /// The file changed on the server, and fetching it anew was not allowed or did not help.
    Changed = 11,
    TimedOut = 12,
    Exists = 13,
    /// The server's answers do not allow to go on where the download broke.
    CannotResume = 14,
    Redirects = 15,
    Dns = 19,
    Interrupted = 130,
    Terminated = 143,
}

/// The table, as `--help` prints it.
pub const TABLE: &str = "\
Exit codes:
    0  every file is complete            9  no space left on the device
    1  some transfers failed            10  the checksum does not match
    2  wrong use of the command         12  time-out or stall
    3  a file could not be written      13  the file exists
    4  network                          15  redirects: loop, too many, or refused
    5  TLS or certificate               19  the host name could not be resolved
    6  the server wants a login        130  interrupted (Ctrl-C)
    7  other 4xx answers               143  terminated
    8  5xx or 429 answers
With several URLs, a code other than 1 means that all of them failed for that reason.";

impl Exit {
    /// The code of a run, from the codes of its transfers.
    pub fn of_all(codes: impl IntoIterator<Item = Self>) -> Self {
        let mut all: Option<Self> = None;
        for code in codes {
            all = match all {
                _ if matches!(code, Self::Interrupted | Self::Terminated) => return code,
                None => Some(code),
                Some(same) if same == code => Some(code),
                Some(_) => Some(Self::Failed),
            };
        }
        all.unwrap_or(Self::Done)
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
