//! The end of a child process.

use std::future::poll_fn;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::pin;
use std::process::{Child, ExitStatus};

use cede_context::wait::{WaitKind, waiting_for};
use cede_driver::Interest;

use super::orphans;
use crate::pollable::Pollable;
use crate::signal::unix::{SignalKind, signal};
use crate::sys;

/// A child process whose end is waited for. Dropped before, it is an orphan.
#[derive(Debug)]
pub(super) struct Running {
    /// `None` when it has gone to the orphans.
    child: Option<Child>,
    /// Readable when the process has ended. `None` where the kernel has no such descriptors.
    descriptor: Option<OwnedFd>,
    kill_on_drop: bool,
}

impl Running {
    pub(super) fn new(child: Child, kill_on_drop: bool) -> Self {
        let descriptor = sys::pid_fd::open(&child).ok();
        Self { child: Some(child), descriptor, kill_on_drop }
    }

    fn child(&mut self) -> &mut Child {
        self.child.as_mut().expect("is only taken on drop")
    }

    pub(super) fn id(&self) -> u32 {
        self.child.as_ref().expect("is only taken on drop").id()
    }

    pub(super) fn kill(&mut self) -> io::Result<()> {
        self.child().kill()
    }

    pub(super) fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child().try_wait()
    }

    /// Waits for its end; may be dropped and called again.
    pub(super) async fn wait(&mut self) -> io::Result<ExitStatus> {
        let id = u64::from(self.id());
        let mut ended = pin!(self.ended());
        poll_fn(|cx| {
            let polled = ended.as_mut().poll(cx);
            if polled.is_pending() {
                waiting_for(WaitKind::Process, id);
            }
            polled
        })
        .await
    }

    async fn ended(&mut self) -> io::Result<ExitStatus> {
        let Self { child: Some(child), descriptor, .. } = self else { unreachable!("is only taken on drop") };
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(status);
            }
            match descriptor {
                // Registered anew each time, because the runtime may be another one each time.
                Some(descriptor) => drop(Pollable::new(descriptor.as_fd())?.ready(Interest::READABLE).await?),
                None => {
                    let mut children = signal(SignalKind::child())?;
                    if let Some(status) = child.try_wait()? {
                        return Ok(status);
                    }
                    children.recv().await;
                }
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        if self.kill_on_drop {
            // An error means that it has ended.
            let _ended = child.kill();
        }
        orphans::adopt(child);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_tell_the_end_where_there_are_no_descriptors_of_processes() {
        crate::block_on(async {
            let mut command = std::process::Command::new("sh");
            let mut child = command.args(["-c", "read line"]).stdin(std::process::Stdio::piped()).spawn().unwrap();
            let stdin = child.stdin.take();
            let mut running = Running { child: Some(child), descriptor: None, kill_on_drop: true };
            let waiting = async { running.wait().await.unwrap() };
            let (status, ()) = crate::join!(waiting, async { drop(stdin) });
            assert_eq!(status.code(), Some(1));
        });
    }
}
