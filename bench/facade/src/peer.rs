//! A process on the other end of a pair of pipes.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// A child process, asked and answered in lines. It is killed when the value goes.
pub(crate) struct Peer {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Peer {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program is built");
        let lines = BufReader::new(child.stdout.take().expect("it is piped"));
        Self { child, lines }
    }

    /// As [`Peer::start`], on one processor, with all threads that it will have.
    pub(crate) fn pinned(core: usize, command: &mut Command) -> Self {
        let before = sched_getaffinity(None).expect("the kernel tells");
        let mut set = CpuSet::new();
        set.set(core);
        // A child starts on the processors of the thread that starts it.
        sched_setaffinity(None, &set).expect("the processor exists");
        let peer = Self::start(command);
        sched_setaffinity(None, &before).expect("it was so before");
        peer
    }

    /// This program, in another role; its command.
    pub(crate) fn role(words: &[&str]) -> Command {
        let mut command = Command::new(std::env::current_exe().expect("the process has a file"));
        command.args(words);
        command
    }

    /// The number in the next line, after the word.
    pub(crate) fn number(&mut self, word: &str) -> u64 {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("it is piped");
        let number = line.trim().strip_prefix(word).and_then(|rest| rest.trim().parse().ok());
        number.unwrap_or_else(|| panic!("the other process should say {word}, and said {line:?}"))
    }

    pub(crate) fn ask(&mut self, text: &str, word: &str) -> u64 {
        writeln!(self.child.stdin.as_mut().expect("it is piped"), "{text}").expect("it is there");
        self.number(word)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}
