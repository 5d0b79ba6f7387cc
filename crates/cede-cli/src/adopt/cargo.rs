//! Running Cargo in such a way that Ctrl-C ends it, and not what has to be put right after it.

use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use cede_transfer::Exit;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Runs Cargo until the first signal that asks the program to end. What that would have ended at once goes on, without Cargo.
pub(super) struct Cargo {
    events: Receiver<Event>,
    sender: Sender<Event>,
    stopped: Option<Exit>,
}

enum Event {
    Stop(Exit),
    /// What Cargo wrote to its output and to its error output; it writes no more.
    Said(Vec<u8>, Vec<u8>),
}

impl Cargo {
    /// Takes over the signals. Where that is impossible, they keep their usual effect.
    pub(super) fn new() -> Self {
        let (sender, events) = channel();
        if let Ok(mut signals) = Signals::new(heeded()) {
            let sender = sender.clone();
            thread::spawn(move || {
                for signal in signals.forever() {
                    // Nobody listens any more if the program is about to end.
                    let _ended = sender.send(Event::Stop(exit_of(signal)));
                }
            });
        }
        Self { events, sender, stopped: None }
    }

    /// Whether a signal has come, and what the program ends with then.
    pub(super) fn stopped(&mut self) -> Option<Exit> {
        while let Ok(event) = self.events.try_recv() {
            if let Event::Stop(exit) = event {
                self.stopped.get_or_insert(exit);
            }
        }
        self.stopped
    }

    /// What Cargo prints when it runs in `folder`, with `input`, which it does not read.
    ///
    /// # Errors
    /// If it cannot be run or fails, with what it says; and after a signal.
    pub(super) fn run(&mut self, folder: &Path, arguments: &[&str], input: Stdio) -> Result<String, String> {
        if self.stopped().is_some() {
            return Err("interrupted".to_owned());
        }
        let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(program);
        command.args(arguments).current_dir(folder).stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("cannot run cargo: {error}"))?;
        self.listen(&mut child);
        let (output, errors) = match self.events.recv().expect("a sender is in `self`") {
            Event::Said(output, errors) => (output, errors),
            Event::Stop(exit) => {
                self.stopped.get_or_insert(exit);
                // It must write nothing after what it has done is taken back.
                let _gone = child.kill().and_then(|()| child.wait());
                return Err("interrupted".to_owned());
            }
        };
        let status = child.wait().map_err(|error| format!("cannot wait for cargo: {error}"))?;
        // Ctrl-C reaches both, and Cargo may be first.
        if let Some(signal @ (SIGINT | SIGTERM | SIGHUP)) = status.signal() {
            self.stopped.get_or_insert(exit_of(signal));
        }
        if !status.success() {
            return Err(format!("cargo {}:\n{}", arguments.join(" "), String::from_utf8_lossy(&errors).trim_end()));
        }
        String::from_utf8(output).map_err(|error| format!("cargo {}: {error}", arguments.join(" ")))
    }

    fn listen(&self, child: &mut Child) {
        let (output, errors, sender) = (child.stdout.take(), child.stderr.take(), self.sender.clone());
        thread::spawn(move || {
            let errors = thread::spawn(move || all_of(errors));
            let output = all_of(output);
            let _ended = sender.send(Event::Said(output, errors.join().unwrap_or_default()));
        });
    }
}

fn all_of(pipe: Option<impl Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    // What could not be read is missed where it is parsed.
    let _read = pipe.map(|mut pipe| pipe.read_to_end(&mut bytes));
    bytes
}

fn exit_of(signal: i32) -> Exit {
    if signal == SIGINT { Exit::Interrupted } else { Exit::Terminated }
}

/// The signals that end the program. One that is ignored, as `nohup` does with SIGHUP, stays so.
fn heeded() -> Vec<i32> {
    // Where this is not to be known, all are heeded.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok()).unwrap_or(0);
    [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| ignored >> (signal - 1) & 1 == 0).collect()
}
