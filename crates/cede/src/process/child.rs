//! A child process.

use std::io;
use std::process::{ExitStatus, Output};

use cede_io::{AsyncRead, AsyncReadExt};

use super::exit::Running;
use super::pipes::{ChildStderr, ChildStdin, ChildStdout};

/// A child process. Dropping it does not end the process, unless [`Command::kill_on_drop`](super::Command::kill_on_drop) was set; no zombie is left either way.
///
/// ```
/// # cede::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use std::process::Stdio;
/// use cede::io::{AsyncReadExt, AsyncWriteExt};
/// use cede::process::Command;
///
/// let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
/// let mut stdin = child.stdin.take().unwrap();
/// stdin.write_all(b"meow").await?;
/// drop(stdin);
/// let mut said = String::new();
/// child.stdout.take().unwrap().read_to_string(&mut said).await?;
/// assert!(child.wait().await?.success() && said == "meow");
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct Child {
    state: State,
    /// The pipe to the child's standard input, if there is one.
    pub stdin: Option<ChildStdin>,
    /// The pipe from the child's standard output, if there is one.
    pub stdout: Option<ChildStdout>,
    /// The pipe from the child's standard error, if there is one.
    pub stderr: Option<ChildStderr>,
}

#[derive(Debug)]
enum State {
    Running(Running),
    Ended(ExitStatus),
}

impl Child {
    /// Takes over a child that was just started.
    #[track_caller]
    pub(super) fn new(mut child: std::process::Child, kill_on_drop: bool) -> io::Result<Self> {
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        // First of all, so that it is reaped if there is an error.
        let state = State::Running(Running::new(child, kill_on_drop));
        let stdin = stdin.map(ChildStdin::from_std).transpose()?;
        let stdout = stdout.map(ChildStdout::from_std).transpose()?;
        let stderr = stderr.map(ChildStderr::from_std).transpose()?;
        Ok(Self { state, stdin, stdout, stderr })
    }

    /// The process id; `None` when its end was seen, because the id may then be another's.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        match &self.state {
            State::Running(running) => Some(running.id()),
            State::Ended(_) => None,
        }
    }

    /// Kills the child, without waiting for its end. Does nothing if its end was seen.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn start_kill(&mut self) -> io::Result<()> {
        match &mut self.state {
            State::Running(running) => running.kill(),
            State::Ended(_) => Ok(()),
        }
    }

    /// Kills the child and waits for its end.
    ///
    /// *Cancel safety*: dropping it does not undo the kill.
    ///
    /// # Errors
    /// If the system refuses.
    pub async fn kill(&mut self) -> io::Result<()> {
        self.start_kill()?;
        self.wait().await.map(drop)
    }

    /// Waits for the end of the child. Closes its standard input first, in case it waits for that.
    ///
    /// *Cancel safety*: dropping it loses nothing but the open input; once the child has ended, further calls return the same.
    ///
    /// # Errors
    /// If the system refuses.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        drop(self.stdin.take());
        match &mut self.state {
            State::Ended(status) => Ok(*status),
            State::Running(running) => {
                let status = running.wait().await?;
                self.state = State::Ended(status);
                Ok(status)
            }
        }
    }

    /// Whether the child has ended, without waiting and without closing its input.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        match &mut self.state {
            State::Ended(status) => Ok(Some(*status)),
            State::Running(running) => {
                let status = running.try_wait()?;
                if let Some(status) = status {
                    self.state = State::Ended(status);
                }
                Ok(status)
            }
        }
    }

    /// Waits for the end of the child and for all that it writes to its pipes.
    ///
    /// *Cancel safety*: dropping it drops the child.
    ///
    /// # Errors
    /// If the system refuses.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub async fn wait_with_output(mut self) -> io::Result<Output> {
        let (stdout, stderr) = (self.stdout.take(), self.stderr.take());
        let (status, stdout, stderr) = crate::try_join!(self.wait(), read_all(stdout), read_all(stderr))?;
        Ok(Output { status, stdout, stderr })
    }
}

async fn read_all(pipe: Option<impl AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        pipe.read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}
